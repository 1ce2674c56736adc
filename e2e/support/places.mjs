/** Where things are in this repository and on this machine. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");

/** The program under test. */
export const LOCALCODER = join(ROOT, "target/debug/localcoder");

/** A worker without a model, whose script tells it how to fail. */
export const FAKE_WORKER = join(ROOT, "target/debug/localcoder-fake-worker");

/** The assembled IDE. */
export const IDE = join(ROOT, "target/ide");

/** The sample project; every story gets a copy. */
export const SAMPLE = join(IDE, "sample");

/** The bundled model. */
export const DEMO_MODEL = join(ROOT, "models/demo/localcoder-demo.gguf");

/** Hostile answers, shared with the extension's own tests. */
export const ANSWERS = join(ROOT, "editors/code/test/hostile-answers.json");

/** The folder for what stories leave behind: one folder per failed story. */
export const ARTIFACTS = join(ROOT, "target/e2e");

/** The folder with a screenshot of every story. */
export const SCREENSHOTS = join(ARTIFACTS, "screenshots");

const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The path of the system's Chromium or Chrome. */
export function browserProgram() {
  const found = BROWSERS.find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(
      `no Chromium or Chrome at ${BROWSERS.join(", ")}; install it: apt-get install chromium`,
    );
  }
  return found;
}
