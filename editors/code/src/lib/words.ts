/** Words of others and numbers, as they can be shown. */
import * as l10n from "./l10n";

/** Names come out of model files: no line ends or controls, and no `$(icon)`. */
export function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .replace(/\$\(/gu, "$ (")
    .trim();
}

/** A clause as a sentence: it begins with a capital letter and has an end. */
export function sentence(text: string): string {
  const whole = capitalized(text.trim());
  return whole === "" || /[.!?…:]$/u.test(whole) ? whole : `${whole}.`;
}

/** With a capital letter. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Characters of a message that surely fit into one line of it. */
const MESSAGE_LINE_CHARS = 45;

/**
 * The buttons of a message. The editor cuts a message without any at the end of its first line, so a
 * longer one gets one that only closes it.
 */
export function buttonsFor(text: string, buttons: readonly string[] = []): string[] {
  return buttons.length > 0 || text.length <= MESSAGE_LINE_CHARS ? [...buttons] : [l10n.t("OK")];
}

/** What there is of these, with a comma between. */
export function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

/** As text in HTML, also in an attribute. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Bytes in the units of disks. */
export function size(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${(bytes / unit).toFixed(1)} ${name}`;
}
