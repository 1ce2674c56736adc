/**
 * The connection that features use: it starts a host if none runs, connects, says hello, and does
 * so again when the host dies. Requests made meanwhile wait; a request that was running when the
 * host died fails, and is not repeated here, because only the host knows which ones may be.
 */
import { BUILD_ID, PROTOCOL_VERSION } from "../generated/protocol";
import type {
  DeltaParams,
  DraftParams,
  ErrorInfo,
  HelloAnswer,
  HostStatus,
  ProgressParams,
  Requests,
  SuggestionParams,
  TestRun,
  TryEditParams,
} from "../generated/protocol";
import { REAL_CLOCK, whenAborted } from "../lib/clock";
import type { Clock } from "../lib/clock";
import { cancelled, HostError, toErrorInfo } from "../lib/errors";
import { Emitter } from "../lib/emitter";
import * as l10n from "../lib/l10n";

import type { Link, NotificationHandler } from "./link";

/** How long a request waits for a connection, in milliseconds. */
export const CONNECT_WAIT_MS = 10_000;
/** How long to wait for the answer to a cancelled request, in milliseconds. */
const CANCEL_WAIT_MS = 2_000;
/** First and longest pause between attempts to connect, in milliseconds. */
const PAUSE_MS = { first: 250, longest: 15_000 };
/**
 * After a connection that lived this long, the pauses start again from the first, in milliseconds.
 */
const GOOD_CONNECTION_MS = 10_000;

/** The state of the connection. */
export type HostState =
  | { readonly kind: "connecting"; readonly again: boolean }
  | { readonly kind: "connected"; readonly host: HelloAnswer }
  | { readonly kind: "unreachable"; readonly error: ErrorInfo }
  | { readonly kind: "stopped" };

/** Starts a host if none runs, and connects to it. */
export type Connector = (onNotification: NotificationHandler) => Promise<Link>;

/** The requests that stream and can be cancelled. */
export type StreamingMethod = "assist" | "prepare" | "complete" | "predictEdit";

/** Options of a streaming request, and its callbacks. */
export interface AskOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ProgressParams) => void;
  readonly onDelta?: (delta: DeltaParams) => void;
  /** The edit as far as it is written; only called if drafts were requested. */
  readonly onDraft?: (draft: DraftParams) => void;
  /** Runs the user's own test on an edit that may become the answer. */
  readonly onTryEdit?: (wanted: TryEditParams) => Promise<TestRun>;
}

export class HostConnection {
  readonly onState = new Emitter<HostState>();
  readonly onStatus = new Emitter<HostStatus>();
  /** Every piece of every answer, whichever request it belongs to. */
  readonly onDelta = new Emitter<DeltaParams>();
  /** The host suggests a change that the user may want. */
  readonly onSuggestion = new Emitter<SuggestionParams>();
  readonly #connector: Connector;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, AskOptions>();
  readonly #end = new AbortController();
  #state: HostState = { kind: "connecting", again: false };
  #status: HostStatus | undefined;
  #link: Link | undefined;
  #failures = 0;
  #nextRequest = 1;
  #wake = new AbortController();

  constructor(connector: Connector, clock: Clock = REAL_CLOCK) {
    this.#connector = connector;
    this.#clock = clock;
  }

  get state(): HostState {
    return this.#state;
  }

  /** The last status of the host; `undefined` without a connection. */
  get status(): HostStatus | undefined {
    return this.#status;
  }

  /** Connects, and stays connected until {@link dispose}. */
  async keepConnected(): Promise<void> {
    while (!this.#ended()) {
      const pauseMs = await this.#connectOnce();
      await this.#pause(pauseMs);
    }
  }

  /** Connects now instead of after the pause; drops an existing connection. */
  reconnect(): void {
    this.#failures = 0;
    this.#link?.close();
    this.#wake.abort();
  }

