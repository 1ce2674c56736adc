/** The pages that ship inside the extension: which there are, and where an error stands in them. */
import type { ErrorCode } from "../generated/protocol";

/** A page, by its path below `docs`. */
export interface Page {
  readonly path: string;
  readonly title: string;
  /** In what case somebody wants it. */
  readonly about: string;
}

/** All of them, in the order in which they are offered. */
export const PAGES: readonly Page[] = [
  { path: "guides/README.md", title: "Overview", about: "all pages, and what each is for" },
  { path: "guides/first-edit.md", title: "First edit", about: "select, press a key, read a diff" },
  {
    path: "guides/choosing-a-model.md",
    title: "Choosing a model",
    about: "which one for which machine, and how to get it",
  },
  {
    path: "guides/offline.md",
    title: "Offline machines",
    about: "carry a model over, keep everything off the network",
  },
  { path: "guides/low-memory.md", title: "Low memory", about: "what a model takes, what helps" },
  {
    path: "guides/gpu-trouble.md",
    title: "GPU trouble",
    about: "when a load fails, or answers are slow or wrong",
  },
  {
    path: "guides/privacy.md",
    title: "Privacy",
    about: "what may use the network, and how to check it",
  },
  {
    path: "guides/reset-and-uninstall.md",
    title: "Reset and uninstall",
    about: "what is removed, what stays",
  },
  { path: "reference/settings.md", title: "Settings", about: "each of them, with its default" },
  { path: "reference/errors.md", title: "Error codes", about: "what each means, and what to do" },
  { path: "edits.md", title: "How an edit is made", about: "what is sent, what is checked" },
  {
    path: "diagnostics.md",
    title: "When something goes wrong",
    about: "logs, and the report for a maintainer",
  },
  {
    path: "reliability.md",
    title: "What happens when something breaks",
    about: "crashes, hangs, too little memory",
  },
];

/** The page with all errors. */
export const ERRORS_PAGE = "reference/errors.md";

/** Where an error stands on it: headings are linked to in small letters. */
export function errorAnchor(code: ErrorCode): string {
  return code.toLowerCase();
}
