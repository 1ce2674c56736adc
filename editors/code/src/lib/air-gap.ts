/** What users need to know when they turn air-gapped mode on or off while the IDE runs. */
import * as l10n from "./l10n";

/** How the launcher says whether the editor server was started without network, or with it. */
const STARTED = { without: "1", with: "0" } as const;

/** The notice; `undefined` if the editor is as wanted, or if it is not known how it was started. */
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
