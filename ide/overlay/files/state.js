// What the page stores from one run to the next. The workbench would store it in the browser, under
// the page's address; but that is a different one in each run, so that no other program can own it
// before or after. So the launcher stores it, in files of the user's own
// (crates/launcher/src/front/state.rs).
//
// Stands in for the workbench's wrapper of IndexedDB; an edit in overlay.json makes it use this.
// What the workbench stores in `localStorage` is put there before it starts, and sent to the
// launcher when it changes.
(function () {
  "use strict";

  const BASE = `${location.pathname.replace(/\/+$/, "")}/-/state/`;
  // Logs are useless to the next run, and handles to the browser's own files can't be serialized.
  const PASSING = new Set(["vscode-logs-store", "vscode-filehandles-store"]);
  const LOCAL = "local-storage";
  // Keys of messages between the windows of one run.
  const MESSAGES = /^(vscode-web\.url-callbacks|BroadcastDataChannel)/;
  // How much a browser lets a page send while it is being closed, in bytes.
  const KEEPALIVE_BYTES = 60_000;

  const address = (name) =>
    BASE +
    name
      .toLowerCase()
      .replace(/[^0-9a-z-]+/g, "-")
      .slice(0, 80);

  // The first letter tells texts from bytes.
  const encode = (value) => (typeof value === "string" ? `s${value}` : `b${base64(value)}`);
  const decode = (text) => (text[0] === "s" ? text.slice(1) : bytes(text.slice(1)));

  function base64(value) {
    const array = new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength);
    const parts = [];
    // In pieces, because the number of arguments of a call is limited.
    for (let at = 0; at < array.length; at += 0x8000) {
      parts.push(String.fromCharCode(...array.subarray(at, at + 0x8000)));
    }
    return btoa(parts.join(""));
  }

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  async function send(name, change) {
    const body = JSON.stringify(change);
    const answer = await fetch(address(name), {
      method: "POST",
      body,
      keepalive: body.length < KEEPALIVE_BYTES,
    });
    if (!answer.ok) {
      throw new Error(`what the page keeps could not be written (${answer.status})`);
    }
    return answer.json();
  }

  /** One database; its values are in memory, and every change is sent to the launcher. */
  class Database {
    #stores;
    #pending = 0;

    constructor(name, stores) {
      this.name = name;
      this.#stores = stores;
    }

    static async open(name) {
      const answer = await fetch(address(name), { cache: "no-store" });
      if (!answer.ok) {
        throw new Error(`what the page keeps could not be read (${answer.status})`);
      }
      const stores = new Map();
      for (const [store, values] of Object.entries(await answer.json())) {
        stores.set(
          store,
          new Map(Object.entries(values).map(([key, text]) => [key, decode(text)])),
        );
      }
      return new Database(name, stores);
    }

    #values(store) {
      if (!this.#stores.has(store)) {
        this.#stores.set(store, new Map());
      }
      return this.#stores.get(store);
    }

    hasPendingTransactions() {
      return this.#pending > 0;
    }

    close() {}

    async #send(store, change) {
      this.#pending += 1;
      try {
        return await send(this.name, { store, ...change });
      } finally {
        this.#pending -= 1;
      }
    }

    /**
     * `body` receives what an object store of IndexedDB offers, and returns its request or
     * requests.
     */
    async runInTransaction(store, mode, body) {
      const values = this.#values(store);
      const [put, gone] = [new Map(), new Set()];
      let clear = false;
      const request = (result) => ({ result });
      const requests = body({
        get: (key) => request(values.get(key)),
        getAll: () => request([...values.values()]),
        getAllKeys: () => request([...values.keys()]),
        put(value, key) {
          values.set(key, value);
          put.set(key, value);
          gone.delete(key);
          return request(key);
        },
        delete(key) {
          values.delete(key);
          put.delete(key);
          gone.add(key);
          return request(undefined);
        },
        clear() {
          values.clear();
          put.clear();
          gone.clear();
          clear = true;
          return request(undefined);
        },
      });
      if (mode === "readwrite" && !PASSING.has(store)) {
        const encoded = [...put].map(([key, value]) => [key, encode(value)]);
        await this.#send(store, { clear, put: Object.fromEntries(encoded), delete: [...gone] });
      }
      return Array.isArray(requests) ? requests.map(({ result }) => result) : requests?.result;
    }

    async compareAndSwap(store, key, expected, value, isValid) {
      const only_if = { key, value: expected === undefined ? null : encode(expected) };
      const { changed, current } = await this.#send(store, {
        put: { [key]: encode(value) },
        only_if,
      });
      const now = changed ? value : current === undefined ? undefined : decode(current);
      if (now === undefined) {
        this.#values(store).delete(key);
      } else {
        this.#values(store).set(key, now);
      }
      return { swapped: changed, currentValue: isValid(now) ? now : undefined };
    }

    async getKeyValues(store, isValid) {
      return new Map([...this.#values(store)].filter(([, value]) => isValid(value)));
    }
  }

  /** The path from which webviews load the files of their frames. */
  let frames;

  /** Puts what an earlier run has stored into `localStorage`, and sends what changes there. */
  function mirrorLocalStorage() {
    const kept = new XMLHttpRequest();
    // Synchronous, because the workbench reads this while it starts; it waits for nothing else.
    kept.open("GET", address(LOCAL), false);
    kept.send();
    frames = kept.getResponseHeader("localcoder-frames");
    const values = kept.status === 200 ? (JSON.parse(kept.responseText).items ?? {}) : {};
    for (const [key, text] of Object.entries(values)) {
      localStorage.setItem(key, decode(text));
    }
    const { setItem, removeItem } = Storage.prototype;
    // What is still to be sent, by key; the value is `undefined` if the item was removed.
    let changes = new Map();
    let sending = false;
    const sendChanges = async () => {
      const sent = [...changes];
      // Emptied before the request, so that what changes meanwhile is sent by the next one.
      changes = new Map();
      const put = Object.fromEntries(sent.filter(([, text]) => text !== undefined));
      const gone = sent.filter(([, text]) => text === undefined).map(([key]) => key);
      await send(LOCAL, { store: "items", put, delete: gone }).catch((error) =>
        console.error(error),
      );
    };
    // One after the other: if two ran at once, the later change could arrive first.
    const tell = async (key, text) => {
      changes.set(key, text);
      if (sending) {
        return;
      }
      sending = true;
      while (changes.size > 0) {
        await sendChanges();
      }
      sending = false;
    };
    // A page that is being closed waits for nothing any more.
    addEventListener("pagehide", () => changes.size > 0 && sendChanges());
    Storage.prototype.setItem = function (key, value) {
      const changed =
        this === localStorage && !MESSAGES.test(key) && this.getItem(key) !== String(value);
      setItem.call(this, key, value);
      if (changed) {
        tell(key, encode(String(value)));
      }
    };
    Storage.prototype.removeItem = function (key) {
      const changed = this === localStorage && !MESSAGES.test(key) && this.getItem(key) !== null;
      removeItem.call(this, key);
      if (changed) {
        tell(key, undefined);
      }
    };
  }

  mirrorLocalStorage();
  globalThis.localcoderState = { frames, open: (name) => Database.open(name) };
})();
