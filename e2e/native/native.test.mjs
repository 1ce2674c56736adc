/**
 * The story of the product in its native window, as a user experiences it: open, select, press a
 * key, read the diff, keep it. And that no unsaved text is lost, whatever dies.
 *
 * Needs the built programs, the assembled IDE, Xvfb, openbox, xdotool, xclip and xwd.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hasBackup } from "../support/backups.mjs";
import { makeHostile, SEEN } from "../support/hostile.mjs";
import { Listener } from "../support/stranger.mjs";
import { offLoopback } from "../support/trace.mjs";
import { evidence, Ide } from "./ide.mjs";
import { Screen, until } from "./screen.mjs";

/** A point inside the editor's text, away from the side bar and from the middle of the diff. */
const EDITOR = [900, 620];

/** A point inside the editor's first line, a few characters from its start. */
const LINK = [620, 148];

let screen;
before(async () => {
  screen = await Screen.open();
});
after(() => screen.close());

/** Runs a test with a fresh IDE, and saves a screenshot of how it ended. */
function story(name, body) {
  test(name, { timeout: 200_000 }, async (context) => {
    const ide = new Ide(screen);
    try {
      await body(ide);
    } finally {
      await ide.screenshot(`end of ${context.name}`.replaceAll(/\W+/g, "-"));
      await ide.stop();
    }
  });
}

/** Opens a file of the project and puts the cursor at the start of its text. */
async function openFile(ide, name) {
  const window = await ide.start([ide.file(name)], `^${name} `);
  await screen.click(...EDITOR);
  return window;
}

story("a function is improved, the diff is read, and the file on disk is changed", async (ide) => {
  ide.settings({ "window.confirmBeforeClose": "never" });
  const before = ide.text("text_tools.py");
  const window = await openFile(ide, "text_tools.py");
  await ide.modelReady();
  await ide.screenshot("1-file-open");
  await ide.untilKeysWork(
    "the diff is shown",
    async () => {
      await screen.focus(window);
      // If a key came too early, other lines were selected: close their diff.
      if (/^Improve /.test(await screen.title(window))) {
        await until("the diff is closed", async () => {
          // The first Escape may hide a notification.
          await screen.press("Escape");
          return /^text_tools\.py /.test(await screen.title(window));
        });
      }
      await screen.click(...EDITOR);
      // Lines 4 to 8 are the first function.
      await screen.press(
        "ctrl+Home",
        "Down",
        "Down",
        "Down",
        "shift+Down",
        "shift+Down",
        "shift+Down",
        "shift+Down",
        "shift+Down",
      );
      await screen.press("ctrl+alt+i");
    },
    async () => /^Improve text_tools\.py \(lines 4–8\)/.test(await screen.title(window)),
  );
  assert.equal(ide.text("text_tools.py"), before, "nothing is written before it is accepted");
  await ide.screenshot("2-diff");

  await screen.press("ctrl+Return");
  const changed = await until(
    "the file on disk is changed",
    async () => {
      const text = ide.text("text_tools.py");
      return text !== before && text;
    },
    { seconds: 20 },
  );
  await ide.screenshot("3-applied");
  const tail = before.slice(before.indexOf("def is_yes"));
  assert.ok(changed.endsWith(tail), "lines outside the selection are as they were");
  assert.match(changed, /def is_blank/);

  await screen.closeWindow(window);
  assert.deepEqual(
    await ide.ended,
    { code: 0, signal: null },
    "closing the last window ends the IDE",
  );
});

story("text goes to and from other programs by the clipboard", async (ide) => {
  const window = await openFile(ide, "main.py");
  await ide.untilKeysWork(
    "the first line is on the clipboard",
    async () => {
      await screen.focus(window);
      await screen.click(...EDITOR);
      await screen.press("ctrl+Home", "shift+End", "ctrl+c");
    },
    async () => (await screen.clipboard()) === ide.text("main.py").split("\n")[0],
  );
  await screen.setClipboard("# pasted from elsewhere\n");
  await screen.press("ctrl+Home", "ctrl+v");
  await screen.press("ctrl+s");
  await until(
    "the pasted line is on disk",
    () => ide.text("main.py").startsWith("# pasted from elsewhere\n"),
    { seconds: 20 },
  );
});

story("a second start opens its folder in a window of the running IDE", async (ide) => {
  ide.settings({ "window.confirmBeforeClose": "never" });
  const first = await openFile(ide, "main.py");
  const other = join(ide.home, "other-project");
  mkdirSync(other);
  await ide.startAgain(other);
  const second = await ide.window("other-project");
  assert.notEqual(second, first);
  assert.equal((await ide.children("server-main.js")).length, 1, "both windows have one server");
  await ide.screenshot("second-window");
  await screen.closeWindow(second);
  await until(
    "the second window is gone",
    async () => (await screen.windows("other-project")).length === 0,
  );
  assert.equal(ide.launcher.exitCode, null, "the first window goes on");
  await screen.closeWindow(first);
  assert.deepEqual(await ide.ended, { code: 0, signal: null });
});

