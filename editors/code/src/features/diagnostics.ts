/**
 * What the user's linters and language servers report: on the selected lines before the model is
 * asked, and on the document before and after an edit. These tools check a document only under its
 * own name, so their verdict on an edit is known only once the edit is in the document; new errors
 * are then reported with a way to undo.
 */
import * as vscode from "vscode";

import { DIAGNOSTICS_MAX } from "../generated/limits";
import type { Diagnostic, LineRange } from "../generated/protocol";
import * as l10n from "../lib/l10n";

import { documentName } from "./target";

/** How long a tool is given to check the changed document, in milliseconds. */
const LOOKS_WITHIN_MS = 8_000;

/** Most messages that are reported: a notification has no room for more. */
const TOLD_MAX = 2;

/** The diagnostics on these lines, for the model. `about`: only those that touch this range. */
export function diagnosticsOf(
  document: vscode.TextDocument,
  lines: LineRange,
  about?: vscode.Range,
): Diagnostic[] {
  return vscode.languages
    .getDiagnostics(document.uri)
    .filter(({ range }) => about === undefined || range.isEqual(about))
    .filter(({ severity }) => severity !== vscode.DiagnosticSeverity.Hint)
    .map((diagnostic) => {
      const source = sourceOf(diagnostic);
      const { message, range } = diagnostic;
      return {
        line: range.start.line + 1,
        message,
        ...(source === undefined ? {} : { source }),
      };
    })
    .filter(({ line }) => line >= lines.start && line <= lines.end);
}

/** The tool with its number or name for the diagnostic, as the editor shows it: `ts(2304)`. */
function sourceOf({ source, code }: vscode.Diagnostic): string | undefined {
  const name = typeof code === "object" ? code.value : code;
  return name === undefined ? source : `${source ?? ""}(${name})`;
}

/**
 * How long a tool's report counts as news, in milliseconds: an older one does not follow from a
 * recent edit.
 */
const NEWS_MS = 60_000;

/** Diagnostics that have appeared recently. */
export class DiagnosticsNews {
  /** When each was first seen; `undefined` if it was there when its document was opened. */
  readonly #first = new WeakMap<vscode.TextDocument, Map<string, number | undefined>>();

  /** Marks everything that is reported by now as old. */
  opened(document: vscode.TextDocument): void {
    if (!this.#first.has(document)) {
      this.#first.set(
        document,
        new Map(errorsOf(document).map(({ message }) => [message, undefined])),
      );
    }
  }

  /** Errors that are news, nearest to the line first; `line` counts from 0. */
  of(document: vscode.TextDocument, line: number, now = Date.now()): Diagnostic[] {
    this.opened(document);
    const first = this.#first.get(document);
    const isNews = ({ message }: vscode.Diagnostic): boolean => {
      if (first?.has(message) === false) {
        first.set(message, now);
      }
      const since = first?.get(message);
      return since !== undefined && now - since <= NEWS_MS;
    };
    const away = ({ range }: vscode.Diagnostic): number => Math.abs(range.start.line - line);
    return errorsOf(document)
      .filter(isNews)
      .toSorted((one, other) => away(one) - away(other))
      .slice(0, DIAGNOSTICS_MAX)
      .map(({ message, range }) => ({ line: range.start.line + 1, message }));
  }
}

/** Compares a document's errors before and after an edit. */
export class DiagnosticsWatch {
  readonly #document: vscode.TextDocument;
  readonly #before: ReadonlyMap<string, number>;

  constructor(document: vscode.TextDocument) {
    this.#document = document;
    this.#before = counted(errorsOf(document));
  }

  /** Reports errors that were not there before, as soon as a tool finds one, with a way to undo. */
  reportAdded(undo: () => void): void {
    const { uri, version } = this.#document;
    const listener = vscode.languages.onDidChangeDiagnostics(({ uris }) => {
      if (uris.some((it) => it.toString() === uri.toString())) {
        look();
      }
    });
    const timer = setTimeout(() => {
      listener.dispose();
    }, LOOKS_WITHIN_MS);
    const look = (): void => {
      const added = this.#added();
      if (added.length === 0) {
        return;
      }
      listener.dispose();
      clearTimeout(timer);
      // If the user has typed since, new errors may not be the edit's.
      if (this.#document.version === version) {
        void this.#show(added, undo);
      }
    };
    look();
  }

  #added(): readonly vscode.Diagnostic[] {
    const left = new Map(this.#before);
    return errorsOf(this.#document).filter((error) => {
      const known = left.get(keyOf(error)) ?? 0;
      left.set(keyOf(error), known - 1);
      return known <= 0;
    });
  }

  async #show(added: readonly vscode.Diagnostic[], undo: () => void): Promise<void> {
    const said = added
      .slice(0, TOLD_MAX)
      .map(({ message, range, source }) => {
        const line = range.start.line + 1;
        return source === undefined
          ? l10n.t("line {0}: {1}", line, message)
          : l10n.t("line {0}: {1} ({2})", line, message, source);
      })
      .join("; ");
    const count = added.length;
    const button = l10n.t("Undo");
    const name = documentName(this.#document);
    const shown =
      count === 1
        ? l10n.t("The change brings an error to {0}: {1}.", name, said)
        : count <= TOLD_MAX
          ? l10n.t("The change brings {0} errors to {1}: {2}.", count, name, said)
          : l10n.t(
              "The change brings {0} errors to {1}: {2} and {3} more.",
              count,
              name,
              said,
              count - TOLD_MAX,
            );
    if ((await vscode.window.showWarningMessage(shown, button)) === button) {
      undo();
    }
  }
}

function errorsOf(document: vscode.TextDocument): readonly vscode.Diagnostic[] {
  const all = vscode.languages.getDiagnostics(document.uri);
  return all.filter(({ severity }) => severity === vscode.DiagnosticSeverity.Error);
}

/** The key leaves out the line, which moves with an edit; message and source do not. */
function keyOf({ message, source }: vscode.Diagnostic): string {
  return `${source ?? ""}\n${message}`;
}

function counted(errors: readonly vscode.Diagnostic[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const error of errors) {
    counts.set(keyOf(error), (counts.get(keyOf(error)) ?? 0) + 1);
  }
  return counts;
}
