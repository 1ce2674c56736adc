/** Formats numbers and text from other sources for display. */
import * as l10n from "./l10n";

/** Names come from model files, so remove line ends, controls and `$(icon)`. */
export function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .replace(/\$\(/gu, "$ (")
    .trim();
}

/** A clause as a sentence: capitalized, and with a full stop. */
export function sentence(text: string): string {
  const whole = capitalized(text.trim());
  return whole === "" || /[.!?…:]$/u.test(whole) ? whole : `${whole}.`;
}

/** The text with its first letter in upper case. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How many characters surely fit on one line of a message. */
const MESSAGE_LINE_CHARS = 45;

/**
 * The buttons of a message. The editor cuts off a message without buttons at the end of its first
 * line, so a longer one gets a button that only closes it.
 */
export function buttonsFor(text: string, buttons: readonly string[] = []): string[] {
  return buttons.length > 0 || text.length <= MESSAGE_LINE_CHARS ? [...buttons] : [l10n.t("OK")];
}

/** The non-empty parts, joined by commas. */
export function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

/** The text escaped for HTML, including attributes. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A number of bytes in the decimal units that disks use. */
export function size(bytes: number): string {
  const [unit, name] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${(bytes / unit).toFixed(1)} ${name}`;
}
