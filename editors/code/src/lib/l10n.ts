/**
 * The user's language. Every text that users read is a call of {@link t}, with a complete English
 * message; `npm run l10n` exports the messages to `l10n/bundle.l10n.json`, and a translation is a
 * file next to that one.
 *
 * It does what `vscode.l10n.t` does, and exists because `lib` and the pages have no access to the
 * editor. Messages in constants are looked up when their module is loaded, so {@link configure} has
 * to run before every other import: that is what `translated.ts` does, in the extension and in the
 * pages.
 */

/** The value for a placeholder such as `{0}`. */
export type Replacement = string | number;

/** A message whose English text could mean more than one thing. */
export interface Message {
  readonly message: string;
  readonly args?: readonly Replacement[];
  /** Tells a translator where the message is shown. */
  readonly comment: string;
}

let bundle: Readonly<Record<string, unknown>> = {};

/**
 * Sets the translation, which maps English texts to translated ones. What it lacks stays English.
 */
export function configure(translation: Readonly<Record<string, unknown>> | undefined): void {
  bundle = translation ?? {};
}

/** The current translation, to be passed on to a page. */
export function translation(): Readonly<Record<string, unknown>> {
  return bundle;
}

/** A message in the user's language, with these values filled in. */
export function t(message: string | Message, ...args: readonly Replacement[]): string {
  if (typeof message === "string") {
    return formatted(translationOf(message) ?? message, args);
  }
  const { message: text, comment, args: own = [] } = message;
  return formatted(translationOf(`${text}/${comment}`) ?? text, own);
}

/** Values are inserted as they are: braces in them mean nothing. */
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
