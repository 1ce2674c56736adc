/**
 * Texts about the commands on selected code: whole sentences, because word order differs between
 * languages.
 */
import type { CommandId } from "../generated/protocol";

import * as l10n from "./l10n";

export interface CommandWords {
  /** Title of a list of lines to choose from. */
  readonly choose: string;
  /** Progress text. `what`: a file and its lines. */
  readonly doing: (what: string) => string;
  /** Text for when the command would change nothing. */
  readonly found: (lines: string) => string;
  /** That text as a note next to the code. */
  readonly note: (lines: string) => string;
  /** Title of the diff. */
  readonly diff: (file: string, lines: string) => string;
}

/** Typed as a complete record: a new command doesn't compile until it has texts. */
export const COMMAND_WORDS: Record<CommandId, CommandWords> = {
  improve: {
    choose: l10n.t("What to improve"),
    doing: (what) => l10n.t("Improving {0}", what),
    found: (lines) => l10n.t("LocalCoder found nothing to improve in {0}.", lines),
    note: (lines) => l10n.t("Nothing to improve in {0}. Escape closes this.", lines),
    diff: (file, lines) => l10n.t("Improve {0} ({1})", file, lines),
  },
  explain: {
    choose: l10n.t("What to explain"),
    doing: (what) => l10n.t("Explaining {0}", what),
    found: (lines) => l10n.t("LocalCoder found nothing to explain in {0}.", lines),
    note: (lines) => l10n.t("Nothing to explain in {0}. Escape closes this.", lines),
    diff: (file, lines) => l10n.t("Explain {0} ({1})", file, lines),
  },
  document: {
    choose: l10n.t("What to document"),
    doing: (what) => l10n.t("Documenting {0}", what),
    found: (lines) => l10n.t("LocalCoder found nothing to document in {0}.", lines),
    note: (lines) => l10n.t("Nothing to document in {0}. Escape closes this.", lines),
    diff: (file, lines) => l10n.t("Document {0} ({1})", file, lines),
  },
};
