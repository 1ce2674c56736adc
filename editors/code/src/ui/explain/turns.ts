/**
 * Draws the questions and answers. Unchanged ones are left alone, so that readers do not lose their
 * place.
 */
import type { Turn } from "../../lib/explanation";
import * as l10n from "../../lib/l10n";

import { made, toDom } from "./dom";
import { parseMarkdown } from "./markdown";
import { withLinks } from "./references";

/** Called when the user chooses a reference in a turn. */
export type Jump = (turn: number, reference: number) => void;

let drawn: readonly Turn[] = [];

/** Draws these turns, and returns whether anything differs. */
export function drawTurns(place: HTMLElement, turns: readonly Turn[], jump: Jump): boolean {
  let differs = turns.length !== drawn.length;
  while (place.children.length > turns.length) {
    place.lastElementChild?.remove();
  }
  turns.forEach((turn, index) => {
    const before = drawn[index];
    const old = place.children[index];
    if (old !== undefined && before !== undefined && isSame(before, turn)) {
      return;
    }
    differs = true;
    const made = sectionOf(turn, index, jump);
    if (old === undefined) {
      place.append(made);
    } else {
      old.replaceWith(made);
    }
  });
  drawn = turns;
  return differs;
}

/**
 * Compares every part that is shown, because the same answer may have another cost; and by value,
 * because each turn is a copy that was posted.
 */
function isSame(one: Turn, other: Turn): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function sectionOf(turn: Turn, index: number, jump: Jump): HTMLElement {
  const section = made("section", "turn");
  section.className = "turn";
  if (turn.question !== "") {
    section.append(made("h2", "question", turn.question));
  }
  const text = made("article", "text");
  const seen = new Set<number>();
  const link = (reference: number): HTMLElement => {
    const line = turn.references[reference]?.place.range.start ?? 0;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "reference";
    button.title = l10n.t("Go to line {0}", line);
    // Tab stops at each reference only once, however often it occurs.
    button.tabIndex = seen.has(reference) ? -1 : 0;
    seen.add(reference);
    button.addEventListener("click", () => {
      jump(index, reference);
    });
    return button;
  };
  text.append(toDom(withLinks(parseMarkdown(turn.text), turn.references), link));
  section.append(text);
  if (turn.notes.length > 0) {
    const notes = made("div", "notes");
    notes.className = "notes";
    notes.append(...turn.notes.map(paragraph));
    section.append(notes);
  }
  if (turn.facts !== "") {
    const cost = made("details", "cost");
    cost.append(made("summary", "facts", turn.facts), ...turn.details.map(paragraph));
    section.append(cost);
  }
  return section;
}

function paragraph(text: string): HTMLParagraphElement {
  const it = document.createElement("p");
  it.textContent = text;
  return it;
}
