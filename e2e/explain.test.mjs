/** Stories of explaining code: the answer streams into the side bar and can be stopped. */
import assert from "node:assert/strict";

import { assertAccessible } from "./support/axe.mjs";
import { story } from "./support/story.mjs";
import { freezeInMidAnswer, RAMBLING } from "./support/streaming.mjs";
import { until } from "./support/wait.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const FILE = "inventory.py";

const PAGE = '[data-testid="explanation"]';

async function explain(workbench) {
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.explain);
}

story("explain a function", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await explain(workbench);
  await workbench.explanationPhase("done");
  await workbench.status(READY);
  await workbench.photograph(name);
  assert.match(await workbench.explanationPart("text").innerText(), /\btotal_stock\b/u);
  assert.equal(await workbench.explanationPart("target").innerText(), `${FILE}, lines 4–8`);
  // Below the answer there is one line of facts; the numbers are shown on request.
  const cost = workbench.explanationPart("cost");
  assert.match(await cost.innerText(), /^LocalCoder demo · \d+\.\d s$/u);
  await cost.locator("summary").click();
  const notes = await cost.innerText();
  assert.match(notes, /\d+ tokens read( \(\d+ ahead\))?, \d+ written, \d+\.\d tokens\/s/u);
  await assertAccessible(await workbench.webview(PAGE), PAGE);
  assert.equal(await workbench.explanationPart("stop").isVisible(), false);
  assert.equal(ide.read(FILE), before);
  assert.deepEqual(await workbench.notifications(), []);
});

story("a selection is read before a command is called on it", async ({ ide, workbench }) => {
  await workbench.openFile(FILE);
  await workbench.status(READY);
  await workbench.goTo(4);
  // In one step: a selection that grows by keys may settle before it is whole, and be read then.
  await workbench.page.locator(".view-line", { hasText: "return total" }).click({
    modifiers: ["Shift"],
    position: { x: 300, y: 5 },
  });
  await until("the selection is read", async () => (await ide.status()).heldTokens > 100);
  await workbench.press(KEYS.explain);
  await workbench.explanationPhase("done");
  const notes = await workbench.explanationPart("cost").textContent();
  const [, read, ahead] = /(\d+) tokens read \((\d+) ahead\)/u.exec(notes) ?? [];
  // What remains to be read is the command itself, in the demo model's small vocabulary.
  assert.ok(Number(read) - Number(ahead) < 64, notes);
});

story("what an explanation names leads to its line", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  await explain(workbench);
  await workbench.explanationPhase("done");
  const links = workbench.explanationPart("text").locator("button.reference");
  const link = links.filter({ hasText: /^total_stock$/u }).first();
  assert.match(await link.getAttribute("title"), /^Go to line 4$/u);
  await workbench.photograph(name);
  await assertAccessible(await workbench.webview(PAGE), PAGE);
  // By keyboard as well as by mouse.
  await link.focus();
  await workbench.press("Enter");
  await workbench.cursorIn(4);

  // The line has moved, and is found again.
  await workbench.goTo(1);
  await workbench.type("# Counts what there is.");
  await workbench.press("Enter");
  await until("it is said", () => workbench.explanationPart("changed").isVisible());
  assert.match(
    await workbench.explanationPart("changed").innerText(),
    /^inventory\.py has changed/u,
  );
  await link.click();
  await workbench.cursorIn(5);

  // The line is gone, so the cursor does not move.
  await workbench.goTo(5);
  await workbench.press("Control+Shift+KeyK");
  await link.click();
  await workbench.notification(
    /^The line that “total_stock” is about is no longer in inventory\.py\./u,
  );
  await workbench.photograph(`${name}-gone`);
  await workbench.cursorIn(5);
  await workbench.closeNotifications();
  await workbench.press("Control+KeyZ");
  assert.equal(ide.read(FILE), before);
});

