/** What a checker of accessibility finds in a page: contrast, names, roles, keyboard. */
import assert from "node:assert/strict";

import axe from "axe-core";

/** What keeps people from using the page; the rest are recommendations. */
const SERIOUS = new Set(["serious", "critical"]);

/** Fails where the part of a frame for the selector has a finding that is serious. */
export async function assertAccessible(frame, selector) {
  // The page's own policy allows no other script, and what is evaluated is none.
  await frame.evaluate(`${axe.source}; undefined`);
  const { violations, passes } = await frame.evaluate(
    (part) => globalThis.axe.run(part, { resultTypes: ["violations", "passes"] }),
    selector,
  );
  const serious = violations
    .filter(({ impact }) => SERIOUS.has(impact))
    .map(({ id, help, nodes }) => {
      const [{ html, failureSummary }] = nodes;
      return `${id}: ${help}: ${nodes.length} such as ${html}: ${failureSummary}`;
    });
  assert.deepEqual(serious, [], "what is not accessible");
  assert.ok(passes.length > 0, "nothing was looked at");
}