story("a link opens in the browser of the system", async (ide) => {
  const opened = ide.stub("xdg-open");
  // So that keys that arrive too late change nothing.
  ide.settings({ "files.readonlyInclude": { "**": true } });
  writeFileSync(ide.file("main.py"), "# https://localcoder.invalid/page\n");
  const window = await openFile(ide, "main.py");
  await ide.untilKeysWork(
    "the link was given to the system",
    async () => {
      await screen.focus(window);
      await screen.click(...LINK, { held: "ctrl" });
      await until("the page", async () => opened() !== "", { seconds: 3 }).catch(() => undefined);
      // The workbench asks before it opens an unknown page.
      await ide.screenshot("link");
      await screen.press("Return");
    },
    async () => opened() !== "",
  );
  assert.equal(opened().trim().split("\n")[0], "https://localcoder.invalid/page");
  assert.equal(
    await screen.title(window).then((title) => title.startsWith("main.py")),
    true,
    "the window stays where it is",
  );
});

// What WebKit's own processes do counts, too: pages of its network process, names that it looks up.
/** @type {[string, object][]} */
const TRUSTS = [
  ["restricted", {}],
  ["trusted", { "security.workspace.trust.enabled": false }],
];

for (const [name, trust] of TRUSTS) {
  story(`a hostile folder that is ${name} gets nothing out`, async (ide) => {
    const trace = join(evidence, `hostile-${name}.txt`);
    const listener = await Listener.open();
    try {
      ide.settings({ "window.confirmBeforeClose": "never", ...trust });
      makeHostile(ide.project, listener.port);
      const window = await ide.start([ide.file("package.json")], "package\\.json", { trace });
      const open = (file) =>
        ide.untilKeysWork(
          `${file} is shown`,
          async () => {
            await screen.focus(window);
            await screen.press("Escape", "ctrl+p");
            await screen.type(file);
            await screen.press("Return");
          },
          async () => (await screen.title(window)).includes(file),
        );
      // The folder's settings open it as a preview.
      await open("PICTURES.md");
      await until(
        "the preview is shown",
        async () => (await screen.pointsOf(...SEEN.preview)) > 1000,
      );
      await ide.screenshot(`hostile-${name}-preview`);
      await open("leak.ipynb");
      if (name === "trusted") {
        await until(
          "the notebook has tried everything",
          async () => (await screen.pointsOf(...SEEN.notebook)) > 1000,
        );
      }
      await ide.screenshot(`hostile-${name}`);
      assert.deepEqual(listener.heard, [], "what reached another program");
      const traced = readFileSync(trace, "utf8");
      assert.ok(/WebKit|host\.sock/u.test(traced), "it was traced");
      assert.deepEqual(offLoopback(traced, listener.port), []);
    } finally {
      await listener.close();
    }
  });
}

describe("unsaved text", () => {
  /** Types into a file without saving, until the editor has a backup of it. */
  async function typeUnsaved(ide, marker) {
    ide.settings({ "files.autoSave": "off", "window.confirmBeforeClose": "never" });
    const window = await openFile(ide, "main.py");
    await ide.untilKeysWork(
      "the text is backed up",
      async () => {
        await screen.focus(window);
        await screen.click(...EDITOR);
        await screen.press("ctrl+Home");
        await screen.type(`# ${marker}`);
      },
      async () => hasBackup(ide.home, marker),
    );
    assert.ok(!ide.text("main.py").includes(marker), "it is not saved");
    return window;
  }

  /** Saves in the window that came back, which shows that the text is there. */
  async function saveInNewWindow(ide, marker) {
    const window = await ide.window("main.py ");
    await ide.untilKeysWork(
      "the text is on disk",
      async () => {
        await screen.focus(window);
        await screen.click(...EDITOR);
        await screen.press("ctrl+s");
      },
      async () => ide.text("main.py").includes(marker),
    );
  }

  story("survives a kill of the window program", async (ide) => {
    const window = await typeUnsaved(ide, "window killed");
    const [pid] = await ide.children("localcoder-desktop");
    process.kill(pid, "SIGKILL");
    await until(
      "the old window is gone",
      async () => (await ide.children("localcoder-desktop"))[0] !== pid,
    );
    assert.ok(window);
    await saveInNewWindow(ide, "window killed");
  });

  story("survives a kill of the process that runs the page", async (ide) => {
    await typeUnsaved(ide, "page killed");
    const pid = await ide.descendant("WebKitWebProcess");
    process.kill(pid, "SIGKILL");
    await until("another process runs the page", async () => {
      const now = await ide.descendant("WebKitWebProcess");
      return now !== undefined && now !== pid;
    });
    await saveInNewWindow(ide, "page killed");
  });

  story("survives a kill of the editor server", async (ide) => {
    const window = await typeUnsaved(ide, "server killed");
    const [pid] = await ide.children("server-main.js");
    process.kill(pid, "SIGKILL");
    // The user saves just then; the page has to be loaded again without a question.
    await screen.focus(window);
    await screen.press("ctrl+s");
    await until("another server runs", async () =>
      (await ide.children("server-main.js")).some((other) => other !== pid),
    );
    await saveInNewWindow(ide, "server killed");
  });

  story("is there again after the window was closed", async (ide) => {
    const window = await typeUnsaved(ide, "window closed");
    await screen.closeWindow(window);
    assert.deepEqual(await ide.ended, { code: 0, signal: null });
    await ide.start([], "main.py ");
    await saveInNewWindow(ide, "window closed");
  });
});
