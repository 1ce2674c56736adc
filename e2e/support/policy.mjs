/**
 * What the content security policy of every page of the IDE has to say: nothing is allowed unless
 * named, and nothing is named but the page itself, data of its own, and names of this machine.
 */

/**
 * A source that leads nowhere else: the page's own origin, what it has made itself, or a name below
 * localhost.
 */
const OWN = [
  /^'(self|none|unsafe-inline|unsafe-eval|nonce-[^']+|sha\d+-[^']+|strict-dynamic|report-sample|wasm-unsafe-eval)'$/u,
  /^(data|blob):$/u,
  /^(https?|ws):\/\/([0-9a-f*]+\.)*[0-9a-f]{32}\.localhost:\d+$/u,
  // Names of an extension's files in a webview: answered by its service worker, or not at all.
  /^https:\/\/\*\.vscode-resource\.localcoder\.localhost$/u,
];

/** These don't fall back to `default-src`, so each has to be given. */
const NEEDED = ["default-src", "base-uri", "form-action", "frame-ancestors"];

/** What is wrong with a policy, in words; empty if it is as it must be. */
export function problemsOfPolicy(policy) {
  if (policy === undefined) {
    return ["there is none"];
  }
  const directives = new Map();
  for (const part of policy.split(";")) {
    const [name, ...sources] = part.trim().split(/\s+/u);
    if (name !== "") {
      directives.set(name, sources);
    }
  }
  if (directives.has("sandbox") && directives.get("default-src")?.join() === "'none'") {
    return [];
  }
  const problems = NEEDED.filter((name) => !directives.has(name)).map((name) => `no ${name}`);
  if (directives.get("default-src")?.join(" ") !== "'none'") {
    problems.push("default-src is not 'none'");
  }
  for (const [name, sources] of directives) {
    const foreign = sources.filter((source) => !OWN.some((own) => own.test(source)));
    problems.push(...foreign.map((source) => `${name} ${source}`));
  }
  return problems;
}
