/**
 * Stories of next edits: what follows from a change is shown where it belongs, and accepted by Tab.
 */
import assert from "node:assert/strict";

import { ON } from "./support/ghost-text.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";
import { KEYS } from "./support/workbench.mjs";

const FILE = "totals.py";
const FAR = 40;
const TEXT = `def total(prices, tax):
    amount = sum(prices)
    print(amount)
    return amount + amount * tax

${"\n# more\n".repeat(FAR / 2)}

def report(orders):
    for order in orders:
        print(total(order, 0.2))
`;

const IDE = { files: { [FILE]: TEXT }, settings: ON };

/** The icon next to the line that is to be changed next, or at the edge in its direction. */
async function shown(workbench) {
  const sign = workbench.page.locator(".inline-edits-view-gutter-indicator .icon");
  const signs = await sign.all();
  const visible = await Promise.all(signs.map((it) => it.isVisible()));
  return visible.includes(true);
}

async function becomes(workbench, text, what) {
  await until(what, async () => (await workbench.text()) === text);
}

/** Accepts what is shown; if it is further away, the key moves the cursor there first. */
async function take(workbench, to, line) {
  await until("a next edit is shown", () => shown(workbench));
  if (line !== undefined) {
    await workbench.press("Tab");
    await workbench.cursorIn(line);
    await until("it is shown there", () => shown(workbench));
  }
  await workbench.press("Tab");
  await becomes(workbench, to, "the next edit is taken");
}

/** Replaces the first word of a line. */
async function firstWord(workbench, line, word) {
  await workbench.openFile(FILE);
  await workbench.goTo(line);
  await workbench.press("Home");
  await workbench.press("Control+Shift+ArrowRight");
  await workbench.type(word);
}

story(
  "a name that is changed is changed wherever it is used, by Tab",
  async ({ workbench, name }) => {
    await firstWord(workbench, 2, "subtotal");
    const one = TEXT.replace("amount =", "subtotal =");
    await until("a next edit is shown", () => shown(workbench));
    await workbench.photograph(name);
    const two = one.replace("print(amount)", "print(subtotal)");
    await take(workbench, two);
    const three = two.replace("amount + amount", "subtotal + subtotal");
    await take(workbench, three);
    await workbench.press(KEYS.undo);
    await becomes(workbench, two, "one undo takes one of them back");
  },
  { ide: IDE },
);

story(
  "a call far away follows its function, and is gone to before it is changed",
  async ({ workbench, name }) => {
    await workbench.openFile(FILE);
    await workbench.goTo(1);
    await workbench.press("Home");
    await workbench.press("Control+ArrowRight");
    await workbench.press("Control+ArrowRight");
    await workbench.press("Control+Shift+ArrowLeft");
    await workbench.type("gross");
    const one = TEXT.replace("def total", "def gross");
    await until("a next edit is shown", () => shown(workbench));
    await workbench.photograph(name);
    const two = one.replace("print(total(", "print(gross(");
    const line = two.slice(0, two.indexOf("print(gross(")).split("\n").length;
    await take(workbench, two, line);
  },
  { ide: IDE },
);

story(
  "a next edit that is not wanted is dropped by Escape, and nothing is changed",
  async ({ workbench }) => {
    await firstWord(workbench, 2, "subtotal");
    await until("a next edit is shown", () => shown(workbench));
    await workbench.press("Escape");
    await until("it is gone", async () => !(await shown(workbench)));
    assert.equal(await workbench.text(), TEXT.replace("amount =", "subtotal ="));
  },
  { ide: IDE },
);
