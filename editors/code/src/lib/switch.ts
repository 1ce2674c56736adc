/**
 * What the pickers of model and profile list: each entry with what it needs and what is free, by
 * the host's account, and which one is in use. Pure: `features/switch.ts` shows it and does what is
 * chosen.
 */
import { SURVEY_MODELS_MAX } from "../generated/limits";
import type {
  ErrorInfo,
  ModelList,
  ModelRow,
  ModelSurvey,
  ProfileSurvey,
  SurveyAnswer,
} from "../generated/protocol";

import { renderError } from "./errors";
import * as l10n from "./l10n";
import { plain, sentence } from "./words";

/** The host's answer about what fits. */
export type Surveyed =
  | { readonly kind: "asking" }
  | { readonly kind: "answered"; readonly answer: SurveyAnswer }
  | { readonly kind: "failed"; readonly error: ErrorInfo };

/** What choosing an entry does. */
export type Choice =
  | { readonly kind: "model"; readonly row: ModelRow }
  | {
      readonly kind: "profile";
      readonly name: string;
      /** Why the profile's model for code can't be used; empty if it can. */
      readonly missing: string;
    }
  | { readonly kind: "showModels" }
  | { readonly kind: "askAgain" };

/** An entry of a picker. */
export interface Entry {
  /** Identifies the entry when the list is filled again. */
  readonly key: string;
  /** The name of a codicon. */
  readonly icon: string;
  readonly label: string;
  /** Text next to the label. */
  readonly description: string;
  /** A line below the label; empty if there is none. */
  readonly detail: string;
  readonly isInUse: boolean;
  /** If absent, choosing the entry does nothing. */
  readonly choice?: Choice;
}

/** The entry that is shown until there is something to list. */
export const LOOKING: Entry = {
  key: "looking",
  icon: "loading~spin",
  label: l10n.t("Checking what fits into the free memory…"),
  description: "",
  detail: "",
  isInUse: false,
};

const SHOW_MODELS: Entry = {
  key: "show",
  icon: "list-unordered",
  label: l10n.t("Show Models…"),
  description: l10n.t("to install, import and remove them"),
  detail: "",
  isInUse: false,
  choice: { kind: "showModels" },
};

/** The models that can be used now. */
function usable({ models }: ModelList): ModelRow[] {
  return models.filter(({ state }) => state === "bundled" || state === "installed");
}

/** The models that the host is asked about: do they fit? */
export function surveyedModels(list: ModelList): string[] {
  return usable(list)
    .map(({ id }) => id)
    .slice(0, SURVEY_MODELS_MAX);
}

/** The entries of the picker of the model for code. */
export function modelEntries(list: ModelList, surveyed: Surveyed): Entry[] {
  const models = usable(list).map((row): Entry => {
    const isInUse = row.uses.includes("code");
    return {
      key: `model ${row.id}`,
      icon: isInUse ? "check" : "package",
      label: plain(row.name),
      description: plain(row.description),
      detail: detailOf(row, surveyed),
      isInUse,
      choice: { kind: "model", row },
    };
  });
  return [...failure(surveyed), ...models, SHOW_MODELS];
}

/** The entries of the picker of the profile. */
export function profileEntries(surveyed: Surveyed): Entry[] {
  if (surveyed.kind !== "answered") {
    return surveyed.kind === "failed" ? failure(surveyed) : [LOOKING];
  }
  return surveyed.answer.profiles.map((profile): Entry => {
    const { name, summary, inForce, code } = profile;
    return {
      key: `profile ${name}`,
      icon: inForce ? "check" : "dashboard",
      label: plain(name),
      description: inForce ? l10n.t("in use: {0}", plain(summary)) : plain(summary),
      detail: profileText(profile),
      isInUse: inForce,
      choice: { kind: "profile", name, missing: code.verdict === "unusable" ? code.text : "" },
    };
  });
}

function detailOf(row: ModelRow, surveyed: Surveyed): string {
  switch (surveyed.kind) {
    case "asking":
      return LOOKING.label;
    case "failed":
      return "";
    case "answered": {
      const survey = surveyed.answer.models.find(({ reference }) => reference === row.id);
      return survey === undefined ? "" : plain(sentence(textOf(survey)));
    }
  }
}

function profileText({ code, general }: ProfileSurvey): string {
  if (general === undefined) {
    return plain(sentence(namedText("", code)));
  }
  const both = [
    namedText(l10n.t("for code"), code),
    namedText(l10n.t("for everything else"), general),
  ];
  return plain(both.map(sentence).join(" "));
}

/** Such as `for code Coder 7B: needs 5.0 GB, 7.1 GB free: fits with 4096 tokens`. */
function namedText(use: string, survey: ModelSurvey): string {
  // For a model that can't be used, the explanation already names it.
  const name = survey.verdict === "unusable" ? "" : survey.name;
  const head = [use, name].filter((part) => part !== "").join(" ");
  return head === "" ? textOf(survey) : `${head}: ${textOf(survey)}`;
}

function textOf({ text, measured }: ModelSurvey): string {
  return measured ? l10n.t("{0} (measured)", text) : text;
}

/** Says that the host could not be asked, and offers to ask again. */
function failure(surveyed: Surveyed): Entry[] {
  if (surveyed.kind !== "failed") {
    return [];
  }
  const { text } = renderError(surveyed.error);
  return [
    {
      key: "again",
      icon: "refresh",
      label: l10n.t("Ask Again"),
      description: l10n.t("what fits into the free memory could not be found out"),
      detail: plain(text),
      isInUse: false,
      choice: { kind: "askAgain" },
    },
  ];
}

/** Says that the chosen profile's model is not installed. */
export function missingText(profile: string, missing: string): string {
  const what = plain(sentence(missing));
  return l10n.t(
    "The profile {0} is in use. {1} Until it can be used, another one answers: the status bar says which.",
    plain(profile),
    what,
  );
}

/** Says which settings override the profile that was chosen. */
export function overridesText(profile: string, overrides: readonly string[]): string {
  const names = overrides.map((name) => `\`localcoder.${name}\``);
  const last = names.at(-1) ?? "";
  return names.length > 1
    ? l10n.t(
        "The profile {0} is in use. Your settings {1} and {2} count more than the profile.",
        plain(profile),
        names.slice(0, -1).join(", "),
        last,
      )
    : l10n.t(
        "The profile {0} is in use. Your setting {1} counts more than the profile.",
        plain(profile),
        last,
      );
}
