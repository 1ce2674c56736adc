/** The story of a model: found, agreed to, loaded with interruptions, used, removed. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after } from "node:test";

import { DEMO_MODEL } from "./support/places.mjs";
import { story } from "./support/story.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

/** Bytes that the server sends at once. */
const PART = 64 * 1024;

/** The pause after them, in milliseconds: as long as the download is to be paused, so slow that a
 * busy machine can do it; then fast. */
const SLOW_MS = 600;
const FAST_MS = 10;

const bytes = readFileSync(DEMO_MODEL);
const offer = { there: true, asked: 0, pauseMs: SLOW_MS };
const server = createServer(serve).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
after(() => server.close());

async function serve(request, response) {
  offer.asked += 1;
  if (!offer.there) {
    response.writeHead(404).end();
    return;
  }
  const from = Number(/bytes=(\d+)-/u.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, {
    "Content-Length": bytes.length - from,
    ...(from > 0 && { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  for (let at = from; at < bytes.length && !response.destroyed; at += PART) {
    response.write(bytes.subarray(at, at + PART));
    await new Promise((resolve) => setTimeout(resolve, offer.pauseMs));
  }
  response.end();
}

const catalog = {
  version: 1,
  models: [
    {
      id: "small",
      name: "Small Model",
      summary: "A model for this story.",
      roles: ["code"],
      family: "small",
      publisher: "Somebody",
      parameters: 1000,
      quantization: "Q8_0",
      file: "small.gguf",
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      revision: "main",
      url: `http://127.0.0.1:${server.address().port}/small.gguf`,
      license: {
        id: "Apache-2.0",
        name: "Apache License 2.0",
        url: "https://example.org/LICENSE",
        commercial: true,
        attribution: ["Built with Small"],
      },
      contextTokens: 2048,
      kvBytesPerToken: 1024,
      profile: "fast",
    },
  ],
};

story(
  "a model is installed, used and removed",
  async ({ ide, workbench, name }) => {
    await workbench.command("LocalCoder: Show Models");
    await workbench.model("Small Model, can be installed");
    ide.set("airGapped", "true");
    await workbench.command("LocalCoder: Refresh Models");
    await workbench.choose("LocalCoder: Install Model", "Small Model");
    await workbench.notification(/no model is loaded.*airGapped.*models import/iu);
    await workbench.closeNotifications();
    ide.set("airGapped", "false");
    await workbench.command("LocalCoder: Refresh Models");
    await workbench.choose("LocalCoder: Install Model", "Small Model");
    const facts = await workbench.dialog();
    for (const fact of ["Somebody", "127.0.0.1", "Apache License 2.0", "SHA-256", "Built with"]) {
      assert.ok(facts.includes(fact), `${fact} in: ${facts}`);
    }
    assert.equal(offer.asked, 0, "nothing is loaded before the licence was agreed to");
    await workbench.photograph(`${name}-licence`);
    await workbench.answer("Agree and Install");

    await workbench.notification(/Installing Small Model.* of [\d.]+ MB/u);
    await workbench.model("Small Model, loading");
    await workbench.photograph(`${name}-loading`);
    await workbench.choose("LocalCoder: Pause Download of Model", "Small Model");
    await workbench.model("Small Model, paused");

    offer.pauseMs = FAST_MS;
    offer.there = false;
    await workbench.choose("LocalCoder: Install Model", "Small Model");
    await workbench.answer("Agree and Install");
    await workbench.notification(/can't be had from there.*404/u);
    await workbench.photograph(`${name}-gone`);
    offer.there = true;
    await workbench.clickNotification(/404/u, "Retry");
    await workbench.answer("Agree and Install");
    await workbench.notification(/Small Model is installed and verified/u);
    await workbench.clickNotification(/installed and verified/u, "Use It for Code");
    await workbench.model("Small Model, in use");
    await workbench.status(/^LocalCoder: Small Model$/u);
    await workbench.closeNotifications();
    await workbench.photograph(`${name}-in-use`);
    await workbench.choose("LocalCoder: Use Model for Everything but Code", "LocalCoder demo");
    await workbench.model("LocalCoder demo, in use, bundled, no code assistant, in use for everything");

    await workbench.openFile("inventory.py");
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.improve);
    await workbench.diff("inventory.py");
    await workbench.press(KEYS.discard);
    await workbench.noDiff();

    await workbench.closeNotifications();
    await workbench.chooseAndPick("LocalCoder: Export Model", "Small Model", `${ide.home}/`, "Export Here");
    await workbench.notification(/Small Model is in .*, with its licence and its digest/u);

    await workbench.choose("LocalCoder: Use Model for Code", "LocalCoder demo");
    await workbench.status(READY);
    await workbench.choose("LocalCoder: Remove Model", "Small Model");
    assert.match(await workbench.dialog(), /Remove Small Model/u);
    await workbench.answer("Remove");
    await workbench.model("Small Model, can be installed");

    const exported = `${ide.home}/small.localcoder-model/`;
    await workbench.commandWithPath("LocalCoder: Import Exported Model", exported, "Import");
    assert.match(await workbench.dialog(), /Import Small Model[^]*Apache License 2\.0/u);
    await workbench.answer("Agree and Import");
    await workbench.model("Small Model, installed");
  },
  { ide: { catalog } },
);