  /** Ends the connection for good. */
  dispose(): void {
    this.#end.abort();
    this.#setState({ kind: "stopped" });
    this.#link?.close();
    this.#wake.abort();
  }

  /** Sends one request with a short answer. */
  async request<M extends Exclude<keyof Requests, StreamingMethod>>(
    method: M,
    params: Requests[M]["params"],
  ): Promise<Requests[M]["answer"]> {
    const link = await this.#connected(this.#end.signal);
    return await link.request(method, params);
  }

  /**
   * Sends a request to the model. The promise settles exactly once; an abort rejects it as
   * `cancelled`.
   */
  async ask<M extends StreamingMethod>(
    method: M,
    params: Omit<Requests[M]["params"], "requestId">,
    options: AskOptions,
  ): Promise<Requests[M]["answer"]> {
    const link = await this.#connected(options.signal);
    refuseAborted(options.signal);
    const requestId = `editor-${this.#nextRequest++}`;
    this.#listeners.set(requestId, options);
    const ended = new AbortController();
    const aborted = whenAborted(options.signal, ended.signal).then(async () => {
      this.#listeners.delete(requestId);
      link.request("cancel", { requestId }).catch(() => undefined);
      // A host answers a cancelled request; one that doesn't must not hold up the user.
      await this.#clock.delay(CANCEL_WAIT_MS, ended.signal);
      throw cancelled();
    });
    try {
      const whole = { ...params, requestId } as Requests[M]["params"];
      const answer = await Promise.race([link.request(method, whole), aborted]);
      // It may have been on its way when the user cancelled.
      refuseAborted(options.signal);
      return answer;
    } catch (error) {
      throw options.signal.aborted ? cancelled() : error;
    } finally {
      this.#listeners.delete(requestId);
      ended.abort();
    }
  }

  /**
   * Makes one attempt and, if it works, stays until that connection ends. Returns how long to
   * pause.
   */
  async #connectOnce(): Promise<number> {
    try {
      const link = await this.#connector(this.#notified);
      if (this.#ended()) {
        link.close();
        return 0;
      }
      const host = await sayHello(link);
      this.#link = link;
      const since = this.#clock.now();
      this.#setState({ kind: "connected", host });
      this.#askStatus(link);
      await link.closed;
      this.#link = undefined;
      this.#status = undefined;
      if (this.#clock.now() - since >= GOOD_CONNECTION_MS) {
        this.#failures = 0;
      }
      this.#setState({ kind: "connecting", again: true });
    } catch (error) {
      const info = toErrorInfo(error);
      this.#setState({ kind: "unreachable", error: info });
      if (!mayPass(info)) {
        return Number.POSITIVE_INFINITY;
      }
    }
    const pauseMs = Math.min(PAUSE_MS.first * 2 ** this.#failures, PAUSE_MS.longest);
    this.#failures += 1;
    return pauseMs;
  }

