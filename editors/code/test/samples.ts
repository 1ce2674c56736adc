/** Values of the protocol for tests, complete and unremarkable. */
import type {
  Anchor,
  ContextUse,
  AssistAnswer,
  ModelInfo,
  ModelList,
  ModelRow,
  ModelSurvey,
  SurveyAnswer,
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
  systemTokens: 96,
  fileTokens: 210,
  selectionTokens: 40,
  answerTokensMax: 400,
  beforeLines: 3,
  beforeLinesOmitted: 0,
  afterLines: 4,
  afterLinesOmitted: 0,
  outlineLines: 0,
  conversationTokens: 0,
  exchangesOmitted: 0,
};

export const ANCHOR: Anchor = {
  documentSha256: "",
  before: [],
  after: [],
  alone: true,
  unique: true,
};

export const EXPLANATION: Extract<AssistAnswer, { kind: "text" }> = {
  kind: "text",
  text: "It adds.",
  references: [],
  notes: [],
  finish: "endOfTurn",
  usage: USAGE,
  context: CONTEXT,
  model: MODEL,
};

export const IMPROVEMENT: Extract<AssistAnswer, { kind: "edit" }> = {
  kind: "edit",
  editId: "0123456789abcdef",
  edit: { range: { start: 1, end: 1 }, original: "x=1", replacement: "x = 1", anchor: ANCHOR },
  unchanged: false,
  hunks: [{ range: { start: 1, end: 1 }, original: "x=1", replacement: "x = 1", anchor: ANCHOR }],
  diff: "",
  warnings: [],
  notes: [],
  attempts: 1,
  usage: USAGE,
  context: CONTEXT,
  model: MODEL,
};

/** A model that would fit. */
export const FITTING: ModelSurvey = {
  reference: "coder",
  name: "Coder 7B",
  verdict: "fits",
  contextTokens: 4_096,
  neededBytes: 5_000_000_000,
  measured: false,
  text: "needs 5.0 GB, 7.1 GB free: fits with 4096 tokens",
};

/** A profile in use whose models fit, and one whose model is not installed. */
export const SURVEY: SurveyAnswer = {
  freeBytes: 7_100_000_000,
  profiles: [
    {
      name: "balanced",
      summary: "A 7B model for code",
      inForce: true,
      code: FITTING,
      general: { ...FITTING, reference: "llama", name: "Llama 8B", measured: true },
    },
    {
      name: "heavy",
      summary: "A 14B model for everything",
      inForce: false,
      code: {
        ...FITTING,
        reference: "large",
        name: "large",
        verdict: "unusable",
        text: "no model `large` is installed",
      },
    },
  ],
  models: [FITTING],
};

/** A model that is installed and not in use. */
export function modelRow(id: string, more: Partial<ModelRow> = {}): ModelRow {
  return {
    id,
    name: id,
    state: "installed",
    uses: [],
    actions: ["use", "verify"],
    bytes: 1,
    loadedBytes: 1,
    roles: [],
    parameters: 0,
    quantization: "",
    contextTokens: 0,
    description: "1.1 GB",
    facts: [],
    ...more,
  };
}

/** A list of these models. */
export function modelList(models: ModelRow[]): ModelList {
  return { models, usedBytes: 1, freeBytes: 2, diskText: "Models take 1 B; 2 B are free." };
}
