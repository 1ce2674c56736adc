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
import * as l10n from "./l10n";
import { joined, plain, sentence, size } from "./words";

/** Longest name or reason in the status bar, in characters. */
const LABEL_CHARS_MAX = 40;

/** The contents of the status bar item. */
export interface StatusView {
  /** The name of a codicon. */
  readonly icon: string;
  /** The text after `LocalCoder: `. */
  readonly label: string;
  /** Lines of the tooltip, as plain text. */
  readonly details: readonly string[];
  /** The failure, if something failed: a click shows it. */
  readonly failure?: ErrorInfo;
}

/** Words the item. `running`: whether this window is waiting for an answer. */
export function statusView(
  host: HostState,
  status: HostStatus | undefined,
  running: boolean,
): StatusView {
  switch (host.kind) {
    case "stopped":
      return { icon: "circle-slash", label: l10n.t("stopped"), details: [] };
    case "connecting":
      return spinning(host.again ? l10n.t("reconnecting…") : l10n.t("starting…"), [
        host.again
          ? l10n.t("The engine host ended; a new one is being started.")
          : l10n.t("Starting the engine host."),
      ]);
    case "unreachable":
      return failed(l10n.t("not running"), host.error);
    case "connected":
      return status === undefined ? spinning(l10n.t("starting…"), []) : engineView(status, running);
  }
}

function engineView(status: HostStatus, running: boolean): StatusView {
  const details = describeHost(status);
  const engine = status.engine;
  switch (engine.state) {
    case "failed":
      return failed(l10n.t("failed: {0}", shorten(engine.error.message)), engine.error, details);
    case "loading":
      return spinning(l10n.t("loading {0} %", percent(engine.fraction)), details);
    case "starting":
      return spinning(l10n.t("starting…"), details);
    case "working":
      return spinning(l10n.t("working…"), details);
    case "unresponsive":
      return {
        icon: "warning",
        label: l10n.t("not responding"),
        details: [
          l10n.t("The engine gives no sign of life. It is ended and started again if that lasts."),
          ...details,
        ],
      };
    case "idle":
      return running
        ? spinning(l10n.t("working…"), details)
        : { icon: "circle-outline", label: l10n.t("idle"), details };
    case "ready": {
      const label = shorten(status.model?.name ?? l10n.t("ready"));
      return running ? spinning(l10n.t("working…"), details) : { icon: "check", label, details };
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
    const facts = [plain(architecture), size(sizeBytes), ...(demo ? [l10n.t("demo model")] : [])];
    details.push(l10n.t("Model: {0} ({1})", plain(name), facts.join(", ")));
    // Some licenses require attribution wherever the model is used.
    details.push(...attribution.map(plain));
  }
  if (status.profile !== "") {
    details.push(l10n.t("Profile: {0}", plain(status.profile)));
  }
  if (status.contextTokens !== undefined) {
    details.push(l10n.t("Context window: {0} tokens", status.contextTokens));
  }
  if (status.memory !== undefined) {
    const [all, kv] = [total(status.memory), size(status.memory.kvBytes)];
    details.push(l10n.t("Memory: {0}, of these {1} for the context window", all, kv));
  }
  if (status.speed !== undefined) {
    details.push(l10n.t("Speed of the last answer: {0}", speedText(status.speed)));
  }
  return details;
}

/** The devices of this machine, and the other models that are loaded on it. */
function describeMachine(status: HostStatus): string[] {
  const details: string[] = [];
  if (status.worker !== undefined && status.worker.device !== "") {
    details.push(l10n.t("Device: {0}", plain(status.worker.device)));
  }
  if (status.devices.length > 0) {
    details.push(l10n.t("Devices found: {0}", status.devices.map(deviceText).join("; ")));
  }
  for (const { model, contextTokens, memory, device, pid } of status.residents) {
    if (pid !== status.worker?.pid) {
      details.push(
        l10n.t(
          "Loaded too: {0} ({1}, {2} tokens, {3})",
          plain(model.name),
          total(memory),
          contextTokens,
          plain(device),
        ),
      );
    }
  }
  for (const { model, draft } of status.residents) {
    if (draft !== undefined) {
      const [drafts, writes] = [plain(draft.model.name), plain(model.name)];
      details.push(l10n.t("Drafts: {0} for {1} ({2})", drafts, writes, total(draft.memory)));
    }
  }
  if (status.freeBytes !== undefined) {
    details.push(l10n.t("Free memory: {0}", size(status.freeBytes)));
  }
  return details;
}

function describeProcesses({ worker, pid, confined }: HostStatus): string[] {
  const host = l10n.t("Host process: {0}, sandbox {1}", pid, sandboxText(confined));
  return worker === undefined
    ? [host]
    : [
        `llama.cpp: ${plain(worker.llamaBuild)}`,
        l10n.t("Worker process: {0}, sandbox {1}", worker.pid, sandboxText(worker.confined)),
        host,
      ];
}

/** What the system's sandbox denies a program; matters most if it denies nothing. */
function sandboxText({ calls, files, why }: Confined): string {
  if (calls && files) {
    return l10n.t({ message: "on", comment: "the sandbox of a program" });
  }
  const part = calls
    ? l10n.t({ message: "in part", comment: "the sandbox of a program" })
    : l10n.t({ message: "OFF", comment: "the sandbox of a program" });
  return why === undefined ? part : joined([part, plain(why)]);
}

function deviceText({ name, description, gpu, memoryBytes }: Device): string {
  const memory = memoryBytes > 0 ? size(memoryBytes) : "";
  const facts = joined([plain(name), gpu ? "GPU" : "", memory]);
  return description === "" ? facts : `${plain(description)} (${facts})`;
}

function speedText({ readTokensPerS, writtenTokensPerS }: Speed): string {
  const written = rate(writtenTokensPerS);
  return readTokensPerS > 0
    ? l10n.t("reads {0}, writes {1} tokens/s", rate(readTokensPerS), written)
    : l10n.t("writes {0} tokens/s", written);
}

/** Rounded to two digits: no speed is steadier than that. */
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
