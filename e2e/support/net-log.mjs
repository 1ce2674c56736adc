/**
 * Chromium's own log of its network: names that its pages looked up, and datagrams that they sent,
 * even if these only prepare a request (`preconnect`, `dns-prefetch`) or are not one at all
 * (`RTCPeerConnection`). What the browser does for itself is not counted as the page's.
 */

const LOCAL_NAME = /^(.+\.)?localhost\.?$/u;
const LOCAL_ADDRESS = /^(127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0|::)$/u;
/**
 * Names of an extension's files in a webview. They are not host names: the webview's service worker
 * answers them from the editor server, so not even this machine's resolver is asked.
 */
const WEBVIEW_FILE = /\.vscode-resource\./u;
/** Hosts that the browser contacts about its updates and accounts, whatever its switches. */
const BROWSERS_OWN = /(^|\.)(google|googleapis|gstatic|gvt1)\.com$/u;
/** The host that it asks about the purpose of fields in a page's forms. */
const BROWSERS_OWN_OF_PAGES = /^content-autofill\.googleapis\.com$/u;

/** Everything that leads off this machine, each once: `name …` or `datagram …`. */
export function reachedBy(text) {
  const { constants, events } = JSON.parse(text);
  const types = constants.logEventTypes;
  const reached = new Set();
  for (const { type, params } of events) {
    if (type === types.HOST_RESOLVER_MANAGER_REQUEST && params?.host !== undefined) {
      const name = nameOf(params.host);
      // Chromium keys connections by the page in the address bar, which tells pages' requests from
      // its own.
      const isPages = /localhost/u.test(params.network_anonymization_key ?? "localhost");
      const isBrowsers = isPages ? BROWSERS_OWN_OF_PAGES.test(name) : BROWSERS_OWN.test(name);
      const isLocal = LOCAL_NAME.test(name) || LOCAL_ADDRESS.test(name);
      if (!isBrowsers && (!isLocal || WEBVIEW_FILE.test(name))) {
        reached.add(`name ${name}`);
      }
    }
    // The browser's own look-ups use connected sockets, whose datagrams have no address.
    if (type === types.UDP_BYTES_SENT && params?.address !== undefined) {
      const address = nameOf(params.address);
      if (!LOCAL_ADDRESS.test(address)) {
        reached.add(`datagram ${address}`);
      }
    }
  }
  return [...reached];
}

/** The name in `https://name:443`, `name:443` or `name`. */
function nameOf(host) {
  const name = host.replace(/^[a-z]+:\/\//u, "").replace(/:\d+$/u, "");
  return name.replaceAll(/[[\]]/gu, "");
}
