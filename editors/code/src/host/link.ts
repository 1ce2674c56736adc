/**
 * One live connection to a host: requests with their deadlines, and notifications. It is used
 * until it breaks and never repaired; `connection.ts` makes the next one.
 */
import { createConnection } from "node:net";
import type { Socket } from "node:net";

import {
  createMessageConnection,
  ParameterStructures,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node";
import type { MessageConnection } from "vscode-jsonrpc/node";

import { DEADLINES_MS } from "../generated/protocol";
import type { Notifications, Requests } from "../generated/protocol";
import { HostError, toErrorInfo } from "../lib/errors";
import * as l10n from "../lib/l10n";

/** How long connecting to the socket may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Called with every notification. */
export type NotificationHandler = <N extends keyof Notifications>(
  name: N,
  params: Notifications[N],
) => void;

export class Link {
  /** Resolves once the connection is gone. */
  readonly closed: Promise<void>;
  readonly #rpc: MessageConnection;
  readonly #socket: Socket;

  constructor(socket: Socket, onNotification: NotificationHandler) {
    this.#socket = socket;
    this.#rpc = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#rpc.dispose();
        resolve();
      });
    });
    // A broken socket also emits `close`; but without an error listener the process would end.
    socket.on("error", () => undefined);
    for (const name of [
      "progress",
      "delta",
      "draft",
      "tryEdit",
      "suggestion",
      "statusChanged",
    ] as const) {
      this.#rpc.onNotification(name, (params: Notifications[typeof name]) => {
        onNotification(name, params);
      });
    }
    this.#rpc.onError(() => {
      this.close();
    });
    this.#rpc.listen();
  }

  /** Sends a request; settles with its answer, at its deadline, or when the connection ends. */
  async request<M extends keyof Requests>(
    method: M,
    params: Requests[M]["params"],
  ): Promise<Requests[M]["answer"]> {
    const deadlineMs = DEADLINES_MS[method];
    let timer: NodeJS.Timeout | undefined;
    const ends: Promise<never>[] = [this.closed.then(() => Promise.reject(connectionLost()))];
    if (deadlineMs !== null) {
      ends.push(
        new Promise((_, reject) => {
          timer = setTimeout(() => {
            reject(noAnswer(method, deadlineMs));
          }, deadlineMs);
        }),
      );
    }
    const answer = this.#rpc.sendRequest<Requests[M]["answer"]>(
      method,
      ParameterStructures.byName,
      params,
    );
    try {
      return await Promise.race([answer, ...ends]);
    } catch (error) {
      throw this.#socket.destroyed ? connectionLost() : new HostError(toErrorInfo(error));
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Connects to a host's socket. */
export function openLink(path: string, onNotification: NotificationHandler): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const fail = (cause: string): void => {
      socket.destroy();
      reject(
        new HostError({
          code: "hostUnreachable",
          message: l10n.t("the engine host does not accept connections"),
          cause,
          hint: l10n.t("Restart the engine."),
          action: "retry",
        }),
      );
    };
    const onError = (error: Error): void => {
      fail(error.message);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      fail(l10n.t("no connection within {0} s", CONNECT_TIMEOUT_MS / 1000));
    });
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", onError);
      resolve(new Link(socket, onNotification));
    });
  });
}

function connectionLost(): HostError {
  return new HostError({
    code: "hostUnreachable",
    message: l10n.t("the engine host ended while it was working on this"),
    hint: l10n.t("A new one is being started: try again."),
    action: "retry",
  });
}

function noAnswer(method: string, deadlineMs: number): HostError {
  return new HostError({
    code: "hostUnreachable",
    message: l10n.t("the engine host did not answer `{0}` within {1} s", method, deadlineMs / 1000),
    hint: l10n.t("Restart the engine and try again."),
    action: "retry",
  });
}
