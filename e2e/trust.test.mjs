/**
 * Stories of trust: the sample project is trusted, any other folder is asked about once, and the
 * answer lasts, although the page has another address in each run.
 */
import assert from "node:assert/strict";

import { untilKept } from "./support/kept.mjs";
import { story } from "./support/story.mjs";
import { Workbench } from "./support/workbench.mjs";

/** The key under which the page stores the trusted folders. */
const TRUST = "content.trust.model.key";
/** The key under which it stores that the question was answered. */
const ANSWERED = "workspace.trust.startupPrompt.shown";
const TRUSTED = /You trust this folder/u;
const RESTRICTED = /Restricted Mode/u;
const QUESTION = /Do you trust the authors of the files in this folder\?/u;
const YES = "Yes, I trust the authors";
const NO = "No, I don't trust the authors";

/** Ends the run; returns a window of the next one, in a browser that has kept nothing. */
async function nextRun({ ide, browser }) {
  await browser.forget();
  await ide.end();
  const url = await ide.start();
  const workbench = new Workbench(await browser.page());
  await workbench.open(url, { first: false });
  return workbench;
}

story(
  "the sample project is trusted from the start, until that is taken back",
  async (tools) => {
    const { ide, workbench, name } = tools;
    await workbench.openTrust(TRUSTED);
    await workbench.restricted(false);
    await workbench.noDialog();
    await workbench.photograph(name);
    // Then the window starts over, and asks, because it has not asked before.
    await workbench.distrustFolder();
    assert.match(await workbench.dialog(), QUESTION);
    await workbench.answer(NO);
    await workbench.noDialog();
    await workbench.restricted(true);
    await untilKept(ide, TRUST, (value) => !value.includes(ide.folder));
    await untilKept(ide, ANSWERED, (value) => value === "true");
    const next = await nextRun(tools);
    await next.restricted(true);
    await next.noDialog();
  },
  { ide: { asks: true, sample: true } },
);

for (const [answer, button] of [
  ["yes", YES],
  ["no", NO],
]) {
  story(
    `another folder is asked for once, and ${answer} lasts`,
    async (tools) => {
      const { ide, workbench, name } = tools;
      const words = await workbench.dialog();
      assert.match(words, QUESTION);
      assert.match(words, /LocalCoder IDE may run what is in it/u);
      assert.match(words, /goes to the model on this machine/u);
      assert.doesNotMatch(words, /aka\.ms|our docs/u);
      await workbench.photograph(`${name}-asked`);
      await workbench.answer(button);
      await workbench.noDialog();
      await workbench.restricted(answer === "no");
      await workbench.photograph(name);
      if (answer === "yes") {
        await untilKept(ide, TRUST, (value) => value.includes(ide.folder));
      }
      await untilKept(ide, ANSWERED, (value) => value === "true");

      const next = await nextRun(tools);
      await next.restricted(answer === "no");
      await next.noDialog();
      await next.openTrust(answer === "no" ? RESTRICTED : TRUSTED);
      await next.noDialog();
    },
    { ide: { asks: true } },
  );
}
