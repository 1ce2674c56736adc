/**
 * The IDE as a user starts it: `localcoder PATH` in a private installation, its native window on a
 * virtual screen. Looks only at what a user could see: window titles, files, the clipboard.
 */
import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { handIn, traced } from "../support/trace.mjs";
import { until } from "./screen.mjs";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const programs = process.env.LOCALCODER_PROGRAMS ?? join(root, "target/debug");
/** The folder for screenshots and logs. */
export const evidence = join(root, "target/e2e/native");

export class Ide {
  /** @type {import("node:child_process").ChildProcess} */
  launcher;

  /** A fresh installation with a copy of the sample project. */
  constructor(screen) {
    this.screen = screen;
    // Not under the repository, because the paths of sockets have to be short.
    this.home = mkdtempSync("/tmp/lcn-");
    this.project = join(this.home, "project");
    cpSync(join(root, "ide/sample"), this.project, { recursive: true });
    // Skips the choice of a model: that is a story of its own.
    const done = { version: 1, finished: true, step: "done", downloads: [] };
    writeFileSync(join(this.home, "setup.json"), JSON.stringify(done));
    mkdirSync(evidence, { recursive: true });
    this.env = { ...screen.env, LOCALCODER_HOME: this.home };
    this.settings({});
  }

  /** Writes the user's settings, before a start. */
  settings(values) {
    const folder = join(this.home, "editor/user/User");
    mkdirSync(folder, { recursive: true });
    // A story that is not about trust is not asked about it: the folder is restricted then.
    const unasked = {
      "security.workspace.trust.startupPrompt": "never",
      "security.workspace.trust.banner": "never",
    };
    writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...unasked, ...values }));
  }

  file(name) {
    return join(this.project, name);
  }

  text(name) {
    return readFileSync(this.file(name), "utf8");
  }

  /**
   * Starts `localcoder` with paths and waits for a window with this title. `trace`: a file that
   * strace records to, with everything that its processes send.
   *
   * @param {string[]} paths
   * @param {string} title
   * @param {{ trace?: string }} [how]
   */
  async start(paths, title, { trace } = {}) {
    this.log = createWriteStream(join(evidence, "localcoder.log"), { flags: "a" });
    this.trace = trace;
    const [program, ...words] = traced([join(programs, "localcoder"), ...paths], trace);
    this.launcher = spawn(program, words, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    this.launcher.stdout?.pipe(this.log, { end: false });
    this.launcher.stderr?.pipe(this.log, { end: false });
    this.ended = new Promise((resolve) =>
      this.launcher.once("exit", (code, signal) => resolve({ code, signal })),
    );
    return this.window(title);
  }

  /** Runs `localcoder .` in a folder to its end, as from another terminal. */
  async startAgain(folder) {
    const [program, ...words] = traced([join(programs, "localcoder"), "."]);
    await run(program, words, { env: this.env, cwd: folder, timeout: 60_000 });
  }

  /** Replaces one of the system's programs by one that records how it was called. */
  stub(name) {
    const [folder, calls] = [join(this.home, "stubs"), join(this.home, `${name}.calls`)];
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `#!/bin/sh\nprintf '%s\\n' "$*" >> '${calls}'\n`, {
      mode: 0o755,
    });
    this.env.PATH = `${folder}:${this.env.PATH}`;
    return () => (existsSync(calls) ? readFileSync(calls, "utf8") : "");
  }

  /** Runs `localcoder` to its end. */
  async command(...words) {
    const [program, ...rest] = traced([join(programs, "localcoder"), ...words]);
    return (await run(program, rest, { env: this.env })).stdout;
  }

  /** Waits for the window with this title, and gives it the keyboard. */
  async window(title, { seconds = 90 } = {}) {
    const window = await until(
      `a window with the title ${title}`,
      async () => {
        if (this.launcher.exitCode !== null) {
          throw new Error(
            `localcoder ended with ${this.launcher.exitCode}; see ${evidence}/localcoder.log`,
          );
        }
        return (await this.screen.windows(title))[0];
      },
      { seconds },
    );
    await this.screen.focus(window);
    return window;
  }

  /** Waits until the model can answer. */
  async modelReady() {
    await until(
      "the model is ready",
      async () => {
        const answer = JSON.parse(await this.command("status", "--json"));
        return answer.status?.engine?.state === "ready";
      },
      { seconds: 120 },
    );
  }

  /**
   * Waits until the workbench takes keys: `press` presses them, and `probe` sees their effect in
   * the title or a file. The title appears before keys work.
   */
  async untilKeysWork(what, press, probe) {
    await until(
      what,
      async () => {
        await press();
        return until(what, probe, { seconds: 8 }).catch(() => false);
      },
      { seconds: 90 },
    );
  }

  /** Ids of the launcher's child processes whose command line contains the text. */
  async children(text) {
    const found = await run("pgrep", ["-P", String(this.launcher.pid), "-f", text]).catch(() => ({
      stdout: "",
    }));
    return found.stdout
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  }

  /** Id of a process of that name below the launcher; `undefined` if there is none. */
  async descendant(name) {
    const { stdout } = await run("ps", ["-eo", "pid=,ppid=,args="]);
    const all = stdout.split("\n").map((line) => line.trim().split(/\s+/u));
    const parents = new Map(all.map(([pid, parent]) => [pid, parent]));
    const isOurs = (pid) =>
      pid === String(this.launcher.pid) || (parents.has(pid) && isOurs(parents.get(pid)));
    const found = all.find(([pid, , program]) => program?.endsWith(`/${name}`) && isOurs(pid));
    return found && Number(found[0]);
  }

  async screenshot(name) {
    await this.screen.screenshot(join(evidence, `${name}.png`));
  }

  /** Ends everything that was started. */
  async stop() {
    if (this.launcher?.exitCode === null && this.launcher.signalCode === null) {
      this.launcher.kill("SIGTERM");
      await this.ended;
    }
    await this.command("host", "stop").catch(() => undefined);
    this.log?.end();
    handIn(this.trace);
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
