/**
 * The script of the page of models: draws the state that the extension sends, filters it, and
 * reports what is pressed and dropped. Which actions a model has is not decided here.
 */
import "../translated";

import type { Fact } from "../../generated/protocol";
import * as l10n from "../../lib/l10n";
import {
  actionWords,
  cellsOf,
  COLUMNS,
  detailsOf,
  downloadsText,
  factsOf,
  isShown,
} from "../../lib/manager";
import type {
  Column,
  FromManager,
  ManagedModel,
  ManagerState,
  ModelFilter,
  ToManager,
} from "../../lib/manager";
import { percent } from "../../lib/models";
import { element } from "../explain/dom";

declare function acquireVsCodeApi(): { postMessage(message: FromManager): void };

const editor = acquireVsCodeApi();
const columns = Object.keys(COLUMNS) as Column[];

let state: ManagerState | undefined;
let chosen: string | undefined;
/** The model whose license was requested. */
let asked: string | undefined;

function input(id: string): HTMLInputElement | HTMLSelectElement {
  const found = element(id);
  if (found instanceof HTMLInputElement || found instanceof HTMLSelectElement) {
    return found;
  }
  throw new Error(`#${id} takes nothing`);
}

function filter(): ModelFilter {
  const which = input("which").value;
  const fits = input("fits");
  return {
    text: input("text").value.trim(),
    which: which === "installed" || which === "available" ? which : "all",
    fits: fits instanceof HTMLInputElement && fits.checked,
  };
}

