/**
 * The parts of the editor's inline chat that are not in its published API, as far as they are used
 * here. The manifest names the proposed APIs that they belong to.
 */
import * as vscode from "vscode";

/** The id, in the manifest, of the participant that answers inline chat. */
const PARTICIPANT = "localcoder.inlineChat";

/**
 * If the user has chosen no model, the editor asks only models of this vendor. Only the name is
 * used: nothing of that service is shipped.
 */
const DEFAULT_VENDOR = "copilot";

/** The selection that inline chat was opened on. */
export interface EditorPlace {
  readonly document: vscode.TextDocument;
  readonly selection: vscode.Selection;
}

/** The stream by which an edit is passed to the editor. */
export interface EditStream extends vscode.ChatResponseStream {
  /** `true`: there are no more edits. */
  textEdit(target: vscode.Uri, edits: vscode.TextEdit[] | true): void;
}

/** The text below the input. */
export interface EditResult extends vscode.ChatResult {
  /** A single line. */
  readonly details?: string;
}

/** A user's decision on an edit. */
export interface Decided {
  readonly source: vscode.Uri;
  /** Whether the decision is on the whole edit or on one change of it. */
  readonly of: "edit" | "change";
  readonly accepted: boolean;
}

/** Answers one request of inline chat. */
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

/** The kinds of {@link Action} that are decisions, with what each decides on. */
const DECISIONS: Readonly<Record<string, Decided["of"]>> = {
  chatEditingSessionAction: "edit",
  chatEditingHunkAction: "change",
};

interface Models {
  registerLanguageModelChatProvider(vendor: string, provider: object): vscode.Disposable;
}

/** The editor's numbers for the outcomes; a third one says that the file was saved. */
const ACCEPTED = 1;
const REJECTED = 2;

/** Registers the participant that answers inline chat. */
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
  // Inline chat also has an action of its own, but it comes with the last question and can't be
  // relied on if that one was cancelled, even though the edit before it is still waiting. These
  // come with the edit.
  const listener = onDidPerformAction(({ action }) => {
    const { kind, uri, outcome } = action;
    const of = DECISIONS[kind];
    // If the user types next to an edit, the editor reports it as rejected although it remains.
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
 * Registers a model, because the editor does not open inline chat without one. `refusal`: the
 * answer to an extension that asks this model directly.
 */
export function registerModel(name: string, refusal: string): vscode.Disposable {
  const model = {
    id: "localcoder",
    name,
    family: "localcoder",
    version: "1",
    // This model answers nothing: the editor asks for these values but never uses them.
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
