/** What becomes of edits: when one counts as taken back, and the page that shows the numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { EditCounts, EditStatistics, StatisticsRow } from "../src/generated/protocol";
import { statisticsBody } from "../src/lib/statistics";
import { UNDONE_WITHIN_MS, UndoWatch } from "../src/lib/undo-watch";

/** A watch with a clock of its own, and everything that it has reported. */
function watched(): { watch: UndoWatch; told: string[]; pass: (ms: number) => void } {
  let now = 0;
  const told: string[] = [];
  const tell = (editId: string, undone: boolean): void => {
    told.push(`${editId} ${undone ? "undone" : "again"}`);
  };
  const watch = new UndoWatch(tell, () => now);
  return { watch, told, pass: (ms) => void (now += ms) };
}

test("an edit is taken back where the document reads as before, by whatever way", () => {
  const { watch, told } = watched();
  watch.kept("a", "file:a", "old", "new");
  watch.changed("file:a", () => "new and more");
  watch.changed("file:b", () => "old");
  assert.deepEqual(told, []);
  watch.changed("file:a", () => "old");
  watch.changed("file:a", () => "old");
  assert.deepEqual(told, ["a undone"]);
  watch.changed("file:a", () => "new", true);
  watch.changed("file:a", () => "old");
  assert.deepEqual(told, ["a undone", "a again", "a undone"]);
});

test("after ten minutes a change is the user's own", () => {
  const { watch, told, pass } = watched();
  watch.kept("a", "file:a", "old", "new");
  pass(UNDONE_WITHIN_MS);
  watch.changed("file:a", () => "newer");
  pass(1);
  watch.changed("file:a", () => assert.fail("nobody waits for it"));
  assert.deepEqual(told, []);
});

test("the same edit once more is another one, and no redo of the first", () => {
  const { watch, told } = watched();
  watch.kept("a", "file:a", "old", "new");
  watch.changed("file:a", () => "old");
  watch.changed("file:a", () => "new");
  watch.kept("b", "file:a", "old", "new");
  assert.deepEqual(told, ["a undone"]);
  watch.changed("file:a", () => "old");
  assert.deepEqual(told, ["a undone", "b undone"]);
});

test("two edits of a document are taken back one after the other", () => {
  const { watch, told } = watched();
  watch.kept("a", "file:a", "1", "2");
  watch.kept("b", "file:a", "2", "3");
  watch.changed("file:a", () => "2");
  assert.deepEqual(told, ["b undone"]);
  watch.changed("file:a", () => "1");
  assert.deepEqual(told, ["b undone", "a undone"]);
});

const COUNTS: EditCounts = {
  shown: 12,
  kept: 6,
  keptInPart: 1,
  dropped: 2,
  undone: 1,
  retried: 1,
  followedUp: 0,
  undecided: 1,
  unsure: 3,
  unsureKept: 1,
  attempts: 15,
};

const ALL: StatisticsRow = { name: "all", ...COUNTS, keptOfShown: 7 / 12, keptOfDecided: 7 / 11 };

const STATISTICS: EditStatistics = {
  file: "/home/ada/statistics/edits.jsonl",
  bytes: 2_500,
  on: true,
  unreadLines: 0,
  all: ALL,
  groups: [
    {
      by: "model",
      rows: [
        {
          ...ALL,
          name: "some-model",
          eval: [{ what: "instructed", tasks: 53, rightOfShown: 0.604 }],
        },
      ],
    },
    { by: "language", rows: [] },
  ],
};

test("the page has every number, and beside it what tasks say", () => {
  const body = statisticsBody({ ...STATISTICS, since: "2026-01-31" }, "10:11:12");
  for (const part of [
    "Counted since 2026-01-31.",
    'data-row="some-model"',
    '<td class="count" data-count="kept">6</td>',
    '<td class="count" data-count="keptInPart">1</td>',
    '<td class="count">58 %</td><td class="count">64 %</td><td>60 % (53 instructed)</td>',
    "Shown as “not sure”: 3, of which 1 were kept.",
    "/home/ada/statistics/edits.jsonl (2.5 kB)",
  ]) {
    assert.ok(body.includes(part), `${part} in ${body}`);
  }
  assert.ok(!body.includes("statistics-language"), "a table of nothing");
});

test("the page says where nothing was counted, and where nothing is", () => {
  const none = { ...COUNTS, shown: 0, unsure: 0 };
  const all = { name: "all", ...none };
  const body = statisticsBody({ ...STATISTICS, on: false, bytes: 0, all, groups: [] }, "now");
  assert.ok(body.includes("No edits were counted yet."), body);
  assert.ok(body.includes("localcoder.ledger is off"), body);
  assert.ok(!body.includes("<table") && !body.includes("not sure"), body);
});

test("names are text, whatever is in them", () => {
  const evil = `"><script>alert(1)</script>`;
  const [model] = STATISTICS.groups;
  assert.ok(model !== undefined);
  const rows = [{ ...ALL, name: evil, eval: [{ what: evil, tasks: 1, rightOfShown: 1 }] }];
  const body = statisticsBody(
    { ...STATISTICS, file: evil, since: evil, groups: [{ ...model, rows }] },
    evil,
  );
  assert.ok(!body.includes("<script"), body);
});
