/**
 * Stories of suggestions at the cursor: requested, accepted whole or by word, typed along with, and
 * absent.
 */
import assert from "node:assert/strict";
import { join } from "node:path";

import { ON, suggested } from "./support/ghost-text.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "totals.py";
const LINE = "    for item in ";
const TEXT = `def count(items):\n${LINE}\n`;

const IDE = { files: { [FILE]: TEXT }, settings: ON };

const MOD = process.platform === "darwin" ? "Meta" : "Control";
const WHY = "LocalCoder: Why Is There No Suggestion?";

async function toEnd(workbench) {
  await workbench.openFile(FILE);
  await workbench.goTo(2);
  await workbench.press("End");
}

async function shows(workbench, text) {
  await until(`\`${text}\` is suggested`, async () => (await suggested(workbench)) === text);
}

/** The demo model was not trained for this: it suggests something only on request. */
async function ask(workbench) {
  await workbench.command("Trigger Inline Suggestion");
  const text = await until("something is suggested", () => suggested(workbench));
  assert.ok(text.length >= 2, `too short to be taken in parts: ${text}`);
  return text;
}

/**
 * Types, gives an answer time to arrive, and asks why there is none, until that is the reason
 * shown.
 */
async function typedAndTold(workbench, key, pattern) {
  let typed = false;
  await until(`${pattern} is said`, async () => {
    typed = !typed;
    if (typed) {
      await workbench.inFile(FILE);
      await workbench.type(key);
      return false;
    }
    await workbench.command(WHY);
    const texts = await workbench.notifications();
    return texts.some((text) => pattern.test(text));
  });
  await workbench.closeNotifications();
}

async function lineIs(workbench, line) {
  const expected = TEXT.replace(LINE, line);
  await until(`the line is \`${line}\``, async () => (await workbench.text()) === expected);
}

story(
  "a suggestion is taken whole, and one undo takes it back",
  async ({ workbench, name }) => {
    await toEnd(workbench);
    const text = await ask(workbench);
    await workbench.photograph(name);
    await workbench.press("Tab");
    await lineIs(workbench, LINE + text);
    await workbench.press(KEYS.undo);
    await lineIs(workbench, LINE);
  },
  { ide: IDE },
);

story(
  "a word of a suggestion is taken, and the rest is dropped",
  async ({ workbench }) => {
    await toEnd(workbench);
    const text = await ask(workbench);
    await workbench.press(`${MOD}+ArrowRight`);
    const taken = await until("a word of it is taken", async () => {
      const line = (await workbench.text()).split("\n")[1];
      return line.length > LINE.length && line.slice(LINE.length);
    });
    assert.ok(taken.length < text.length && text.startsWith(taken), taken);
    await workbench.press("Escape");
    await shows(workbench, "");
    await lineIs(workbench, LINE + taken);
  },
  { ide: IDE },
);

story(
  "a suggestion stays while it is typed",
  async ({ workbench }) => {
    await toEnd(workbench);
    const text = await ask(workbench);
    await workbench.type(text.slice(0, 1));
    await shows(workbench, text.slice(1));
    await workbench.press("Tab");
    await lineIs(workbench, LINE + text);
  },
  { ide: IDE },
);

story(
  "why nothing is suggested is reported, also where it was snoozed or turned off for the language",
  async ({ ide, workbench }) => {
    const why = async (pattern) => {
      await workbench.command(WHY);
      await workbench.notification(pattern);
      await workbench.closeNotifications();
    };
    await toEnd(workbench);
    await why(/suggestions come while you type/u);
    await typedAndTold(workbench, "x", /not sure enough|nothing to add|not have been right/u);
    assert.equal(await suggested(workbench), "");

    await workbench.ask("LocalCoder: Snooze Suggestions");
    await workbench.take("5 minutes");
    await until(
      "it is snoozed",
      async () => (await ide.status()).noGhostText?.reason === "snoozed",
    );
    await why(/snoozed/u);
    const stated = await ide.localcoder("status");
    assert.match(stated, /^Ghost: +suggestions are snoozed/mu);
    await workbench.ask("LocalCoder: Snooze Suggestions");
    await workbench.take("End the snooze now");
    await until("it is over", async () => (await ide.status()).noGhostText === undefined);

    await workbench.command("LocalCoder: Turn Suggestions Off or On for This Language");
    await workbench.notification(/Suggestions are off for python/u);
    await workbench.closeNotifications();
    await typedAndTold(workbench, "y", /turned off for this language/u);
  },
  { ide: IDE },
);

story(
  "where there is no model, nothing is suggested, and that is said",
  async ({ workbench }) => {
    await toEnd(workbench);
    await typedAndTold(workbench, "z", /no model is installed/iu);
    assert.equal(await suggested(workbench), "");
  },
  {
    ide: {
      ...IDE,
      settings: { ...ON, "localcoder.codeModel": join("/", "tmp", "not-there.gguf") },
    },
    status: /./u,
  },
);
