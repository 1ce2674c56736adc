/**
 * Renders conversations with templates in the npm package `@huggingface/jinja`. Takes a folder of
 * templates and the results of `render.py`, whose messages it renders, and prints one result per
 * line.
 */
import { readFileSync } from "node:fs";
import path from "node:path";

import { Template } from "@huggingface/jinja";

const [folder, results] = process.argv.slice(2);
const templates = new Map();
/**
 * The current time for templates, in milliseconds: otherwise the package uses the clock, in the
 * time zone of `TZ`.
 */
let today = 0;

const Clock = Date;
globalThis.Date = class extends Clock {
  constructor(...parts) {
    super(...(parts.length === 0 ? [today] : parts));
  }
};

/** The template in a file, compiled once. */
function compiled(name) {
  let template = templates.get(name);
  if (template === undefined) {
    template = new Template(readFileSync(path.join(folder, name), "utf8"));
    templates.set(name, template);
  }
  return template;
}

for (const line of readFileSync(results, "utf8").trimEnd().split("\n")) {
  const { template, conversation, given, prefill } = JSON.parse(line);
  const result = { template, conversation };
  if (given !== undefined) {
    const { date, ...variables } = given;
    today = date * 1000;
    try {
      result.text = compiled(template).render(variables) + prefill;
    } catch (error) {
      result.failed = String(error.message).slice(0, 200);
    }
  }
  console.log(JSON.stringify(result));
}
