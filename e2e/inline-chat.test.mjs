/**
 * Stories of inline chat: the editor's own box, its Keep and Undo, on the model of this machine.
 */
import assert from "node:assert/strict";

import { askInline, inlineClosed, inlineSays, sayInline } from "./support/inline-chat.mjs";
import { signal } from "./support/processes.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "totals.py";
const TEXT = `def total(items):
    total = 0
    for item in items:
        total = total + item
    return total


print(total([1]))
`;
const IMPROVED = TEXT.replace("total = total + item", "total += item");
const IDE = { files: { [FILE]: TEXT } };

async function open(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(1, 5);
}

async function improve(workbench) {
  await open(workbench);
  await askInline(workbench, "/improve");
  await inlineSays(workbench, /LocalCoder demo · [\d.]+ s/u);
}

async function counted(ide, expected) {
  await until(`${JSON.stringify(expected)} is counted`, async () => {
    const { all } = JSON.parse(await ide.localcoder("stats", "--json"));
    return Object.entries(expected).every(([name, count]) => all[name] === count);
  });
}

/** Inline chat is closed, the edit counted as dropped, and everything is as before. */
async function dropped(ide, workbench, expected) {
  await inlineClosed(workbench);
  await workbench.inFile(FILE);
  await counted(ide, expected);
  await until("nothing counts as unsaved", async () => !(await workbench.dirty()));
  assert.equal(ide.read(FILE), TEXT);
  assert.equal(await workbench.text(), TEXT);
}

story(
  "an edit that is asked for in inline chat is kept, and one undo takes it back",
  async ({ ide, workbench, name }) => {
    await improve(workbench);
    await workbench.photograph(name);
    assert.equal(ide.read(FILE), TEXT, "nothing is written before it is kept");
    await workbench.press(KEYS.apply);
    await inlineClosed(workbench);
    await until("what is kept is saved", () => ide.read(FILE) === IMPROVED);
    await counted(ide, { shown: 1, kept: 1 });

    await workbench.inFile(FILE);
    await workbench.press(KEYS.undo);
    await workbench.press(KEYS.save);
    await until("one undo takes it back byte for byte", () => ide.read(FILE) === TEXT);
    await counted(ide, { kept: 0, undone: 1 });
  },
  { ide: IDE },
);

story(
  "what is asked next changes the edit, and Escape takes all of it back",
  async ({ ide, workbench }) => {
    const { page } = workbench;
    await improve(workbench);
    await sayInline(workbench, "rename total to result");
    await counted(ide, { shown: 2, followedUp: 1 });
    const line = page.locator(".editor-instance .view-line").filter({ hasText: "return result" });
    await line.waitFor();
    assert.equal(ide.read(FILE), TEXT, "nothing is written before it is kept");
    await workbench.press("Escape");
    await dropped(ide, workbench, { dropped: 1 });
  },
  { ide: IDE },
);

story(
  "inline chat is cancelled while the edit is being written, and says why it can't do a thing",
  async ({ ide, workbench }) => {
    const worker = await ide.readyWorker();
    await open(workbench);
    signal(worker, "SIGSTOP");
    await askInline(workbench, "use += for the sum");
    await until("it is being written", async () => (await ide.status()).requests > 0);
    await workbench.press("Escape");
    signal(worker, "SIGCONT");
    await until("nobody is answered", async () => (await ide.status()).requests === 0);
    await workbench.press("Escape");
    await inlineClosed(workbench);
    assert.equal(await workbench.text(), TEXT);

    await workbench.goTo(6);
    await workbench.press("Shift+ArrowDown");
    // An instruction in words would have new code written there.
    await askInline(workbench, "/improve");
    await inlineSays(workbench, /nothing but white space/u);
    await workbench.press("Escape");
    await inlineClosed(workbench);
    assert.equal(await workbench.text(), TEXT);
  },
  { ide: IDE },
);

story(
  "a question that is stopped leaves the edit before it, and Escape takes both back",
  async ({ ide, workbench }) => {
    const worker = await ide.readyWorker();
    const improveAndAskNext = async () => {
      await improve(workbench);
      signal(worker, "SIGSTOP");
      await sayInline(workbench, "rename total to result");
      await until("it is being written", async () => (await ide.status()).requests > 0);
    };
    const end = async () => {
      await until("nobody is answered", async () => (await ide.status()).requests === 0);
      signal(worker, "SIGCONT");
    };
    await improveAndAskNext();
    await workbench.page.locator(".inline-chat .codicon-stop-circle").click();
    await end();
    await workbench.press(KEYS.apply);
    await inlineClosed(workbench);
    await until("what is kept is saved", () => ide.read(FILE) === IMPROVED);
    await counted(ide, { shown: 1, kept: 1 });
    await workbench.inFile(FILE);
    await workbench.press(KEYS.undo);
    await workbench.press(KEYS.save);
    await until("one undo takes it back", () => ide.read(FILE) === TEXT);

    await improveAndAskNext();
    await workbench.press("Escape");
    await end();
    await dropped(ide, workbench, { shown: 2, dropped: 1 });
  },
  { ide: IDE },
);

story("the editor's chat view stays away", async ({ workbench }) => {
  const { page } = workbench;
  await workbench.openFile("main.py");
  for (const word of ["Quick Chat", "Agent Sessions"]) {
    const entries = await workbench.commandsFor(word);
    assert.deepEqual(
      entries.filter((entry) => entry.includes(word)),
      [],
      word,
    );
  }
  assert.equal(await page.locator(".agent-status-container, .chat-view").count(), 0);
});
