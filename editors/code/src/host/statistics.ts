/** Runs `localcoder stats`, which reads and deletes the host's counts of edits. */
import type { EditStatistics, StatisticsDeleted } from "../generated/protocol";

import { ask } from "./process";

/** What became of the edits that were shown. */
export async function editStatistics(program: string | undefined): Promise<EditStatistics> {
  return await ask(program, "stats");
}

/** Deletes the counts; the caller has asked the user. */
export async function deleteStatistics(program: string | undefined): Promise<StatisticsDeleted> {
  return await ask(program, "stats --delete", ["--yes"]);
}
