/**
 * A host for tests: a real socket and real framing, with answers that the test provides. It speaks
 * the protocol and has no model.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  createMessageConnection,
  ParameterStructures,
  ResponseError,
  SocketMessageReader,
  SocketMessageWriter,
} from "vscode-jsonrpc/node";
import type { MessageConnection } from "vscode-jsonrpc/node";

import { PROTOCOL_VERSION } from "../src/generated/protocol";
import type {
  EngineState,
  ErrorInfo,
  HelloAnswer,
  HostStatus,
  Notifications,
  Requests,
} from "../src/generated/protocol";

/** A connected client, as the function for an answer sees it. */
export interface Peer {
  notify<N extends keyof Notifications>(name: N, params: Notifications[N]): void;
  /** Drops the connection, as a dying host does. */
  drop(): void;
}

/** Answers by method; any other method is answered with an error. */
export type Answers = {
  [M in keyof Requests]?: (
    params: Requests[M]["params"],
    peer: Peer,
  ) => Requests[M]["answer"] | Promise<Requests[M]["answer"]>;
};

/** A host that answers as the test says. */
export class FakeHost {
  /** All requests, in order of arrival. */
  readonly seen: { method: string; params: unknown }[] = [];
  readonly socketPath: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "lc-"));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answers: Answers) {
    this.socketPath = join(this.#folder, "host.sock");
    this.#server = createServer((socket) => {
      this.#serve(socket, { hello: () => HELLO, status: () => hostStatus(), ...answers });
    });
  }

  static async start(answers: Answers = {}): Promise<FakeHost> {
    const host = new FakeHost(answers);
    await host.listen();
    return host;
  }

  /** Listens again after {@link die}. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(this.socketPath, resolve);
    });
  }

  /** Stops listening and drops every client. */
  async die(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  async stop(): Promise<void> {
    await this.die().catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #serve(socket: Socket, answers: Answers): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    const rpc = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    socket.on("close", () => {
      this.#sockets.delete(socket);
      rpc.dispose();
    });
    const peer = peerOf(rpc, socket);
    rpc.onRequest(async (method, params) => {
      this.seen.push({ method, params });
      const answer = answers[method as keyof Requests] as
        ((params: unknown, peer: Peer) => unknown) | undefined;
      if (answer === undefined) {
        throw hostError({ code: "protocol", message: `unknown method ${method}` });
      }
      return await answer(params, peer);
    });
    rpc.listen();
  }
}

/** An error as a host sends it. */
export function hostError(info: ErrorInfo): ResponseError<ErrorInfo> {
  return new ResponseError(-32_000, info.message, info);
}

/** The answer to `hello`. */
export const HELLO: HelloAnswer = { protocolVersion: PROTOCOL_VERSION, buildId: "test", pid: 7 };

/** A host without a worker. */
export function hostStatus(
  engine: EngineState = { state: "idle" },
  more: Partial<HostStatus> = {},
): HostStatus {
  return {
    protocolVersion: PROTOCOL_VERSION,
    buildId: "test",
    pid: 7,
    uptimeMs: 1,
    confined: { calls: true, files: true },
    clients: 1,
    requests: 0,
    engine,
    profile: "balanced",
    residents: [],
    devices: [],
    notes: [],
    ...more,
  };
}

function peerOf(rpc: MessageConnection, socket: Socket): Peer {
  return {
    notify: (name, params) => {
      // The client may be gone already.
      rpc.sendNotification(name, ParameterStructures.byName, params).catch(() => undefined);
    },
    drop: () => {
      socket.destroy();
    },
  };
}
