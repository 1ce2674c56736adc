/**
 * The IDE as a user starts it: `localcoder PATH` in a private installation, its native window on
 * a virtual screen. Looks only at what a user could see: window titles, files, the clipboard.
 */
import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { handIn, traced } from "../support/trace.mjs";
import { until } from "./screen.mjs";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const programs = process.env.LOCALCODER_PROGRAMS ?? join(root, "target/debug");
/** Screenshots and logs are kept here. */
export const evidence = join(root, "target/e2e/native");

export class Ide {
  /** @type {import("node:child_process").ChildProcess} */
  launcher;

  /** A fresh installation with a copy of the sample project. */
  constructor(screen) {
    this.screen = screen;
    // Sockets have short names only, so this is not under the repository.
    this.home = mkdtempSync("/tmp/lcn-");
    this.project = join(this.home, "project");
    cpSync(join(root, "ide/sample"), this.project, { recursive: true });
    // The choice of a model is left out: that is a story of its own.
    const done = { version: 1, finished: true, step: "done", downloads: [] };
    writeFileSync(join(this.home, "setup.json"), JSON.stringify(done));
    mkdirSync(evidence, { recursive: true });
    this.env = { ...screen.env, LOCALCODER_HOME: this.home };
    this.settings({});
  }

  /** Sets the user's settings, before a start. */
  settings(values) {
    const folder = join(this.home, "editor/user/User");
    mkdirSync(folder, { recursive: true });
    // Who does not tell of trust is not asked for it: a folder is restricted then.
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
   * Starts `localcoder` with paths and waits for a window with this title. `trace`: a file for what
   * all its processes send, as strace writes it.
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

  /** Runs `localcoder .` in a folder, as from another terminal, to its end. */
  async startAgain(folder) {
    const [program, ...words] = traced([join(programs, "localcoder"), "."]);
    await run(program, words, { env: this.env, cwd: folder, timeout: 60_000 });
  }

  /** Puts a program in place of the system's own that keeps what it was called with. */
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

  /** The window with this title, once it is there, with the keyboard on it. */
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
   * Waits until the workbench takes keys: `probe` presses them and the title or a file shows it.
   * The title is there before the keys are.
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

  /** Process ids of the launcher's children whose command line holds the text. */
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

  /** Process id of a program of that name below the launcher; nothing where none runs. */
  async descendant(name) {
    const { stdout } = await run("ps", ["-eo", "pid=,ppid=,args="]);
    const all = stdout.split("\n").map((line) => line.trim().split(/\s+/u));
    const parents = new Map(all.map(([pid, parent]) => [pid, parent]));
    const isOurs = (pid) =>
      pid === String(this.launcher.pid) || (parents.has(pid) && isOurs(parents.get(pid)));
    const found = all.find(([pid, , program]) => program?.endsWith(`/${name}`) && isOurs(pid));
    return found && Number(found[0]);
  }

  /**
   * Whether the editor has a backup that holds the text and has not been written for a while: it
   * writes one a second after the last key.
   */
  hasBackup(text) {
    const folder = join(this.home, "editor/user/User/Backups");
    const entries = existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
      : [];
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
    return files.some(
      (file) =>
        readFileSync(file, "utf8").includes(text) && Date.now() - statSync(file).mtimeMs > 2500,
    );
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
