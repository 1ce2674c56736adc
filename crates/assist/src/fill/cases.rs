//! What models write in the situations that earlier tools had to learn about, each with the wanted
//! result: lines that are there already, brackets and tags, repetition, marks and fences, blocks
//! that end. `|` is the cursor.

use super::tests::finishes;
use super::*;

const NOTHING: Result<&str, Silence> = Err(Silence::NothingToAdd);

#[test]
fn what_stands_behind_the_cursor_but_for_its_punctuation_is_there_already() {
    for (path, marked, written, expected) in [
        // The next line, with or without its semicolon.
        ("a.js", "f = (a) => {\n  |\n  return a * 2\n};\n", "return a * 2;", NOTHING),
        ("a.js", "f = (a) => {\n  |\n  return a * 2;\n};\n", "return a * 2", NOTHING),
        ("a.js", "f = (a) => {\n  a += 1;\n  |\n};\n", "}", NOTHING),
        ("a.js", "f = (a) => {\n  a += 1;\n  |\n};\n", "};", NOTHING),
        ("a.js", "function f(a) {\n  |\n}\n", "log(a);\n};", Ok("log(a);")),
        (
            "a.ts",
            "type A = {\n  |\n  b: number;\n};\n",
            "a: string;\n  b: number;\n",
            Ok("a: string;"),
        ),
        // Two lines further down.
        ("a.py", "a = 1\n|\n\n\nb = 2\nc = 3\n", "b = 2\nc = 3", NOTHING),
        ("a.css", "p {\n  |\n  color: red;\n}\n", "margin: 0;\n  color: red;\n}", Ok("margin: 0;")),
        ("a.html", "<ul>\n  |\n</ul>\n", "<li>One</li>\n</ul>", Ok("<li>One</li>")),
        ("a.jsx", "return (\n  |\n);\n", "<b>{x}</b>\n);", Ok("<b>{x}</b>")),
        // A similar line is a different line.
        ("a.js", "if (a) {\n  |\n  log(a, 1);\n}\n", "log(a, 0);", Ok("log(a, 0);")),
        ("a.py", "x = [\n    |\n    2,\n]\n", "1,\n    2,\n]", Ok("1,")),
    ] {
        finishes(path, marked, written, expected);
    }
}

#[test]
fn brackets_quotes_and_tags_behind_the_cursor_are_met_and_not_doubled() {
    for (path, marked, written, expected) in [
        // A new line between two brackets is the editor's to make.
        ("a.js", "on('x', (d) => {|})\n", "\n  log(d);\n}", NOTHING),
        ("a.ts", "const [a, setA] = useState(|);\n", "0);", Ok("0")),
        ("a.ts", "const [a, setA] = useState(|);\n", "0", Ok("0")),
        ("a.css", "p {\n  color: var(|);\n}\n", "--main);", Ok("--main")),
        ("a.php", "$a = array(\"x\", |);\n", " \"y\");", Ok("\"y\"")),
        ("a.py", "d = {\"a\": [|]}\n", "1, 2]}", Ok("1, 2")),
        ("a.py", "s = f(\"|\")\n", "it's (fine)\")", Ok("it's (fine)")),
        ("a.js", "f(|);\n", "{ a: [1] });", Ok("{ a: [1] }")),
        ("a.jsx", "<App a={|} />\n", "b} />", Err(Silence::InLine)),
        ("a.rs", "let v = vec![|];\n", "1, 2, 3];", Ok("1, 2, 3")),
        ("a.go", "m := map[string]int{|}\n", "\"a\": 1}", Ok("\"a\": 1")),
    ] {
        finishes(path, marked, written, expected);
    }
}

