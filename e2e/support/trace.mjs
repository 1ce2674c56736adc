/**
 * What strace has recorded: whether anything was sent to another machine, or any name looked up by
 * a resolver, even one that is reached over loopback or a Unix socket.
 */
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * The system calls that can send something, and the one by which data could be sent without any.
 */
const SENDING = "connect,sendto,sendmsg,sendmmsg,io_uring_setup";
/** The system calls that create processes: they show which program a process id belongs to. */
const STARTING = "execve,clone,?clone3,?fork,?vfork";

/**
 * The strace command, without the program: it records to `file` what the program and everything
 * that it starts send. With -D the program is our child, without the tracer in between.
 */
export function strace(file) {
  const calls = ["-e", `trace=${SENDING},${STARTING}`];
  // What goes through an io_uring makes no system calls. Node.js does without if the system has
  // none.
  const rings = ["-e", "inject=io_uring_setup:error=ENOSYS"];
  // Arguments of programs are longer than strace's default of 32 bytes.
  const how = ["-D", "-f", "-qq", "-s", "256", "--seccomp-bpf"];
  return ["strace", ...how, ...calls, ...rings, "-o", file];
}

/** The folder in which `cargo xtask airgap` wants the traces of all programs. */
const TRACES = process.env.LOCALCODER_TRACES;
let traces = 0;

/** The command, traced if requested; `own`: the story's own trace file. */
export function traced(command, own) {
  if (own === undefined && TRACES === undefined) {
    return command;
  }
  return [
    ...strace(own ?? join(TRACES ?? "", `${process.pid}-${(traces += 1)}.strace`)),
    ...command,
  ];
}

/** A story's own trace counts along with the others. */
export function handIn(own) {
  if (own !== undefined && TRACES !== undefined) {
    copyFileSync(own, join(TRACES, `${process.pid}-${(traces += 1)}-${basename(own)}.strace`));
  }
}

const LOOPBACK = /inet_addr\("127\.|inet_pton\(AF_INET6, "::1"|inet_pton\(AF_INET6, "::ffff:127\./u;
/**
 * The ports of name servers, and the sockets of the system's own resolvers; nscd is left out,
 * because it also answers questions about users.
 */
const LOOK_UP = /sin6?_port=htons\((53|853|5353)\)|\/run\/systemd\/resolve|\/run\/avahi-daemon/u;

/**
 * Lines of the trace that must not occur; `port` is a port of loopback that must not be contacted
 * either.
 */
export function offLoopback(trace, port) {
  const listener = new RegExp(`htons\\(${port}\\)`, "u");
  const lines = trace.split("\n");
  return lines.flatMap((line, at) => {
    const network = /AF_INET6?\b/u.test(line) && !LOOPBACK.test(line);
    return network || LOOK_UP.test(line) || listener.test(line) ? [told(lines, at)] : [];
  });
}

/** Chains of parents have about ten; a longer one is a mistake of ours. */
const PARENTS_MAX = 64;

/**
 * How many later lines of the same process are reported with a forbidden one: they show the name
 * that it looks up.
 */
const LINES_AFTER = 2;

/** A line, with its program and what that program sent next. */
function told(lines, at) {
  const pid = processOf(lines[at]);
  const next = lines.slice(at + 1).filter((line) => processOf(line) === pid);
  return [lines[at], ...next.slice(0, LINES_AFTER), `by: ${programOf(lines, at)}`].join("\n");
}

function processOf(line) {
  return line.split(/\s/u, 1)[0];
}

/** The command line of a line's process, or of the process that created it. */
function programOf(lines, at) {
  const before = lines.slice(0, at).reverse();
  let pid = processOf(lines[at]);
  for (let parents = 0; parents < PARENTS_MAX; parents += 1) {
    const became = before.find((line) => {
      return processOf(line) === pid && / execve\(/u.test(line) && !/ = -1 /u.test(line);
    });
    // A child's first lines may come before the end of the call that created it.
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