function made<K extends keyof HTMLElementTagNameMap>(tag: K, text = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** Writes only what differs: a live region reads every write aloud. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

function draw(): void {
  if (state === undefined) {
    return;
  }
  const shown = state.models.filter((model) => isShown(model, filter()));
  if (!shown.some(({ row }) => row.id === chosen)) {
    chosen = shown[0]?.row.id;
  }
  setText(element("disk"), state.diskText);
  element("refusal").hidden = state.refusal === "";
  setText(element("refusal"), state.refusal);
  setText(element("count"), l10n.t("{0} of {1}", shown.length, state.models.length));
  drawRows(shown);
  drawDetails(shown.find(({ row }) => row.id === chosen));
  setText(element("downloads"), downloadsText(state.models));
}

function drawRows(shown: readonly ManagedModel[]): void {
  const focused = document.activeElement?.closest("tr")?.dataset["id"];
  element("rows").replaceChildren(...shown.map(rowOf));
  if (focused !== undefined) {
    rowElement(focused)?.focus();
  }
}

function rowOf(model: ManagedModel): HTMLTableRowElement {
  const { id } = model.row;
  const row = made("tr");
  row.setAttribute("role", "row");
  row.dataset["id"] = id;
  row.dataset["state"] = model.shown.state;
  row.dataset["testid"] = `model-${id}`;
  row.tabIndex = id === chosen ? 0 : -1;
  row.setAttribute("aria-selected", String(id === chosen));
  const cells = cellsOf(model);
  for (const column of columns) {
    const { text, about, claimed } = cells[column];
    const cell = made(column === "name" ? "th" : "td", text);
    cell.setAttribute("role", column === "name" ? "rowheader" : "gridcell");
    cell.dataset["column"] = column;
    cell.classList.toggle("claimed", claimed ?? false);
    if (about !== undefined && about !== "") {
      cell.title = about;
    }
    if (column === "name") {
      cell.append(made("small", id));
    }
    if (column === "state" && model.loading !== undefined) {
      cell.append(barOf(model, percent(model.loading)));
    }
    row.append(cell);
  }
  return row;
}

function barOf({ row }: ManagedModel, value: number): HTMLProgressElement {
  const bar = made("progress");
  bar.max = 100;
  bar.value = value;
  bar.setAttribute("aria-label", l10n.t("How much of {0} is downloaded", row.name));
  return bar;
}

function drawDetails(model: ManagedModel | undefined): void {
  element("details").hidden = model === undefined;
  if (model === undefined) {
    return;
  }
  const { row, shown } = model;
  const isAnother = element("details").dataset["id"] !== row.id;
  element("details").dataset["id"] = row.id;
  setText(element("details-name"), row.name);
  setText(element("details-id"), row.id);
  drawActions(model, shown.actions);
  element("about").replaceChildren(...detailsOf(model).flatMap(fact));
  element("facts").replaceChildren(...factsOf(model).flatMap(fact));
  const license = element("license");
  if (isAnother && license instanceof HTMLDetailsElement) {
    license.open = false;
  }
  const known = state?.license?.id === row.id ? state.license.text : l10n.t("Loading…");
  setText(element("license-text"), known);
}

function drawActions(model: ManagedModel, actions: ManagedModel["shown"]["actions"]): void {
  const toolbar = element("actions");
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && toolbar.contains(active);
  const action = focused ? active.dataset["action"] : undefined;
  toolbar.replaceChildren(
    ...actions.map((it, at) => {
      const button = made("button", actionWords(it, model));
      button.type = "button";
      button.dataset["action"] = it;
      button.dataset["testid"] = `manager-${it}`;
      button.classList.toggle("main", at === 0);
      button.addEventListener("click", () => {
        editor.postMessage({ type: "act", action: it, id: model.row.id });
      });
      return button;
    }),
  );
  if (focused) {
    // If the button that was pressed is gone, focus goes to the first one that remains.
    const same = toolbar.querySelector<HTMLElement>(`[data-action="${action ?? ""}"]`);
    (same ?? toolbar.querySelector("button"))?.focus();
  }
}

function fact({ what, text }: Fact): HTMLElement[] {
  const value = made("dd", text);
  value.dataset["what"] = what;
  return [made("dt", what), value];
}

function rowElement(id: string): HTMLTableRowElement | null {
  return element("rows").querySelector(`tr[data-id="${CSS.escape(id)}"]`);
}

function choose(id: string, focus: boolean): void {
  chosen = id;
  draw();
  const row = rowElement(id);
  row?.scrollIntoView({ block: "nearest" });
  if (focus) {
    row?.focus();
  }
}

/** The row that a key moves to. */
function target(key: string, rows: readonly string[], at: number): string | undefined {
  switch (key) {
    case "ArrowDown":
      return rows[Math.min(rows.length - 1, at + 1)];
    case "ArrowUp":
      return rows[Math.max(0, at - 1)];
    case "Home":
      return rows[0];
    case "End":
      return rows.at(-1);
    default:
      return undefined;
  }
}

element("head").replaceChildren(
  ...columns.map((column) => {
    const head = made("th", COLUMNS[column]);
    head.setAttribute("role", "columnheader");
    head.scope = "col";
    head.dataset["column"] = column;
    return head;
  }),
);
element("rows").addEventListener("click", (event) => {
  const id = event.target instanceof Element && event.target.closest("tr")?.dataset["id"];
  if (typeof id === "string") {
    choose(id, true);
  }
});
element("rows").addEventListener("keydown", (event) => {
  const row = event.target instanceof Element ? event.target.closest("tr") : null;
  const id = row?.dataset["id"];
  if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const rows = [...element("rows").querySelectorAll("tr")].map((it) => it.dataset["id"] ?? "");
  const next = target(event.key, rows, rows.indexOf(id));
  if (next !== undefined) {
    event.preventDefault();
    choose(next, true);
  } else if (event.key === "Enter") {
    event.preventDefault();
    element("actions").querySelector("button")?.focus();
  }
});
for (const id of ["text", "which", "fits"]) {
  input(id).addEventListener("input", draw);
}
element("filter").addEventListener("submit", (event) => {
  event.preventDefault();
});
for (const command of ["import", "importExported", "refresh"] as const) {
  element(command).addEventListener("click", () => {
    editor.postMessage({ type: "command", command });
  });
}
element("license").addEventListener("toggle", (event) => {
  const isOpen = event.target instanceof HTMLDetailsElement && event.target.open;
  if (isOpen && chosen !== undefined && (asked !== chosen || state?.license?.id !== chosen)) {
    asked = chosen;
    editor.postMessage({ type: "license", id: chosen });
  }
});
window.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragged");
});
window.addEventListener("dragleave", () => {
  document.body.classList.remove("dragged");
});
window.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragged");
  const uris = ["application/vnd.code.uri-list", "text/uri-list", "text/plain"]
    .map((kind) => event.dataTransfer?.getData(kind) ?? "")
    .find((text) => text !== "");
  editor.postMessage({ type: "dropped", uris: uris ?? "" });
});
window.addEventListener("message", ({ data }: MessageEvent<ToManager>) => {
  switch (data.type) {
    case "state":
      state = data.state;
      draw();
      break;
    case "choose":
      choose(data.id, true);
      break;
  }
});
editor.postMessage({ type: "ready" });
