/**
 * Chromium's own log of its network: names that its pages had looked up, and datagrams that they
 * sent, also where that was only made ready for a request (`preconnect`, `dns-prefetch`) or is no
 * request at all (`RTCPeerConnection`). What the browser wants for itself is not the page's doing.
 */

const LOCAL_NAME = /^(.+\.)?localhost\.?$/u;
const LOCAL_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0|::)$/u;
/**
 * Names of an extension's files in a webview. They are not names of hosts: the webview's service
 * worker answers them out of the editor server, so not even this machine's resolver hears of one.
 */
const WEBVIEW_FILE = /\.vscode-resource\./u;
/** Hosts that the browser asks about its updates and accounts, whatever its switches are. */
const BROWSERS_OWN = /(^|\.)(google|googleapis|gstatic|gvt1)\.com$/u;
/** Whom it asks what the fields of a page's form are for. */
const BROWSERS_OWN_OF_PAGES = /^content-autofill\.googleapis\.com$/u;

/** What leads off this machine, each once: `name …` or `datagram …`. */
export function reachedBy(text) {
  const { constants, events } = JSON.parse(text);
  const types = constants.logEventTypes;
  const reached = new Set();
  for (const { type, params } of events) {
    if (type === types.HOST_RESOLVER_MANAGER_REQUEST && params?.host !== undefined) {
      const name = nameOf(params.host);
      // Under whose name the connection is kept: that of the page in the address bar.
      const isPages = /localhost/u.test(params.network_anonymization_key ?? "localhost");
      const isBrowsers = isPages ? BROWSERS_OWN_OF_PAGES.test(name) : BROWSERS_OWN.test(name);
      const isLocal = LOCAL_NAME.test(name) || LOCAL_ADDRESS.test(name);
      if (!isBrowsers && (!isLocal || WEBVIEW_FILE.test(name))) {
        reached.add(`name ${name}`);
      }
    }
    // Those of the browser's own look-ups are on sockets that are connected, and have no address.
    if (type === types.UDP_BYTES_SENT && params?.address !== undefined) {
      const address = nameOf(params.address);
      if (!LOCAL_ADDRESS.test(address)) {
        reached.add(`datagram ${address}`);
      }
    }
  }
  return [...reached];
}

/** `https://name:443`, `name:443` or `name`. */
function nameOf(host) {
  const name = host.replace(/^[a-z]+:\/\//u, "").replace(/:\d+$/u, "");
  return name.replaceAll(/[[\]]/gu, "");
}
