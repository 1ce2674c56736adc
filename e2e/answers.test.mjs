/**
 * A story of hostile answers: whatever a model writes, the Explanation view shows it as text. It
 * runs nothing, loads nothing, opens nothing, and draws over nothing.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { ANSWERS } from "./support/places.mjs";
import { problemsOfPolicy } from "./support/policy.mjs";
import { story } from "./support/story.mjs";
import { READY, KEYS } from "./support/workbench.mjs";

/** The answers that the extension's own tests use. */
const answers = JSON.parse(readFileSync(ANSWERS, "utf8"));

/** Elements that a link, a picture, a frame or a script would create. */
const FORBIDDEN =
  "a, img, picture, video, audio, source, iframe, object, embed, script, style, link, meta, base, " +
  "form, input, button, svg, math, details, marquee, [style], [class], [id], [src], [href]";

story("hostile answers do nothing in the Explanation view", async (tools) => {
  const { ide, browser, workbench, name } = tools;
  assert.ok(answers.length >= 30);
  await workbench.openFile("inventory.py");
  await workbench.selectLines(4, 8);
  await workbench.press(KEYS.explain);
  await workbench.explanationPhase("done");
  const view = await workbench.webview("#explanation");
  const policy = await view.locator("meta[http-equiv='Content-Security-Policy']");
  const [own] = await policy.evaluateAll((all) => all.map((it) => it.content));
  // The page's own policy, which can only narrow the front's: it allows nothing but its one script
  // and style sheet.
  assert.match(own, /^default-src 'none'; style-src \S.*; script-src 'nonce-[\w-]{22}'$/u);
  const needed = "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
  assert.deepEqual(
    problemsOfPolicy(own.replace(/style-src [^;]+/u, "style-src 'self'") + needed),
    [],
  );
  await view.evaluate(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      globalThis.violations.push(`${violatedDirective} ${blockedURI}`);
    });
  });
  const pages = browser.context.pages().length;
  let dialogs = 0;
  workbench.page.on("dialog", (dialog) => {
    dialogs += 1;
    void dialog.dismiss();
  });
  const tabs = await workbench.tabs();
  for (const { name: kind, text, times } of answers) {
    const shown = await show(view, text.repeat(times ?? 1));
    assert.deepEqual(shown.forbidden, [], kind);
    // Nested markup around nothing leaves nothing to show.
    assert.ok(shown.length > 0 || times !== undefined, `${kind} is shown`);
    assert.ok(shown.isInside, `${kind} stays in the view`);
    // A click anywhere on the answer leads nowhere.
    if (shown.length > 0) {
      await view.locator("#turns article").click({ position: { x: 5, y: 5 } });
    }
  }
  await show(
    view,
    answers.find(({ name: kind }) => kind === "a link that looks like another").text,
  );
  assert.match(
    await workbench.explanationPart("text").innerText(),
    /leak\.localcoder-test\.invalid\/evil/u,
  );
  await workbench.photograph(name);
  assert.deepEqual(await view.evaluate(() => globalThis.violations), [], "the policy had to help");
  assert.equal(browser.context.pages().length, pages, "no window was opened");
  assert.equal(dialogs, 0);
  assert.deepEqual(await workbench.tabs(), tabs, "no document was opened");
  assert.deepEqual(await workbench.notifications(), []);
  assert.equal(await workbench.page.locator(".part.panel .terminal").count(), 0, "no terminal");
  await workbench.status(READY);
  assert.equal((await ide.status()).engine.state, "ready");
});

/** Makes the view show an answer, as the extension does; returns the result. */
async function show(view, text) {
  return await view.evaluate(
    async ({ text, forbidden }) => {
      const state = {
        ...{ phase: "done", target: "inventory.py, lines 4–8", changed: "", stage: "" },
        turns: [{ question: "", text, references: [], notes: [], facts: "", details: [] }],
        ...{ error: "", buttons: [] },
      };
      window.postMessage({ type: "state", state });
      // The view draws once per frame; the message arrives before that.
      for (let frame = 0; frame < 4; frame += 1) {
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      }
      const article = /** @type {HTMLElement} */ (document.querySelector("#turns article"));
      const { left, right } = article.getBoundingClientRect();
      return {
        forbidden: [...article.querySelectorAll(forbidden)].map((it) => it.outerHTML.slice(0, 100)),
        length: article.textContent.length,
        isInside: left >= 0 && right <= window.innerWidth,
      };
    },
    { text, forbidden: FORBIDDEN },
  );
}
