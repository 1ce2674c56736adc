/**
 * What tools report about a file: TypeScript's compiler, Pyright, and the editor's own JSON
 * service.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";

import ts from "typescript";
import json from "vscode-json-languageservice";

import { SERVICE_SCHEMA } from "./cases.mjs";

const require = createRequire(import.meta.url);

/** As strict as in a careful project. */
const TS_OPTIONS = {
  strict: true,
  noUncheckedIndexedAccess: true,
  noImplicitReturns: true,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
  noEmit: true,
};

/** A report: its line from 1, its column, its tool and its message. */
function report(line, column, source, message) {
  return { line, column, source, message };
}

/** Caches the library's files, because parsing them takes a second. */
const libraries = new Map();

function typescript(file, text) {
  const host = ts.createCompilerHost(TS_OPTIONS);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    if (name === file) {
      return ts.createSourceFile(name, text, TS_OPTIONS.target, true);
    }
    if (!libraries.has(name)) {
      libraries.set(name, read(name, ...rest));
    }
    return libraries.get(name);
  };
  const program = ts.createProgram([file], TS_OPTIONS, host);
  const source = /** @type {ts.SourceFile} */ (program.getSourceFile(file));
  const found = [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ];
  return found.map(({ start, code, messageText }) => {
    const { line, character } = source.getLineAndCharacterOfPosition(start ?? 0);
    const message = ts.flattenDiagnosticMessageText(messageText, "\n");
    return report(line + 1, character, `ts(${code})`, message);
  });
}

async function pyright(file, text) {
  const folder = mkdtempSync(join(tmpdir(), "localcoder-reports-"));
  try {
    writeFileSync(join(folder, file), text);
    const program = join(dirname(require.resolve("pyright/package.json")), "index.js");
    const output = await new Promise((resolve, reject) => {
      execFile(process.execPath, [program, "--outputjson", folder], (error, stdout, stderr) => {
        // Pyright exits with 1 if it has something to report.
        if (stdout === "") {
          reject(new Error(`pyright failed: ${stderr}`, { cause: error }));
        }
        resolve(stdout);
      });
    });
    return JSON.parse(output)
      .generalDiagnostics.filter(({ severity }) => severity !== "information")
      .map(({ range, message, rule }) => {
        const source = rule === undefined ? "Pyright" : `Pyright(${rule})`;
        return report(range.start.line + 1, range.start.character, source, message);
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function jsonService(file, text) {
  const service = json.getLanguageService({});
  const document = json.TextDocument.create(`file:///${file}`, "json", 1, text);
  const found = await service.doValidation(
    document,
    service.parseJSONDocument(document),
    { comments: "error", trailingCommas: "error" },
    SERVICE_SCHEMA,
  );
  return found.map(({ range, message, code }) => {
    const source = code === undefined ? "json" : `json(${code})`;
    return report(range.start.line + 1, range.start.character, source, message);
  });
}

const REPORTERS = { ".ts": typescript, ".py": pyright, ".json": jsonService };

/** The reports of the tool for this kind of file, in the order of the file. */
export async function reportsOf(file, text) {
  const all = await REPORTERS[extname(file)](file, text);
  return all.toSorted((one, other) => one.line - other.line || one.column - other.column);
}
