/**
 * Stories of improvements that are pending while something happens to their file. Whatever it is,
 * nothing is written but the improvement, and that only where it belongs.
 */
import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { SAMPLE } from "./support/places.mjs";
import { processesOf, signal } from "./support/processes.mjs";
import { linesOf } from "./support/python.mjs";
import { story } from "./support/story.mjs";
import { whileStopped } from "./support/streaming.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

/** Even the demo model improves its first function. */
const TEXT = readFileSync(join(SAMPLE, "inventory.py"), "utf8");
const FIRST = 4;
const LAST = 8;
/** The lines that are improved, a word in them, and one in the result. */
const LINES = TEXT.split("\n")
  .slice(FIRST - 1, LAST)
  .join("\n");
const BEFORE = /total = total \+ item/u;
const AFTER = /total \+= item|sum\(/u;

/** The process that runs the extensions of a window. */
const EXTENSION_HOST = /--type=extensionHost/u;

async function improve(workbench, file) {
  await workbench.openFile(file);
  await workbench.selectLines(FIRST, LAST);
  await workbench.press(KEYS.improve);
  await workbench.diff(file);
}

/** Asks for an improvement, and runs `act` before there is an answer. */
async function amidAnswer(ide, workbench, file, act) {
  const worker = await ide.readyWorker();
  await workbench.openFile(file);
  await workbench.selectLines(FIRST, LAST);
  await whileStopped(worker, async () => {
    await workbench.press(KEYS.improve);
    await workbench.notification(/^Improving /u);
    await act();
  });
}

/** Presses Apply when it will be refused; returns the message. */
async function refused(workbench, pattern) {
  await workbench.press(KEYS.apply);
  const said = await workbench.notification(pattern);
  assert.ok(
    (await workbench.tabs()).some((tab) => tab.startsWith("Improve ")),
    "it still waits",
  );
  await workbench.closeNotifications();
  return said;
}

/** Whether an improvement of that file is pending. */
async function waits(workbench, file) {
  return (await workbench.tabs()).some((tab) => tab.startsWith(`Improve ${file} `));
}

/** Waits for a pending improvement, wherever the focus is. */
async function waiting(workbench, file) {
  await until(`an improvement of ${file} waits`, () => waits(workbench, file));
}

/** Presses Apply, and waits until the edit is written and saved. */
async function applied(workbench, file) {
  await workbench.openTab(/^Improve /u);
  await workbench.diff(file);
  await workbench.press(KEYS.apply);
  await workbench.noDiff();
  await workbench.inFile(file);
}

/** Undoes once what was applied; the file must be as it was, byte for byte. */
async function undone(ide, workbench, file, before) {
  await workbench.inFile(file);
  await workbench.press(KEYS.undo);
  await workbench.shows(BEFORE);
  await workbench.press(KEYS.save);
  await until(`one undo brings ${file} back byte for byte`, () => ide.bytes(file).equals(before));
}

/**
 * Fails if anything but those lines differs, byte for byte. `first` and `last`: their position in
 * `before`.
 */
function onlyLines(file, before, after, first = FIRST, last = LAST) {
  const [was, is] = [before, after].map((bytes) => Buffer.from(bytes).toString("latin1"));
  const { start, end } = linesOf(was, first, last);
  assert.equal(is.slice(0, start), was.slice(0, start), `${file}: bytes before the lines`);
  const behind = was.slice(end);
  assert.equal(is.slice(is.length - behind.length), behind, `${file}: bytes behind the lines`);
  const edited = is.slice(start, is.length - behind.length);
  assert.match(edited, AFTER, `${file}: the lines`);
  return edited;
}

/** Without a line end at the end of the file, and with a line of spaces only. */
const UNTIDY = TEXT.replace("\n\n\ndef stock_value", "\n   \n\ndef stock_value").trimEnd();

story(
  "what is read-only is not written, and what saving adds is undone",
  async ({ ide, workbench, name }) => {
    await improve(workbench, "frozen.py");
    const said = await refused(workbench, /is read-only/u);
    assert.match(said, /frozen\.py. is read-only.*files\.readonlyInclude.*Nothing was written/u);
    assert.equal(ide.read("frozen.py"), TEXT);
    await workbench.press(KEYS.discard);
    await workbench.noDiff();
    assert.equal(await workbench.dirty(), false, "nothing is in the editor");

    chmodSync(join(ide.folder, "locked.py"), 0o444);
    await improve(workbench, "locked.py");
    await workbench.press(KEYS.apply);
    await workbench.notification(/locked\.py. is read-only.*permissions.*then apply again/u);
    await workbench.photograph(name);
    await workbench.closeNotifications();
    assert.equal(ide.read("locked.py"), TEXT);
    chmodSync(join(ide.folder, "locked.py"), 0o644);
    await applied(workbench, "locked.py");
    onlyLines("locked.py", TEXT, ide.bytes("locked.py"));

    await improve(workbench, "untidy.py");
    await applied(workbench, "untidy.py");
    const lines = onlyLines("untidy.py", TEXT, ide.bytes("untidy.py"));
    assert.equal(ide.read("untidy.py"), TEXT.replace(LINES, lines), "it is tidy");
    await until("undo brings the text before back", async () => {
      await workbench.press(KEYS.undo);
      return (await workbench.text()) === UNTIDY;
    });
  },
  {
    ide: {
      editor: {
        "editor.formatOnSave": true,
        "files.insertFinalNewline": true,
        "files.readonlyInclude": { "**/frozen.py": true },
        "files.trimTrailingWhitespace": true,
      },
      files: { "frozen.py": TEXT, "locked.py": TEXT, "untidy.py": UNTIDY },
    },
  },
);

story(
  "what is deleted or forgotten is not made again",
  async ({ ide, browser, workbench, name }) => {
    await improve(workbench, "waits.py");
    ide.delete("waits.py");
    const said = await refused(workbench, /no longer there/u);
    assert.match(
      said,
      /waits\.py. is no longer there.*deleted.*Nothing was written.*Put the file/u,
    );
    assert.equal(ide.has("waits.py"), false);
    ide.write("waits.py", TEXT);
    await applied(workbench, "waits.py");
    onlyLines("waits.py", TEXT, ide.bytes("waits.py"));

    await amidAnswer(ide, workbench, "asked.py", () => {
      ide.delete("asked.py");
    });
    await workbench.notification(/asked\.py. is no longer there.*Nothing was written/u);
    await workbench.photograph(name);
    await workbench.noDiff();
    assert.equal(ide.has("asked.py"), false);
    await workbench.closeNotifications();

    await improve(workbench, "inventory.py");
    const [{ pid }] = processesOf(ide.home).filter(({ command }) => EXTENSION_HOST.test(command));
    signal(pid, "SIGKILL");
    await workbench.notification(/what waited to be applied is gone\. Nothing was written/u);
    await workbench.noDiff();
    assert.equal(ide.read("inventory.py"), TEXT);
    // The editor writes to the console that an extension host ended; here the story has killed it.
    browser.ours = browser.ours.filter((line) => !/terminated unexpectedly/u.test(line));
  },
  { ide: { files: { "waits.py": TEXT, "asked.py": TEXT } } },
);

story(
  "an improvement follows its file",
  async ({ ide, workbench, name }) => {
    const before = Buffer.from(TEXT);
    await improve(workbench, "old.py");
    await workbench.rename("old.py", "new.py");
    await waiting(workbench, "new.py");
    await workbench.photograph(name);
    await applied(workbench, "new.py");
    assert.equal(ide.has("old.py"), false, "nothing is there under the old name");
    onlyLines("new.py", TEXT, ide.bytes("new.py"));
    await undone(ide, workbench, "new.py", before);

    await amidAnswer(ide, workbench, "first.py", () => workbench.rename("first.py", "then.py"));
    await waiting(workbench, "then.py");
    await applied(workbench, "then.py");
    assert.equal(ide.has("first.py"), false, "nothing is there under the old name");
    onlyLines("then.py", TEXT, ide.bytes("then.py"));

    await improve(workbench, "closed.py");
    await workbench.closeTab("closed.py");
    await applied(workbench, "closed.py");
    onlyLines("closed.py", TEXT, ide.bytes("closed.py"));
    await undone(ide, workbench, "closed.py", before);
  },
  { ide: { files: { "old.py": TEXT, "first.py": TEXT, "closed.py": TEXT } } },
);

const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const WINDOWS = Buffer.concat([MARK, Buffer.from(TEXT.replaceAll("\n", "\r\n"))]);
/** Its first line has a byte that is not UTF-8. */
const LATIN = Buffer.from(TEXT.replace("small shop", "small caf\u00e9"), "latin1");
/** The editor takes it for UTF-8 because of the byte order mark, but it is not valid. */
const DAMAGED = Buffer.concat([MARK, LATIN]);
const MIXED = Buffer.from(TEXT.replace("    value = 0\n", "    value = 0\r\n"));

story(
  "every byte but the improvement's stays",
  async ({ ide, workbench, name }) => {
    assert.ok(LATIN.includes(0xe9));
    for (const [file, before] of Object.entries({ "windows.py": WINDOWS, "latin.py": LATIN })) {
      await improve(workbench, file);
      await applied(workbench, file);
      const lines = onlyLines(file, before, ide.bytes(file));
      if (before === WINDOWS) {
        assert.doesNotMatch(lines, /(?<!\r)\n/u, "the line ends of Windows stay");
      }
      await undone(ide, workbench, file, before);
    }

    await improve(workbench, "damaged.py");
    const said = await refused(workbench, /damaged\.py. has bytes that/u);
    assert.match(said, /can't read as utf8.*Nothing was written.*Reopen with Encoding/u);
    assert.ok(ide.bytes("damaged.py").equals(DAMAGED), "what can't be read is not written");
    await workbench.openTab(/^Improve /u);
    await workbench.diff("damaged.py");
    await workbench.press(KEYS.discard);
    await workbench.noDiff();

    await improve(workbench, "mixed.py");
    await applied(workbench, "mixed.py");
    await workbench.notification(/mixed\.py was not saved: .* kind of line ends.*or undo/u);
    await workbench.photograph(name);
    await workbench.shows(AFTER);
    assert.equal(await workbench.dirty(), true, "the improvement is in the editor");
    assert.ok(ide.bytes("mixed.py").equals(MIXED), "line ends are not made alike");
  },
  {
    ide: {
      editor: { "files.encoding": "iso88591" },
      files: {
        "windows.py": WINDOWS,
        "latin.py": LATIN,
        "damaged.py": DAMAGED,
        "mixed.py": MIXED,
      },
    },
  },
);

story(
  "what is written or typed meanwhile stays",
  async ({ ide, workbench, name }) => {
    // Acts like a second window that saves the file.
    const shared = `# From elsewhere.\n${TEXT}`;
    await improve(workbench, "shared.py");
    ide.write("shared.py", shared);
    await until("it is applied, once the editor has read the file", async () => {
      if (!(await waits(workbench, "shared.py"))) {
        return true;
      }
      // Until then, applying is refused.
      await workbench.closeNotifications();
      await workbench.openTab(/^Improve /u);
      await workbench.diff("shared.py");
      await workbench.press(KEYS.apply);
      return await until(
        "it is applied or refused",
        async () =>
          !(await waits(workbench, "shared.py")) || (await workbench.notifications()).length > 0,
      ).then(() => false);
    });
    onlyLines("shared.py", shared, ide.bytes("shared.py"), FIRST + 1, LAST + 1);
    await workbench.closeNotifications();

    // The very line that is replaced: beside others, the improvement has its place.
    const inside = TEXT.replace("total = total + item", "total = total - item");
    await improve(workbench, "inside.py");
    ide.write("inside.py", inside);
    await workbench.press(KEYS.apply);
    // Whether or not the editor has read the file by then: the words differ, the outcome does not.
    await workbench.notification(/inside\.py.* changed\b.*(nothing was written|left as it is)/iu);
    await workbench.photograph(name);
    assert.equal(ide.read("inside.py"), inside);
    await workbench.closeNotifications();

    await amidAnswer(ide, workbench, "typed.py", async () => {
      await workbench.goTo(2);
      await workbench.press("Enter");
      await until("a line is typed", () => workbench.dirty());
    });
    assert.match(await workbench.diff("typed.py"), /lines 5–9/u);
    await workbench.press(KEYS.apply);
    await until("it is applied", async () => !(await waits(workbench, "typed.py")));
    await workbench.inFile("typed.py");
    assert.equal(ide.read("typed.py"), TEXT, "what was not saved is not saved by us");
    await workbench.press(KEYS.save);
    await workbench.saved();
    const typed = TEXT.replace("\n", "\n\n");
    onlyLines("typed.py", typed, ide.bytes("typed.py"), FIRST + 1, LAST + 1);
  },
  { ide: { files: { "shared.py": TEXT, "inside.py": TEXT, "typed.py": TEXT } } },
);

const CODE = { cell_type: "code", execution_count: null, metadata: {}, outputs: [] };

/** A notebook whose second cell has the lines that are improved. */
const NOTEBOOK = {
  cells: [
    { ...CODE, id: "first", source: ["import math"] },
    { ...CODE, id: "second", source: LINES.split(/(?<=\n)/u) },
  ],
  metadata: { language_info: { name: "python" } },
  nbformat: 4,
  nbformat_minor: 5,
};

/** The whole source of its second cell, as it is in the file. */
function cellOf(text) {
  return JSON.parse(text).cells[1].source.join("");
}

story(
  "a cell of a notebook is improved",
  async ({ ide, workbench, name }) => {
    const before = ide.read("stock.ipynb");
    await workbench.openNotebook("stock.ipynb");
    await workbench.selectCell(/total_stock/u);
    await workbench.press(KEYS.improve);
    await workbench.diff("stock.ipynb");
    await workbench.photograph(name);
    await workbench.press(KEYS.apply);
    await workbench.noDiff();
    const after = await until("the notebook is saved", () => {
      const text = ide.read("stock.ipynb");
      return text !== before && text;
    });
    onlyLines("the cell", cellOf(before), cellOf(after), 1, LAST - FIRST + 1);
    assert.deepEqual(JSON.parse(after).cells[0], NOTEBOOK.cells[0], "the other cell stays");

    await workbench.selectCell(/total_stock/u);
    await workbench.press(KEYS.undo);
    await workbench.cellShows(/total = total/u);
    await workbench.press(KEYS.save);
    await until("one undo brings the cell back", () => cellOf(ide.read("stock.ipynb")) === LINES);
  },
  { ide: { files: { "stock.ipynb": `${JSON.stringify(NOTEBOOK, undefined, 1)}\n` } } },
);
