/**
 * The user's language. Every word that users read is the argument of {@link t}, in English and whole;
 * `npm run l10n` exports them to `l10n/bundle.l10n.json`, and a translation is a file beside that.
 *
 * Does what `vscode.l10n.t` does, and is here because `lib` and the pages have no editor at hand.
 * Words that are constants are looked up when their module is loaded, so {@link configure} comes
 * before every other import: `translated.ts` of the extension and of the pages.
 */

/** What is in a message for `{0}`. */
export type Replacement = string | number;

/** A message whose English words mean more than one thing. */
export interface Message {
  readonly message: string;
  readonly args?: readonly Replacement[];
  /** Says to a translator where it is shown. */
  readonly comment: string;
}

let bundle: Readonly<Record<string, unknown>> = {};

/** Takes a translation: its text by the English one. What it lacks stays English. */
export function configure(translation: Readonly<Record<string, unknown>> | undefined): void {
  bundle = translation ?? {};
}

/** The translation that was taken, to be handed on to a page. */
export function translation(): Readonly<Record<string, unknown>> {
  return bundle;
}

/** A message in the user's language, with these values in it. */
export function t(message: string | Message, ...args: readonly Replacement[]): string {
  if (typeof message === "string") {
    return formatted(translationOf(message) ?? message, args);
  }
  const { message: text, comment, args: own = [] } = message;
  return formatted(translationOf(`${text}/${comment}`) ?? text, own);
}

/** Values are put in as they are: braces in them mean nothing. */
function formatted(text: string, args: readonly Replacement[]): string {
  return text.replace(/\{(\d+)\}/gu, (hole, at: string) => String(args[Number(at)] ?? hole));
}

function translationOf(key: string): string | undefined {
  const found = Object.hasOwn(bundle, key) ? bundle[key] : undefined;
  if (typeof found === "object" && found !== null && "message" in found) {
    return typeof found.message === "string" ? found.message : undefined;
  }
  return typeof found === "string" && found !== "" ? found : undefined;
}
