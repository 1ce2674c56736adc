/**
 * What the status bar says, for every state of connection and engine. Pure: `features/status.ts`
 * puts it on the screen.
 */
import type { ErrorInfo, HostStatus } from "../generated/protocol";
import type { HostState } from "../host/connection";

import { renderError } from "./errors";
import { plain, size } from "./words";

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
  const details: string[] = [];
  if (status.model !== undefined) {
    const { name, architecture, sizeBytes, demo, attribution } = status.model;
    const kind = demo ? ", demo model" : "";
    details.push(`Model: ${plain(name)} (${plain(architecture)}, ${size(sizeBytes)}${kind})`);
    // What a licence wants shown where the model is used.
    details.push(...attribution.map(plain));
  }
  if (status.contextTokens !== undefined) {
    details.push(`Context window: ${status.contextTokens} tokens`);
  }
  if (status.memory !== undefined) {
    const { weightsBytes, kvBytes, computeBytes } = status.memory;
    const total = size(weightsBytes + kvBytes + computeBytes);
    details.push(`Memory: ${total}, of these ${size(kvBytes)} for the context window`);
  }
  if (status.worker !== undefined) {
    const { device, llamaBuild, pid } = status.worker;
    details.push(
      `Device: ${plain(device)}`,
      `llama.cpp: ${plain(llamaBuild)}`,
      `Worker process: ${pid}`,
    );
  }
  details.push(`Host process: ${status.pid}`);
  return details;
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
