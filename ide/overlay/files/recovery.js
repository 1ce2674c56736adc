// What a page does when the editor server that it talked to is gone. The launcher starts another
// one, which knows nothing of this page, so the page has to be reloaded. What the user has typed
// exists only in the page until it is backed up; what is not backed up yet is stored with the
// launcher (state.js) across the reload, and put among the backups before the editor looks for
// them.
//
// The places in the bundle that call this are edits in overlay.json.
(function () {
  "use strict";

  const DATABASE = "localcoder-unsaved";
  const STORE = "backups";
  // The user may continue typing while the server is away; the text is stored again this often, in
  // milliseconds.
  const KEEP_EVERY_MS = 250;
  // The launcher needs half a second to start another server; on a busy machine, some seconds.
  const SERVER_MS = 20_000;
  const ASK_EVERY_MS = 200;
  const ANSWER_MS = 2_000;
  // The page loads even if the launcher does not answer.
  const STORAGE_MS = 3_000;

  const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const within = (ms, promise) =>
    Promise.race([
      promise,
      rest(ms).then(() => {
        throw new Error("what the page keeps does not answer");
      }),
    ]);

  let opened;
  const database = () => (opened ??= globalThis.localcoderState.open(DATABASE));

  /** Runs one transaction to completion. */
  const stored = async (mode, body) => (await database()).runInTransaction(STORE, mode, body);

  /** The bytes of what the editor writes: a buffer, a readable or a stream. */
  async function bytesOf(content) {
    const parts = [];
    if (typeof content.read === "function") {
      for (let part = content.read(); part !== null; part = content.read()) {
        parts.push(part.buffer);
      }
    } else if (typeof content.on === "function") {
      await new Promise((resolve, reject) => {
        content.on("error", reject);
        content.on("end", resolve);
        content.on("data", (part) => parts.push(part.buffer));
      });
    } else {
      parts.push(content.buffer);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  /** The editor's tracker of backups, once it exists. */
  let tracker;
  /** The version of each document that is stored. */
  const kept = new Map();
  let away = false;

  const never = {
    isCancellationRequested: false,
    onCancellationRequested: () => ({ dispose() {} }),
  };

  /** Stores all unsaved text, in the format of the editor's backups. */
  async function keep() {
    const { impl } = tracker.workingCopyBackupService;
    if (impl.backupWorkspaceHome === undefined) {
      return;
    }
    const writeFile = async (resource, content) => {
      const bytes = await bytesOf(content);
      await stored("readwrite", (store) => store.put(bytes, resource.path));
    };
    const resolve = () => Promise.reject(new Error("nothing is backed up here"));
    for (const copy of tracker.workingCopyService.modifiedWorkingCopies) {
      const version = tracker.getContentVersion(copy);
      if (kept.get(copy) === version) {
        continue;
      }
      const backup = await copy.backup(never);
      // The editor's own backup service, writing to our store: so the format is the editor's.
      const backups = new impl.constructor(
        impl.backupWorkspaceHome,
        { resolve, writeFile },
        impl.logService,
      );
      await backups.backup(copy, backup.content, version, backup.meta);
      kept.set(copy, version);
    }
  }

  let keeping = Promise.resolve();
  /** Runs one after the other; a failure is logged, and the next run tries again. */
  const keepNow = () =>
    (keeping = keeping
      .then(() => within(STORAGE_MS, keep()))
      .catch((error) => {
        console.error("unsaved text could not be kept", error);
      }));

  /** Whether a server answers in time. */
  async function serverIsThere() {
    const until = Date.now() + SERVER_MS;
    do {
      try {
        const answer = await fetch("version", {
          cache: "no-store",
          signal: AbortSignal.timeout(ANSWER_MS),
        });
        if (answer.ok) {
          return true;
        }
      } catch {
        // Not yet.
      }
      await rest(ASK_EVERY_MS);
    } while (Date.now() < until);
    return false;
  }

  globalThis.localcoderRecovery = {
    tracks(value) {
      tracker = value;
    },
    /** The connection is lost; a server that still knows the page may answer again. */
    async lost() {
      if (away || tracker === undefined) {
        return;
      }
      away = true;
      while (away) {
        await keepNow();
        await rest(KEEP_EVERY_MS);
      }
    },
    /** The same server answers again, so the editor's own backups are enough. */
    async regained() {
      away = false;
      kept.clear();
      await keeping;
      await stored("readwrite", (store) => store.clear()).catch(() => undefined);
    },
    /** No server knows this page any more. Resolves to whether it can be reloaded now. */
    async ready() {
      // First the wait, then the text, so that it includes what was typed meanwhile.
      const there = await serverIsThere();
      if (tracker !== undefined) {
        await keepNow();
      }
      return there;
    },
    /** Whether the current version of a tracked document is stored. */
    keeps(copy) {
      return away && kept.get(copy) === tracker.getContentVersion(copy);
    },
    /** Puts what was stored among the backups of a window. `wrap` makes the editor's buffer. */
    async putBack(home, fileService, wrap) {
      const restore = async () => {
        const paths = await stored("readonly", (store) => store.getAllKeys());
        for (const path of paths.filter((path) => path.startsWith(`${home.path}/`))) {
          const bytes = await stored("readonly", (store) => store.get(path));
          await fileService.writeFile(home.with({ path }), wrap(bytes), {
            atomic: { postfix: ".part" },
          });
          // Only once it is written: if the page ends before that, the next one puts it back.
          await stored("readwrite", (store) => store.delete(path));
        }
      };
      await within(STORAGE_MS, restore()).catch((error) => {
        console.error("unsaved text could not be put back", error);
      });
    },
  };
})();
