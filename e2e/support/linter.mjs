/** A user's own linter, as an extension: it reports given words in Python files. */

const MANIFEST = {
  name: "picky",
  publisher: "test",
  version: "1.0.0",
  engines: { vscode: "^1.80.0" },
  main: "./extension.js",
  activationEvents: ["onLanguage:python"],
  capabilities: { untrustedWorkspaces: { supported: true } },
};

/**
 * The files of the extension. `pattern`: a regular expression that no line may match; `message`:
 * the report about a line that does.
 */
export function linter(pattern, message) {
  const source = `
const vscode = require("vscode");
exports.activate = (context) => {
  const found = vscode.languages.createDiagnosticCollection("picky");
  const look = (document) => {
    if (document.uri.scheme !== "file") {
      return;
    }
    const lines = document.getText().split("\\n");
    const errors = lines.flatMap((line, at) => {
      const column = line.search(new RegExp(${JSON.stringify(pattern)}, "u"));
      if (column < 0) {
        return [];
      }
      const range = new vscode.Range(at, column, at, line.length);
      const error = new vscode.Diagnostic(range, ${JSON.stringify(message)});
      error.source = "picky";
      return [error];
    });
    found.set(document.uri, errors);
  };
  vscode.workspace.textDocuments.forEach(look);
  context.subscriptions.push(
    found,
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.workspace.onDidChangeTextDocument((event) => look(event.document)),
  );
};
`;
  return {
    "test.picky-1.0.0/package.json": JSON.stringify(MANIFEST),
    "test.picky-1.0.0/extension.js": source,
  };
}
