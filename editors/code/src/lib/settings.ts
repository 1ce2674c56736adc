/**
 * Which settings go to the host: every one of the product's that the user set, as it is. What a
 * value means and whether it is allowed is the host's business.
 */

/** What the editor knows of one setting. */
export interface Inspected {
  readonly globalValue?: unknown;
}

/**
 * The user's values by key without its `localcoder.` prefix. Workspace values are not looked at:
 * a folder must not choose what runs.
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

/** What the names of all our settings begin with. */
export const SETTINGS_PREFIX = "localcoder.";

/** The names of our settings, out of the extension's own manifest. */
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
