/** The story of a model: found, agreed to, downloaded with interruptions, used, removed. */
import assert from "node:assert/strict";
import { after } from "node:test";

import { FAST_MS, offerModel } from "./support/model-server.mjs";
import { story } from "./support/story.mjs";
import { KEYS, READY } from "./support/workbench.mjs";

const { offer, catalog, close } = await offerModel();
after(close);

story(
  "a model is installed, used and removed",
  async ({ ide, workbench, name }) => {
    await workbench.command("LocalCoder: Show Models");
    await workbench.model("Small Model, can be installed");
    ide.set("airGapped", "true");
    await workbench.command("LocalCoder: Refresh Models");
    await workbench.choose("LocalCoder: Install Model", "Small Model");
    await workbench.notification(/no model is downloaded.*airGapped.*import it here/iu);
    await workbench.closeNotifications();
    ide.set("airGapped", "false");
    await workbench.command("LocalCoder: Refresh Models");
    await workbench.choose("LocalCoder: Install Model", "Small Model");
    const facts = await workbench.dialog();
    for (const fact of ["Somebody", "127.0.0.1", "Apache License 2.0", "SHA-256", "Built with"]) {
      assert.ok(facts.includes(fact), `${fact} in: ${facts}`);
    }
    assert.equal(offer.asked, 0, "nothing is loaded before the license was agreed to");
    await workbench.photograph(`${name}-license`);
    await workbench.answer("Agree and Install");

    await workbench.notification(/Installing Small Model.* of [\d.]+ MB/u);
    await workbench.model("Small Model, downloading");
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
    await workbench.model(
      "LocalCoder demo, in use, bundled, no code assistant, in use for everything",
    );

    await workbench.openFile("inventory.py");
    await workbench.selectLines(4, 8);
    await workbench.press(KEYS.improve);
    await workbench.diff("inventory.py");
    await workbench.press(KEYS.discard);
    await workbench.noDiff();

    await workbench.closeNotifications();
    await workbench.chooseAndPick(
      "LocalCoder: Export Model",
      "Small Model",
      `${ide.home}/`,
      "Export Here",
    );
    await workbench.notification(/Small Model is in .*, with its license and its digest/u);

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
