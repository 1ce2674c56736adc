/**
 * What strace has seen: whether anything was sent to another machine, or asked to be looked up by a
 * resolver, also one that is asked over loopback or a Unix socket.
 */

/** The calls by which something can be sent. */
export const CALLS = "connect,sendto,sendmsg,sendmmsg";

const LOOPBACK = /inet_addr\("127\.|inet_pton\(AF_INET6, "::1"|inet_pton\(AF_INET6, "::ffff:127\./u;
/** A name server's port, and the sockets of the system's own resolvers; nscd tells of users, too. */
const LOOK_UP =
  /sin6?_port=htons\((53|853|5353)\)|\/run\/systemd\/resolve|\/run\/avahi-daemon/u;

/** Lines of the trace that must not be; `port` is one of loopback that must not be asked either. */
export function offLoopback(trace, port) {
  const listener = new RegExp(`htons\\(${port}\\)`, "u");
  return trace.split("\n").filter((line) => {
    const network = /AF_INET6?\b/u.test(line) && !LOOPBACK.test(line);
    return network || LOOK_UP.test(line) || listener.test(line);
  });
}
