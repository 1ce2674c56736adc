// Runs after page.js if the web view's own clipboard is not enough for VS Code: WebKitGTK lets no
// script read it, so the menus' Paste finds nothing, and lets scripts write it only right after a
// key or click.
(() => {
  "use strict";
  if (location.origin !== "@ORIGIN@" || !navigator.clipboard) {
    return;
  }
  const post = /** @type {any} */ (window).ipc.postMessage;
  const stringify = JSON.stringify;
  const waiting = new Map();
  let last = 0;
  // Only the native side knows this event's name.
  window.addEventListener("localcoder:@KEY@", (event) => {
    const { id, text } = /** @type {CustomEvent} */ (event).detail;
    waiting.get(id)?.(text);
    waiting.delete(id);
  });
  const define = (name, value) => Object.defineProperty(navigator.clipboard, name, { value });
  define(
    "readText",
    () =>
      new Promise((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        post(stringify({ key: "@KEY@", type: "readClipboard", id: last }));
      }),
  );
  define("writeText", async (text) => {
    post(stringify({ key: "@KEY@", type: "writeClipboard", text: String(text) }));
  });

  // Text from programs that offer it only under its old X11 names, as terminals do, arrives with an
  // empty list of types, and the editor then pastes nothing. So the editor gets the same text under
  // its proper type; in a field that does not handle paste events itself, the text is typed.
  window.addEventListener(
    "paste",
    (event) => {
      const data = event.clipboardData;
      if (!event.isTrusted || !data || data.types.length > 0) {
        return;
      }
      const text = data.getData("text/plain");
      if (text === "") {
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      const named = new DataTransfer();
      named.setData("text/plain", text);
      const again = new ClipboardEvent("paste", {
        clipboardData: named,
        bubbles: true,
        cancelable: true,
        composed: true,
      });
      if (event.composedPath()[0].dispatchEvent(again)) {
        document.execCommand("insertText", false, text);
      }
    },
    true,
  );
})();
