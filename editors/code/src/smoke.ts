/**
 * Runs the real commands once and writes down the outcome, to check an assembled product. Loaded
 * only if LOCALCODER_SMOKE_REPORT names the file for the report; the open folder has to be one that
 * may be changed.
 */
import { readFile, rename, writeFile } from "node:fs/promises";

import * as vscode from "vscode";

import type { EditOutcome } from "./features/edits";
import type { HostStatus } from "./generated/protocol";
import type { HostConnection } from "./host/connection";
import { logLine, toErrorInfo } from "./lib/errors";

/** How long to wait for the engine to get ready, or for an answer, in milliseconds. */
const WAIT_MS = 300_000;

/** The contents of the report. `ok`: whether the commands changed the file on disk. */
interface Report {
  ok: boolean;
  file: string;
  before?: string;
  after?: string;
  model?: string;
  firstTokenMs?: number;
  totalMs?: number;
  error?: string;
}

export async function runSmoke(host: HostConnection): Promise<void> {
  const file = process.env["LOCALCODER_SMOKE_FILE"] ?? "inventory.py";
  const report: Report = { ok: false, file };
  try {
    const folder = vscode.workspace.workspaceFolders?.[0];
    if (folder === undefined) {
      throw new Error("no folder is open");
    }
    await engineReady(host);
    await improveAndApply(host, vscode.Uri.joinPath(folder.uri, file), report);
    report.ok = report.after !== undefined && report.after !== report.before;
  } catch (error) {
    report.error = logLine(toErrorInfo(error));
  }
  await writeReport(report);
}

async function improveAndApply(
  host: HostConnection,
  uri: vscode.Uri,
  report: Report,
): Promise<void> {
  report.before = await readFile(uri.fsPath, "utf8");
  const document = await vscode.workspace.openTextDocument(uri);
  const editor = await vscode.window.showTextDocument(document);
  editor.selection = linesToSelect(document);
  const startedAt = performance.now();
  const unlisten = host.onDelta.on(() => {
    report.firstTokenMs ??= Math.round(performance.now() - startedAt);
  });
  try {
    const outcome = await vscode.commands.executeCommand<EditOutcome | undefined>(
      "localcoder.improveSelection",
    );
    if (outcome?.kind !== "preview") {
      const why = outcome?.kind === "failed" ? logLine(outcome.error) : "nothing was improved";
      throw new Error(`no improvement was proposed: ${why}`);
    }
    report.model = outcome.answer.model.name;
    report.totalMs = Math.round(performance.now() - startedAt);
  } finally {
    unlisten();
  }
  await vscode.commands.executeCommand("localcoder.applyImprovement");
  report.after = await readFile(uri.fsPath, "utf8");
}

/** The lines in LOCALCODER_SMOKE_LINES, as `A-B`, or else the whole document. */
function linesToSelect(document: vscode.TextDocument): vscode.Selection {
  const match = /^(\d+)-(\d+)$/u.exec(process.env["LOCALCODER_SMOKE_LINES"] ?? "");
  const [first, last] = match ? [Number(match[1]), Number(match[2])] : [1, document.lineCount];
  const end = document.lineAt(Math.min(last, document.lineCount) - 1).range.end;
  return new vscode.Selection(new vscode.Position(first - 1, 0), end);
}

async function engineReady(host: HostConnection): Promise<void> {
  const check = (status: HostStatus | undefined): boolean => {
    if (status?.engine.state === "failed") {
      throw new Error(`the engine failed: ${logLine(status.engine.error)}`);
    }
    return status?.engine.state === "ready";
  };
  if (!check(host.status)) {
    await waitFor<boolean>((done, fail) =>
      host.onStatus.on((status) => {
        try {
          if (check(status)) {
            done(true);
          }
        } catch (error) {
          fail(error);
        }
      }),
    );
  }
}

/** The first value that `listen` passes on, within {@link WAIT_MS}. */
function waitFor<T>(
  listen: (done: (value: T) => void, fail: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      unlisten();
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`nothing happened within ${WAIT_MS / 1000} s`));
    }, WAIT_MS);
    const unlisten = listen(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

async function writeReport(report: Report): Promise<void> {
  const path = process.env["LOCALCODER_SMOKE_REPORT"] ?? "";
  await writeFile(`${path}.part`, `${JSON.stringify(report, undefined, 2)}\n`);
  await rename(`${path}.part`, path);
}
