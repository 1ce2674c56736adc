/**
 * The user's own test, run on an edit before it is shown: only if the user has turned that on, and
 * only in trusted folders, because it runs their programs.
 */
import * as vscode from "vscode";

import type { Edit, TestRun, TryEditParams } from "../generated/protocol";
import type { Tested, TestsProgram } from "../host/tests";
import { toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";

import { documentText } from "./target";
import type { Target } from "./target";

/** A test that was run once, and can be run again on an edit. */
export interface Trial {
  /** The result before any edit. */
  readonly before: TestRun;
  readonly run: (wanted: TryEditParams) => Promise<TestRun>;
}

/** Runs the test of some lines once; `undefined` if tests are turned off or there is none. */
export async function trialOf(
  tests: TestsProgram,
  { document, lines }: Target,
  asked: Pick<Tested, "command" | "instruction">,
): Promise<Trial | undefined> {
  const isPossible = document.uri.scheme === "file" && vscode.workspace.isTrusted;
  // If the settings can't be read, show the edit without a test rather than fail.
  if (!isPossible || !(await tests.isWanted().catch(() => false))) {
    return undefined;
  }
  const { text } = documentText(document);
  const within = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
  const of: Tested = { path: document.uri.fsPath, lines, within, ...asked };
  const before = await runOf(tests, of, text, []);
  return before === undefined
    ? undefined
    : {
        before,
        run: async ({ edits }) =>
          (await runOf(tests, of, text, edits)) ??
          notRun(before.name, l10n.t("it is not there any more")),
      };
}

async function runOf(
  tests: TestsProgram,
  of: Tested,
  text: string,
  edits: readonly Edit[],
): Promise<TestRun | undefined> {
  try {
    return await tests.run(of, text, edits);
  } catch (error) {
    // Show the edit without a test result, and say why there is none.
    return notRun(l10n.t("the test"), toErrorInfo(error).message);
  }
}

function notRun(name: string, said: string): TestRun {
  return { name, outcome: "notRun", said, kind: "test", ms: 0 };
}
