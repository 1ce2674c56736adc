/** Values of the protocol for tests, whole and unremarkable. */
import type {
  ContextUse,
  ExplainAnswer,
  ImproveAnswer,
  ModelInfo,
  Usage,
} from "../src/generated/protocol";

export const MODEL: ModelInfo = {
  reference: "/models/coder.gguf",
  name: "Coder 7B",
  architecture: "qwen2",
  sizeBytes: 4_700_000_000,
  trainedContextTokens: 32_768,
  demo: false,
  attribution: [],
};

export const USAGE: Usage = {
  promptTokens: 120,
  cachedTokens: 0,
  generatedTokens: 50,
  prefillMs: 100,
  decodeMs: 2_000,
  rounds: 49,
  draftedTokens: 0,
  acceptedTokens: 0,
};

export const CONTEXT: ContextUse = {
  windowTokens: 4_096,
  selectionTokens: 40,
  beforeLines: 3,
  beforeLinesOmitted: 0,
  afterLines: 4,
  afterLinesOmitted: 0,
};

export const EXPLANATION: ExplainAnswer = {
  text: "It adds.",
  finish: "endOfTurn",
  usage: USAGE,
  context: CONTEXT,
  model: MODEL,
};

export const IMPROVEMENT: ImproveAnswer = {
  edit: { range: { start: 1, end: 1 }, original: "x=1", replacement: "x = 1" },
  unchanged: false,
  hunks: [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1 }],
  diff: "",
  warnings: [],
  attempts: 1,
  usage: USAGE,
  context: CONTEXT,
  model: MODEL,
};
