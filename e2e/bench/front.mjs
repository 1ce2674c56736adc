/**
 * Measures the front: the time to an interactive workbench, from a key to its paint, and for a file
 * of 50 MB. With `--against`, another build's `localcoder` is measured alternately with this one's,
 * on the same machine in the same minutes.
 *
 *     node bench/front.mjs --times 10 --against OTHER/target/debug/localcoder
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Browser } from "../support/browser.mjs";
import { LOCALCODER, SAMPLE } from "../support/places.mjs";
import { until } from "../support/wait.mjs";

const FILE_BYTES = 50 * 1024 * 1024;
/**
 * How many keys are measured per start; the slowest of only a few would say more about the machine
 * than about the editor.
 */
const KEYS = 40;

const { values } = parseArgs({
  options: { times: { type: "string", default: "10" }, against: { type: "string" } },
});

/** One start: returns `{ start, key, file }` in milliseconds. */
async function measure(program) {
  const home = realpathSync(mkdtempSync("/tmp/lc-bench-"));
  const folder = join(home, "sample");
  cpSync(SAMPLE, folder, { recursive: true });
  const done = { version: 1, finished: true, step: "done", downloads: [] };
  writeFileSync(join(home, "setup.json"), JSON.stringify(done));
  writeFileSync(join(folder, "large.bin"), Buffer.alloc(FILE_BYTES, 97));
  const launcher = spawn(program, ["--browser", folder], {
    env: { ...process.env, LOCALCODER_HOME: home },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  launcher.stderr.on("data", (data) => {
    told += data;
  });
  const browser = await Browser.open();
  try {
    const address = await until("an address", () => /http:\/\/\S+/u.exec(told)?.[0]);
    const page = await browser.page();
    const began = performance.now();
    await page.goto(`${address}&payload=${payload(address, folder)}`);
    await page.locator(".monaco-editor .view-line", { hasText: "def" }).first().waitFor();
    const start = performance.now() - began;
    await page.locator('[id="localcoder.localcoder.localcoder.status"]').waitFor();
    return { start, key: await keys(page), file: await file(page, join(folder, "large.bin")) };
  } finally {
    await browser.close();
    launcher.kill("SIGTERM");
    await new Promise((resolve) => launcher.once("exit", resolve));
    execFileSync(program, ["host", "stop"], {
      env: { ...process.env, LOCALCODER_HOME: home },
      stdio: "ignore",
    });
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** An address that opens a file together with the window. */
function payload(address, folder) {
  // The name under which the page reaches the machine's files; builds from before it existed use
  // host and port.
  const { host, pathname } = new URL(address);
  const authority = pathname === "/open" ? "localcoder" : host;
  const opens = [["openFile", `vscode-remote://${authority}${join(folder, "inventory.py")}`]];
  return encodeURIComponent(JSON.stringify(opens));
}

/** The median time from a key to the frame after its letter appears. */
async function keys(page) {
  await page.locator(".monaco-editor .view-lines").first().click();
  await page.evaluate(() => {
    globalThis.painted = [];
    let pressed;
    addEventListener("keydown", () => (pressed = performance.now()), true);
    const lines = document.querySelector(".monaco-editor .view-lines");
    new MutationObserver(() => {
      const began = pressed;
      pressed = undefined;
      if (began !== undefined) {
        requestAnimationFrame(() => globalThis.painted.push(performance.now() - began));
      }
    }).observe(/** @type {Element} */ (lines), {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
  for (let key = 0; key < KEYS; key += 1) {
    await page.keyboard.press("x");
    await until("it is painted", () =>
      page.evaluate((count) => globalThis.painted.length > count, key),
    );
  }
  return median(await page.evaluate(() => globalThis.painted));
}

/**
 * The best of three times for a file through the server, as the workbench loads one for a webview.
 */
async function file(page, path) {
  const load = () =>
    page.evaluate(async (path) => {
      const [{ name }] = performance.getEntriesByType("resource").filter((entry) => {
        return /\/[a-z]+-[0-9a-f]{40}\//u.test(entry.name);
      });
      const base = /^.*\/[a-z]+-[0-9a-f]{40}\//u.exec(name)?.[0];
      const began = performance.now();
      const address = `${base}vscode-remote-resource?path=${encodeURIComponent(path)}`;
      const answer = await fetch(address, { cache: "no-store" });
      const { byteLength } = await answer.arrayBuffer();
      return { byteLength, ms: performance.now() - began };
    }, path);
  const loads = [await load(), await load(), await load()];
  if (loads.some(({ byteLength }) => byteLength !== FILE_BYTES)) {
    throw new Error(`the file came with ${loads[0].byteLength} bytes`);
  }
  return Math.min(...loads.map(({ ms }) => ms));
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

const programs = [LOCALCODER, ...(values.against === undefined ? [] : [values.against])];
/** @type {{ start: number, key: number, file: number }[][]} */
const seen = programs.map(() => []);
for (let time = 0; time < Number(values.times); time += 1) {
  for (const [index, program] of programs.entries()) {
    seen[index].push(await measure(program));
  }
}
const medians = (what) => seen.map((runs) => median(runs.map((run) => run[what])));
for (const what of ["start", "key", "file"]) {
  const [ours, theirs] = medians(what);
  const ratio = theirs === undefined ? "" : `, to the other ${(ours / theirs).toFixed(3)}`;
  const other = theirs === undefined ? "" : ` and ${theirs.toFixed(1)}`;
  process.stdout.write(`${what}: ${ours.toFixed(1)}${other} ms${ratio}\n`);
}
