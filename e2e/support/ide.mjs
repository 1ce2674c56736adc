/**
 * A private installation of the IDE: its own LOCALCODER_HOME, its own copy of the sample project,
 * the real launcher. Knows processes and files; what is on the page is for `workbench.mjs`.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { FAKE_WORKER, LOCALCODER, SAMPLE } from "./places.mjs";
import { processesOf, signal } from "./processes.mjs";
import { handIn, traced } from "./trace.mjs";
import { until } from "./wait.mjs";

const run = promisify(execFile);

/** The address that the launcher prints. */
const ADDRESS = /http:\/\/[0-9a-f]{32}\.localhost:\S+/u;

/** The prefix of our settings in a file that the editor's settings share. */
const PREFIX = "localcoder.";

/**
 * The settings of a user who wants no question about trust and no banner; nor suggestions, which
 * have stories of their own: in other stories they would appear or not depending on typing speed.
 */
const UNASKED = {
  "editor.inlineSuggest.enabled": false,
  "security.workspace.trust.startupPrompt": "never",
  "security.workspace.trust.banner": "never",
};

/** How long processes may take to end by themselves, in seconds. */
const END_S = 30;

/** A private installation with its launcher. */
export class Ide {
  /** Everything that the launcher printed. */
  output = "";
  /** The time of the last start. */
  startedAt = 0;
  #launcher;

  /**
   * `trace`: a file that strace records connections to. `settings`: the contents of the
   * installation's `settings.json`, as values or as text. `catalog`: the user's own models.
   * `umask`: the umask of the shell that starts the IDE. `editor`: the editor's own user settings.
   * `files`: additional files of the project, by name. `extensions`: the files of the user's own
   * extensions, as `FOLDER/NAME`. `firstStart`: it is not set up yet, so that the IDE begins with
   * the set-up. `asks`: whether it asks about trust in folders, as it asks a new user. `sample`:
   * the folder is the product's own copy of the sample project. `machine`: the editor's settings
   * for the machine, where earlier versions kept the product's own. `assembled`: returns the folder
   * of another assembled IDE. `worker`: the scripts of a worker that misbehaves and has no model;
   * it writes its notes to {@link notes}. `ownDisk`: models are on a disk of their own; {@link
   * sizeDisk} sets its size.
   */
  constructor(options = {}) {
    const { trace, settings = {}, catalog, umask, editor, firstStart = false } = options;
    const { files = {}, extensions = {}, asks = false, sample = false } = options;
    this.umask = umask;
    // Not under the system's temporary folder, which is long on macOS: the paths of sockets have to
    // be short.
    this.home = realpathSync(mkdtempSync("/tmp/lc-e2e-"));
    this.folder = sample ? join(this.home, "sample") : join(this.home, "work", "sample");
    mkdirSync(join(this.home, "work"));
    cpSync(SAMPLE, this.folder, { recursive: true });
    if (!firstStart) {
      const done = { version: 1, finished: true, step: "done", downloads: [] };
      writeFileSync(join(this.home, "setup.json"), JSON.stringify(done));
    }
    // A story that is not about trust is not asked about it: the folder is restricted then.
    const answered = asks ? {} : UNASKED;
    this.writeSettings(
      typeof settings === "string" ? settings : JSON.stringify({ ...answered, ...settings }),
    );
    if (catalog !== undefined) {
      writeFileSync(join(this.home, "catalog.json"), JSON.stringify(catalog));
    }
    if (editor !== undefined) {
      this.editorSettings(editor);
    }
    if (options.machine !== undefined) {
      writeNew(
        join(this.home, "editor/user/Machine/settings.json"),
        JSON.stringify(options.machine),
      );
    }
    for (const [name, content] of Object.entries(files)) {
      this.write(name, content);
    }
    for (const [name, content] of Object.entries(extensions)) {
      this.install(name, content);
    }
    /** Whether a dialog covers the first window. */
    this.isAsked = asks && !sample;
    this.trace = trace;
    const other =
      options.assembled === undefined ? {} : { LOCALCODER_IDE_DIR: options.assembled() };
    this.notes = join(this.home, "notes");
    const misbehaving = options.worker === undefined ? {} : fakeWorker(options.worker, this.notes);
    const changed = { ...other, ...misbehaving, LOCALCODER_HOME: this.home };
    this.environment = { ...process.env, ...changed };
    this.disk = options.ownDisk === true ? join(this.home, "models") : undefined;
  }

