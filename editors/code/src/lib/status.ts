/**
 * What the status bar says, for every state of connection and engine. Pure: `features/status.ts`
 * puts it on the screen.
 */
import type {
  Confined,
  Device,
  ErrorInfo,
  HostStatus,
  MemoryUse,
  Speed,
} from "../generated/protocol";
import type { HostState } from "../host/connection";

import { renderError } from "./errors";
import { joined, plain, sentence, size } from "./words";

/** Longest name or reason in the status bar, in characters. */
const LABEL_CHARS_MAX = 40;

/** The contents of the status bar item. */
export interface StatusView {
  /** A codicon. */
  readonly icon: string;
  /** What follows `LocalCoder: `. */
  readonly label: string;
  /** Lines of the tooltip, as plain text. */
  readonly details: readonly string[];
  /** Set where something failed: a click tells it. */
  readonly failure?: ErrorInfo;
}

/** Chooses the words. `running`: whether this window waits for an answer. */
export function statusView(
  host: HostState,
  status: HostStatus | undefined,
  running: boolean,
): StatusView {
  switch (host.kind) {
    case "stopped":
      return { icon: "circle-slash", label: "stopped", details: [] };
    case "connecting":
      return spinning(host.again ? "reconnecting…" : "starting…", [
        host.again
          ? "The engine host ended; a new one is being started."
          : "Starting the engine host.",
      ]);
    case "unreachable":
      return failed("not running", host.error);
    case "connected":
      return status === undefined ? spinning("starting…", []) : engineView(status, running);
  }
}

function engineView(status: HostStatus, running: boolean): StatusView {
  const details = describeHost(status);
  const engine = status.engine;
  switch (engine.state) {
    case "failed":
      return failed(`failed: ${shorten(engine.error.message)}`, engine.error, details);
    case "loading":
      return spinning(`loading ${percent(engine.fraction)} %`, details);
    case "starting":
      return spinning("starting…", details);
    case "working":
      return spinning("working…", details);
    case "unresponsive":
      return {
        icon: "warning",
        label: "not responding",
        details: [
          "The engine gives no sign of life. It is ended and started again if that lasts.",
          ...details,
        ],
      };
    case "idle":
      return running
        ? spinning("working…", details)
        : { icon: "circle-outline", label: "idle", details };
    case "ready": {
      const label = shorten(status.model?.name ?? "ready");
      return running ? spinning("working…", details) : { icon: "check", label, details };
    }
  }
}

function describeHost(status: HostStatus): string[] {
  return [
    ...describeModel(status),
    ...status.notes.map((note) => plain(sentence(note))),
    ...describeMachine(status),
    ...describeProcesses(status),
  ];
}

function describeModel(status: HostStatus): string[] {
  const details: string[] = [];
  if (status.model !== undefined) {
    const { name, architecture, sizeBytes, demo, attribution } = status.model;
    const kind = demo ? ", demo model" : "";
    details.push(`Model: ${plain(name)} (${plain(architecture)}, ${size(sizeBytes)}${kind})`);
    // What a licence wants shown where the model is used.
    details.push(...attribution.map(plain));
  }
  if (status.profile !== "") {
    details.push(`Profile: ${plain(status.profile)}`);
  }
  if (status.contextTokens !== undefined) {
    details.push(`Context window: ${status.contextTokens} tokens`);
  }
  if (status.memory !== undefined) {
    const [all, kv] = [total(status.memory), size(status.memory.kvBytes)];
    details.push(`Memory: ${all}, of these ${kv} for the context window`);
  }
  if (status.speed !== undefined) {
    details.push(`Speed of the last answer: ${speedText(status.speed)}`);
  }
  return details;
}

/** What the model in use shares the machine with. */
function describeMachine(status: HostStatus): string[] {
  const details: string[] = [];
  if (status.worker !== undefined && status.worker.device !== "") {
    details.push(`Device: ${plain(status.worker.device)}`);
  }
  if (status.devices.length > 0) {
    details.push(`Devices found: ${status.devices.map(deviceText).join("; ")}`);
  }
  for (const { model, contextTokens, memory, device, pid } of status.residents) {
    if (pid !== status.worker?.pid) {
      const facts = `${total(memory)}, ${contextTokens} tokens, ${plain(device)}`;
      details.push(`Loaded too: ${plain(model.name)} (${facts})`);
    }
  }
  if (status.freeBytes !== undefined) {
    details.push(`Free memory: ${size(status.freeBytes)}`);
  }
  return details;
}

function describeProcesses({ worker, pid, confined }: HostStatus): string[] {
  const host = `Host process: ${pid}, sandbox ${sandboxText(confined)}`;
  return worker === undefined
    ? [host]
    : [
        `llama.cpp: ${plain(worker.llamaBuild)}`,
        `Worker process: ${worker.pid}, sandbox ${sandboxText(worker.confined)}`,
        host,
      ];
}

/** What the system refuses a program; told most where it refuses nothing. */
function sandboxText({ calls, files, why }: Confined): string {
  if (calls && files) {
    return "on";
  }
  const reason = why === undefined ? "" : `, ${plain(why)}`;
  return calls ? `in part${reason}` : `OFF${reason}`;
}

function deviceText({ name, description, gpu, memoryBytes }: Device): string {
  const memory = memoryBytes > 0 ? size(memoryBytes) : "";
  const facts = joined([plain(name), gpu ? "GPU" : "", memory]);
  return description === "" ? facts : `${plain(description)} (${facts})`;
}

function speedText({ readTokensPerS, writtenTokensPerS }: Speed): string {
  const reads = readTokensPerS > 0 ? `reads ${rate(readTokensPerS)}, ` : "";
  return `${reads}writes ${rate(writtenTokensPerS)} tokens/s`;
}

/** With two digits: no speed is steadier than that. */
function rate(perSecond: number): number {
  return Number(perSecond.toPrecision(2));
}

function total({ weightsBytes, kvBytes, computeBytes }: MemoryUse): string {
  return size(weightsBytes + kvBytes + computeBytes);
}

function spinning(label: string, details: readonly string[]): StatusView {
  return { icon: "sync~spin", label, details };
}

function failed(label: string, error: ErrorInfo, details: readonly string[] = []): StatusView {
  const reason = plain(renderError(error).text);
  return { icon: "error", label, details: [reason, ...details], failure: error };
}

function percent(fraction: number): number {
  return Math.round(Math.min(Math.max(fraction, 0), 1) * 100);
}

function shorten(text: string): string {
  const chars = Array.from(plain(text));
  return chars.length > LABEL_CHARS_MAX
    ? `${chars.slice(0, LABEL_CHARS_MAX - 1).join("")}…`
    : chars.join("");
}
