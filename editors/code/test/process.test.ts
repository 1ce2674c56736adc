/**
 * The program that starts the host: what it prints, how it fails, and what happens if it is
 * missing.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import type { InstallEvent } from "../src/generated/protocol";
import { ModelsProgram } from "../src/host/models";
import { runProgram, startHost } from "../src/host/process";
import { createReport } from "../src/host/report";
import { toErrorInfo } from "../src/lib/errors";

const folder = mkdtempSync(join(tmpdir(), "lc-"));
after(() => {
  rmSync(folder, { recursive: true });
});

let count = 0;

/** A program made of one line of shell script. */
function program(script: string): string {
  count += 1;
  const path = join(folder, `program-${count}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function failure(path: string | undefined) {
  const outcome: unknown = await startHost(path).then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );
  return toErrorInfo(outcome);
}

test("the address is read from what is printed", async () => {
  const path = program(
    `[ "$*" = "host start --json" ] && echo '{"socket": "/run/h.sock", "pid": 9}'`,
  );
  assert.deepEqual(await startHost(path), { socket: "/run/h.sock", pid: 9 });
});

test("a host that keeps the output open does not hold up the start", async () => {
  const path = program(`echo '{"socket": "/run/h.sock", "pid": 9}'; sleep 5 &`);
  const startedAt = performance.now();
  assert.equal((await startHost(path)).pid, 9);
  assert.ok(performance.now() - startedAt < 4_000);
});

test("an error printed as JSON is passed on", async () => {
  const info = { code: "runtimeFolder", message: "/run is not private", hint: "chmod 700 /run" };
  assert.deepEqual(
    await failure(program(`echo '${JSON.stringify({ error: info })}'; exit 6`)),
    info,
  );
});

test("a program that is killed by others is not told as one that took too long", async () => {
  const { code, message, cause, hint } = await failure(program("kill -TERM $$"));
  assert.equal(code, "hostUnreachable");
  assert.match(message, /ended from outside/u);
  assert.match(cause ?? "", /SIGTERM/u);
  assert.ok(hint);
});

test("one that takes too long is told with the time that it had", async () => {
  const outcome: unknown = await runProgram(program("exec sleep 60"), ["verify"], 100).then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );
  assert.match(toErrorInfo(outcome).message, /did not end within 0\.1 s/u);
});

test("an exit code is an error code, and what was said is the message", async () => {
  const error = await failure(program("echo 'error: the folder is not yours' >&2; exit 6"));
  assert.equal(error.code, "runtimeFolder");
  assert.match(error.message, /not yours/u);
  assert.match((await failure(program("exit 77"))).message, /exit code 77/u);
});

test("answers that are malformed are refused", async () => {
  for (const output of ["", "hello", "[]", "null", "7"]) {
    assert.equal((await failure(program(`echo '${output}'`))).code, "protocol", output);
  }
});

test("a program that does not end is reported with the time that it had", async () => {
  await assert.rejects(runProgram(program("exec sleep 60"), [], 300), (error) => {
    assert.match(toErrorInfo(error).message, /did not end within 0\.3 s/u);
    return true;
  });
});

test("what happens while a model is installed is passed on, and an error ends it", async () => {
  const lines = [
    '{"event":"progress","bytes":5,"totalBytes":10,"bytesPerS":2}',
    "no JSON",
    '{"error":{"code":"diskFull","message":"no room"}}',
  ];
  const path = program(`printf '%s\\n' ${lines.map((it) => `'${it}'`).join(" ")}; exit 35`);
  const events: InstallEvent[] = [];
  const { done } = new ModelsProgram(path).install("a", (event) => events.push(event));
  await assert.rejects(done, (error) => {
    assert.deepEqual(toErrorInfo(error), { code: "diskFull", message: "no room" });
    return true;
  });
  assert.deepEqual(events, [{ event: "progress", bytes: 5, totalBytes: 10, bytesPerS: 2 }]);
  assert.throws(
    () => new ModelsProgram(undefined).install("a", () => undefined),
    /not started by/u,
  );
});

test("a missing program is told as such", async () => {
  assert.match((await failure(undefined)).hint ?? "", /localcoder/u);
  assert.match((await failure(join(folder, "nothing"))).message, /could not be run/u);
});

test("a report is asked for by its folder, and its path is read", async () => {
  const path = program(
    `[ "$*" = "doctor --json --bundle /home/ada" ] && echo '{"healthy": false, "report": "/home/ada/r.txt"}'`,
  );
  assert.equal(await createReport(path, "/home/ada"), "/home/ada/r.txt");
});

test("a report that could not be written is reported, and so is an answer without its path", async () => {
  const info = { code: "fileAccess", message: "no report can be written", hint: "elsewhere" };
  const failing = program(`echo '${JSON.stringify({ error: info })}'; exit 11`);
  await assert.rejects(createReport(failing, "/"), (error) => {
    assert.deepEqual(toErrorInfo(error), info);
    return true;
  });
  await assert.rejects(createReport(program("echo"), "/"), /gave a malformed answer/u);
  await assert.rejects(createReport(program("echo '{}'"), "/"), /does not say where/u);
});
