/** What an accessibility checker finds on a page: contrast, names, roles, keyboard. */
import assert from "node:assert/strict";

import axe from "axe-core";

/** Findings that keep people from using the page; the others are recommendations. */
const SERIOUS = new Set(["serious", "critical"]);

/** Fails if the part of a frame that matches the selector has a serious finding. */
export async function assertAccessible(frame, selector) {
  // The page's own policy allows no other script, but evaluated code is not subject to it.
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
