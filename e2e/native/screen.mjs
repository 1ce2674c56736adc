/**
 * A screen for the native tests: a virtual X display with a window manager, mouse and keys by
 * `xdotool`, and screenshots as PNG. Knows nothing of the IDE.
 */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { png } from "../support/png.mjs";

const run = promisify(execFile);
const SCREENSHOT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Returns what `probe` returns once that is truthy; fails with `what` when the time is up. Unlike
 * `until` of the browser stories, an error in `probe` ends the wait: here it means that a program
 * has ended.
 */
export async function until(what, probe, { seconds = 60 } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`after ${seconds} s still not: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A display with only a window manager on it. */
export class Screen {
  /** @type {import("node:child_process").ChildProcess[]} */
  processes = [];
  /** @type {NodeJS.ProcessEnv} */
  env;

  static async open({ width = 1400, height = 900 } = {}) {
    const screen = new Screen();
    // The server picks a free number itself and writes it to the file descriptor.
    const server = spawn(
      "Xvfb",
      ["-displayfd", "3", "-screen", "0", `${width}x${height}x24`, "-nolisten", "tcp"],
      { stdio: ["ignore", "ignore", "ignore", "pipe"] },
    );
    screen.processes.push(server);
    const number = await new Promise((resolve, reject) => {
      server.once("error", reject);
      server.once("exit", () => reject(new Error("Xvfb ended at once")));
      server.stdio[3]?.once("data", (data) => resolve(String(data).trim()));
    });
    screen.env = { ...process.env, DISPLAY: `:${number}` };
    delete screen.env.WAYLAND_DISPLAY;
    screen.processes.push(spawn("openbox", { env: screen.env, stdio: "ignore" }));
    return screen;
  }

  async close() {
    for (const child of this.processes.reverse()) {
      child.kill();
    }
  }

  async #xdotool(...words) {
    try {
      return (await run("xdotool", words, { env: this.env })).stdout.trim();
    } catch (error) {
      // The program exits with 1 if a search finds nothing.
      if (error.code === 1) {
        return "";
      }
      throw error;
    }
  }

  /** Ids of the visible windows whose title matches the expression. */
  async windows(title) {
    const found = await this.#xdotool("search", "--onlyvisible", "--name", title);
    return found === "" ? [] : found.split("\n");
  }

  async title(window) {
    return this.#xdotool("getwindowname", window);
  }

  /** Brings a window to the front. */
  async focus(window) {
    await this.#xdotool("windowactivate", "--sync", window);
  }

  /** Asks a window to close, with the window manager's key for it. */
  async closeWindow(window) {
    await this.focus(window);
    await this.press("alt+F4");
  }

  /** Presses keys one after the other, such as `ctrl+alt+i`. */
  async press(...keys) {
    await this.#xdotool("key", "--clearmodifiers", "--delay", "60", ...keys);
  }

  async type(text) {
    await this.#xdotool("type", "--clearmodifiers", "--delay", "40", text);
  }

  /**
   * Clicks at a point of the screen, with a key held down if given.
   *
   * @param {number} x
   * @param {number} y
   * @param {{ button?: number, times?: number, held?: string }} [how]
   */
  async click(x, y, { button = 1, times = 1, held } = {}) {
    const [down, up] = held
      ? [
          ["keydown", held, "sleep", "0.3"],
          ["keyup", held],
        ]
      : [[], []];
    await this.#xdotool(
      "mousemove",
      x,
      y,
      ...down,
      "click",
      "--repeat",
      times,
      "--delay",
      "80",
      button,
      ...up,
    );
  }

  /** The text on the clipboard. */
  async clipboard() {
    const read = run("xclip", ["-selection", "clipboard", "-out"], {
      env: this.env,
      timeout: 5000,
    });
    return read.then(
      (result) => result.stdout,
      () => "",
    );
  }

  /** Puts text on the clipboard, as another program would. */
  async setClipboard(text) {
    // xclip stays in the background as the clipboard's owner and ends with the display.
    const child = spawn("xclip", ["-selection", "clipboard", "-in"], {
      env: this.env,
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.stdin.end(text);
    await new Promise((resolve) => child.once("exit", resolve));
  }

  /** Saves the whole screen as a PNG. */
  async screenshot(file) {
    mkdirSync(dirname(file), { recursive: true });
    const { width, height, at } = pointsOfXwd(await this.#dump());
    writeFileSync(file, png(width, height, at));
    return file;
  }

  /** How many pixels of the screen have a color, given as its three bytes. */
  async pointsOf(...color) {
    const { width, height, at } = pointsOfXwd(await this.#dump());
    let found = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        found += at(x, y).every((byte, index) => byte === color[index]) ? 1 : 0;
      }
    }
    return found;
  }

  /** Dumps the whole screen; again if a window disappeared meanwhile. */
  async #dump() {
    const take = () =>
      run("xwd", ["-root", "-silent"], {
        env: this.env,
        encoding: "buffer",
        maxBuffer: SCREENSHOT_BYTES_MAX,
      });
    const { stdout } = await until("the screen is photographed", () =>
      take().catch((error) => {
        if (!/BadWindow/u.test(String(error.stderr))) {
          throw error;
        }
      }),
    );
    return stdout;
  }
}

/** The size of an XWD dump, and a function that returns the red, green and blue of a pixel. */
function pointsOfXwd(dump) {
  const field = (index) => dump.readUInt32BE(index * 4);
  const [headerSize, width, height, byteOrder] = [field(0), field(4), field(5), field(7)];
  const [bytesPerPixel, bytesPerLine, colors] = [field(11) / 8, field(12), field(19)];
  if (bytesPerPixel !== 3 && bytesPerPixel !== 4) {
    throw new Error(`a screen of ${bytesPerPixel} bytes a pixel can't be read`);
  }
  const pixels = headerSize + colors * 12;
  const [red, green, blue] =
    byteOrder === 0 ? [2, 1, 0] : [bytesPerPixel - 3, bytesPerPixel - 2, bytesPerPixel - 1];
  const at = (x, y) => {
    const from = pixels + y * bytesPerLine + x * bytesPerPixel;
    return [dump[from + red], dump[from + green], dump[from + blue]];
  };
  return { width, height, at };
}
