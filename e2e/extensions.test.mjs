/**
 * The story of an extension that is installed from a file: there is no gallery, and none is needed.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { story } from "./support/story.mjs";

const COMMAND = "Brought by Hand: Say That It Works";
const SAID = "The extension that came as a file works.";

/** The files in the package, by name. */
const FILES = {
  "extension.vsixmanifest": `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="by-hand" Version="1.0.0" Publisher="stories"/>
    <DisplayName>Brought by Hand</DisplayName>
    <Description xml:space="preserve">Says that it works.</Description>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="^1.80.0"/>
    </Properties>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
  </Assets>
</PackageManifest>
`,
  "extension/package.json": JSON.stringify({
    name: "by-hand",
    publisher: "stories",
    version: "1.0.0",
    engines: { vscode: "^1.80.0" },
    main: "./main.js",
    activationEvents: [],
    // Otherwise the folder has to be trusted first.
    capabilities: { untrustedWorkspaces: { supported: true } },
    contributes: {
      commands: [
        { command: "byHand.say", title: "Say That It Works", category: "Brought by Hand" },
      ],
    },
  }),
  "extension/main.js": `
const vscode = require("vscode");
exports.activate = (context) => {
  context.subscriptions.push(
    vscode.commands.registerCommand("byHand.say", () =>
      vscode.window.showInformationMessage(${JSON.stringify(SAID)}),
    ),
  );
};
`,
};

/** Makes a package as its author would distribute it. */
function packed(folder) {
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const package_ = join(folder, "by-hand.vsix");
  const parts = ["extension.vsixmanifest", "extension"];
  execFileSync("python3", ["-m", "zipfile", "-c", package_, ...parts], { cwd: folder });
  return package_;
}

story(
  "an air-gapped IDE takes an extension from a file",
  async ({ ide, workbench }) => {
    const file = packed(join(ide.home, "stick"));
    await workbench.commandWithPath("Extensions: Install from VSIX...", file, "Install");
    await workbench.command(COMMAND);
    await workbench.notification(new RegExp(SAID, "u"));
  },
  { ide: { settings: { airGapped: true } } },
);
