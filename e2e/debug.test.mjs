/**
 * The debug configuration of `.vscode`: a debugger attaches to the extension host, and finds the
 * extension's sources.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Browser } from "./support/browser.mjs";
import { Ide } from "./support/ide.mjs";
import { ROOT } from "./support/places.mjs";
import { STORY_MS, until } from "./support/wait.mjs";
import { Workbench } from "./support/workbench.mjs";

test("a debugger attaches to the extension and finds its sources", { timeout: STORY_MS }, async () => {
  const port = await freePort();
  const ide = new Ide();
  let browser;
  try {
    const url = await ide.start();
    browser = await Browser.open();
    const workbench = new Workbench(await browser.page());
    const payload = JSON.stringify([["inspect-extensions", String(port)]]);
    await workbench.open(`${url}&payload=${encodeURIComponent(payload)}`, { first: true });
    const scripts = await until("the debugger lists the extension", async () => {
      const listed = await scriptsAt(port);
      return listed.includes("localcoder/dist/extension.js") && listed;
    });
    assert.match(scripts, /extensions\/localcoder\/dist\/extension\.js/u);
    const built = join(ROOT, "editors/code/dist/extension.js");
    assert.match(readFileSync(built, "utf8"), /sourceMappingURL=extension\.js\.map\s*$/u);
    const { sources } = JSON.parse(readFileSync(`${built}.map`, "utf8"));
    assert.ok(sources.includes("../src/extension.ts"));
    const missing = sources.filter((source) => !existsSync(join(dirname(built), source)));
    assert.deepEqual(missing, [], "sources that a debugger would open");
  } finally {
    await browser?.close();
    await ide.stop();
  }
});

/** What Node.js's own debugger lists, attached to that port. */
async function scriptsAt(port) {
  const program = spawn(process.execPath, ["inspect", `127.0.0.1:${port}`]);
  let said = "";
  program.stdout.on("data", (data) => {
    said += data;
    if (said.includes("debug>") && !said.includes("scripts")) {
      program.stdin.write("scripts\n.exit\n");
    }
  });
  await new Promise((resolve) => program.on("close", resolve));
  return said;
}

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address !== null && typeof address === "object" ? address.port : 0;
}
