/** The instructions that a user has written: the latest ones, and pinned ones. */

/** How many of the latest ones are kept, in addition to the pinned ones. */
const RECENT_MAX = 20;

/** Each instruction is in only one of the two lists, the newest first. */
export interface Instructions {
  readonly favorites: readonly string[];
  readonly recent: readonly string[];
}

/** With an instruction that was just used. */
export function used({ favorites, recent }: Instructions, text: string): Instructions {
  if (favorites.includes(text)) {
    return { favorites, recent };
  }
  const others = recent.filter((it) => it !== text);
  return { favorites, recent: [text, ...others].slice(0, RECENT_MAX) };
}

/** With an instruction pinned, or unpinned if it was. */
export function toggled({ favorites, recent }: Instructions, text: string): Instructions {
  const isFavorite = favorites.includes(text);
  const without = (all: readonly string[]): string[] => all.filter((it) => it !== text);
  return isFavorite
    ? used({ favorites: without(favorites), recent }, text)
    : { favorites: [text, ...favorites], recent: without(recent) };
}

/** Without an instruction. */
export function forgotten({ favorites, recent }: Instructions, text: string): Instructions {
  const without = (all: readonly string[]): string[] => all.filter((it) => it !== text);
  return { favorites: without(favorites), recent: without(recent) };
}

/** Reads stored instructions, however malformed the value is. */
export function read(value: unknown): Instructions {
  const { favorites, recent } = (value ?? {}) as Partial<Record<keyof Instructions, unknown>>;
  const texts = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((it): it is string => typeof it === "string") : [];
  return { favorites: texts(favorites), recent: texts(recent) };
}