story("questions follow an explanation, by keyboard alone", async ({ workbench, name }) => {
  await explain(workbench);
  await workbench.explanationPhase("done");
  const input = workbench.explanationPart("input");
  const explained = await workbench.explanationPart("text").innerText();
  await input.focus();
  await workbench.type("What does line 6 do?");
  await workbench.press("Shift+Enter");
  await workbench.type("And why?");
  assert.equal(await input.inputValue(), "What does line 6 do?\nAnd why?");
  await workbench.press("Enter");
  await until(
    "it is answered",
    async () => (await workbench.explanationPart("facts").count()) === 2,
  );
  await workbench.explanationPhase("done");
  assert.equal(await input.inputValue(), "");
  assert.match(
    await workbench.explanationPart("question").innerText(),
    /^What does line 6 do\?\s+And why\?$/u,
  );
  const texts = workbench.explanationPart("text");
  assert.equal(await texts.first().innerText(), explained, "what was said before stays");
  assert.notEqual((await texts.nth(1).innerText()).trim(), "");
  // If two turns don't fit into a low view, the new one is in sight.
  const top = await texts.nth(1).evaluate((it) => it.getBoundingClientRect().top);
  assert.ok(top >= 0 && top < 200, `the answer is at ${top} px`);
  assert.ok(await input.evaluate((it) => it.getBoundingClientRect().bottom <= innerHeight));
  // The model received the conversation so far.
  const numbers = await workbench.explanationPart("cost").nth(1).textContent();
  assert.match(numbers, /Tokens: \d+ selected, .*, [1-9]\d* conversation, up to/u);
  await workbench.photograph(name);
  await assertAccessible(await workbench.webview(PAGE), PAGE);
  assert.equal(await workbench.explanationPart("turns").getAttribute("aria-live"), "polite");

  await workbench.page.evaluate(() => navigator.clipboard.writeText(""));
  await workbench.explanationPart("copy").click();
  const copied = await until("it is copied", () =>
    workbench.page.evaluate(() => navigator.clipboard.readText()),
  );
  assert.match(copied, /`total_stock`[^]*\n\n## What does line 6 do\? And why\?\n\n\S/u);

  // Another explanation starts over.
  await explain(workbench);
  await until("it is alone", async () => (await workbench.explanationPart("turn").count()) === 1);
});

story("an explanation is as long as is set", async ({ ide, workbench }) => {
  await explain(workbench);
  await workbench.explanationPhase("done");
  const most = async () => {
    const numbers = await workbench.explanationPart("cost").textContent();
    return Number(/up to (\d+) answer/u.exec(numbers)?.[1]);
  };
  assert.equal(await most(), 400);
  for (const [length, tokens] of [
    ["short", 200],
    ["long", 800],
  ]) {
    ide.set("explanation.length", length);
    await until(`${length} answers`, async () => {
      await explain(workbench);
      await workbench.explanationPhase("done");
      return (await most()) === tokens;
    });
  }
});

story(
  "an explanation streams and is stopped in the middle",
  async ({ ide, workbench, name }) => {
    const worker = await freezeInMidAnswer(ide, workbench, { file: FILE, first: 4, last: 8 });
    const begun = await workbench.explanationPart("text").innerText();
    assert.notEqual(begun.trim(), "");
    await workbench.explanationPart("stop").click();
    await workbench.explanationPhase("cancelled");
    assert.equal(await workbench.explanationPart("stage").innerText(), "Stopped.");
    assert.equal(await workbench.explanationPart("text").innerText(), begun);
    await workbench.photograph(name);
    process.kill(worker, "SIGCONT");
    await workbench.status(READY);
    assert.deepEqual(await workbench.notifications(), []);

    // Escape stops a question, wherever in the view the focus is.
    await workbench.explanationPart("input").focus();
    await workbench.type("Why?");
    process.kill(worker, "SIGSTOP");
    await workbench.press("Enter");
    await workbench.explanationPhase("working");
    await workbench.press("Escape");
    await workbench.explanationPhase("cancelled");
    process.kill(worker, "SIGCONT");
    await workbench.status(READY);
    assert.equal(await workbench.explanationPart("text").first().innerText(), begun);

    await explain(workbench);
    await workbench.explanationPhase("done");
    const { worker: now } = await ide.status();
    assert.equal(now.pid, worker, "the worker was not replaced");
  },
  RAMBLING,
);

story("an improvement is cancelled while the model works", async ({ ide, workbench, name }) => {
  const before = ide.read(FILE);
  const worker = await ide.readyWorker();
  await workbench.openFile(FILE);
  await workbench.selectLines(4, 8);
  process.kill(worker, "SIGSTOP");
  await workbench.press(KEYS.improve);
  await workbench.notification(/^Improving inventory\.py, lines 4–8/u);
  await workbench.status(/working…$/u);
  await workbench.photograph(name);
  await workbench.clickNotification("Improving ", "Cancel");
  await workbench.noNotification(/./u);
  // Else the answer could be faster than the click.
  await until("the host has cancelled it", () =>
    /kind="improve" outcome="cancelled"/u.test(ide.log("host.log")),
  );
  process.kill(worker, "SIGCONT");
  await workbench.status(READY);
  assert.deepEqual(await workbench.tabs(), [FILE]);
  assert.equal(ide.read(FILE), before);

  await workbench.openFile(FILE);
  await workbench.press(KEYS.improve);
  await workbench.diff(FILE);
});
