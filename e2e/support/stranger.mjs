/**
 * What others on the machine can do: another user's processes, and another program's web server.
 * The tests that use this need the superuser's rights, to become another user.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { promisify } from "node:util";

const run = promisify(execFile);

/** `nobody`: a user that owns no file and no process of the IDE. */
const NOBODY = "65534";

/** @returns {[string, string[]]} the program and its words */
function asNobody(script, words) {
  assert.equal(process.getuid?.(), 0, "run this as the superuser: it becomes another user");
  const become = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
  return ["setpriv", [...become, process.execPath, "-e", script, ...words.map(String)]];
}

/** Runs a Node.js script as another user; returns what it prints. */
export async function stranger(script, ...words) {
  const [program, list] = asNobody(script, words);
  return (await run(program, list, { cwd: "/", maxBuffer: 1 << 24 })).stdout.trim();
}

/**
 * Starts a Node.js script as another user without waiting: `{ ended }` is a promise of what it
 * prints.
 */
export function strangerRuns(script, ...words) {
  const [program, list] = asNobody(script, words);
  const child = spawn(program, list, { cwd: "/", stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve(output.trim()) : reject(new Error(`it ended with ${code}: ${output}`)),
    );
  });
  return { child, ended };
}

/** A web server of another program, which records every request. */
export class Listener {
  /** Each request: `{ method, url, headers }`. */
  heard = [];
  /** The number of connections, including those without a request. */
  connections = 0;
  /** The number of datagrams to the same port. */
  datagrams = 0;
  #server;
  #datagrams = createSocket("udp4");

  /**
   * `answer(request)` returns `{ type, body }`.
   *
   * @param {object} [how]
   * @param {number} [how.port]
   * @param {string} [how.host]
   * @param {(request: import("node:http").IncomingMessage) => { type: string, body: string }} [how.answer]
   */
  static async open({ port = 0, host = "127.0.0.1", answer } = {}) {
    const listener = new Listener();
    const page = answer ?? (() => ({ type: "text/plain", body: "here" }));
    listener.#server = createServer((request, response) => {
      const { method, url, headers } = request;
      listener.heard.push({ method, url, headers });
      const { type, body } = page(request);
      response.writeHead(200, { "content-type": type, "access-control-allow-origin": "*" });
      response.end(body);
    });
    listener.#server.on("connection", () => {
      listener.connections += 1;
    });
    await new Promise((resolve, reject) => {
      listener.#server.on("error", reject);
      listener.#server.listen(port, host, resolve);
    });
    listener.#datagrams.on("message", () => {
      listener.datagrams += 1;
    });
    await new Promise((resolve, reject) => {
      listener.#datagrams.on("error", reject);
      listener.#datagrams.bind(listener.port, host, () => resolve(undefined));
    });
    return listener;
  }

  get port() {
    return this.#server.address().port;
  }

  close() {
    this.#server.closeAllConnections();
    this.#datagrams.close();
    return new Promise((resolve) => this.#server.close(resolve));
  }
}
