/** A model that a story can install: a server on this machine, and a catalog that names it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { DEMO_MODEL } from "./places.mjs";

/** How many bytes the server sends at once. */
const PART = 64 * 1024;

/**
 * The pause after each part, in milliseconds, while a story is to pause the download: slow enough
 * to be done on a busy machine; afterwards it is fast.
 */
export const SLOW_MS = 600;
export const FAST_MS = 10;

/**
 * Starts the server. `offer` says whether the file exists, how slow it arrives, how often it was
 * requested, and how many bytes were sent; `catalog` lists it as `Small Model`. `goOffline` stops
 * the server until `goOnline`.
 */
export async function offerModel() {
  const bytes = readFileSync(DEMO_MODEL);
  const offer = { there: true, asked: 0, sent: 0, pauseMs: SLOW_MS };
  const server = createServer((request, response) => serve(bytes, offer, request, response));
  const listen = async (port) => {
    server.listen(port, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
  };
  const port = await listen(0);
  const catalog = { version: 1, models: [entry(bytes, port)] };
  return {
    offer,
    catalog,
    sha256: catalog.models[0].sha256,
    close: () => server.close(),
    goOffline: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    goOnline: () => listen(port),
  };
}

async function serve(bytes, offer, request, response) {
  offer.asked += 1;
  if (!offer.there) {
    response.writeHead(404).end();
    return;
  }
  const from = Number(/bytes=(\d+)-/u.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, {
    "Content-Length": bytes.length - from,
    ...(from > 0 && { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  for (let at = from; at < bytes.length && !response.destroyed; at += PART) {
    const part = bytes.subarray(at, at + PART);
    offer.sent += part.length;
    response.write(part);
    await new Promise((resolve) => setTimeout(resolve, offer.pauseMs));
  }
  response.end();
}

function entry(bytes, port) {
  return {
    id: "small",
    name: "Small Model",
    summary: "A model for this story.",
    roles: ["code"],
    family: "small",
    publisher: "Somebody",
    parameters: 1000,
    quantization: "Q8_0",
    file: "small.gguf",
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    revision: "main",
    url: `http://127.0.0.1:${port}/small.gguf`,
    license: {
      id: "Apache-2.0",
      name: "Apache License 2.0",
      url: "https://example.org/LICENSE",
      commercial: true,
      attribution: ["Built with Small"],
    },
    contextTokens: 2048,
    kvBytesPerToken: 1024,
    profile: "fast",
  };
}
