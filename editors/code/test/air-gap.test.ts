/** What users are told when air-gapped mode changes while the IDE runs. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { airGapNotice } from "../src/lib/air-gap";

void test("a change that the running editor does not have yet is reported", () => {
  assert.match(airGapNotice(true, "0") ?? "", /lose it when the IDE is started again/u);
  assert.match(airGapNotice(false, "1") ?? "", /no network until the IDE is started again/u);
});

void test("what is so already is not", () => {
  for (const [wanted, started] of [
    [true, "1"],
    [false, "0"],
    [true, undefined],
    [false, undefined],
  ] as const) {
    assert.equal(airGapNotice(wanted, started), undefined);
  }
});
