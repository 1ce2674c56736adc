/**
 * The messages between the extension and the page of the set-up. The page is not trusted: it may
 * send only a name from a closed list, and ids are looked up among the known ones.
 */
import type { SetupPage } from "./setup";

/** Extension to page: everything to show. */
export interface SetupStateMessage {
  readonly type: "state";
  readonly page: SetupPage;
}

const PLAIN = [
  "ready",
  "demo",
  "importFolder",
  "pause",
  "resume",
  "choose",
  "test",
  "finish",
  "tryIt",
] as const;

/** Messages from the page to the extension. */
export type SetupMessage =
  | { readonly type: (typeof PLAIN)[number] }
  | { readonly type: "install" | "use"; readonly id: string }
  | { readonly type: "importFile"; readonly inPlace: boolean }
  | { readonly type: "airGap"; readonly on: boolean };

/** Parses what the page sent; `undefined` if it is malformed. */
export function readSetupMessage(value: unknown): SetupMessage | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const { type, id, inPlace, on } = value as Record<string, unknown>;
  const plain = PLAIN.find((it) => it === type);
  if (plain !== undefined) {
    return { type: plain };
  }
  if ((type === "install" || type === "use") && typeof id === "string") {
    return { type, id };
  }
  if (type === "importFile" && typeof inPlace === "boolean") {
    return { type, inPlace };
  }
  return type === "airGap" && typeof on === "boolean" ? { type, on } : undefined;
}