  /** The host reports changes by itself; this is the status until the first one. */
  #askStatus(link: Link): void {
    link.request("status", {}).then(
      (status) => {
        this.#notified("statusChanged", status);
      },
      () => undefined,
    );
  }

  async #pause(pauseMs: number): Promise<void> {
    if (this.#ended()) {
      return;
    }
    await this.#clock.delay(pauseMs, this.#wake.signal);
    this.#wake = new AbortController();
  }

  /**
   * The link, or a wait for one. A request is a reason to try at once instead of after the pause.
   */
  async #connected(signal: AbortSignal): Promise<Link> {
    if (this.#link !== undefined) {
      return this.#link;
    }
    if (this.#state.kind === "unreachable") {
      this.#wake.abort();
    }
    const done = new AbortController();
    const found = new Promise<Link>((resolve, reject) => {
      const check = (state: HostState): void => {
        if (state.kind === "connected" && this.#link !== undefined) {
          resolve(this.#link);
        } else if (
          state.kind === "stopped" ||
          (state.kind === "unreachable" && !mayPass(state.error))
        ) {
          reject(this.#unreachable());
        }
      };
      const listener = this.onState.on(check);
      done.signal.addEventListener("abort", listener);
      if (this.#state.kind === "stopped") {
        check(this.#state);
      }
    });
    const tooLate = this.#clock.delay(CONNECT_WAIT_MS, done.signal).then(() => {
      throw this.#unreachable();
    });
    const aborted = whenAborted(signal, done.signal).then(() => {
      throw cancelled();
    });
    try {
      return await Promise.race([found, tooLate, aborted]);
    } finally {
      // The others may still reject, which nothing else would handle.
      for (const loser of [found, tooLate, aborted]) {
        loser.catch(() => undefined);
      }
      done.abort();
    }
  }

  #unreachable(): HostError {
    if (this.#state.kind === "unreachable") {
      return new HostError(this.#state.error);
    }
    return new HostError({
      code: "hostUnreachable",
      message: l10n.t("the engine host could not be reached within {0} s", CONNECT_WAIT_MS / 1000),
      hint: l10n.t("Try again, or restart the engine."),
      action: "retry",
    });
  }

  readonly #notified: NotificationHandler = (name, params) => {
    if (name === "statusChanged") {
      this.#status = params as HostStatus;
      this.onStatus.fire(this.#status);
    } else if (name === "suggestion") {
      this.onSuggestion.fire(params as SuggestionParams);
    } else if (name === "tryEdit") {
      void this.#try(params as TryEditParams);
    } else if (name === "progress") {
      const progress = params as ProgressParams;
      this.#listeners.get(progress.requestId)?.onProgress?.(progress);
    } else if (name === "draft") {
      const draft = params as DraftParams;
      this.#listeners.get(draft.requestId)?.onDraft?.(draft);
    } else {
      const delta = params as DeltaParams;
      this.onDelta.fire(delta);
      this.#listeners.get(delta.requestId)?.onDelta?.(delta);
    }
  };

  /** Runs the test that the host wants. If no result reaches the host, it continues without one. */
  async #try(wanted: TryEditParams): Promise<void> {
    const { requestId, trial } = wanted;
    const link = this.#link;
    const run = await this.#listeners.get(requestId)?.onTryEdit?.(wanted);
    if (run !== undefined && link !== undefined) {
      await link.request("tried", { requestId, trial, run }).catch(() => undefined);
    }
  }

  #ended(): boolean {
    return this.#end.signal.aborted;
  }

  #setState(state: HostState): void {
    if (this.#state.kind !== "stopped") {
      this.#state = state;
      this.onState.fire(state);
    }
  }
}

/**
 * Sends the first message of a connection, and throws an error that names both builds if the
 * host's differs.
 */
async function sayHello(link: Link): Promise<HelloAnswer> {
  try {
    const host = await link.request("hello", {
      protocolVersion: PROTOCOL_VERSION,
      buildId: BUILD_ID,
      pid: process.pid,
      client: "editor",
      wantsStatus: true,
    });
    if (host.protocolVersion === PROTOCOL_VERSION) {
      return host;
    }
    const older = host.protocolVersion < PROTOCOL_VERSION;
    throw new HostError({
      code: "versionMismatch",
      message: l10n.t(
        "the engine host (build {0}) and this window (build {1}) are of different versions",
        host.buildId,
        BUILD_ID,
      ),
      hint: older
        ? l10n.t("The host is the older one: restart the engine.")
        : l10n.t("This window is the older one: reload it."),
      action: older ? "retry" : "reloadWindow",
    });
  } catch (error) {
    link.close();
    throw error;
  }
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) {
    throw cancelled();
  }
}

/** Whether a failed attempt may succeed a moment later without the user doing anything. */
function mayPass(error: ErrorInfo): boolean {
  return error.code === "hostUnreachable" || error.code === "draining" || error.code === "busy";
}
