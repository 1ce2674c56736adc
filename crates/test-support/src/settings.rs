//! Settings files as left by people, editors and power cuts, and what must follow from each. Used
//! by the tests of whatever reads them and of whatever must not open a connection because of them.

/// The context window that each of [`TEXTS`] sets if it can be read.
pub const WINDOW_TOKENS: u64 = 1024;

#[derive(Debug, Clone, Copy)]
pub struct Text {
    pub name: &'static str,
    pub bytes: &'static [u8],
    /// Whether downloads must be forbidden.
    pub closes: bool,
    /// Whether its other values must be used.
    pub counts: bool,
    /// Parts of the text that must be reported about it; empty if nothing is to be reported.
    pub reported: &'static [&'static str],
}

const fn good(name: &'static str, closes: bool, text: &'static str) -> Text {
    Text { name, bytes: text.as_bytes(), closes, counts: true, reported: &[] }
}

const fn doubtful(
    name: &'static str,
    text: &'static str,
    reported: &'static [&'static str],
) -> Text {
    Text { name, bytes: text.as_bytes(), closes: true, counts: true, reported }
}

const fn unreadable(
    name: &'static str,
    bytes: &'static [u8],
    reported: &'static [&'static str],
) -> Text {
    Text { name, bytes, closes: true, counts: false, reported }
}

const NO_JSON: &str = "settings.json` is not JSON";
const NO_OBJECT: &[&str] = &[NO_JSON, "there is no object"];

pub const TEXTS: &[Text] = &[
    good("plain", false, r#"{"contextWindow": 1024}"#),
    good("off", false, r#"{"airGapped": false, "contextWindow": 1024}"#),
    good("on", true, r#"{"airGapped": true, "contextWindow": 1024}"#),
    good("comments", true, "// a\n{ /* b */ \"airGapped\": true, // c\n\"contextWindow\": 1024 }"),
    good("commented out", false, "{\n  // \"airGapped\": true,\n  \"contextWindow\": 1024\n}"),
    good("a trailing comma", true, "{\"airGapped\": true, \"contextWindow\": 1024,}"),
    good("a byte order mark", true, "\u{feff}{\"airGapped\": true, \"contextWindow\": 1024}"),
    good(
        "all of that, with Windows' line ends",
        true,
        "\u{feff}// mine\r\n{\r\n\t\"airGapped\": true, /* yes */\r\n\t\"contextWindow\": 1024,\r\n}",
    ),
    good("full names", true, r#"{"localcoder.airGapped": true, "localcoder.contextWindow": 1024}"#),
    good("full names, off", false, r#"{"localcoder.airGapped": false, "contextWindow": 1024}"#),
    good("nested", true, r#"{"localcoder": {"airGapped": true, "contextWindow": 1024}}"#),
    good("an escaped name", true, r#"{"air\u0047apped": true, "contextWindow": 1024}"#),
    doubtful(
        "a yes as text",
        "{\n  \"airGapped\": \"true\",\n  \"contextWindow\": 1024\n}",
        &[
            "`localcoder.airGapped` can't be \"true\"",
            "settings.json`, line 2",
            "`true` or `false`",
        ],
    ),
    doubtful(
        "a no as text",
        "{\"airGapped\": \"false\", \"contextWindow\": 1024}",
        &["`localcoder.airGapped` can't be \"false\"", "line 1"],
    ),
    doubtful(
        "a number",
        "{\"contextWindow\": 1024,\n\n\"airGapped\": 1}",
        &["`localcoder.airGapped` can't be 1", "line 3"],
    ),
    doubtful("nothing", r#"{"airGapped": null, "contextWindow": 1024}"#, &["can't be null"]),
    doubtful("a list", r#"{"airGapped": [], "contextWindow": 1024}"#, &["can't be []"]),
    doubtful(
        "other letters",
        r#"{"airgapped": true, "contextWindow": 1024}"#,
        &["there is no setting `localcoder.airgapped`", "counts as on"],
    ),
    doubtful(
        "a name with a dash",
        r#"{"air-gapped": false, "contextWindow": 1024}"#,
        &["there is no setting `localcoder.air-gapped`", "counts as on"],
    ),
    doubtful(
        "half of the name",
        "{\"contextWindow\": 1024,\n\"airGap\": true}",
        &["there is no setting `localcoder.airGap`", "line 2", "counts as on"],
    ),
    doubtful(
        "a name with more to it",
        r#"{"airGapped.enabled": true, "contextWindow": 1024}"#,
        &["there is no setting `localcoder.airGapped.enabled`", "counts as on"],
    ),
    doubtful(
        "both names, which do not agree",
        "{\"airGapped\": false, \"contextWindow\": 1024,\n\"localcoder.airGapped\": true}",
        &["`localcoder.airGapped` is set twice", "line 2"],
    ),
    doubtful(
        "twice, the last a no",
        "{\"airGapped\": true, \"airGapped\": false, \"contextWindow\": 1024}",
        &["`localcoder.airGapped` is set twice"],
    ),
    doubtful(
        "hidden by a second object",
        r#"{"localcoder": {"airGapped": true}, "localcoder": {"contextWindow": 1024}}"#,
        &["`localcoder.airGapped` is set twice"],
    ),
    Text {
        name: "another value that is too large",
        bytes: b"{\n\"airGapped\": false,\n\"contextWindow\": 99999\n}",
        closes: false,
        counts: false,
        reported: &["`localcoder.contextWindow` can't be 99999", "line 3", "from 512 to 8192"],
    },
    Text {
        name: "a name that nobody knows",
        bytes: b"{\"contextWindow\": 1024,\n\"color\": \"red\"}",
        closes: false,
        counts: true,
        reported: &["there is no setting `localcoder.color`", "line 2"],
    },
    unreadable("cut off", b"{\n\"airGapped\": false", &[NO_JSON, "line 2"]),
    unreadable("empty", b"", NO_OBJECT),
    unreadable("nothing but a comment", b"// airGapped\n", NO_OBJECT),
    unreadable("a list of all", b"[{\"airGapped\": false}]", NO_OBJECT),
    unreadable("a word", b"false", NO_OBJECT),
    unreadable("more behind it", b"{\"airGapped\": false}\n{}", &[NO_JSON, "line 2"]),
    unreadable("a comma missing", b"{\"contextWindow\": 1024\n\"airGapped\": false}", &[NO_JSON]),
    unreadable("quotes of another kind", b"{'airGapped': false}", &[NO_JSON]),
    unreadable("a word in capitals", b"{\"airGapped\": FALSE}", &[NO_JSON]),
    unreadable("a comment without end", b"{\"airGapped\": false /* }", &[NO_JSON]),
    unreadable("no UTF-8", b"{\"airGapped\": false, \"codeModel\": \"\xff\"}", &["is not UTF-8"]),
    unreadable("UTF-16", b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0", &["is not UTF-8"]),
    unreadable("zeros of a power cut", &[0; 64], &[NO_JSON]),
    unreadable("a conflict of versions", b"<<<<<<< mine\n{\"airGapped\": true}\n", &[NO_JSON]),
];
