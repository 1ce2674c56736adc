/** What the page of models shows of each model, and which messages it may send. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ModelRow } from "../src/generated/protocol";
import {
  actionWords,
  cellsOf,
  detailsOf,
  downloadsText,
  isShown,
  readFromManager,
} from "../src/lib/manager";
import type { ManagedModel, ModelFilter } from "../src/lib/manager";
import { droppedPath, percent, shortText, shownModel } from "../src/lib/models";
import type { Loading } from "../src/lib/models";

const ROW: ModelRow = {
  id: "coder",
  name: "Coder 7B",
  state: "available",
  uses: [],
  actions: ["install"],
  bytes: 4_700_000_000,
  loadedBytes: 0,
  roles: ["code", "completion"],
  profile: "fast",
  tuning: "instruct",
  parameters: 7_000_000_000,
  quantization: "Q4_K_M",
  license: { name: "Apache License 2.0", saidBy: "catalog" },
  contextTokens: 32_768,
  memory: { neededBytes: 5_400_000_000, windowTokens: 4096, fit: "tight", text: "needs 5.4 GB" },
  speed: { tokensPerS: 6.24, measured: false, text: "an estimate" },
  description: "4.7 GB",
  facts: [{ what: "Publisher", text: "Somebody" }],
};

function managed(row: Partial<ModelRow> = {}, loading?: Loading): ManagedModel {
  const whole = { ...ROW, ...row };
  const shown = shownModel(whole, loading);
  return { row: whole, shown, ...(loading === undefined ? {} : { loading }) };
}

const ALL: ModelFilter = { text: "", which: "all", fits: false };
const HALF: Loading = { bytes: 500, totalBytes: 1000, bytesPerSecond: 100 };

describe("the page of models", () => {
  it("says in each cell what is known, and marks what is not a fact", () => {
    const cells = cellsOf(managed());
    const texts = Object.fromEntries(Object.entries(cells).map(([name, { text }]) => [name, text]));
    assert.deepEqual(texts, {
      name: "Coder 7B",
      state: "Not installed",
      roles: "code, completion",
      size: "4.7 GB",
      quantization: "Q4_K_M",
      license: "Apache License 2.0",
      context: "32,768",
      memory: "5.4 GB",
      fits: "If others close",
      speed: "≈ 6.2",
    });
    assert.equal(cells.speed.claimed, true);
    assert.equal(cells.license.claimed, undefined);
    const other = cellsOf(
      managed({
        license: { name: "mit", saidBy: "file" },
        speed: { tokensPerS: 123.4, measured: true, text: "measured" },
        tuning: "base",
        roles: [],
      }),
    );
    assert.deepEqual([other.license.claimed, other.speed.claimed], [true, undefined]);
    assert.match(other.license.about ?? "", /not checked/u);
    assert.deepEqual([other.speed.text, other.roles.text], ["123", "base"]);
  });

  it("says nothing of what nobody knows", () => {
    const { license, memory, speed, ...rest } = ROW;
    assert.ok(license && memory && speed);
    const row: ModelRow = { ...rest, bytes: 0, contextTokens: 0, quantization: "", roles: [] };
    const cells = cellsOf({ row, shown: shownModel(row, undefined) });
    for (const column of ["size", "context", "quantization", "memory", "fits", "roles"] as const) {
      assert.equal(cells[column].text, "—", column);
    }
    assert.deepEqual([cells.license.text, cells.speed.text], ["Not known", "—"]);
  });

  it("tells how far a download is, in the row, the details and for a screen reader", () => {
    const model = managed({ actions: ["install"] }, HALF);
    assert.equal(cellsOf(model).state.text, "50 %");
    assert.deepEqual(model.shown.actions, ["pause"]);
    const [download] = detailsOf(model);
    assert.deepEqual(download, {
      what: "Download",
      text: "0.5 kB of 1.0 kB, 0.1 kB/s, 5 s left",
    });
    assert.equal(downloadsText([managed(), model]), "Coder 7B: 50 % downloaded");
    const next = managed({}, { ...HALF, bytes: 590 });
    assert.equal(
      downloadsText([next]),
      "Coder 7B: 50 % downloaded",
      "not every percent is reported",
    );
    const paused = managed({ state: "partial", loadedBytes: 2_350_000_000 });
    assert.equal(cellsOf(paused).state.text, "Paused at 50 %");
    assert.equal(actionWords("install", paused), "Resume");
    assert.equal(actionWords("install", managed()), "Install");
  });

  it("shows what all words of the filter are found in", () => {
    const shows = (filter: Partial<ModelFilter>, row: Partial<ModelRow> = {}): boolean =>
      isShown(managed(row), { ...ALL, ...filter });
    assert.ok(
      shows({ text: "CODER  apache" }) && shows({ text: "q4" }) && shows({ text: "somebody" }),
    );
    assert.ok(!shows({ text: "coder mit" }));
    assert.ok(shows({ which: "available" }) && !shows({ which: "installed" }));
    assert.ok(shows({ which: "installed" }, { state: "broken" }));
    assert.ok(!shows({ fits: true }));
    const memory = { neededBytes: 1, windowTokens: 1, text: "" };
    assert.ok(shows({ fits: true }, { memory: { ...memory, fit: "fits" } }));
    assert.ok(shows({ fits: true }, { memory: { ...memory, fit: "loaded" } }));
  });

  it("takes from the page what it may say and nothing else", () => {
    for (const good of [
      { type: "ready" },
      { type: "command", command: "import" },
      { type: "act", action: "pause", id: "a" },
      { type: "license", id: "a" },
      { type: "dropped", uris: "" },
    ]) {
      assert.deepEqual(readFromManager(good), good);
    }
    for (const bad of [
      undefined,
      "ready",
      { type: "command", command: "toString" },
      { type: "act", action: "constructor", id: "a" },
      { type: "act", action: "use", id: 1 },
      { type: "license" },
      { type: "dropped", uris: ["file:///a"] },
      { type: "other" },
    ]) {
      assert.equal(readFromManager(bad), undefined);
    }
  });
});

describe("the short list of models", () => {
  it("says the one thing that an icon does not", () => {
    assert.equal(shortText(ROW, undefined), "4.7 GB");
    assert.equal(shortText({ ...ROW, bytes: 491_400_000 }, undefined), "491 MB");
    assert.equal(shortText({ ...ROW, state: "bundled" }, undefined), "demo only");
    assert.equal(shortText({ ...ROW, state: "broken" }, undefined), "can't be used");
    const paused: ModelRow = { ...ROW, state: "partial", loadedBytes: 1_000_000_000 };
    assert.equal(shortText(paused, undefined), "21 %");
    assert.equal(shortText(ROW, HALF), "50 %");
    assert.equal(shortText(ROW, { ...HALF, totalBytes: 0 }), "starting…");
    assert.equal(percent({ bytes: 999, totalBytes: 1000 }), 99);
  });

  it("finds the place of what is dropped", () => {
    const at = (...lines: string[]): unknown => droppedPath(lines.join("\r\n"));
    assert.deepEqual(at("file:///home/a/my%20model.GGUF"), {
      path: "/home/a/my model.GGUF",
      exported: false,
    });
    assert.deepEqual(at("# a comment", "vscode-remote://localhost%3A1/a/b.localcoder-model/"), {
      path: "/a/b.localcoder-model",
      exported: true,
    });
    for (const nothing of [
      "",
      "https://example.org/a.gguf",
      "file:///a.txt",
      "file:///%E0%A4.gguf",
    ]) {
      assert.equal(at(nothing), undefined, nothing);
    }
  });
});
