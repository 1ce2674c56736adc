/** The connection to a host that answers, dies, comes back, hangs or has another version. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import type { ErrorInfo } from "../src/generated/protocol";
import { CONNECT_WAIT_MS, HostConnection } from "../src/host/connection";
import type { Connector, HostState } from "../src/host/connection";
import { openLink } from "../src/host/link";
import type { Clock } from "../src/lib/clock";
import { HostError, toErrorInfo } from "../src/lib/errors";

import { FakeHost, HELLO, hostError, hostStatus } from "./fake-host";
import type { Answers } from "./fake-host";
import { EXPLANATION, IMPROVEMENT } from "./samples";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

const DOCUMENT = { path: "a.py", text: "x=1" };
const PARAMS = { command: "improve", document: DOCUMENT, selection: { start: 1, end: 1 } };

/** A clock whose pauses between attempts end at once; waits for answers never time out. */
class FastClock implements Clock {
  readonly pauses: number[] = [];
  time = 0;
  now(): number {
    return this.time;
  }
  delay(ms: number, signal: AbortSignal): Promise<void> {
    this.pauses.push(ms);
    return ms >= CONNECT_WAIT_MS
      ? new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            resolve();
          });
        })
      : new Promise((resolve) => {
          setImmediate(resolve);
        });
  }
}

async function fakeHost(answers: Answers = {}): Promise<FakeHost> {
  const host = await FakeHost.start(answers);
  cleanups.push(() => host.stop());
  return host;
}

function connect(connector: Connector, clock?: Clock): HostConnection {
  const connection = new HostConnection(connector, clock);
  cleanups.push(() => {
    connection.dispose();
  });
  void connection.keepConnected();
  return connection;
}

const to =
  (host: FakeHost): Connector =>
  (onNotification) =>
    openLink(host.socketPath, onNotification);

function state(connection: HostConnection, kind: HostState["kind"]): Promise<HostState> {
  return new Promise((resolve) => {
    if (connection.state.kind === kind) {
      resolve(connection.state);
    }
    const off = connection.onState.on((it) => {
      if (it.kind === kind) {
        off();
        resolve(it);
      }
    });
  });
}

async function failure(promise: Promise<unknown>): Promise<ErrorInfo> {
  try {
    await promise;
  } catch (error) {
    return toErrorInfo(error);
  }
  assert.fail("it should have failed");
}

const never = new AbortController().signal;

test("hello comes first, then the status, and requests are answered", async () => {
  const host = await fakeHost({ configure: () => ({ errors: [] }) });
  const connection = connect(to(host));
  assert.deepEqual(await connection.request("configure", { settings: { mode: "x" } }), {
    errors: [],
  });
  assert.equal(host.seen[0]?.method, "hello");
  assert.deepEqual(host.seen.find((it) => it.method === "configure")?.params, {
    settings: { mode: "x" },
  });
  assert.equal(connection.status?.engine.state, "idle");
});

test("progress and deltas reach the request they belong to and no other", async () => {
  const host = await fakeHost({
    assist: ({ requestId }, peer) => {
      peer.notify("progress", { requestId, stage: "prefill", message: "reading" });
      peer.notify("delta", { requestId: "somebody else's", text: "no" });
      peer.notify("delta", { requestId, text: "It adds." });
      peer.notify("statusChanged", hostStatus({ state: "working" }));
      return EXPLANATION;
    },
  });
  const connection = connect(to(host));
  const heard: string[] = [];
  const answer = await connection.ask("assist", PARAMS, {
    signal: never,
    onProgress: (it) => heard.push(it.message),
    onDelta: (it) => heard.push(it.text),
  });
  assert.equal(answer.kind === "text" && answer.text, "It adds.");
  assert.deepEqual(heard, ["reading", "It adds."]);
  assert.equal(connection.status?.engine.state, "working");
});

test("a suggestion reaches whoever listens", async () => {
  const suggestion = { message: "It is slow.", action: "useFastProfile" } as const;
  const host = await fakeHost({
    configure: (_, peer) => {
      peer.notify("suggestion", suggestion);
      return { errors: [] };
    },
  });
  const connection = connect(to(host));
  const heard: unknown[] = [];
  connection.onSuggestion.on((it) => heard.push(it));
  await connection.request("configure", { settings: {} });
  assert.deepEqual(heard, [suggestion]);
});

test("the host's error arrives whole", async () => {
  const info: ErrorInfo = { code: "selectionTooLarge", message: "too long", hint: "select less" };
  const host = await fakeHost({
    assist: () => {
      throw hostError(info);
    },
  });
  const connection = connect(to(host));
  assert.deepEqual(await failure(connection.ask("assist", PARAMS, { signal: never })), info);
});

test("a host that dies fails what ran, and the next request is answered by the next host", async () => {
  let calls = 0;
  const host = await fakeHost({
    assist: (_, peer) => {
      calls += 1;
      if (calls === 1) {
        peer.drop();
      }
      return IMPROVEMENT;
    },
  });
  const connection = connect(to(host), new FastClock());
  const error = await failure(connection.ask("assist", PARAMS, { signal: never }));
  assert.equal(error.code, "hostUnreachable");
  assert.equal(error.action, "retry");
  assert.match(error.message, /ended while/u);
  assert.equal((await connection.ask("assist", PARAMS, { signal: never })).model.name, "Coder 7B");
  assert.equal(calls, 2, "the lost request is not repeated");
});

