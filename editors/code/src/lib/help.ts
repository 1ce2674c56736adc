/** The pages that ship with the extension: which there are, and where errors are in them. */
import type { ErrorCode } from "../generated/protocol";

import * as l10n from "./l10n";

/** A page, by its path below `docs`. */
export interface Page {
  readonly path: string;
  readonly title: string;
  /** When the page is useful. */
  readonly about: string;
}

/** All pages, in the order in which they are offered. */
export const PAGES: readonly Page[] = [
  {
    path: "guides/README.md",
    title: l10n.t("Overview"),
    about: l10n.t("all pages, and what each is for"),
  },
  {
    path: "guides/first-edit.md",
    title: l10n.t("First edit"),
    about: l10n.t("select, press a key, read a diff"),
  },
  {
    path: "guides/choosing-a-model.md",
    title: l10n.t("Choosing a model"),
    about: l10n.t("which one for which machine, and how to get it"),
  },
  {
    path: "guides/offline.md",
    title: l10n.t("Offline machines"),
    about: l10n.t("carry a model over, keep everything off the network"),
  },
  {
    path: "guides/low-memory.md",
    title: l10n.t("Low memory"),
    about: l10n.t("what a model takes, what helps"),
  },
  {
    path: "guides/gpu-trouble.md",
    title: l10n.t("GPU trouble"),
    about: l10n.t("when a load fails, or answers are slow or wrong"),
  },
  {
    path: "guides/privacy.md",
    title: l10n.t("Privacy"),
    about: l10n.t("what may use the network, and how to check it"),
  },
  {
    path: "guides/reset-and-uninstall.md",
    title: l10n.t("Reset and uninstall"),
    about: l10n.t("what is removed, what stays"),
  },
  {
    path: "reference/settings.md",
    title: l10n.t("Settings"),
    about: l10n.t("each of them, with its default"),
  },
  {
    path: "reference/errors.md",
    title: l10n.t("Error codes"),
    about: l10n.t("what each means, and what to do"),
  },
  {
    path: "edits.md",
    title: l10n.t("How an edit is made"),
    about: l10n.t("what is sent, what is checked"),
  },
  {
    path: "diagnostics.md",
    title: l10n.t("When something goes wrong"),
    about: l10n.t("logs, and the report for a maintainer"),
  },
  {
    path: "reliability.md",
    title: l10n.t("What happens when something breaks"),
    about: l10n.t("crashes, hangs, too little memory"),
  },
];

/** The page that lists all errors. */
export const ERRORS_PAGE = "reference/errors.md";

/** The anchor of an error on that page: anchors of headings are in lower case. */
export function errorAnchor(code: ErrorCode): string {
  return code.toLowerCase();
}