#[test]
fn a_line_that_goes_round_in_a_circle_is_cut_or_nothing() {
    for (path, marked, written, expected) in [
        ("a.js", "let a = |\n", " b = b = b = b = b = b = b =", NOTHING),
        ("a.js", "let a = 1\nlet b = |\n", " 1000000000000000000000000000000000000000", NOTHING),
        ("a.js", "let b = |\n", " 1000000000000", Ok("1000000000000")),
        ("a.py", "x = |\n", " a + a + a + a + a + a + a + a + a", NOTHING),
        ("a.py", "x = |\n", " [0, 0, 0, 0]", Ok("[0, 0, 0, 0]")),
        (
            "a.md",
            "a\n|\n",
            "----------------------------------------",
            Ok("----------------------------------------"),
        ),
        ("a.py", "# |\n", " ====================================", NOTHING),
        ("a.yaml", "env:\n  |\n", "A: a\n  A: a\n  A: a\n  A: a", Ok("A: a\n  A: a")),
    ] {
        finishes(path, marked, written, expected);
    }
}

#[test]
fn marks_fences_and_paths_are_no_code() {
    for (path, marked, written, expected) in [
        ("a.ts", "f();\n|\n", "```ts\ng();\n```", Ok("g();")),
        ("a.ts", "function f() {\n  |\n}\n", "g();\n```\nThat is all.", Ok("g();")),
        ("a.md", "Like this:\n\n|\n", "```sh", Ok("```sh")),
        ("a.py", "x = |\n", " 1<|fim_middle|>2", Ok("1")),
        ("a.py", "x = |\n", " 1<|file_sep|>b.py", Ok("1")),
        ("a.py", "x = |\n", " 1<EOT>", Ok("1")),
        ("a.py", "x = |\n", " 1</s>", Ok("1")),
        ("a.py", "x = |\n", " 1<fim_suffix>", Ok("1")),
        ("a.ts", "function f() {\n  |\n}\n", "// Path: a.ts\n  g();", Ok("g();")),
        ("a.html", "<p>\n  |\n</p>\n", "<s>old</s>", Ok("<s>old</s>")),
    ] {
        finishes(path, marked, written, expected);
    }
}

#[test]
fn what_says_nothing_is_nothing() {
    for (path, marked, written) in [
        ("a.py", "x = 1|\n", "\n\n\n"),
        ("a.js", "f()|;\n", ";"),
        ("a.js", "f(a|)\n", ")"),
        ("a.py", "x = 1\n|\n", "#"),
        ("a.ts", "f();\n|\n", "//"),
        ("a.py", "def f():\n    |\n", "\t \n"),
    ] {
        finishes(path, marked, written, NOTHING);
    }
}

#[test]
fn of_a_text_in_several_lines_is_kept_what_belongs_there() {
    for (path, marked, written, expected) in [
        (
            "a.rs",
            "match c {\n    1 => \"a\",\n    |\n}\n",
            "2 => \"b\",\n    _ => \"c\",\n",
            Ok("2 => \"b\",\n    _ => \"c\","),
        ),
        (
            "a.css",
            ".a {\n  .b {\n    |\n  }\n}\n",
            "width: 1px;\n    height: 2px;",
            Ok("width: 1px;\n    height: 2px;"),
        ),
        ("a.java", "if (a) {\n    b();\n} else {\n|\n}\n", "    c();\n", Ok("    c();")),
        ("a.py", "class A:\n    def f(self):\n        |\n", "return self.a\n", Ok("return self.a")),
        (
            "a.json",
            "{\n  \"a\": {\n    |\n  }\n}\n",
            "\"b\": 1,\n    \"c\": 2\n  }",
            Ok("\"b\": 1,\n    \"c\": 2"),
        ),
        ("a.go", "func f() {\n\t|\n}\n", "x := 1\n\treturn x\n}", Ok("x := 1\n\treturn x")),
        ("a.sql", "SELECT a\nFROM t\n|\n", "WHERE a > 1\n", Ok("WHERE a > 1")),
        ("a.md", "# A\n\n## |\n", " Use\nText", Ok("Use")),
    ] {
        finishes(path, marked, written, expected);
    }
}
