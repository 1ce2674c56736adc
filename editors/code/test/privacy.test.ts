/** The page of *Show Privacy*: the program's words in their places, and nothing but text. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { PrivacyReport } from "../src/generated/protocol";
import { privacyBody } from "../src/lib/privacy";

const REPORT: PrivacyReport = {
  airGapped: false,
  airGap: "off, by the defaults; `localcoder config set airGapped true` turns it on",
  refused: 2,
  refusedText: "2 downloads were refused for it",
  refusals: [
    { kind: "host", count: 3, text: "requests for another host name" },
    { kind: "token", count: 0, text: "requests without the path" },
  ],
  refusalsText:
    "the front of the IDE that runs (process 7) has refused 3 requests since it was opened",
  programs: [
    { what: "localcoder-host", network: "none", word: "none", text: "it listens on a Unix socket" },
    { what: "localcoder-worker", network: "notRunning", word: "not running", text: "none runs" },
  ],
  editor: [{ what: "updates", network: "open", word: "OPEN", text: "you have set `update.mode`" }],
  kept: [{ what: "/home/<ada>/edits.jsonl", text: "no code; `localcoder stats` shows it" }],
  checks: [{ what: "prints nothing", text: "lsof -nP -i | grep 'localcoder' && echo <oh>" }],
};

test("the page has all that the program says", () => {
  const body = privacyBody(REPORT, "10:11:12");
  for (const part of [
    "10:11:12",
    "Off, by the defaults; <code>localcoder config set airGapped true</code> turns it on.",
    "2 downloads were refused for it.",
    "The front of the IDE that runs (process 7) has refused 3 requests since it was opened.",
    'data-kind="host"><td class="count">3</td><td>requests for another host name</td>',
    "localcoder-host",
    ">not running</td><td>None runs.</td>",
    '<td class="network open">OPEN</td><td>You have set <code>update.mode</code>.</td>',
    "<dt><code>/home/&lt;ada&gt;/edits.jsonl</code></dt><dd>No code; <code>localcoder stats</code> shows it.</dd>",
    "<dt>Prints nothing.</dt><dd><code>lsof -nP -i | grep 'localcoder' &amp;&amp; echo &lt;oh&gt;</code></dd>",
  ]) {
    assert.ok(body.includes(part), `${part} in ${body}`);
  }
});

test("what is not counted is not a table of nothing", () => {
  const body = privacyBody({ ...REPORT, refusals: [], refusalsText: "no IDE runs" }, "now");
  assert.ok(!body.includes("privacy-refusals-table"), body);
  assert.ok(body.includes("No IDE runs."), body);
});

test("words are text, whatever is in them", () => {
  const evil = `"><script>alert(1)</script>\`<img src=x>\``;
  const finding = { what: evil, network: "open", word: evil, text: evil } as const;
  const body = privacyBody(
    {
      ...REPORT,
      airGap: evil,
      refusedText: evil,
      refusals: [{ kind: evil, count: 1, text: evil }],
      refusalsText: evil,
      programs: [finding],
      editor: [finding],
      checks: [{ what: evil, text: evil }],
    },
    evil,
  );
  assert.ok(!/<script|<img/u.test(body), body);
  assert.ok(body.includes("<code>&lt;img src=x&gt;</code>"), body);
});
