/**
 * What a folder could make a program run, each as a trap: a script in the folder that leaves a mark
 * outside of it. The table says which traps may be sprung, and when: none in an untrusted folder.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Each trap: the `settings` and `files` that set it, by paths in the folder, given the path of the
 * script that leaves the mark; `trusted`: whether it is sprung once the folder is trusted. Those
 * that are show that the others are well made. What is never sprung can be set only by the user.
 */
export const TRAPS = {
  "a task on opening": {
    // Only the user can set this.
    trusted: false,
    settings: () => ({ "task.allowAutomaticTasks": "on" }),
    files: (script) => ({
      ".vscode/tasks.json": {
        version: "2.0.0",
        tasks: [
          {
            label: "trap",
            type: "process",
            command: script,
            runOptions: { runOn: "folderOpen" },
            presentation: { reveal: "never" },
          },
        ],
      },
    }),
  },
  "a monitor of git": {
    trusted: true,
    git: (script) => ({ "core.fsmonitor": script }),
  },
  "git itself": {
    trusted: false,
    settings: (script) => ({ "git.path": script }),
  },
  "what git connects with": {
    trusted: false,
    settings: () => ({ "git.autofetch": "all", "git.autofetchPeriod": 1 }),
    git: (script) => ({
      "core.sshCommand": script,
      "remote.origin.url": "ssh://leak.localcoder-test.invalid/x",
      "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
    }),
  },
  "the editor and the pager of git": {
    trusted: false,
    git: (script) => ({ "core.editor": script, "core.pager": script, "credential.helper": script }),
  },
  "a checker of PHP": {
    trusted: true,
    settings: (script) => ({
      "php.validate.enable": true,
      "php.validate.run": "onSave",
      "php.validate.executablePath": script,
    }),
    files: () => ({ "trap.php": "<?php\necho 1;\n" }),
  },
  "a TypeScript of the folder": {
    trusted: false,
    settings: () => ({
      "typescript.tsdk": "node_modules/typescript/lib",
      "js/ts.tsdk.path": "node_modules/typescript/lib",
      "js/ts.tsdk.promptToUseWorkspaceVersion": false,
    }),
    files: (script) => ({
      "trap.ts": "export const value: number = 1;\n",
      "node_modules/typescript/package.json": { name: "typescript", version: "99.0.0" },
      "node_modules/typescript/lib/tsserver.js": nodeProgram(script),
    }),
  },
  "a Node.js for TypeScript": {
    trusted: false,
    settings: (script) => ({
      "typescript.tsserver.nodePath": script,
      "js/ts.tsserver.node.path": script,
    }),
  },
  "an npm for types": {
    trusted: false,
    settings: (script) => ({
      "typescript.npm": script,
      "js/ts.tsserver.npm.path": script,
      "typescript.disableAutomaticTypeAcquisition": false,
      "js/ts.tsserver.automaticTypeAcquisition.enabled": true,
    }),
  },
  "tools that are looked for tasks": {
    trusted: false,
    settings: () => ({
      "gulp.autoDetect": "on",
      "grunt.autoDetect": "on",
      "jake.autoDetect": "on",
    }),
    files: (script) => ({
      "gulpfile.js": "",
      "Gruntfile.js": "",
      Jakefile: "",
      ...Object.fromEntries(
        ["gulp", "grunt", "jake"].map((tool) => [`node_modules/.bin/${tool}`, program(script)]),
      ),
    }),
  },
  "a shell of the folder": {
    trusted: true,
    settings: (script) => ({
      "terminal.integrated.profiles.linux": { trap: { path: script } },
      "terminal.integrated.profiles.osx": { trap: { path: script } },
      "terminal.integrated.defaultProfile.linux": "trap",
      "terminal.integrated.defaultProfile.osx": "trap",
    }),
  },
  "an extension of the folder": {
    trusted: false,
    files: (script) => ({
      ".vscode/extensions.json": { recommendations: ["test.trap", "evil.recommended"] },
      ".vscode/extensions/trap/package.json": {
        name: "trap",
        publisher: "test",
        version: "1.0.0",
        engines: { vscode: "^1.80.0" },
        main: "./extension.js",
        activationEvents: ["*"],
        capabilities: { untrustedWorkspaces: { supported: true } },
      },
      ".vscode/extensions/trap/extension.js": `exports.activate = () => { ${nodeProgram(script)} };`,
    }),
  },
  "a debugger that starts by itself": {
    trusted: false,
    settings: () => ({ "debug.javascript.autoAttachFilter": "always" }),
    files: (script) => ({
      ".vscode/launch.json": {
        version: "0.2.0",
        configurations: [
          {
            name: "trap",
            type: "node",
            request: "launch",
            runtimeExecutable: script,
            program: "x",
          },
        ],
      },
    }),
  },
  "a model of the folder": {
    trusted: false,
    settings: (script) => ({
      "localcoder.codeModel": script,
      "localcoder.generalModel": script,
      "localcoder.backend": script,
      "localcoder.profile": script,
      "localcoder.profiles": { folder: { codeModel: script, generalModel: script } },
      "localcoder.testEdits": true,
      "localcoder.airGapped": false,
    }),
  },
};

/**
 * Sets all traps in `folder`; they leave their marks in `marks`. Returns the settings that belong
 * to them.
 */
export function setTraps(folder, marks) {
  mkdirSync(marks, { recursive: true });
  // Even an empty repository has a state, which git checks as soon as it may.
  execFileSync("git", ["init", "--quiet", folder]);
  const settings = {};
  for (const [name, trap] of Object.entries(TRAPS)) {
    const id = name.replaceAll(" ", "-");
    const script = join(folder, "traps", id);
    // A git monitor gets an empty answer; a caller that waits for the script's end gets that.
    write(script, `#!/bin/sh\n: > '${marks}/${id}'\n`, 0o755);
    Object.assign(settings, trap.settings?.(script));
    for (const [path, content] of Object.entries(trap.files?.(script) ?? {})) {
      const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
      write(join(folder, path), text, 0o755);
    }
    for (const [key, value] of Object.entries(trap.git?.(script) ?? {})) {
      execFileSync("git", ["-C", folder, "config", key, value]);
    }
  }
  return settings;
}

/** The traps that have been sprung. */
export function snapped(marks) {
  const left = new Set(existsSync(marks) ? readdirSync(marks) : []);
  return Object.keys(TRAPS).filter((name) => left.has(name.replaceAll(" ", "-")));
}

/** The traps that may be sprung, and are, once the folder is trusted. */
export function snapsWhereTrusted() {
  return Object.keys(TRAPS).filter((name) => TRAPS[name].trusted);
}

function program(script) {
  return `#!/bin/sh\nexec '${script}'\n`;
}

function nodeProgram(script) {
  return `require("node:child_process").execFileSync(${JSON.stringify(script)});`;
}

function write(path, text, mode) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}
