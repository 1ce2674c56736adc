/** What a user has to know when the air gap is turned on or off while the IDE runs. */
import * as l10n from "./l10n";

/** How the launcher says that the editor server was started without network, and with. */
const STARTED = { without: "1", with: "0" } as const;

/** Undefined if the editor is as wanted, or if it is not known how it was started. */
export function airGapNotice(wanted: boolean, started: string | undefined): string | undefined {
  if (wanted && started === STARTED.with) {
    return l10n.t(
      "LocalCoder downloads nothing any more. Extensions and terminals of this window lose it when the IDE is started again.",
    );
  }
  if (!wanted && started === STARTED.without) {
    return l10n.t(
      "LocalCoder may download what you ask for again. Extensions and terminals of this window have no network until the IDE is started again.",
    );
  }
  return undefined;
}
