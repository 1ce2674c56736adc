/**
 * Headless Chromium, and what is watched on every page: where its requests go and what its console
 * says.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { browserProgram } from "./places.mjs";
import { reachedBy } from "./net-log.mjs";
import { problemsOfPolicy } from "./policy.mjs";

/** Console errors of the editor's base that mean nothing. */
const NOISE = [
  /node_modules\/vsda\/rust\/web/u,
  /Failed to load resource: the server responded with a status of 404/u,
  /vscode\.github-authentication/u,
  /Timed out waiting for authentication provider/u,
  /agent ?host/iu,
];

/** Identifies a console error as our extension's. */
const OURS = /localcoder\.localcoder|\[LocalCoder\]|extensions\/localcoder\//u;

/**
 * Addresses of an extension's own files in a webview. They are only names: the webview's service
 * worker answers them from the editor server. One that is answered another way counts as foreign;
 * one that is not answered has gone nowhere, unless the log of the network knows its name.
 */
const WEBVIEW_FILE =
  /^https:\/\/(vscode-remote\+localcoder|file\+)\.vscode-resource\.localcoder\.localhost\//u;

/** Whether traces also have the page before and after each action, and a film. */
const WITH_PAGES = process.env.LOCALCODER_STORY_PAGES === "1";

/** Chromium's reasons for a request that it did not even try. */
const REFUSED = new Set(["csp", "origin"]);

/** The host names of the editor itself and, below it, of its webviews. */
const OWN_HOST = /^([0-9a-v]{52}\.)?[0-9a-f]{32}\.localhost$/u;

/** A browser with a fresh profile. */
export class Browser {
  /** Addresses of requests that would leave this machine. */
  foreign = [];
  /** Hosts with ports that a story visits on purpose. */
  visited = new Set();
  /** Errors that our extension caused. */
  ours = [];
  /** Everything that pages wrote to the console. */
  console = "";
  /** Policies of the documents and worker scripts that were loaded, by name. */
  policies = new Map();
  /** What is wrong with those policies. */
  policyProblems = [];
  #logs = mkdtempSync("/tmp/lc-browser-");
  #language;
  /** @type {import("playwright-core").Browser} */
  chromium;
  /** @type {import("playwright-core").BrowserContext} */
  context;

  /**
   * `language`: the display language of the editor.
   *
   * @param {{ language?: string }} [how]
   */
  static async open({ language } = {}) {
    const browser = new Browser();
    browser.#language = language;
    const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser.chromium = await chromium.launch({
      executablePath: browserProgram(),
      headless: true,
      args: [
        ...root,
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        `--log-net-log=${join(browser.#logs, "net.json")}`,
      ],
    });
    await browser.#begin();
    return browser;
  }

  /** Closes all pages; the next ones are in a fresh profile, which has nothing of the old one. */
  async forget() {
    await this.context.close();
    await this.#begin();
  }

  async #begin() {
    this.context = await this.chromium.newContext({
      viewport: { width: 1280, height: 800 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
    // Recorded for every story, because what led to a failure can't be recorded afterwards. Without
    // the page at each action, which takes a fifth of a story's time, and a film, which takes more.
    await this.context.tracing.start({ screenshots: WITH_PAGES, snapshots: WITH_PAGES });
    if (this.#language !== undefined) {
      await this.context.addInitScript((language) => {
        globalThis._VSCODE_NLS_LANGUAGE = language;
      }, this.#language);
    }
    this.context.on("request", (request) => {
      if (!WEBVIEW_FILE.test(request.url())) {
        this.#check(request.url());
      }
    });
    this.context.on("response", (response) => {
      if (!response.fromServiceWorker()) {
        this.#check(response.url());
      }
      this.#readPolicy(response);
    });
    this.context.on("requestfailed", (request) => {
      // What the page's policy blocks is announced but never sent; so is what may only come from
      // the page's own origin, such as a part of another drawing.
      if (REFUSED.has(request.failure()?.errorText ?? "")) {
        this.foreign = this.foreign.filter((address) => address !== request.url());
      } else if (!WEBVIEW_FILE.test(request.url())) {
        this.#check(request.url());
      }
    });
  }

  /**
   * Saves a trace of everything on the pages of this profile so far; `playwright-core show-trace`
   * opens it.
   */
  async keepTrace(path) {
    await this.context.tracing.stop({ path });
  }

  async page() {
    const page = await this.context.newPage();
    page.on("websocket", (socket) => {
      this.#check(socket.url());
    });
    page.on("console", (message) => {
      this.#heard(message.type(), message.text());
    });
    page.on("pageerror", (error) => {
      this.#heard("error", String(error.stack ?? error));
    });
    return page;
  }

  /** Console errors that are not known noise. */
  get errors() {
    return this.console.split("\n").filter((line) => line.startsWith("error: "));
  }

  /**
   * Closes the browser; then `foreign` also has the names that its pages looked up and the hosts
   * that they connected to beyond this machine, even without a request.
   */
  async close() {
    await this.chromium.close();
    try {
      const reached = reachedBy(readFileSync(join(this.#logs, "net.json"), "utf8"));
      this.foreign.push(...reached);
    } finally {
      rmSync(this.#logs, { recursive: true, force: true });
    }
  }

  /**
   * Skips answers of service workers, which are the worker's own, and pages that a story visits on
   * purpose.
   */
  #readPolicy(response) {
    const { hostname, pathname } = new URL(response.url());
    const kind = response.request().resourceType();
    const isPage = kind === "document" || /worker/iu.test(pathname);
    if (!isPage || !OWN_HOST.test(hostname) || response.fromServiceWorker()) {
      return;
    }
    const policy = response.headers()["content-security-policy"];
    const name = pathname.split("/").at(-1) || "the editor";
    this.policies.set(name, policy);
    this.policyProblems.push(...problemsOfPolicy(policy).map((problem) => `${name}: ${problem}`));
  }

  #check(address) {
    const { protocol, hostname, host } = new URL(address);
    const isNetwork = ["http:", "https:", "ws:", "wss:"].includes(protocol);
    if (isNetwork && !OWN_HOST.test(hostname) && !this.visited.has(host)) {
      this.foreign.push(address);
    }
  }

  #heard(type, text) {
    const line = text.replaceAll("\n", "\\n").slice(0, 2_000);
    const kind = type === "error" && NOISE.some((noise) => noise.test(text)) ? "noise" : type;
    this.console += `${kind}: ${line}\n`;
    if (kind === "error" && OURS.test(text)) {
      this.ours.push(line);
    }
  }
}
