/** The instructions that a user has written: the last ones, and those that are to stay. */

/** How many of the last ones are kept, beside those that stay. */
const RECENT_MAX = 20;

/** Each is in one of both lists, the newest first. */
export interface Instructions {
  readonly favorites: readonly string[];
  readonly recent: readonly string[];
}

/** With one that was just used. */
export function used({ favorites, recent }: Instructions, text: string): Instructions {
  if (favorites.includes(text)) {
    return { favorites, recent };
  }
  const others = recent.filter((it) => it !== text);
  return { favorites, recent: [text, ...others].slice(0, RECENT_MAX) };
}

/** With one that is to stay, or no longer is. */
export function toggled({ favorites, recent }: Instructions, text: string): Instructions {
  const isFavorite = favorites.includes(text);
  const without = (all: readonly string[]): string[] => all.filter((it) => it !== text);
  return isFavorite
    ? used({ favorites: without(favorites), recent }, text)
    : { favorites: [text, ...favorites], recent: without(recent) };
}

/** Without one. */
export function forgotten({ favorites, recent }: Instructions, text: string): Instructions {
  const without = (all: readonly string[]): string[] => all.filter((it) => it !== text);
  return { favorites: without(favorites), recent: without(recent) };
}

/** What was kept, whatever it has become. */
export function read(value: unknown): Instructions {
  const { favorites, recent } = (value ?? {}) as Partial<Record<keyof Instructions, unknown>>;
  const texts = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((it): it is string => typeof it === "string") : [];
  return { favorites: texts(favorites), recent: texts(recent) };
}
