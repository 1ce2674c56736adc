/**
 * Says in words what an answer cost and what the model was not given or did not finish.
 * Nothing is left out silently: whatever these functions return is shown.
 */
import type {
  AssistAnswer,
  ContextUse,
  EditAnswer,
  FinishReason,
  Usage,
} from "../generated/protocol";

import { HostError } from "./errors";
import { plain, sentence } from "./words";

/** An answer of the kind that its command has. */
export function expectKind<K extends AssistAnswer["kind"]>(
  answer: AssistAnswer,
  kind: K,
): Extract<AssistAnswer, { kind: K }> {
  if (answer.kind === kind) {
    return answer as Extract<AssistAnswer, { kind: K }>;
  }
  throw new HostError({
    code: "protocol",
    message: `the host answered with ${answer.kind} where ${kind} was asked for`,
    hint: "The host is of another version: restart the engine.",
    action: "retry",
  });
}

/** `120 tokens read (119 ahead), 85 written, 24.3 tokens/s`. */
export function usageText(usage: Usage): string {
  const ahead = usage.cachedTokens > 0 ? ` (${usage.cachedTokens} ahead)` : "";
  const parts = [`${usage.promptTokens} tokens read${ahead}`, `${usage.generatedTokens} written`];
  if (usage.decodeMs > 0 && usage.generatedTokens > 0) {
    const perSecond = (usage.generatedTokens * 1000) / usage.decodeMs;
    parts.push(`${perSecond.toFixed(1)} tokens/s`);
  }
  return parts.join(", ");
}

/** `1.2 s · 85 tokens`: what was computed, and what was written. */
export function costText(usage: Usage): string {
  const seconds = (usage.prefillMs + usage.decodeMs) / 1000;
  const tokens = usage.generatedTokens === 1 ? "1 token" : `${usage.generatedTokens} tokens`;
  return `${seconds.toFixed(1)} s · ${tokens}`;
}

/** What the context window was divided into: so short that a status bar does not cut it. */
export function contextText(context: ContextUse): string {
  const { selectionTokens, fileTokens, systemTokens, answerTokensMax, windowTokens } = context;
  const given = `${selectionTokens} selected, ${fileTokens} file, ${systemTokens} instructions`;
  return `Tokens: ${given}, up to ${answerTokensMax} answer, window ${windowTokens}`;
}

/** That nothing was changed. `nothing`: what was not found, where no words said what to do. */
export function unchangedText(
  { reason, attempts }: Pick<EditAnswer, "reason" | "attempts">,
  nothing: string,
  where: string,
): string {
  if (reason === undefined) {
    return `LocalCoder found ${nothing} in ${where}.`;
  }
  const asked = attempts > 1 ? ", asked in two ways" : "";
  const why = sentence(plain(reason));
  return `The model changed nothing in ${where}${asked}. Its reason: ${why} Say more exactly what is to change, or use a larger model.`;
}

/** What of the file the model did not see: so short that a status bar does not cut it. */
export function omittedText(context: ContextUse): string | undefined {
  const { beforeLinesOmitted: before, afterLinesOmitted: after, windowTokens } = context;
  const omitted = [
    ...(before > 0 ? [`${count(before)} before`] : []),
    ...(after > 0 ? [`${count(after)} after`] : []),
  ];
  if (omitted.length === 0) {
    return undefined;
  }
  const used =
    context.outlineLines > 0 ? `, but for ${context.outlineLines} that the selection uses` : "";
  return `Not shown to the model: ${omitted.join(", ")}${used} (its window: ${windowTokens} tokens)`;
}

/** Why an answer is not whole. */
export function cutText(finish: FinishReason): string | undefined {
  switch (finish) {
    case "tokenLimit":
      return "The answer was cut: it reached the limit on generated tokens.";
    case "contextFull":
      return "The answer was cut: the context window is full.";
    case "endOfTurn":
    case "stopString":
      return undefined;
  }
}

function count(lines: number): string {
  return lines === 1 ? "1 line" : `${lines} lines`;
}
