/** Remote pictures in the Markdown preview, with the real markdown-it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import MarkdownIt from "markdown-it";

import { withoutRemotePictures } from "../src/lib/pictures";

const markdown = withoutRemotePictures(new MarkdownIt({ html: true, linkify: true }));
const rendered = (text: string): string => markdown.render(text).trim();

test("a remote picture is a link that names its host and its text", () => {
  assert.equal(
    rendered("![a cat](https://example.org/cat.png)"),
    '<p><a href="https://example.org/cat.png" title="https://example.org/cat.png">' +
      "[Picture from example.org: a cat — click to open it in your browser]</a></p>",
  );
  assert.match(rendered("![](//example.org/x.png)"), /href="https:\/\/example\.org\/x\.png"/);
  assert.match(
    rendered("![x][1]\n\n[1]: HTTP://EXAMPLE.org/x.png"),
    /Picture from example\.org: x/,
  );
});

test("a picture of the folder or in the document stays", () => {
  for (const source of ["cat.png", "./a/b.svg", "/c.png", "data:image/png;base64,AAAA"]) {
    assert.equal(rendered(`![x](${source})`), `<p><img src="${source}" alt="x"></p>`);
  }
  assert.equal(rendered('<img src="cat.png">'), '<img src="cat.png">');
});

test("a picture that is a link's text is text", () => {
  const html = rendered("[![build](https://ci.example/badge.svg)](https://ci.example/run)");
  assert.equal(
    html,
    '<p><a href="https://ci.example/run">[Picture from ci.example: build]</a></p>',
  );
});

test("pictures in raw HTML are links too", () => {
  const block = rendered(
    '<p align="center"><img width=10 alt=\'a > b\' src="https://example.org/x.png?a=1&amp;b=2"></p>',
  );
  assert.match(block, /^<p align="center"><a href="https:\/\/example\.org\/x\.png\?a=1&amp;b=2"/);
  assert.match(block, /Picture from example\.org: a &gt; b — click/);
  assert.doesNotMatch(block, /<img/);
  const inline = rendered("text <IMG SRC='http://example.org/y.png'/> more");
  assert.match(inline, /text <a href="http:\/\/example\.org\/y\.png"/);
  for (const linked of [
    "x <a href='/t'><img src=//e.example/p></a>",
    "<div><a href='/t'>\n<img src=//e.example/p></a></div>",
  ]) {
    assert.match(
      rendered(linked),
      /<a href='\/t'>\s*<span>\[Picture from e\.example\]<\/span><\/a>/,
    );
  }
});

test("what a document says can't leave the text it is put into", () => {
  const html = rendered(
    '<img alt="&quot;><script>x</script>" src="https://e.example/&quot;onclick=x">',
  );
  assert.doesNotMatch(html, /<script|"onclick/);
  assert.match(rendered('![<b>"x"</b>](https://e.example/)'), /&lt;b&gt;&quot;x&quot;&lt;\/b&gt;/);
});

test("an address that is none is left to the preview, which refuses it", () => {
  assert.equal(rendered("![x](https://[)"), '<p><img src="https://%5B" alt="x"></p>');
});
