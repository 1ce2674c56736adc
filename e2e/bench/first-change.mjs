/**
 * Measures how long an edit takes to become visible, from the key to its first line in the diff and
 * to the whole edit, in a browser, with the demo model or a model's file; and how long the host
 * alone takes.
 *
 *     node bench/first-change.mjs --times 5
 *     node bench/first-change.mjs --model ~/models/coder-0.5b.gguf
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { Browser } from "../support/browser.mjs";
import { Ide } from "../support/ide.mjs";
import { connect, product } from "../support/product.mjs";
import { rest, until } from "../support/wait.mjs";
import { KEYS, Workbench } from "../support/workbench.mjs";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "5" },
    model: { type: "string" },
  },
});

const FILE = "totals.py";
const FUNCTIONS = ["total_stock", "stock_value", "weight", "volume"];
const TEXT = FUNCTIONS.map(
  (name) => `def ${name}(items):
    total = 0
    for item in items:
        total = total + item["${name}"]
    return total
`,
).join("\n\n");
const LAST_LINE = 26;

/**
 * Records, in the page, when a key is pressed, when the diff first has a change, and its last
 * change.
 */
function watch() {
  const seen = {};
  addEventListener(
    "keydown",
    (event) => {
      if (event.code === "KeyI") {
        seen.key ??= performance.now();
      }
    },
    true,
  );
  const look = () => {
    if (
      document.querySelector(".monaco-diff-editor .line-insert, .monaco-diff-editor .char-insert")
    ) {
      seen.first ??= performance.now();
    }
    if (/Keep .*Drop/u.test(marks())) {
      seen.whole ??= performance.now();
      return;
    }
    requestAnimationFrame(look);
  };
  const marks = () =>
    [...document.querySelectorAll(".monaco-diff-editor .view-line span")]
      .map((span) => getComputedStyle(span, "::after").content)
      .join(" ");
  look();
  globalThis.editSeen = seen;
}

const ide = new Ide({ files: { [FILE]: TEXT } });
const browser = await Browser.open();
try {
  if (values.model !== undefined) {
    const words = ["models", "import", resolve(values.model), "--json"];
    const { installed } = JSON.parse(await ide.localcoder(...words));
    await ide.localcoder("models", "use", installed.id);
  }
  const address = await ide.start();
  const workbench = new Workbench(await browser.page());
  await workbench.page.goto(address);
  await workbench.status(/^LocalCoder: .*(demo|Coder|GGUF)/iu);
  for (let time = 0; time < Number(values.times); time++) {
    await workbench.openFile(FILE);
    await workbench.selectLines(1, LAST_LINE);
    await workbench.closeNotifications();
    await workbench.page.waitForTimeout(1_500);
    await workbench.page.evaluate(watch);
    await workbench.press(KEYS.improve);
    const seen = await until("the edit is whole", async () => {
      const now = await workbench.page.evaluate(() => globalThis.editSeen);
      return now.whole === undefined ? undefined : now;
    });
    const since = (at) => `${Math.round(at - seen.key)} ms`;
    console.log(
      `first change after ${since(seen.first)}, the whole edit after ${since(seen.whole)}`,
    );
    await workbench.closeNotifications();
    await workbench.press(KEYS.discard);
    await workbench.noDiff();
  }
  await alone(ide);
} finally {
  await browser.close();
  await ide.stop();
}

/** Measures the same without an editor: the model's share of the time. */
async function alone(ide) {
  const lib = await product();
  const host = connect(lib, ide);
  const document = { path: FILE, languageId: "python", text: TEXT };
  const selection = { start: 1, end: LAST_LINE };
  try {
    for (let time = 0; time < Number(values.times); time++) {
      const { signal } = new AbortController();
      await host.ask("prepare", { document, selection }, { signal });
      await rest(1_500);
      const start = performance.now();
      let first;
      const params = { command: "improve", document, selection, drafts: true, diagnostics: [] };
      await host.ask("assist", params, {
        signal,
        onDraft: () => {
          first ??= performance.now();
        },
      });
      const since = (at) => (at === undefined ? "never" : `${Math.round(at - start)} ms`);
      console.log(`without an editor ${since(first)}, the whole edit ${since(performance.now())}`);
    }
  } finally {
    host.dispose();
  }
}
