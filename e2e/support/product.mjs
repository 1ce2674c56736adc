/**
 * The extension's own code without an editor: its connection to the host, and the messages on it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { LOCALCODER, ROOT } from "./places.mjs";

const MODULES = ["generated/protocol", "host/connection", "host/link", "host/process", "lib/lines"];

/** The extension's modules, bundled the way the extension is. */
export async function product() {
  const editor = join(ROOT, "editors/code");
  const { build } = createRequire(join(editor, "package.json"))("esbuild");
  const folder = mkdtempSync(join(tmpdir(), "localcoder-product-"));
  const outfile = join(folder, "product.cjs");
  await build({
    stdin: {
      contents: MODULES.map((name) => `export * from "./src/${name}";`).join("\n"),
      resolveDir: editor,
    },
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile,
  });
  try {
    return createRequire(import.meta.url)(outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A connection to the host of an installation. */
export function connect({ HostConnection, openLink, startHost }, ide) {
  process.env.LOCALCODER_HOME = ide.home;
  const host = new HostConnection(async (onNotification) => {
    const { socket } = await startHost(LOCALCODER);
    return await openLink(socket, onNotification);
  });
  void host.keepConnected();
  return host;
}
