/**
 * Bundles the extension, its webviews' scripts and, with `--tests`, the unit tests. Type checking
 * is `npm run check`; esbuild does none.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { build } from "esbuild";

const root = import.meta.dirname;
/** @satisfies {import("esbuild").BuildOptions} */
const node = /** @type {const} */ ({
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  logLevel: "warning",
});

if (process.argv.includes("--tests")) {
  const outdir = join(root, "dist-test");
  rmSync(outdir, { recursive: true, force: true });
  const tests = readdirSync(join(root, "test")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...node,
    entryPoints: tests.map((name) => join(root, "test", name)),
    outdir,
    sourcemap: "inline",
    // Features are tested against what the editor's API promises; the stories use the real editor.
    alias: { vscode: join(root, "test/editor/index.ts") },
    // It finds its own files relative to its module, so it can't be bundled.
    external: ["typescript"],
  });
} else {
  const outdir = join(root, "dist");
  rmSync(outdir, { recursive: true, force: true });
  await build({
    ...node,
    entryPoints: [join(root, "src/extension.ts")],
    outdir,
    external: ["vscode"],
    legalComments: "linked",
    // For debuggers; the sources are next to the bundle.
    sourcemap: "linked",
    sourcesContent: false,
  });
  await build({
    bundle: true,
    platform: "browser",
    target: "es2022",
    format: "iife",
    logLevel: "warning",
    legalComments: "linked",
    entryPoints: Object.fromEntries(
      ["explain", "manager", "setup"].map((page) => [page, join(root, "src/ui", page, "main.ts")]),
    ),
    outdir,
  });
}
