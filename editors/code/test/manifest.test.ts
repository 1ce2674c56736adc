/**
 * The manifest: what a workspace may not do, and that keys and menus refer to commands that exist.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { COMMANDS } from "../src/generated/protocol";
import { ACTION_COMMANDS, ACTION_TITLES } from "../src/lib/errors";

interface Manifest {
  readonly capabilities: { readonly untrustedWorkspaces: { readonly supported: string } };
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string }[];
    readonly keybindings: readonly { readonly command: string; readonly when?: string }[];
    readonly menus: Record<string, readonly { readonly command: string; readonly when?: string }[]>;
    readonly walkthroughs: readonly {
      readonly steps: readonly {
        readonly description: string;
        readonly media: { readonly svg?: string; readonly markdown?: string };
      }[];
    }[];
    readonly configuration: { readonly properties: Record<string, { readonly scope?: string }> };
  };
}

const root = join(__dirname, "..");
const words = JSON.parse(readFileSync(join(root, "package.nls.json"), "utf8")) as Record<
  string,
  string
>;
const unnamed = new Set(Object.keys(words));
/** The manifest with placeholders replaced by their texts, as the editor reads it. */
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"), (_key, value) => {
  const name = typeof value === "string" ? /^%(.+)%$/u.exec(value)?.[1] : undefined;
  if (name === undefined) {
    return value as unknown;
  }
  unnamed.delete(name);
  return words[name] ?? assert.fail(`package.nls.json has no ${name}`);
}) as Manifest;
const { commands, keybindings, menus, configuration } = manifest.contributes;

test("all words of the manifest have names, and all names are used", () => {
  assert.deepEqual([...unnamed], []);
  const plain: string[] = [];
  JSON.parse(readFileSync(join(root, "package.json"), "utf8"), (key, value) => {
    const isWords = /^(?:name|title|shortTitle|contextualTitle|category|altText)$|escription$/u;
    // The product's name is the same in every language.
    if (
      typeof value === "string" &&
      isWords.test(key) &&
      !/^(?:%.+%|LocalCoder|localcoder)$/u.test(value) &&
      // So is what users type after a slash.
      !COMMANDS.some(({ slash }) => slash === value)
    ) {
      plain.push(`${key}: ${value}`);
    }
    return value as unknown;
  });
  assert.deepEqual(plain, []);
});

test("keys and menus name commands that are declared and registered", () => {
  const bundle =
    readFileSync(join(root, "src/features/previews.ts"), "utf8") +
    [
      "assist",
      "quick-edit",
      "standing",
      "status",
      "models",
      "model-actions",
      "manager",
      "switch",
      "settings",
      "setup",
      "report",
      "privacy",
      "statistics",
      "ghost-text",
      "help",
      "reset",
    ]
      .map((it) => readFileSync(join(root, `src/features/${it}.ts`), "utf8"))
      .join("");
  const declared = new Set(commands.map((it) => it.command));
  for (const { command } of [...keybindings, ...Object.values(menus).flat()]) {
    assert.ok(declared.has(command), command);
  }
  // The commands of the table are registered row by row, so their names are not in the source.
  const ofTable = new Set(COMMANDS.map((it) => it.command));
  for (const command of ofTable) {
    assert.ok(declared.has(command), command);
  }
  for (const command of [...declared].filter((it) => !ofTable.has(it))) {
    const action = command.replace("localcoder.models.", "");
    const decision = command.replace("localcoder.", "");
    const registered = [
      `registerCommand("${command}"`,
      `  ${action}: (actions, row) =>`,
      `      ${decision}: (it`,
    ];
    assert.ok(
      registered.some((it) => bundle.includes(it)),
      command,
    );
  }
});

test("what can be done with a model is in the menu of its row", () => {
  const actions = (menus["view/item/context"] ?? []).filter(({ command }) =>
    command.startsWith("localcoder.models."),
  );
  assert.equal(actions.length, 8);
  for (const { command, when } of actions) {
    const action = command.replace("localcoder.models.", "");
    assert.equal(when, `view == localcoder.models && viewItem =~ /\\b${action}\\b/`);
  }
});

test("no key is bound without a condition", () => {
  for (const { command, when } of keybindings) {
    assert.ok(when !== undefined && when !== "", command);
  }
});

test("a folder can set nothing", () => {
  assert.equal(manifest.capabilities.untrustedWorkspaces.supported, "limited");
  for (const [name, { scope }] of Object.entries(configuration.properties)) {
    assert.ok(scope === "machine" || scope === "application", name);
  }
});

test("every button of an error does something that there is", () => {
  const declared = new Set(commands.map((it) => it.command));
  for (const action of Object.keys(ACTION_TITLES)) {
    // These have no fixed command; what they do depends on the error: retrying, its help entry, the
    // line of its file.
    if (["retry", "learnMore", "openSettingsFile"].includes(action)) {
      continue;
    }
    const [command] = ACTION_COMMANDS[action as keyof typeof ACTION_COMMANDS];
    assert.ok(declared.has(command) || command.startsWith("workbench.action."), action);
  }
});

test("every step of the walkthrough has a button that runs a command, and a picture or a text", () => {
  const registered = readFileSync(join(root, "src/features/tour.ts"), "utf8");
  const declared = new Set(commands.map((it) => it.command));
  const steps = manifest.contributes.walkthroughs.flatMap((it) => it.steps);
  assert.ok(steps.length >= 6);
  for (const { description, media } of steps) {
    const called = [...description.matchAll(/^\[.+\]\(command:([\w.]+)/gmu)].map(
      (it) => it[1] ?? "",
    );
    assert.ok(called.length > 0, description);
    for (const command of called) {
      const there = declared.has(command) || registered.includes(`"${command}"`);
      assert.ok(there || command.startsWith("workbench.action."), command);
    }
    const file = media.svg ?? media.markdown ?? "";
    assert.ok(readFileSync(join(root, file), "utf8").length > 100, file);
  }
});
