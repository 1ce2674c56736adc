/** The steps that take a while: the download and the self-test. */
import type { SelfTestCheck, SelfTestVerdict, SetupReport } from "../../generated/protocol";
import * as l10n from "../../lib/l10n";
import { diffLines } from "../../lib/setup";
import type { SetupPage, ShownDownload } from "../../lib/setup";
import type { SetupMessage } from "../../lib/setup-messages";

import { button, make } from "./dom";

type Send = (message: SetupMessage) => void;

const VERDICTS: Record<SelfTestVerdict, string> = {
  passed: l10n.t("OK"),
  slow: l10n.t("Slow"),
  failed: l10n.t("Failed"),
};

/** The elements of the download. */
export function downloadParts(page: SetupPage, report: SetupReport, send: Send): Node[] {
  const { download } = page;
  const running = download?.running === true;
  const more = report.downloads.length - 1;
  const go = button(running ? l10n.t("Pause") : l10n.t("Resume"), running ? "setup-pause" : "setup-resume", () => {
    send({ type: running ? "pause" : "resume" });
  }, { main: true }); // prettier-ignore
  go.dataset["first"] = "";
  const back = button(l10n.t("Choose another model"), "setup-choose", () => {
    send({ type: "choose" });
  }, { disabled: running }); // prettier-ignore
  const bar = make("progress", {
    testId: "setup-progress",
    attributes: { max: "100", "aria-label": l10n.t("Downloaded") },
  });
  return [
    make(
      "section",
      { attributes: { "aria-labelledby": "download-title" } },
      make(
        "h2",
        { attributes: { id: "download-title" } },
        l10n.t("Download {0}", download?.name ?? ""),
      ),
      bar,
      make("p", { testId: "setup-download-text" }),
      make(
        "p",
        { className: "aside" },
        l10n.t(
          "What is downloaded stays, whatever ends: the download resumes there, and the file is checked by its digest. You can go on working meanwhile; this page may be closed.",
        ),
        ...(more > 0 ? [` ${moreText(more)}`] : []),
      ),
      make("div", { className: "actions" }, go, back),
    ),
  ];
}

function moreText(models: number): string {
  return models === 1
    ? l10n.t("1 more model after it.")
    : l10n.t("{0} more models after it.", models);
}

/** Updates the progress without drawing anything again. */
export function moveProgress(download: ShownDownload | undefined): void {
  const bar = document.querySelector<HTMLProgressElement>("progress");
  const text = document.querySelector("[data-testid=setup-download-text]");
  if (bar !== null && text !== null && download !== undefined) {
    bar.value = download.percent;
    text.textContent = download.text;
  }
}

/** The elements of the self-test. */
export function testParts(page: SetupPage, send: Send): Node[] {
  const { checks, report, trying } = page.test;
  const running = trying !== "";
  const failed = report?.verdict === "failed";
  const tryIt = button(l10n.t("Try it on the sample"), "setup-try-it", () => {
    send({ type: "tryIt" });
  }, { main: report !== undefined && !failed, disabled: running }); // prettier-ignore
  const again = button(report === undefined ? l10n.t("Test the model") : l10n.t("Test again"), "setup-test", () => {
    send({ type: "test" });
  }, { main: failed, disabled: running }); // prettier-ignore
  const other = button(l10n.t("Choose another model"), "setup-choose", () => {
    send({ type: "choose" });
  });
  const finish = button(l10n.t("Finish"), "setup-finish", () => {
    send({ type: "finish" });
  });
  if (report === undefined || failed) {
    again.dataset["first"] = "";
  } else {
    tryIt.dataset["first"] = "";
  }
  const buttons = report === undefined ? [again, other, finish] : [tryIt, again, other, finish];
  return [
    make(
      "section",
      { attributes: { "aria-labelledby": "test-title" } },
      make(
        "h2",
        { attributes: { id: "test-title" } },
        report === undefined ? l10n.t("Self-test") : l10n.t("Self-test of {0}", report.name),
      ),
      make("div", { className: "actions" }, ...buttons),
      ...(checks.length === 0 ? [] : [table(checks)]),
      ...(report?.diff === undefined ? [] : [diff(report.diff)]),
    ),
  ];
}

function table(checks: readonly SelfTestCheck[]): HTMLTableElement {
  const head = [l10n.t("Check"), l10n.t("Outcome"), l10n.t("Measured"), l10n.t("Should be")].map(
    (text) => make("th", { attributes: { scope: "col" } }, text),
  );
  const rows = checks.map((check) =>
    make(
      "tr",
      { testId: `setup-check-${check.what}`, className: check.verdict },
      make("th", { attributes: { scope: "row" } }, check.what),
      make("td", { className: "verdict" }, VERDICTS[check.verdict]),
      make("td", {}, [check.text, check.advice ?? ""].filter(Boolean).join(": ")),
      make("td", { className: "aside" }, check.limit ?? ""),
    ),
  );
  return make(
    "table",
    { testId: "setup-checks" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows),
  );
}

/**
 * Keeps the signs at the beginning of lines, and has a caption, for users who don't see the colors.
 */
function diff(text: string): HTMLElement {
  const lines = diffLines(text).map(({ kind, text: line }) =>
    make("span", { className: kind }, `${line}\n`),
  );
  return make(
    "figure",
    {},
    make("figcaption", {}, l10n.t("What it made of a function of the sample")),
    make(
      "pre",
      {
        testId: "setup-diff",
        attributes: { tabindex: "0", role: "region", "aria-label": l10n.t("Diff") },
      },
      make("code", {}, ...lines),
    ),
  );
}
