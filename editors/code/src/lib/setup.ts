/**
 * The set-up as it is shown: what the program reports, overlaid with what this window is doing.
 * Pure: `features/setup.ts` keeps it, `ui/setup` draws it.
 */
import type {
  ModelRow,
  SelfTestCheck,
  SelfTestEvent,
  SelfTestReport,
  SetupReport,
} from "../generated/protocol";

import * as l10n from "./l10n";
import { isThere, loadingText } from "./models";
import type { Loading } from "./models";
import { joined, size } from "./words";

/** A download as the page shows it. */
export interface ShownDownload {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** From 0 to 100. */
  readonly percent: number;
  readonly text: string;
}

/** A self-test as the page shows it. */
export interface ShownTest {
  /** What is being tested; empty if nothing is. */
  readonly trying: string;
  readonly checks: readonly SelfTestCheck[];
  readonly report?: SelfTestReport;
}

/** Everything the page shows. */
export interface SetupPage {
  readonly report?: SetupReport;
  readonly download?: ShownDownload;
  readonly test: ShownTest;
  /** What is under way and can't be stopped; empty if nothing is. */
  readonly busy: string;
  /** What went wrong and what to do; empty if nothing did. */
  readonly error: string;
}

/** The state before a test. */
export const NO_TEST: ShownTest = { trying: "", checks: [] };

/** The page before the program has reported anything. */
export const EMPTY_PAGE: SetupPage = { test: NO_TEST, busy: "", error: "" };

/** The state of the test after an event. */
export function testAfter(test: ShownTest, event: SelfTestEvent): ShownTest {
  switch (event.event) {
    case "began":
      return { ...test, trying: event.what };
    case "checked":
      return { ...test, checks: [...test.checks, event.check] };
    case "finished":
      return { trying: "", checks: event.report.checks, report: event.report };
  }
}

/** The model to be downloaded next, if any. */
export function waitingModel(report: SetupReport): ModelRow | undefined {
  const id = report.downloads[0];
  return report.list.models.find((row) => row.id === id);
}

/** The state of a download. `loading`: this window's progress on it. */
export function shownDownload(row: ModelRow, loading: Loading | undefined): ShownDownload {
  const { id, name, bytes, loadedBytes } = row;
  if (loading !== undefined) {
    const percent = percentOf(loading.bytes, loading.totalBytes);
    return { id, name, running: true, percent, text: loadingText(loading) };
  }
  const paused = loadingText({ bytes: loadedBytes, totalBytes: bytes, bytesPerSecond: 0 });
  return {
    id,
    name,
    running: false,
    percent: percentOf(loadedBytes, bytes),
    text: l10n.t("Paused: {0} are downloaded.", paused),
  };
}

/** Models for the same purpose. */
export interface Group {
  readonly title: string;
  readonly rows: readonly ModelRow[];
}

/** The models on offer, grouped by purpose, the recommended one first. */
export function offered(report: SetupReport): Group[] {
  const rows = report.list.models
    .filter((row) => row.state !== "bundled")
    .sort((a, b) => Number(isFor(report, b)) - Number(isFor(report, a)));
  const groups: Group[] = [
    { title: l10n.t("For code"), rows: rows.filter((row) => groupOf(row) === "code") },
    {
      title: l10n.t("For everything else"),
      rows: rows.filter((row) => groupOf(row) === "general"),
    },
    { title: l10n.t("Heavy"), rows: rows.filter((row) => groupOf(row) === "heavy") },
  ];
  return groups.filter(({ rows: some }) => some.length > 0);
}

function isFor(report: SetupReport, { id }: ModelRow): boolean {
  return id === report.recommended.model;
}

function groupOf({ profile, roles }: ModelRow): "code" | "general" | "heavy" {
  if (profile === "heavy") {
    return "heavy";
  }
  return roles.length === 0 || roles.includes("code") ? "code" : "general";
}

/** The facts that matter when choosing a model; the question after that has them all. */
export function rowFacts(row: ModelRow): { readonly what: string; readonly text: string }[] {
  const of = (what: string): string => row.facts.find((fact) => fact.what === what)?.text ?? "";
  return [
    { what: l10n.t("What for"), text: of("What for") },
    { what: l10n.t("Size"), text: joined([size(row.bytes), row.quantization]) },
    { what: l10n.t("License"), text: row.license?.name ?? "" },
    { what: l10n.t("Memory"), text: row.memory?.text ?? "" },
    { what: l10n.t("Speed"), text: speedText(row) },
  ].filter(({ text }) => text !== "");
}

function speedText({ speed }: ModelRow): string {
  if (speed === undefined) {
    return "";
  }
  const perSecond = speed.tokensPerS.toFixed(1);
  return speed.measured
    ? l10n.t("{0} tokens/s: {1}", perSecond, speed.text)
    : l10n.t("about {0} tokens/s: {1}", perSecond, speed.text);
}

/** What the button of a model offers. */
export function offerOf(row: ModelRow): {
  readonly type: "install" | "use";
  readonly title: string;
  /** The label for screen readers, which has to do without the text next to the button. */
  readonly label: string;
} {
  const { name } = row;
  if (isThere(row)) {
    return { type: "use", title: l10n.t("Use and test"), label: l10n.t("Use and test {0}", name) };
  }
  return row.state === "partial"
    ? {
        type: "install",
        title: l10n.t("Resume download…"),
        label: l10n.t("Resume download {0}", name),
      }
    : { type: "install", title: l10n.t("Download…"), label: l10n.t("Download {0}", name) };
}

/** The lines of a diff, each with its kind. */
export function diffLines(diff: string): { readonly kind: "add" | "del" | "same"; text: string }[] {
  return diff
    .replace(/\n$/u, "")
    .split("\n")
    .map((text) => {
      const isHead = text.startsWith("+++") || text.startsWith("---");
      const kind = isHead ? "same" : text.startsWith("+") ? "add" : text.startsWith("-") ? "del" : "same"; // prettier-ignore
      return { kind, text };
    });
}

function percentOf(bytes: number, totalBytes: number): number {
  return totalBytes === 0 ? 0 : Math.min(100, (100 * bytes) / totalBytes);
}
