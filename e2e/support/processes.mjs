/**
 * The processes of a private installation, found by the `LOCALCODER_HOME` in their environment:
 * that also finds orphans, whose parent has ended.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A tracer only watches the others, and ends with the last of them. */
const TRACER = /^strace /u;

/** Ids and commands of the processes that belong to `home`, without zombies. */
export function processesOf(home) {
  const mark = `LOCALCODER_HOME=${home}`;
  const all = process.platform === "linux" ? fromProc(mark) : fromPs(mark);
  return all.filter(({ command }) => !TRACER.test(command));
}

function fromProc(mark) {
  const found = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/u.test(name)) {
      continue;
    }
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (environment.includes(mark) && command !== "") {
        found.push({ pid: Number(name), command });
      }
    } catch {
      // It has ended meanwhile, or belongs to another user.
    }
  }
  return found;
}

function fromPs(mark) {
  const lines = execFileSync("ps", ["-axww", "-E", "-o", "pid=,stat=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  }).split("\n");
  return lines
    .filter((line) => line.split(" ").includes(mark))
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/u.exec(line))
    .filter((match) => match !== null)
    .filter((match) => !match[2].startsWith("Z"))
    .map((match) => ({ pid: Number(match[1]), command: match[3].split(" LOCALCODER_HOME=")[0] }));
}

/** Paths of the Unix sockets on which the processes of `home` listen. */
export function socketsOf(home) {
  const own = new Set();
  for (const { pid } of processesOf(home)) {
    for (const number of readdirSync(`/proc/${pid}/fd`)) {
      try {
        own.add(/^socket:\[(\d+)\]$/u.exec(readlinkSync(`/proc/${pid}/fd/${number}`))?.[1]);
      } catch {
        // It was closed meanwhile.
      }
    }
  }
  const listening = readFileSync("/proc/net/unix", "utf8").split("\n").slice(1);
  return listening
    .map((line) => line.trim().split(/\s+/u))
    .filter(([, , , flags, , , inode]) => flags === "00010000" && own.has(inode))
    .map(([, , , , , , , path]) => path);
}

/** Sends a signal; ignores a process that has already ended. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") {
      throw error;
    }
  }
}
