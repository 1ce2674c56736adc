/**
 * The debug configuration of `.vscode`: a debugger attaches to the extension host and finds the
 * extension's sources.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { ROOT } from "./support/places.mjs";
import { processesOf, signal } from "./support/processes.mjs";
import { story } from "./support/story.mjs";
import { until } from "./support/wait.mjs";

/** Where Node.js listens for debuggers once it has received the signal. */
const INSPECTOR = "127.0.0.1:9229";

story("a debugger attaches to the extension and finds its sources", async ({ ide }) => {
  const host = processesOf(ide.home).find(({ command }) =>
    command.includes("--type=extensionHost"),
  );
  signal(host?.pid, "SIGUSR1");
  await until("the debugger lists the extension", async () =>
    (await scripts()).includes("extensions/localcoder/dist/extension.js"),
  );

  const built = join(ROOT, "editors/code/dist/extension.js");
  assert.match(readFileSync(built, "utf8"), /sourceMappingURL=extension\.js\.map\s*$/u);
  const { sources } = JSON.parse(readFileSync(`${built}.map`, "utf8"));
  assert.ok(sources.includes("../src/extension.ts"));
  const missing = sources.filter((source) => !existsSync(join(dirname(built), source)));
  assert.deepEqual(missing, [], "sources that a debugger would open");
});

/** The scripts that Node.js's own debugger lists. */
async function scripts() {
  const program = spawn(process.execPath, ["inspect", INSPECTOR]);
  let said = "";
  let isAsked = false;
  program.stdout.on("data", (data) => {
    said += data;
    if (said.includes("debug>") && !isAsked) {
      isAsked = true;
      program.stdin.write("scripts\n.exit\n");
    }
  });
  await new Promise((resolve) => program.on("close", resolve));
  return said;
}