test("a request made without a connection waits for one", async () => {
  const host = await fakeHost({ configure: () => ({ errors: [] }) });
  const connection = connect(to(host), new FastClock());
  await state(connection, "connected");
  await host.die();
  await state(connection, "unreachable");
  const answer = connection.request("configure", { settings: {} });
  await host.listen();
  assert.deepEqual(await answer, { errors: [] });
});

test("attempts pause longer and longer, up to a limit, and a request tells the last reason", async () => {
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => 0,
    delay: (ms, signal) => {
      if (ms === CONNECT_WAIT_MS) {
        return Promise.resolve();
      }
      pauses.push(ms);
      return pauses.length < 9
        ? Promise.resolve()
        : new Promise((resolve) => {
            signal.addEventListener("abort", () => {
              resolve();
            });
          });
    },
  };
  const refused = new HostError({ code: "hostUnreachable", message: "nobody is there" });
  const connection = connect(() => Promise.reject(refused), clock);
  const error = await failure(connection.request("status", {}));
  assert.equal(error.code, "hostUnreachable");
  await state(connection, "unreachable");
  while (pauses.length < 9) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.deepEqual(await failure(connection.request("status", {})), refused.info);
});

test("a host of another version is refused, not tried again, and told which side to update", async () => {
  let hellos = 0;
  const host = await fakeHost({
    hello: () => {
      hellos += 1;
      return { ...HELLO, protocolVersion: 99 };
    },
  });
  const connection = connect(to(host), new FastClock());
  const error = await failure(connection.request("status", {}));
  assert.equal(error.code, "versionMismatch");
  assert.equal(error.action, "reloadWindow");
  assert.equal(hellos, 1);
});

test("a cancelled request is cancelled at the host and fails as cancelled", async () => {
  const controller = new AbortController();
  let end: (() => void) | undefined;
  const host = await fakeHost({
    assist: () =>
      new Promise((_, reject) => {
        end = () => {
          reject(hostError({ code: "cancelled", message: "stopped" }));
        };
        controller.abort();
      }),
    cancel: () => {
      end?.();
      return { found: true };
    },
  });
  const connection = connect(to(host));
  const error = await failure(connection.ask("assist", PARAMS, { signal: controller.signal }));
  assert.equal(error.code, "cancelled");
  const sent = host.seen.find((it) => it.method === "assist")?.params as { requestId: string };
  assert.deepEqual(host.seen.at(-1), { method: "cancel", params: { requestId: sent.requestId } });
});

test("an answer that was on its way when the user cancelled is not shown", async () => {
  const controller = new AbortController();
  const host = await fakeHost({
    assist: () => {
      controller.abort();
      return EXPLANATION;
    },
  });
  const connection = connect(to(host));
  const error = await failure(connection.ask("assist", PARAMS, { signal: controller.signal }));
  assert.equal(error.code, "cancelled");
});

test("a host that ignores a cancel does not hold up the user, and its late words are not heard", async () => {
  const controller = new AbortController();
  const host = await fakeHost({
    assist: ({ requestId }, peer) =>
      new Promise(() => {
        controller.signal.addEventListener("abort", () => {
          peer.notify("delta", { requestId, text: "late" });
        });
        controller.abort();
      }),
    cancel: () => new Promise(() => undefined),
  });
  const connection = connect(to(host), new FastClock());
  const heard: string[] = [];
  const error = await failure(
    connection.ask("assist", PARAMS, {
      signal: controller.signal,
      onDelta: (it) => heard.push(it.text),
    }),
  );
  assert.equal(error.code, "cancelled");
  assert.deepEqual(heard, []);
});

test("a request that waits for a connection can be cancelled", async () => {
  const controller = new AbortController();
  const connection = connect(() => new Promise(() => undefined));
  const error = failure(connection.ask("assist", PARAMS, { signal: controller.signal }));
  controller.abort();
  assert.equal((await error).code, "cancelled");
});

test("nothing is connected after dispose", async () => {
  const host = await fakeHost();
  const connection = connect(to(host));
  await state(connection, "connected");
  connection.dispose();
  assert.equal(connection.state.kind, "stopped");
  assert.equal((await failure(connection.request("status", {}))).code, "hostUnreachable");
});

test("a host that wants an edit to be tried is told how that went", async () => {
  const run = { name: "test_a.py", outcome: "passed", said: "", kind: "test", ms: 5 } as const;
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const host = await fakeHost({
    assist: async ({ requestId }, peer) => {
      peer.notify("tryEdit", { requestId: "another", trial: 1, edits: [] });
      peer.notify("tryEdit", { requestId, trial: 3, edits: [IMPROVEMENT.edit] });
      await answered;
      return IMPROVEMENT;
    },
    tried: () => {
      answer();
      return {};
    },
  });
  const connection = connect(to(host));
  const tried: string[] = [];
  const edit = await connection.ask("assist", PARAMS, {
    signal: never,
    onTryEdit: ({ edits }) => {
      tried.push(...edits.map(({ replacement }) => replacement));
      return Promise.resolve(run);
    },
  });
  assert.deepEqual(edit, IMPROVEMENT);
  assert.deepEqual(tried, [IMPROVEMENT.edit.replacement], "another request's is nobody's");
  const told = host.seen.filter(({ method }) => method === "tried").map(({ params }) => params);
  const [{ requestId }] = told as [{ requestId: string }];
  assert.deepEqual(told, [{ requestId, trial: 3, run }]);
});
