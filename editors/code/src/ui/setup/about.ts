/** The part that stays the same at every step: the folders on disk, and air-gapped mode. */
import type { SetupReport } from "../../generated/protocol";
import * as l10n from "../../lib/l10n";
import type { SetupMessage } from "../../lib/setup-messages";

import { facts, make } from "./dom";

/** The elements of this part. */
export function aboutParts(report: SetupReport, send: (message: SetupMessage) => void): Node[] {
  const { on, reason, effects } = report.airGap;
  const box = make("input", {
    testId: "setup-air-gap",
    attributes: { type: "checkbox", id: "air-gap", "aria-describedby": "air-gap-effects" },
  });
  box.checked = on;
  box.addEventListener("change", () => {
    send({ type: "airGap", on: box.checked });
  });
  return [
    make(
      "section",
      { attributes: { "aria-labelledby": "air-gap-title" } },
      make("h2", { attributes: { id: "air-gap-title" } }, l10n.t("Air-gapped mode")),
      make(
        "p",
        {},
        box,
        make("label", { attributes: { for: "air-gap" } }, ` ${l10n.t("Download nothing")}`),
      ),
      make(
        "ul",
        { attributes: { id: "air-gap-effects" } },
        ...effects.map((effect) => make("li", {}, effect)),
      ),
      ...(reason === undefined
        ? []
        : [make("p", { className: "note" }, l10n.t("It is on: {0}.", reason))]),
    ),
    make(
      "section",
      { attributes: { "aria-labelledby": "stored-title" } },
      make("h2", { attributes: { id: "stored-title" } }, l10n.t("What is stored where")),
      facts(report.stored),
    ),
  ];
}
