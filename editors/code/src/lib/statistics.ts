/** The page of *Edit Statistics* as HTML. The numbers are the program's; all words in it are text. */
import type {
  EditCounts,
  EditStatistics,
  EvalShare,
  StatisticsBy,
  StatisticsGroup,
  StatisticsRow,
} from "../generated/protocol";

import { escaped, size } from "./words";

const HEADS: Record<StatisticsBy, string> = {
  command: "By command",
  model: "By model",
  language: "By language",
  prompt: "By version of the prompts",
};

/** The counts that together are all that was shown, with what stands above them. */
const COUNTS: readonly (readonly [keyof EditCounts, string])[] = [
  ["shown", "Shown"],
  ["kept", "Kept"],
  ["keptInPart", "In part"],
  ["dropped", "Dropped"],
  ["undone", "Undone"],
  ["retried", "Retried"],
  ["followedUp", "Followed up"],
  ["undecided", "Undecided"],
];

/** The body of the page. `at`: when it was looked at, as it is shown. */
export function statisticsBody(statistics: EditStatistics, at: string): string {
  const { groups, all, since, on } = statistics;
  const known = since === undefined ? "No edits were counted yet." : `Counted since ${since}.`;
  const counts = on ? known : `${known} Nothing is counted now: localcoder.ledger is off.`;
  const tables = groups.filter(({ rows }) => rows.length > 0).map((group) => table(group, all));
  return `<main data-testid="statistics">
<h1>Edit statistics</h1>
<p data-testid="statistics-state">${escaped(counts)}</p>
<p class="aside">As it was at ${escaped(at)}. Refresh in the title of this page looks again.</p>
${tables.join("\n")}
${unsure(all)}<h2>What this is</h2>
<p>${EXPLAINED}</p>
<p>${where(statistics)}</p>
</main>`;
}

const EXPLAINED = [
  "<em>Undone</em> is what was kept, and within ten minutes the document read as before;",
  "<em>undecided</em> is what nothing was heard of, as where the window was closed.",
  "What <code>localcoder eval</code> says is how much of what it would have shown is right.",
].join(" ");

function where({ file, bytes, unreadLines }: EditStatistics): string {
  const there = bytes === 0 ? "which is not there now" : size(bytes);
  const unread = unreadLines === 0 ? "" : ` ${unreadLines} lines of it can't be read.`;
  return `It is kept in <code>${escaped(file)}</code> (${there}) on this machine alone, and holds no code, no names of files and nothing that you have asked for.${unread} Delete in the title of this page deletes it; the setting <code>localcoder.ledger</code> turns it off.`;
}

function table({ by, rows }: StatisticsGroup, all: StatisticsRow): string {
  const heads = [...COUNTS.map(([, head]) => head), "Kept of shown", "Of decided"];
  const evaluated = rows.some((row) => row.eval !== undefined);
  const last = evaluated ? '<th scope="col">What localcoder eval says</th>' : "";
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
    : `<p data-testid="statistics-unsure">Shown as <em>not sure</em>: ${all}, of which ${unsureKept} were kept.</p>\n`;
}
