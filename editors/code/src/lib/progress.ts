/** Says in a few words how far a request is. */
import type { ProgressParams, Stage } from "../generated/protocol";

import * as l10n from "./l10n";

const STAGES: Record<Stage, string> = {
  queued: l10n.t("waiting for its turn"),
  loading: l10n.t("loading the model"),
  prefill: l10n.t("reading the code"),
  generating: l10n.t("writing"),
  testing: l10n.t("running the test"),
  retrying: l10n.t("trying again"),
};

/** The host's own words if it sent any, with a percentage if known. */
export function progressText(progress: ProgressParams): string {
  const words = progress.message.trim() === "" ? STAGES[progress.stage] : progress.message.trim();
  if (progress.fraction === undefined || words.includes("%")) {
    return words;
  }
  return l10n.t("{0} ({1} %)", words, Math.round(progress.fraction * 100));
}
