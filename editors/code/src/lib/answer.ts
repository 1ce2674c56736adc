/**
 * Says in words what an answer cost, and what the model was not given or did not finish. Nothing is
 * left out silently: whatever these functions return is shown.
 */
import type {
  AssistAnswer,
  ContextUse,
  EditAnswer,
  FinishReason,
  Usage,
} from "../generated/protocol";

import type { CommandWords } from "./commands";
import { HostError } from "./errors";
import * as l10n from "./l10n";
import { plain, sentence } from "./words";

/** The answer, if it is of the kind that its command has; throws otherwise. */
export function expectKind<K extends AssistAnswer["kind"]>(
  answer: AssistAnswer,
  kind: K,
): Extract<AssistAnswer, { kind: K }> {
  if (answer.kind === kind) {
    return answer as Extract<AssistAnswer, { kind: K }>;
  }
  throw new HostError({
    code: "protocol",
    message: l10n.t("the host answered with {0} where {1} was asked for", answer.kind, kind),
    hint: l10n.t("The host is of another version: restart the engine."),
    action: "retry",
  });
}

/** Such as `120 tokens read (119 ahead), 85 written, 24.3 tokens/s`. */
export function usageText(usage: Usage): string {
  const { promptTokens, cachedTokens, generatedTokens } = usage;
  const parts = [
    cachedTokens > 0
      ? l10n.t("{0} tokens read ({1} ahead)", promptTokens, cachedTokens)
      : l10n.t("{0} tokens read", promptTokens),
    l10n.t("{0} written", generatedTokens),
  ];
  if (usage.decodeMs > 0 && generatedTokens > 0) {
    const perSecond = (generatedTokens * 1000) / usage.decodeMs;
    parts.push(l10n.t("{0} tokens/s", perSecond.toFixed(1)));
  }
  return parts.join(", ");
}

/** Such as `1.2 s`: the time that was spent computing. */
export function secondsText(usage: Usage): string {
  return l10n.t("{0} s", ((usage.prefillMs + usage.decodeMs) / 1000).toFixed(1));
}

/** How the context window was divided: short enough that a status bar does not cut it off. */
export function contextText(context: ContextUse): string {
  const { selectionTokens, fileTokens, systemTokens, answerTokensMax, windowTokens } = context;
  const { conversationTokens } = context;
  return conversationTokens > 0
    ? l10n.t(
        "Tokens: {0} selected, {1} file, {2} instructions, {3} conversation, up to {4} answer, context window {5}",
        selectionTokens,
        fileTokens,
        systemTokens,
        conversationTokens,
        answerTokensMax,
        windowTokens,
      )
    : l10n.t(
        "Tokens: {0} selected, {1} file, {2} instructions, up to {3} answer, context window {4}",
        selectionTokens,
        fileTokens,
        systemTokens,
        answerTokensMax,
        windowTokens,
      );
}

/** Says that nothing was changed. `found`: the text if no instruction said what to do. */
export function unchangedText(
  { reason, attempts }: Pick<EditAnswer, "reason" | "attempts">,
  found: CommandWords["found"],
  where: string,
): string {
  if (reason === undefined) {
    return found(where);
  }
  const why = sentence(plain(reason));
  return attempts > 1
    ? l10n.t(
        "The model changed nothing in {0}, asked in two ways. Its reason: {1} Say more exactly what is to change, or use a larger model.",
        where,
        why,
      )
    : l10n.t(
        "The model changed nothing in {0}. Its reason: {1} Say more exactly what is to change, or use a larger model.",
        where,
        why,
      );
}

/**
 * How much of the file the model did not see: short enough that a status bar does not cut it off.
 */
export function omittedText(context: ContextUse): string | undefined {
  const { beforeLinesOmitted: before, afterLinesOmitted: after, windowTokens } = context;
  const omitted = [
    ...(before === 0
      ? []
      : [before === 1 ? l10n.t("1 line before") : l10n.t("{0} lines before", before)]),
    ...(after === 0
      ? []
      : [after === 1 ? l10n.t("1 line after") : l10n.t("{0} lines after", after)]),
  ];
  if (omitted.length === 0) {
    return undefined;
  }
  const lines = omitted.join(", ");
  return context.outlineLines > 0
    ? l10n.t(
        "Not shown to the model: {0}, but for {1} that the selection uses (its context window: {2} tokens)",
        lines,
        context.outlineLines,
        windowTokens,
      )
    : l10n.t("Not shown to the model: {0} (its context window: {1} tokens)", lines, windowTokens);
}

/** Says which part of the conversation the model did not get. */
export function forgottenText({ exchangesOmitted, windowTokens }: ContextUse): string | undefined {
  switch (exchangesOmitted) {
    case 0:
      return undefined;
    case 1:
      return l10n.t(
        "The model did not get the first answer here (its context window: {0} tokens)",
        windowTokens,
      );
    default:
      return l10n.t(
        "The model did not get the first {0} answers here (its context window: {1} tokens)",
        exchangesOmitted,
        windowTokens,
      );
  }
}

/** Says why an answer is incomplete. */
export function cutText(finish: FinishReason): string | undefined {
  switch (finish) {
    case "tokenLimit":
      return l10n.t("The answer was cut: it reached the limit on generated tokens.");
    case "contextFull":
      return l10n.t("The answer was cut: the context window is full.");
    case "endOfTurn":
    case "stopString":
      return undefined;
  }
}
