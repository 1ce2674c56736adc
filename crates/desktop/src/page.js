// Runs in each editor page before its own scripts, in the top frame only.
// @KEY@ is a secret of this window: frames inside the page can reach the message handler too, and
// must not be able to send messages in the page's name.
(() => {
  "use strict";
  if (location.origin !== "@ORIGIN@") {
    return;
  }
  const post = /** @type {any} */ (window).ipc.postMessage;
  const stringify = JSON.stringify;
  const tell = (message) => post(stringify({ key: "@KEY@", ...message }));

  // A page can't open a window here. The native side opens it, or passes the address to the
  // system's browser; the page gets a stand-in object whose address it may still set.
  const go = (url) => tell({ type: "open", url: new URL(url, location.href).href });
  const standIn = () => ({
    opener: null,
    closed: false,
    close() {},
    focus() {},
    blur() {},
    postMessage() {},
    location: {
      get href() {
        return "about:blank";
      },
      set href(url) {
        go(url);
      },
      assign: go,
      replace: go,
    },
  });
  const openFrame = window.open.bind(window);
  window.open = (url = "", target = "", features = "") => {
    const blank = url === "" || String(url) === "about:blank";
    // The page moves an editor or panel into a bare window that it fills itself.
    if (blank && String(features).includes("popup=yes")) {
      return openFrame(url, target, features);
    }
    if (!blank) {
      go(url);
    }
    return /** @type {any} */ (standIn());
  };
  // Without this a page could only close itself while it has no history.
  window.close = () => tell({ type: "close" });

  // A browser's zoom keys, unless the page handles them itself.
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || !(event.ctrlKey || event.metaKey)) {
      return;
    }
    const by =
      { "=": 1, "+": 1, "-": -1, _: -1 }[event.key] ?? (event.code === "Numpad0" ? 0 : undefined);
    if (by !== undefined) {
      event.preventDefault();
      tell({ type: "zoom", by });
    }
  });
})();
