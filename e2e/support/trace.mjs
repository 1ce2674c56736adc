/**
 * What strace has seen: whether anything was sent to another machine, or asked to be looked up by a
 * resolver, also one that is asked over loopback or a Unix socket.
 */
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";

/** The calls by which something can be sent, and where others would send it unseen. */
const SENDING = "connect,sendto,sendmsg,sendmmsg,io_uring_setup";
/** Those by which processes are made: they tell which program a number is. */
const STARTING = "execve,clone,?clone3,?fork,?vfork";

/**
 * strace, without the command: it writes what is sent by a program, and all that this starts, to
 * `file`. -D: the program is our child, the tracer is not in between.
 */
export function strace(file) {
  const calls = ["-e", `trace=${SENDING},${STARTING}`];
  // What goes through a ring makes no calls. Node.js does without where the system has none.
  const rings = ["-e", "inject=io_uring_setup:error=ENOSYS"];
  // Arguments of programs are longer than the 32 bytes that are usual.
  const how = ["-D", "-f", "-qq", "-s", "256", "--seccomp-bpf"];
  return ["strace", ...how, ...calls, ...rings, "-o", file];
}

/** Where `cargo xtask airgap` wants the traces of all programs. */
const TRACES = process.env.LOCALCODER_TRACES;
let traces = 0;

/** The command, traced where that is wanted; `own`: a file of the story's for it. */
export function traced(command, own) {
  if (own === undefined && TRACES === undefined) {
    return command;
  }
  return [
    ...strace(own ?? join(TRACES ?? "", `${process.pid}-${(traces += 1)}.strace`)),
    ...command,
  ];
}

/** A story has a trace of its own, which counts with the others. */
export function handIn(own) {
  if (own !== undefined && TRACES !== undefined) {
    copyFileSync(own, join(TRACES, `${process.pid}-${(traces += 1)}-${basename(own)}.strace`));
  }
}

const LOOPBACK = /inet_addr\("127\.|inet_pton\(AF_INET6, "::1"|inet_pton\(AF_INET6, "::ffff:127\./u;
/** A name server's port, and the sockets of the system's own resolvers; nscd tells of users, too. */
const LOOK_UP = /sin6?_port=htons\((53|853|5353)\)|\/run\/systemd\/resolve|\/run\/avahi-daemon/u;

/** Lines of the trace that must not be; `port` is one of loopback that must not be asked either. */
export function offLoopback(trace, port) {
  const listener = new RegExp(`htons\\(${port}\\)`, "u");
  const lines = trace.split("\n");
  return lines.flatMap((line, at) => {
    const network = /AF_INET6?\b/u.test(line) && !LOOPBACK.test(line);
    return network || LOOK_UP.test(line) || listener.test(line) ? [told(lines, at)] : [];
  });
}

/** A chain of parents has some ten; one that is longer is a mistake of ours. */
const PARENTS_MAX = 64;

/** How many lines of the same process after one that must not be are reported: the name it looks up. */
const LINES_AFTER = 2;

/** A line, the program whose it is, and what that sent next. */
function told(lines, at) {
  const pid = processOf(lines[at]);
  const next = lines.slice(at + 1).filter((line) => processOf(line) === pid);
  return [lines[at], ...next.slice(0, LINES_AFTER), `by: ${programOf(lines, at)}`].join("\n");
}

function processOf(line) {
  return line.split(/\s/u, 1)[0];
}

/** The command line that the process of a line has, or whoever made it. */
function programOf(lines, at) {
  const before = lines.slice(0, at).reverse();
  let pid = processOf(lines[at]);
  for (let parents = 0; parents < PARENTS_MAX; parents += 1) {
    const became = before.find((line) => {
      return processOf(line) === pid && / execve\(/u.test(line) && !/ = -1 /u.test(line);
    });
    // A child's first lines may come before the end of the call that made it.
    const made = before.find(
      (line) => /\b(clone3?|v?fork)\b/u.test(line) && line.endsWith(` = ${pid}`),
    );
    if (became !== undefined || made === undefined) {
      return became ?? "a program that ran before";
    }
    pid = processOf(made);
  }
  return "nobody knows";
}
