/** Stories of what must not be there: other vendors' services, and connections to anywhere. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ARTIFACTS } from "./support/places.mjs";
import { processesOf } from "./support/processes.mjs";
import { story } from "./support/story.mjs";
import { offLoopback } from "./support/trace.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

/** The last belongs to a status bar item that names the keyboard layout. */
const WORDS = ["Copilot", "Sign in", "code-server", "Layout: "];

story("the workbench is ours and asks for no account", async ({ workbench, name }) => {
  assert.equal(await workbench.statusLabel(), "LocalCoder: LocalCoder demo");
  await workbench.openFile("inventory.py");
  for (const part of ["titlebar", "statusbar", "activitybar", "sidebar", "editor"]) {
    const words = await workbench.words(part);
    for (const word of WORDS) {
      assert.ok(
        !words.toLowerCase().includes(word.toLowerCase()),
        `“${word}” in ${part}: ${words}`,
      );
    }
  }
  assert.match(await workbench.words("titlebar"), /LocalCoder IDE/u);
  for (const word of WORDS) {
    const entries = await workbench.commandsFor(word);
    const bad = entries.filter((entry) => entry.toLowerCase().includes(word.toLowerCase()));
    assert.deepEqual(bad, [], `commands with “${word}”`);
  }
  await workbench.photograph(name);
});

if (process.platform === "linux") {
  const trace = join(ARTIFACTS, "connections.txt");
  mkdirSync(ARTIFACTS, { recursive: true });
  test("strace is installed", () => {
    try {
      execFileSync("strace", ["--version"]);
    } catch {
      assert.fail("strace is not installed, so connections can't be seen: apt-get install strace");
    }
  });
  story(
    "an air-gapped IDE improves code, and its extensions have no network",
    async ({ ide, workbench }) => {
      assert.match(ide.output, /have no network/u);
      await workbench.openFile("inventory.py");
      await workbench.selectLines(4, 8);
      await workbench.press(KEYS.improve);
      await workbench.diff("inventory.py");
      await workbench.press(KEYS.apply);
      await workbench.noDiff();
      const editor = processesOf(ide.home).filter(({ command }) =>
        /server-main\.js|--type=extensionHost|--type=ptyHost/u.test(command),
      );
      assert.ok(editor.length >= 2, "server and extension host run");
      for (const { pid, command } of editor) {
        const about = (name) => readFileSync(`/proc/${pid}/${name}`, "utf8");
        const interfaces = about("net/dev").split("\n").slice(2).filter(Boolean);
        const onlyLoopback = interfaces.every((line) => line.trim().startsWith("lo:"));
        // If the system allows no namespaces, a filter of system calls takes their place.
        const filtered = /^Seccomp:\t2$/mu.test(about("status"));
        assert.ok(filtered, command);
        assert.ok(onlyLoopback || !/reach each other at 127/u.test(ide.output), command);
      }
    },
    { ide: { settings: { airGapped: true } } },
  );
  story(
    "an improvement makes no connection off this machine",
    async ({ workbench, name }) => {
      await workbench.openFile("inventory.py");
      await workbench.selectLines(4, 8);
      await workbench.press(KEYS.improve);
      await workbench.diff("inventory.py");
      await workbench.photograph(name);
      await workbench.press(KEYS.apply);
      await workbench.noDiff();
      await workbench.status(READY);
      const connects = readFileSync(trace, "utf8").split("\n");
      // Proof that the trace saw the host: the extension connects to its socket.
      assert.ok(connects.some((line) => line.includes("AF_UNIX") && line.includes("host.sock")));
      assert.deepEqual(offLoopback(connects.join("\n")), []);
    },
    { ide: { trace } },
  );
}
