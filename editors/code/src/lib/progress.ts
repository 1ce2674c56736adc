/** Says in a few words how far a request is. */
import type { ProgressParams, Stage } from "../generated/protocol";

const STAGES: Record<Stage, string> = {
  queued: "waiting for its turn",
  loading: "loading the model",
  prefill: "reading the code",
  generating: "writing",
  testing: "running the test",
  retrying: "trying again",
};

/** The host's own words where it has some, with a percentage where it is known. */
export function progressText(progress: ProgressParams): string {
  const words = progress.message.trim() === "" ? STAGES[progress.stage] : progress.message.trim();
  if (progress.fraction === undefined || words.includes("%")) {
    return words;
  }
  return `${words} (${Math.round(progress.fraction * 100)} %)`;
}
