/** What is reported about the network: the page of *Show Privacy*, and what the front counts. */
import assert from "node:assert/strict";
import { request } from "node:http";

import { assertAccessible } from "./support/axe.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";

const PAGE = '[data-testid="privacy"]';

/**
 * Sends a request to the front under another host name, as a page does whose host name was made to
 * resolve to this machine.
 */
async function askAs(host, port) {
  await new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, headers: { host }, agent: false });
    asked.on("response", (answer) =>
      reject(new Error(`it was answered with ${answer.statusCode}`)),
    );
    asked.on("error", resolve);
    asked.end();
  });
}

/** Waits until the page shows this count of that kind. */
async function counts(workbench, kind, count) {
  await until(`the page counts ${count} of ${kind}`, async () => {
    const frame = await workbench.webview(PAGE);
    const cell = frame.locator(`tr[data-kind="${kind}"] .count`);
    return (await cell.innerText({ timeout: 1_000 })) === String(count);
  });
}

story(
  "the privacy page shows what is closed and counts what the front has refused",
  async (tools) => {
    const { ide, workbench, name } = tools;
    const { port } = new URL(workbench.page.url());
    await workbench.command("LocalCoder: Show Privacy");
    await counts(workbench, "host", 0);

    await askAs("rebound.localcoder-test.invalid", port);
    await askAs(`127.0.0.1:${port}`, port);
    await workbench.page.getByRole("button", { name: "Refresh Privacy" }).first().click();
    await counts(workbench, "host", 2);
    await workbench.photograph(name);

    // The texts are the same as on the command line.
    const frame = await workbench.webview(PAGE);
    await assertAccessible(frame, PAGE);
    const page = (await frame.locator(PAGE).innerText()).replaceAll("\u00a0", " ");
    const report = JSON.parse(await ide.localcoder("doctor", "--privacy", "--json"));
    const plain = (text) => text.replaceAll("`", "");
    for (const { what, word, text } of report.programs) {
      assert.ok(page.includes(what) && page.includes(word), `${what} is ${word} in: ${page}`);
      // What is open at the moment differs between two looks.
      const [first] = plain(text).split(/[;,]/u);
      assert.ok(page.toLowerCase().includes(first.toLowerCase()), `${first} in: ${page}`);
    }
    for (const { text } of report.checks) {
      assert.ok(page.includes(text), `${text} in: ${page}`);
    }
    const host = report.refusals.find(({ kind }) => kind === "host");
    assert.equal(host.count, 2);

    // Also from the menu of the status bar, which checks again.
    await askAs("again.localcoder-test.invalid", port);
    await workbench.ask("LocalCoder: Show Menu");
    await workbench.take(await workbench.entry(/^(?!LocalCoder: ).*Show Privacy/u));
    await counts(workbench, "host", 3);
  },
);

story(
  "in air-gapped mode the privacy page says what the editor was started in, and what was refused",
  async ({ ide, workbench, name }) => {
    await assert.rejects(ide.localcoder("models", "license", "llama-3-8b"), /airGapped` is on/u);
    await workbench.command("LocalCoder: Show Privacy");
    const frame = await workbench.webview(PAGE);
    const said = async (part) =>
      (await frame.locator(`[data-testid="privacy-${part}"]`).innerText()).replaceAll(
        "\u00a0",
        " ",
      );
    assert.match(await said("air-gap"), /^On: .*settings\.json/u);
    assert.match(await said("refused"), /^1 download was refused/u);
    // The page's program runs inside the sandbox, and still gets this from the launcher, which does
    // not.
    assert.match(
      await said("refusals"),
      /^The front of the IDE that runs \(process \d+\) has refused/u,
    );
    const programs = await said("programs");
    assert.match(programs, /have no network.*So the IDE that runs was started/u);
    await workbench.photograph(name);
  },
  { ide: { settings: { airGapped: true } } },
);