  /** Writes the editor's own user settings, before a start. */
  editorSettings(values) {
    const folder = join(this.home, "editor/user/User");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "settings.json"), JSON.stringify(values));
  }

  /** Writes a file of one of the user's own extensions, before a start: `FOLDER/NAME`. */
  install(name, content) {
    writeNew(join(this.home, "editor/extensions", name), content);
  }

  /** Starts the launcher; returns an address that opens the window once. */
  async start() {
    this.startedAt = Date.now();
    const command = traced([LOCALCODER, "--browser", this.folder], this.trace);
    if (this.umask !== undefined) {
      command.unshift("sh", "-c", `umask ${this.umask}; exec "$@"`, "sh");
    }
    if (this.disk !== undefined) {
      mkdirSync(this.disk, { recursive: true });
      command.unshift(...onOwnDisk(this.disk));
    }
    const [program = LOCALCODER, ...words] = command;
    this.#launcher = spawn(program, words, {
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    // An earlier launcher has printed another address, so wait for a new one.
    let told = "";
    const collect = (data) => {
      told += data;
      this.output += data;
    };
    this.#launcher.stdout.on("data", collect);
    this.#launcher.stderr.on("data", collect);
    let failure;
    this.#launcher.on("error", (error) => {
      failure = error;
    });
    return await until("the launcher tells its address", () => {
      if (failure !== undefined || this.#launcher.exitCode !== null) {
        throw failure ?? new Error(`it ended:\n${told}`);
      }
      return ADDRESS.exec(told)?.[0];
    });
  }

  /** Sets the size of the models' own disk, in the form that `mount` takes. */
  sizeDisk(size) {
    const within = ["--user", "--preserve-credentials", "--mount", "--target", this.#launcher.pid];
    const mount = ["mount", "-t", "tmpfs", "-o", `remount,size=${size}`, "tmpfs", this.disk ?? ""];
    execFileSync("nsenter", [...within.map(String), ...mount]);
  }

  /** How many bytes of that disk are used. */
  diskUsed() {
    const { blocks, bfree, bsize } = statfsSync(`/proc/${this.#launcher.pid}/root${this.disk}`);
    return (blocks - bfree) * bsize;
  }

  /** Another address, for one more browser or window. */
  async address() {
    const { stderr } = await this.#run(["--browser", this.folder]);
    return /** @type {RegExpExecArray} */ (ADDRESS.exec(stderr))[0];
  }

  /** Runs `localcoder` in this installation. */
  async localcoder(...words) {
    return (await this.#run(words)).stdout;
  }

  async #run(words) {
    const [program, ...rest] = traced([LOCALCODER, ...words]);
    return await run(program, rest, { env: this.environment });
  }

  /** The host's status; `undefined` if none runs. The command that asks counts as a client, too. */
  async status() {
    return JSON.parse(await this.localcoder("status", "--json")).status;
  }

  /** The worker's process id, once there is a worker that is `ready`. */
  async readyWorker() {
    return await until("the worker is ready", async () => {
      const status = await this.status();
      return status?.engine.state === "ready" && status.worker?.pid;
    });
  }

  /** Changes a setting from the command line. */
  set(key, value) {
    const [program, ...words] = traced([LOCALCODER, "config", "set", key, value]);
    execFileSync(program, words, { env: this.environment });
  }

  /** The value of a setting, and its source: `{ value, from }`. */
  async setting(key) {
    return JSON.parse(await this.localcoder("config", "get", key, "--json"));
  }

  /** All settings, each with its source: the `list`, and the `note` below it. */
  async explained() {
    const { stdout, stderr } = await this.#run(["config", "list", "--explain"]);
    return { list: stdout, note: stderr };
  }

  /** The product's own settings in the installation's `settings.json`, by short names. */
  settings() {
    const entries = Object.entries(JSON.parse(this.settingsText()));
    const ours = entries.filter(([key]) => !key.includes(".") || key.startsWith(PREFIX));
    return Object.fromEntries(ours.map(([key, value]) => [key.replace(PREFIX, ""), value]));
  }

  /** The whole text of the installation's `settings.json`. */
  settingsText() {
    return readFileSync(join(this.home, "settings.json"), "utf8");
  }

  /** Writes the whole text of that file, as another program would. */
  writeSettings(text) {
    writeFileSync(join(this.home, "settings.json"), text);
  }

  /** The progress of the set-up, from `setup.json`. */
  setup() {
    return JSON.parse(readFileSync(join(this.home, "setup.json"), "utf8"));
  }

  /** The text of a project file on disk. */
  read(name) {
    return readFileSync(join(this.folder, name), "utf8");
  }

  /** The bytes of a project file on disk. */
  bytes(name) {
    return readFileSync(join(this.folder, name));
  }

  /** Writes a file of the project, as another program would. */
  write(name, content) {
    writeNew(join(this.folder, name), content);
  }

  /** Deletes a file of the project, as another program would. */
  delete(name) {
    rmSync(join(this.folder, name));
  }

  /** Whether the project has that file. */
  has(name) {
    return existsSync(join(this.folder, name));
  }

  /** A log of the installation; empty if there is none. */
  log(name) {
    try {
      return readFileSync(join(this.home, "logs", name), "utf8");
    } catch {
      return "";
    }
  }

  /** Ends the launcher, as a user would or with another signal; {@link start} may follow. */
  async end(by = "SIGTERM") {
    signal(this.#launcher.pid, by);
    await until("the launcher ends", () => this.#ended, { seconds: END_S });
  }

  /**
   * Ends everything as a user would, and makes sure that no process is left. Any that is left is
   * killed, and that is an error.
   */
  async stop() {
    // A process that a story has stopped could not end by itself.
    for (const { pid } of processesOf(this.home)) {
      signal(pid, "SIGCONT");
    }
    if (this.#launcher?.pid !== undefined) {
      signal(this.#launcher.pid, "SIGTERM");
    }
    let problem;
    try {
      await until("the launcher ends", () => this.#launcher?.pid === undefined || this.#ended, {
        seconds: END_S,
      });
      await this.localcoder("host", "stop");
      await until("no process is left", () => processesOf(this.home).length === 0, {
        seconds: END_S,
      });
    } catch (error) {
      const left = processesOf(this.home).map(({ pid, command }) => `${pid} ${command}`);
      problem = new Error(`${error.message}; left behind: ${left.join("; ") || "nothing"}`);
    }
    for (const { pid } of processesOf(this.home)) {
      signal(pid, "SIGKILL");
    }
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
    handIn(this.trace);
    if (problem !== undefined) {
      throw problem;
    }
  }

  get #ended() {
    return this.#launcher.exitCode !== null || this.#launcher.signalCode !== null;
  }
}

/** Writes a file, creating its folders. */
function writeNew(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** The environment of a host whose worker follows these scripts. */
function fakeWorker(scripts, counter) {
  const noted = scripts.map((script) => ({ ...script, counter }));
  return { LOCALCODER_WORKER: FAKE_WORKER, LOCALCODER_FAKE_WORKER: JSON.stringify(noted) };
}

/** The prefix of a command that makes this folder a disk of its own, large enough for any model. */
function onOwnDisk(folder) {
  const script = 'mount -t tmpfs -o size=64g tmpfs "$1" && shift && exec "$@"';
  return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", folder];
}
