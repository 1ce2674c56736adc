/**
 * The tooltip of the status bar item: what is in use, what it shares the machine with, and what
 * differs from the settings.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { HostStatus } from "../src/generated/protocol";
import { statusView } from "../src/lib/status";

import { hostStatus, HELLO } from "./fake-host";
import { MODEL } from "./samples";

const MEMORY = { weightsBytes: 4.5e9, kvBytes: 2.3e8, computeBytes: 7e7 };

/** A model that runs on a GPU, with everything that is known of it. */
const BUSY: Partial<HostStatus> = {
  model: MODEL,
  contextTokens: 8_192,
  memory: MEMORY,
  speed: { readTokensPerS: 853.2, writtenTokensPerS: 31.4 },
  worker: {
    pid: 11,
    generation: 1,
    llamaBuild: "b1",
    device: "Vulkan",
    confined: { calls: true, files: true },
  },
  residents: [
    { model: MODEL, contextTokens: 8_192, memory: MEMORY, device: "Vulkan", pid: 11 },
    {
      model: { ...MODEL, name: "Llama 8B" },
      contextTokens: 4_096,
      memory: { weightsBytes: 5e9, kvBytes: 0, computeBytes: 0 },
      device: "CPU",
      pid: 12,
    },
  ],
  freeBytes: 7.1e9,
  devices: [
    { name: "Vulkan", description: "Radeon 780M", gpu: true, memoryBytes: 1.6e10 },
    { name: "CPU", description: "", gpu: false, memoryBytes: 0 },
  ],
  notes: ["the context window has 8192 of up to 16384 tokens: there was no memory for more"],
};

function details(more: Partial<HostStatus>): readonly string[] {
  const status = hostStatus({ state: "ready" }, more);
  return statusView({ kind: "connected", host: HELLO }, status, false).details;
}

test("all that is known of a model at work is reported, a line each", () => {
  assert.deepEqual(details(BUSY), [
    "Model: Coder 7B (qwen2, 4.7 GB)",
    "Profile: balanced",
    "Context window: 8192 tokens",
    "Memory: 4.8 GB, of these 230.0 MB for the context window",
    "Speed of the last answer: reads 850, writes 31 tokens/s",
    "The context window has 8192 of up to 16384 tokens: there was no memory for more.",
    "Device: Vulkan",
    "Devices found: Radeon 780M (Vulkan, GPU, 16.0 GB); CPU",
    "Loaded too: Llama 8B (5.0 GB, 4096 tokens, CPU)",
    "Free memory: 7.1 GB",
    "llama.cpp: b1",
    "Worker process: 11, sandbox on",
    "Host process: 7, sandbox on",
  ]);
});

test("what is not known is not told", () => {
  assert.deepEqual(details({}), ["Profile: balanced", "Host process: 7, sandbox on"]);
  assert.deepEqual(details({ profile: "" }), ["Host process: 7, sandbox on"]);
});

test("a speed has two digits, and none is made up for what was not read", () => {
  const speed = (readTokensPerS: number, writtenTokensPerS: number) =>
    details({ speed: { readTokensPerS, writtenTokensPerS } })[1];
  assert.equal(speed(1_234, 9.44), "Speed of the last answer: reads 1200, writes 9.4 tokens/s");
  assert.equal(speed(0, 0.567), "Speed of the last answer: writes 0.57 tokens/s");
  assert.equal(speed(0, 0), "Speed of the last answer: writes 0 tokens/s");
});

test("every note is reported as a sentence, also where no model is loaded", () => {
  const notes = ["the CPU computes, because the GPU failed", "`big` is not installed", "Why?"];
  const told = details({ notes });
  assert.deepEqual(told.slice(1, 4), [
    "The CPU computes, because the GPU failed.",
    "`big` is not installed.",
    "Why?",
  ]);
});

test("a model that stays loaded while another one comes is reported", () => {
  const [, other] = BUSY.residents ?? [];
  assert.ok(other !== undefined);
  const told = details({ residents: [other] });
  assert.ok(told.includes("Loaded too: Llama 8B (5.0 GB, 4096 tokens, CPU)"));
});

test("names of devices and profiles can't draw icons or break lines", () => {
  const device = { name: "$(trash)", description: "a\nb", gpu: false, memoryBytes: 0 };
  const told = details({ profile: "x\u202e", devices: [device], notes: ["$(x)\ny"] });
  assert.ok(told.every((line) => !/[\n\u202e]|\$\(/u.test(line)));
});
