/**
 * The pickers of model and profile: they show what each choice needs and what is free, and change
 * the setting. The program says which models there are, the host what fits; a chosen model is put
 * into use the same way as from the list of models.
 */
import * as vscode from "vscode";

import type { HostConnection } from "../host/connection";
import type { ModelsProgram } from "../host/models";
import type { ProfilesProgram } from "../host/profiles";
import { ACTION_TITLES, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";
import {
  missingText,
  modelEntries,
  overridesText,
  profileEntries,
  surveyedModels,
} from "../lib/switch";
import type { Choice, Surveyed } from "../lib/switch";

import type { Notifier } from "./notify";
import { pick } from "./picker";
import { giveUpOwn } from "./settings";

/** How long the message that another profile is in use stays, in milliseconds. */
const CHOSEN_SHOWN_MS = 5_000;

/** Registers the commands. `chosen`: called when another profile is in use. */
export function registerSwitch(
  host: HostConnection,
  models: ModelsProgram,
  profiles: ProfilesProgram,
  notifier: Notifier,
  chosen: () => void,
): vscode.Disposable {
  const switcher = new Switcher(host, models, profiles, chosen);
  return vscode.Disposable.from(
    vscode.commands.registerCommand("localcoder.switchModel", () =>
      notifier.guarded(() => switcher.model()),
    ),
    // Given a name, by a keybinding for example, it asks nothing.
    vscode.commands.registerCommand("localcoder.switchProfile", (name?: unknown) =>
      notifier.guarded(() =>
        typeof name === "string" ? switcher.useProfile(name) : switcher.profile(),
      ),
    ),
  );
}

class Switcher {
  readonly #host: HostConnection;
  readonly #models: ModelsProgram;
  readonly #profiles: ProfilesProgram;
  readonly #chosen: () => void;

  constructor(
    host: HostConnection,
    models: ModelsProgram,
    profiles: ProfilesProgram,
    chosen: () => void,
  ) {
    this.#host = host;
    this.#models = models;
    this.#profiles = profiles;
    this.#chosen = chosen;
  }

  async model(): Promise<void> {
    const words = {
      title: l10n.t("Switch Model"),
      placeholder: l10n.t("Which model is to improve and explain code?"),
    };
    const choice = await pick(words, async (show) => {
      const list = await this.#models.list();
      show(modelEntries(list, { kind: "asking" }));
      show(modelEntries(list, await this.#survey(surveyedModels(list))));
    });
    await this.#do(choice, () => this.model());
  }

  async profile(): Promise<void> {
    const words = {
      title: l10n.t("Switch Profile"),
      placeholder: l10n.t("Which profile is to be used?"),
    };
    const choice = await pick(words, async (show) => {
      show(profileEntries(await this.#survey([])));
    });
    await this.#do(choice, () => this.profile());
  }

  /** `missing`: what to say of the profile's model if it can't be used. */
  async useProfile(name: string, missing = ""): Promise<void> {
    const { overrides } = await this.#profiles.use(name);
    await giveUpOwn("profile");
    this.#chosen();
    if (missing !== "") {
      void this.#reportMissing(missingText(name, missing));
    }
    if (overrides.length === 0) {
      const text = `$(check) ${l10n.t("The profile {0} is in use", name)}`;
      vscode.window.setStatusBarMessage(text, CHOSEN_SHOWN_MS);
      return;
    }
    const giveUp = l10n.t("Use the Profile's");
    const answer = await vscode.window.showInformationMessage(
      overridesText(name, overrides),
      giveUp,
      l10n.t("Keep Mine"),
    );
    if (answer === giveUp) {
      for (const key of overrides) {
        await this.#profiles.unset(key);
        await giveUpOwn(key);
      }
      this.#chosen();
    }
  }

  async #reportMissing(text: string): Promise<void> {
    const show = ACTION_TITLES.showModels;
    if ((await vscode.window.showWarningMessage(text, show)) === show) {
      await vscode.commands.executeCommand("localcoder.models.show");
    }
  }

  async #do(choice: Choice | undefined, again: () => Promise<void>): Promise<void> {
    switch (choice?.kind) {
      case "model":
        await vscode.commands.executeCommand("localcoder.models.use", choice.row);
        break;
      case "profile":
        await this.useProfile(choice.name, choice.missing);
        break;
      case "showModels":
        await vscode.commands.executeCommand("localcoder.models.show");
        break;
      case "askAgain":
        await again();
        break;
      case undefined:
        break;
    }
  }

  /** What fits now. If the host can't say, that is an answer too. */
  async #survey(models: string[]): Promise<Surveyed> {
    try {
      return { kind: "answered", answer: await this.#host.request("survey", { models }) };
    } catch (error) {
      return { kind: "failed", error: toErrorInfo(error) };
    }
  }
}
