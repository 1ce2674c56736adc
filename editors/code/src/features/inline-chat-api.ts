/**
 * What the editor has of inline chat beside its published interface, as far as it is used here. The
 * names of what it takes for that are in the manifest.
 */
import * as vscode from "vscode";

/** Who answers inline chat, as the manifest calls it. */
const PARTICIPANT = "localcoder.inlineChat";

/**
 * The editor asks only models of this vendor where the user has chosen none. It is a name and no more:
 * nothing of that service is shipped.
 */
const DEFAULT_VENDOR = "copilot";

/** Where inline chat was opened. */
export interface EditorPlace {
  readonly document: vscode.TextDocument;
  readonly selection: vscode.Selection;
}

/** How an edit is passed to the editor. */
export interface EditStream extends vscode.ChatResponseStream {
  /** `true`: there is no more. */
  textEdit(target: vscode.Uri, edits: vscode.TextEdit[] | true): void;
}

/** What is shown below the input. */
export interface EditResult extends vscode.ChatResult {
  /** One line. */
  readonly details?: string;
}

/** What the user did with an edit. */
export interface Decided {
  readonly source: vscode.Uri;
  /** Of all that waited, or of one change of it. */
  readonly of: "edit" | "change";
  readonly accepted: boolean;
}

/** See {@link registerParticipant}. */
export type Answer = (
  place: EditorPlace | undefined,
  request: vscode.ChatRequest,
  stream: EditStream,
  token: vscode.CancellationToken,
) => Promise<EditResult>;

interface Action {
  readonly kind: string;
  readonly uri?: vscode.Uri;
  readonly outcome?: number;
  readonly hasRemainingEdits?: boolean;
}

interface ActedParticipant {
  readonly onDidPerformAction: vscode.Event<{ readonly action: Action }>;
}

/** The kinds of {@link Action} that are decisions, and what each is of. */
const DECISIONS: Readonly<Record<string, Decided["of"]>> = {
  chatEditingSessionAction: "edit",
  chatEditingHunkAction: "change",
};

interface Models {
  registerLanguageModelChatProvider(vendor: string, provider: object): vscode.Disposable;
}

/** The numbers by which the editor says what was decided; a third one is that the file was saved. */
const ACCEPTED = 1;
const REJECTED = 2;

/** Answers inline chat. */
export function registerParticipant(
  answer: Answer,
  decided: (what: Decided) => void,
): vscode.Disposable {
  const participant = vscode.chat.createChatParticipant(
    PARTICIPANT,
    (request, _context, stream, token) => {
      const { location2 } = request as { location2?: unknown };
      return answer(editorPlace(location2), request, stream as EditStream, token);
    },
  );
  const { onDidPerformAction } = participant as unknown as ActedParticipant;
  // There is an action of inline chat itself, too. It comes with the last question and does not
  // know where that one was cancelled, although the edit before it waits still; these come with the
  // edit.
  const listener = onDidPerformAction(({ action }) => {
    const { kind, uri, outcome } = action;
    const of = DECISIONS[kind];
    // Typing beside an edit is reported as an edit that is rejected and remains.
    const remains = of === "edit" && action.hasRemainingEdits === true;
    if (uri !== undefined && of !== undefined && !remains) {
      if (outcome === ACCEPTED || outcome === REJECTED) {
        decided({ source: uri, of, accepted: outcome === ACCEPTED });
      }
    }
  });
  return vscode.Disposable.from(participant, listener);
}

function editorPlace(location: unknown): EditorPlace | undefined {
  const place = location as Partial<EditorPlace> | undefined;
  return place?.document === undefined || place.selection === undefined
    ? undefined
    : { document: place.document, selection: place.selection };
}

/**
 * The editor does not open inline chat without a model. `refusal`: the answer to an extension that
 * asks it for an answer itself.
 */
export function registerModel(name: string, refusal: string): vscode.Disposable {
  const model = {
    id: "localcoder",
    name,
    family: "localcoder",
    version: "1",
    // Nothing is answered, so that these are asked for and never used.
    maxInputTokens: 1,
    maxOutputTokens: 1,
    capabilities: {},
    isDefault: true,
    isUserSelectable: false,
  };
  return (vscode.lm as unknown as Models).registerLanguageModelChatProvider(DEFAULT_VENDOR, {
    provideLanguageModelChatInformation: () => [model],
    provideLanguageModelChatResponse: () => {
      throw vscode.LanguageModelError.NoPermissions(refusal);
    },
    provideTokenCount: (_model: unknown, text: { length?: number }) => text.length ?? 0,
  });
}
