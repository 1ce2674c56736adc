// The browser bundle has its own copy of product.json. The product module prefers these globals, so
// the page gets the same product as the server without a change to the bundle. The names between
// at-signs are filled in at assembly.
(function () {
  globalThis._VSCODE_PRODUCT_JSON = "@PRODUCT@";
  globalThis._VSCODE_PACKAGE_JSON = { version: "@VERSION@" };
  // Each webview has an origin of its own below the page's, as in VS Code on the web; the front
  // serves it the three files of its frame, under a path that reveals nothing of the page's.
  globalThis._VSCODE_PRODUCT_JSON.webviewContentExternalBaseUrlTemplate =
    `${location.protocol}//{` + `{uuid}}.${location.host}/${globalThis.localcoderState.frames}/`;
  const element = /** @type {Element} */ (
    document.getElementById("vscode-workbench-web-configuration")
  );
  const configuration = JSON.parse(element.getAttribute("data-settings") ?? "");
  const product = configuration.productConfiguration ?? {};
  // Parts of the hosting shell that this product does without.
  for (const key of [
    "serviceWorker",
    "updateEndpoint",
    "codeServerVersion",
    "embedderIdentifier",
    "logoutEndpoint",
    "proxyEndpointTemplate",
  ]) {
    delete product[key];
  }
  configuration.isEnabledCoderGettingStarted = false;
  configuration.configurationDefaults = Object.assign(
    {},
    configuration.configurationDefaults,
    "@DEFAULTS@",
  );
  delete configuration.webviewEndpoint;
  element.setAttribute("data-settings", JSON.stringify(configuration));
})();
