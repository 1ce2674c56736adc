/**
 * The page of *Show Privacy* as HTML. The words are the program's; this only lays them out. All of
 * them are plain text, except that what is between backquotes is shown as code.
 */
import type { Fact, PrivacyFinding, PrivacyRefusal, PrivacyReport } from "../generated/protocol";

import * as l10n from "./l10n";
import { escaped, sentence } from "./words";

/** The body of the page. `at`: the time of the check, as text. */
export function privacyBody(report: PrivacyReport, at: string): string {
  const { airGap, refusedText, refusals, refusalsText, programs, editor, kept, checks } = report;
  return `<main data-testid="privacy">
<h1>${escaped(l10n.t("Privacy"))}</h1>
<p class="aside">${escaped(l10n.t("As it was at {0}. Refresh in the title of this page looks again.", at))}</p>
<h2>${escaped(l10n.t("Air-gapped mode"))}</h2>
<p data-testid="privacy-air-gap">${words(sentence(airGap))}</p>
<h2>${escaped(l10n.t("Refused"))}</h2>
<p data-testid="privacy-refused">${words(sentence(refusedText))}</p>
<p data-testid="privacy-refusals">${words(sentence(refusalsText))}</p>
${table("privacy-refusals-table", refusals.map(refusal))}
<h2>${escaped(l10n.t("Programs, and what they may do with the network"))}</h2>
${table("privacy-programs", programs.map(finding))}
<h2>${escaped(l10n.t("What the editor would ask by itself"))}</h2>
${table("privacy-editor", editor.map(finding))}
<h2>${escaped(l10n.t("What is kept of what you do, on this machine alone"))}</h2>
<dl data-testid="privacy-kept">
${kept.map(fact).join("\n")}
</dl>
<h2>${escaped(l10n.t("How to check it yourself"))}</h2>
<dl data-testid="privacy-checks">
${checks.map(check).join("\n")}
</dl>
</main>`;
}

function table(name: string, rows: readonly string[]): string {
  return rows.length === 0
    ? ""
    : `<table data-testid="${name}"><tbody>\n${rows.join("\n")}\n</tbody></table>`;
}

function refusal({ kind, count, text }: PrivacyRefusal): string {
  const none = count === 0 ? ' class="aside"' : "";
  return `<tr${none} data-kind="${escaped(kind)}"><td class="count">${count}</td><td>${words(text)}</td></tr>`;
}

function finding({ what, network, word, text }: PrivacyFinding): string {
  return `<tr><th scope="row">${words(what)}</th><td class="network ${escaped(network)}">${words(word)}</td><td>${words(sentence(text))}</td></tr>`;
}

function fact({ what, text }: Fact): string {
  return `<dt><code>${escaped(what)}</code></dt><dd>${words(sentence(text))}</dd>`;
}

function check({ what, text }: Fact): string {
  return `<dt>${words(sentence(what))}</dt><dd><code>${escaped(text)}</code></dd>`;
}

/** The text as HTML, with the parts between backquotes as code; an unpaired backquote stays one. */
function words(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/gu, "<code>$1</code>");
}
