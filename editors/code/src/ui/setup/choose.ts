/** The first step: what this machine has, what suits it, and the ways to get a model. */
import type { ModelRow, SetupReport } from "../../generated/protocol";
import * as l10n from "../../lib/l10n";
import { offerOf, offered, rowFacts } from "../../lib/setup";
import type { SetupPage } from "../../lib/setup";
import type { SetupMessage } from "../../lib/setup-messages";

import { button, facts, make } from "./dom";

type Send = (message: SetupMessage) => void;

/** The elements of this step. */
export function chooseParts(page: SetupPage, report: SetupReport, send: Send): Node[] {
  const busy = page.busy !== "";
  return [tryNow(send, busy), machine(report), models(report, send, busy), own(send, busy)];
}

function section(title: string, testId: string, ...parts: readonly Node[]): HTMLElement {
  const id = `${testId}-title`;
  return make(
    "section",
    { testId, attributes: { "aria-labelledby": id } },
    make("h2", { attributes: { id } }, title),
    ...parts,
  );
}

function tryNow(send: Send, busy: boolean): HTMLElement {
  const start = button(
    l10n.t("Stay with the demo for now"),
    "setup-demo",
    () => {
      send({ type: "demo" });
    },
    { main: true, disabled: busy },
  );
  start.dataset["first"] = "";
  return section(
    l10n.t("Try it at once"),
    "setup-try",
    make(
      "p",
      {},
      l10n.t(
        "A small demo model is here already. It tidies short Python functions and is not a code assistant; a real model can be chosen any time with “LocalCoder: Set Up”.",
      ),
    ),
    make("div", { className: "actions" }, start),
  );
}

function machine(report: SetupReport): HTMLElement {
  const profiles = report.profiles.map(({ name, text }) => ({
    what: name === report.recommended.profile ? l10n.t("{0} (recommended)", name) : name,
    text,
  }));
  return section(
    l10n.t("This machine"),
    "setup-machine",
    facts(report.machine),
    make(
      "p",
      { testId: "setup-reason" },
      l10n.t(
        "Recommended: the profile {0}. {1}",
        report.recommended.profile,
        report.recommended.reason,
      ),
    ),
    make(
      "details",
      {},
      make("summary", {}, l10n.t("What each profile needs, and what fits")),
      facts(profiles),
    ),
  );
}

function models(report: SetupReport, send: Send, busy: boolean): HTMLElement {
  const refusal = report.list.refusal;
  const parts: Node[] = [make("p", {}, report.kindsText)];
  if (refusal !== undefined) {
    parts.push(make("p", { className: "note", testId: "setup-refusal" }, refusal.message));
  }
  for (const { title, rows } of offered(report)) {
    const items = rows.map((row) => item(row, report, send, busy));
    parts.push(make("h3", {}, title), make("ul", { className: "models" }, ...items));
  }
  return section(l10n.t("A real model"), "setup-models", ...parts);
}

function item(row: ModelRow, report: SetupReport, send: Send, busy: boolean): HTMLLIElement {
  const { id, name } = row;
  const { type, title, label } = offerOf(row);
  const recommended = id === report.recommended.model;
  const loads = type === "install";
  const start = button(
    title,
    `setup-model-${id}`,
    () => {
      send({ type, id });
    },
    {
      disabled: busy || (loads && report.list.refusal !== undefined),
      label,
    },
  );
  const heading = make("h4", {}, name);
  if (recommended) {
    heading.append(" ", make("span", { className: "badge" }, l10n.t("Recommended")));
  }
  return make(
    "li",
    { className: "model", testId: `setup-row-${id}` },
    make(
      "div",
      {},
      heading,
      ...(row.state === "available" ? [] : [make("p", { className: "aside" }, row.description)]),
      facts(rowFacts(row)),
    ),
    start,
  );
}

function own(send: Send, busy: boolean): HTMLElement {
  const box = make("input", { attributes: { type: "checkbox", id: "in-place" } });
  box.checked = true;
  const file = button(
    l10n.t("Import a GGUF file…"),
    "setup-import-file",
    () => {
      send({ type: "importFile", inPlace: box.checked });
    },
    { disabled: busy },
  );
  const folder = button(
    l10n.t("Import an exported model…"),
    "setup-import-folder",
    () => {
      send({ type: "importFolder" });
    },
    { disabled: busy },
  );
  return section(
    l10n.t("A model that you have"),
    "setup-own",
    make(
      "p",
      {},
      l10n.t(
        "A GGUF file, or a folder that `localcoder models export` has made on another machine, for example on a stick. Neither needs a network.",
      ),
    ),
    make(
      "p",
      {},
      box,
      make(
        "label",
        { attributes: { for: "in-place" } },
        ` ${l10n.t("Leave the GGUF file where it is: it takes no extra room, and the model is gone when the file is moved or changed")}`,
      ),
    ),
    make("div", { className: "actions" }, file, folder),
  );
}
