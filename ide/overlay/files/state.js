// What the page keeps from one run to the next. The workbench would keep it in the browser, by the
// page's address; that is another one in each run, so that no other program can have it before or
// after. So it is kept by the launcher, in files of the user's own (crates/launcher/src/front/state.rs).
//
// Stands in for the workbench's wrapper of IndexedDB; an edit in overlay.json makes it use this. What
// the workbench keeps in `localStorage` is put there before it starts, and sent on when it changes.
(function () {
  "use strict";

  const BASE = `${location.pathname.replace(/\/+$/, "")}/-/state/`;
  // Logs are of no use to the next run, and handles to the browser's own files can't be written down.
  const PASSING = new Set(["vscode-logs-store", "vscode-filehandles-store"]);
  const LOCAL = "local-storage";
  // Messages between the windows of one run.
  const MESSAGES = /^(vscode-web\.url-callbacks|BroadcastDataChannel)/;
  // What a browser lets a page send while it goes away, in bytes.
  const KEEPALIVE_BYTES = 60_000;

  const address = (name) =>
    BASE +
    name
      .toLowerCase()
      .replace(/[^0-9a-z-]+/g, "-")
      .slice(0, 80);

  // Values are texts, or bytes.
  const encode = (value) => (typeof value === "string" ? `s${value}` : `b${base64(value)}`);
  const decode = (text) => (text[0] === "s" ? text.slice(1) : bytes(text.slice(1)));

  function base64(value) {
    const array = new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength);
    const parts = [];
    // A call takes this many arguments and no more.
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

  /** One database; its values are in memory, and every change is sent. */
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

    /** `body` gets what a store of IndexedDB has, and gives its request or requests. */
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

  /** The path at which webviews have the files of their frames. */
  let frames;

  /** Puts what an earlier run has kept into `localStorage`, and sends on what changes there. */
  function mirrorLocalStorage() {
    const kept = new XMLHttpRequest();
    // The workbench reads it while it starts, and this is the only thing that it waits for.
    kept.open("GET", address(LOCAL), false);
    kept.send();
    frames = kept.getResponseHeader("localcoder-frames");
    const values = kept.status === 200 ? (JSON.parse(kept.responseText).items ?? {}) : {};
    for (const [key, text] of Object.entries(values)) {
      localStorage.setItem(key, decode(text));
    }
    const { setItem, removeItem } = Storage.prototype;
    // By key, what is still to be sent; nothing where the value was removed.
    let changes = new Map();
    let sending = false;
    const sendChanges = async () => {
      const sent = [...changes];
      changes = new Map();
      const put = Object.fromEntries(sent.filter(([, text]) => text !== undefined));
      const gone = sent.filter(([, text]) => text === undefined).map(([key]) => key);
      await send(LOCAL, { store: "items", put, delete: gone }).catch((error) =>
        console.error(error),
      );
    };
    // One after the other: of two at once the later change could be made first.
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
    // A page that goes away waits for nothing any more.
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
