/**
 * The page of *Edit Statistics* as HTML. The numbers are the program's; all of its words are plain
 * text.
 */
import type {
  EditCounts,
  EditStatistics,
  EvalShare,
  StatisticsBy,
  StatisticsGroup,
  StatisticsRow,
} from "../generated/protocol";

import * as l10n from "./l10n";
import { escaped, size } from "./words";

const SETTING = "localcoder.ledger";

const HEADS: Record<StatisticsBy, string> = {
  command: l10n.t("By command"),
  model: l10n.t("By model"),
  language: l10n.t("By language"),
  prompt: l10n.t("By version of the prompts"),
};

/** The counts that add up to all edits that were shown, each with its heading. */
const COUNTS: readonly (readonly [keyof EditCounts, string])[] = [
  ["shown", l10n.t("Shown")],
  ["kept", l10n.t("Kept")],
  ["keptInPart", l10n.t("In part")],
  ["dropped", l10n.t("Dropped")],
  ["undone", l10n.t("Undone")],
  ["retried", l10n.t("Retried")],
  ["followedUp", l10n.t("Followed up")],
  ["undecided", l10n.t("Undecided")],
];

/** The body of the page. `at`: the time of the reading, as text. */
export function statisticsBody(statistics: EditStatistics, at: string): string {
  const { groups, all, since, on } = statistics;
  const known =
    since === undefined
      ? l10n.t("No edits were counted yet.")
      : l10n.t("Counted since {0}.", since);
  const off = l10n.t("Nothing is counted now: {0} is off.", SETTING);
  const counts = on ? known : `${known} ${off}`;
  const tables = groups.filter(({ rows }) => rows.length > 0).map((group) => table(group, all));
  return `<main data-testid="statistics">
<h1>${escaped(l10n.t("Edit statistics"))}</h1>
<p data-testid="statistics-state">${escaped(counts)}</p>
<p class="aside">${escaped(l10n.t("As it was at {0}. Refresh in the title of this page looks again.", at))}</p>
${tables.join("\n")}
${unsure(all)}<h2>${escaped(l10n.t("What this is"))}</h2>
<p>${escaped(EXPLAINED)}</p>
<p>${where(statistics)}</p>
</main>`;
}

const EXPLAINED = l10n.t(
  "“Undone” is what was kept, and within ten minutes the document read as before; “undecided” is what nothing was heard of, as where the window was closed. What localcoder eval says is how much of what it would have shown is right.",
);

function where({ file, bytes, unreadLines }: EditStatistics): string {
  const kept =
    bytes === 0
      ? l10n.t("It is kept in {0} (which is not there now) on this machine alone.", file)
      : l10n.t("It is kept in {0} ({1}) on this machine alone.", file, size(bytes));
  const unread = unreadLines === 0 ? [] : [l10n.t("{0} lines of it can't be read.", unreadLines)];
  const holds = l10n.t(
    "It holds no code, no names of files and nothing that you have asked for. Delete in the title of this page deletes it; the setting {0} turns it off.",
    SETTING,
  );
  return escaped([kept, ...unread, holds].join(" "));
}

function table({ by, rows }: StatisticsGroup, all: StatisticsRow): string {
  const heads = [...COUNTS.map(([, head]) => head), l10n.t("Kept of shown"), l10n.t("Of decided")];
  const evaluated = rows.some((row) => row.eval !== undefined);
  const last = evaluated
    ? '<th scope="col">' + escaped(l10n.t("What localcoder eval says")) + "</th>"
    : "";
  const cells = heads.map((head) => `<th scope="col" class="count">${head}</th>`).join("");
  return `<h2>${HEADS[by]}</h2>
<div class="wide"><table data-testid="statistics-${by}"><thead><tr><td></td>${cells}${last}</tr></thead><tbody>
${[...rows, all].map((row) => line(row, evaluated)).join("\n")}
</tbody></table></div>`;
}

function line(row: StatisticsRow, evaluated: boolean): string {
  const numbers = [
    ...COUNTS.map(([name]) => `<td class="count" data-count="${name}">${row[name]}</td>`),
    ...[row.keptOfShown, row.keptOfDecided].map((it) => `<td class="count">${percent(it)}</td>`),
  ];
  const shares = evaluated ? `<td>${escaped((row.eval ?? []).map(share).join(", "))}</td>` : "";
  const name = escaped(row.name);
  return `<tr data-row="${name}"><th scope="row">${name}</th>${numbers.join("")}${shares}</tr>`;
}

function share({ what, tasks, rightOfShown }: EvalShare): string {
  return `${percent(rightOfShown)} (${tasks} ${what})`;
}

function percent(part: number | undefined): string {
  return part === undefined ? "–" : `${Math.round(part * 100)} %`;
}

function unsure({ unsure: all, unsureKept }: EditCounts): string {
  return all === 0
    ? ""
    : `<p data-testid="statistics-unsure">${escaped(l10n.t("Shown as “not sure”: {0}, of which {1} were kept.", all, unsureKept))}</p>\n`;
}
