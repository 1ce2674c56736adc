/**
 * Which settings go to the host: all of the product's that the user has set, unchanged. What a
 * value means and whether it is allowed is the host's business.
 */

/** What the editor knows about one setting. */
export interface Inspected {
  readonly globalValue?: unknown;
}

/**
 * The user's values by key, without the prefix `localcoder.`. Workspace values are ignored: a
 * folder must not choose what runs.
 */
export function userSettings(
  keys: readonly string[],
  inspect: (key: string) => Inspected | undefined,
): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const key of keys) {
    const value = inspect(key)?.globalValue;
    if (key.startsWith(SETTINGS_PREFIX) && value !== undefined) {
      settings[key.slice(SETTINGS_PREFIX.length)] = value;
    }
  }
  return settings;
}

/** The prefix of all our settings. */
export const SETTINGS_PREFIX = "localcoder.";

/** The names of our settings, from the extension's own manifest. */
export function declaredSettings(manifest: unknown): string[] {
  const properties = dig(manifest, "contributes", "configuration", "properties");
  return typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
}

function dig(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  }
  return at;
}
