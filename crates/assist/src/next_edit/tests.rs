//! Places that follow from a change, and what becomes of a model's answer.

use localcoder_protocol::{Diagnostic, DocumentText, Position};

use super::*;

fn task(path: &str, before: &str, old: &str, new: &str) -> NextEditTask {
    task_of(path, before, &[(old, new)], &[])
}

fn task_of(
    path: &str,
    before: &str,
    edits: &[(&str, &str)],
    diagnostics: &[(u32, &str)],
) -> NextEditTask {
    let mut text = before.to_owned();
    let mut told = Vec::new();
    for (old, new) in edits {
        let at = text.find(old).expect(old);
        let line = u32::try_from(text[..at].matches('\n').count()).unwrap() + 1;
        text.replace_range(at..at + old.len(), new);
        told.push(RecentEdit {
            path: path.to_owned(),
            before: (*old).to_owned(),
            after: (*new).to_owned(),
            line: Some(line),
        });
    }
    let line = told.last().and_then(|edit| edit.line).unwrap_or(1);
    let diagnostic = |(line, message): &(u32, &str)| Diagnostic {
        line: *line,
        source: None,
        message: (*message).to_owned(),
    };
    let diagnostics = diagnostics.iter().map(diagnostic).collect();
    asked(path, text, line, told, diagnostics)
}

fn asked(
    path: &str,
    text: String,
    line: u32,
    edits: Vec<RecentEdit>,
    diagnostics: Vec<Diagnostic>,
) -> NextEditTask {
    let params = NextEditParams {
        request_id: "1".to_owned(),
        document: DocumentText { path: path.to_owned(), language_id: None, text },
        position: Position { line, character: 0 },
        edits,
        diagnostics,
        explicit: false,
        model: None,
        settings: serde_json::Map::new(),
    };
    NextEditTask::new(&params).unwrap()
}

/// Rows from 1, the cause, the guess, and whether that is certain.
fn places(task: &NextEditTask) -> Vec<(u32, FollowsFrom, Option<String>, bool)> {
    let place = |it: &Place| {
        let guess = it.guess.as_ref().map(|lines| lines.join("\n").trim().to_owned());
        (document::range(&it.rows).start, it.because, guess, it.is_certain)
    };
    task.places.iter().map(place).collect()
}

const CART: &str = "\
class Cart:
    def __init__(self, items):
        self.items = items

    def total(self, rate):
        amount = sum(item.price for item in self.items)
        return amount + amount * rate


def report(cart):
    amount = cart.total(0.2)
    print(amount)
    print(len(cart.items))
";

#[test]
fn a_variable_that_is_renamed_where_it_is_assigned_is_renamed_where_it_is_used() {
    let (old, new) = ("        amount = sum(", "        subtotal = sum(");
    let old_line = format!("{old}item.price for item in self.items)");
    let new_line = format!("{new}item.price for item in self.items)");
    let task = task("cart.py", CART, &old_line, &new_line);
    let guess = Some("return subtotal + subtotal * rate".to_owned());
    assert_eq!(places(&task)[0], (7, FollowsFrom::Rename, guess, true));
    let edit = task.known().unwrap().expect("no model is needed");
    assert_eq!(edit.range, LineRange { start: 7, end: 7 });
    assert_eq!(edit.replacement, "        return subtotal + subtotal * rate");
    // The variable of the other function is another one.
    assert_eq!(places(&task).iter().filter(|it| it.1 == FollowsFrom::Rename).count(), 1);
}

#[test]
fn a_method_that_is_renamed_is_renamed_where_it_is_called() {
    let task =
        task("cart.py", CART, "    def total(self, rate):", "    def total_with_tax(self, rate):");
    let guess = Some("amount = cart.total_with_tax(0.2)".to_owned());
    assert_eq!(places(&task), [(11, FollowsFrom::Rename, guess, true)]);
    // Anything may have a method of that name.
    let text = CART.replace("total", "get");
    let (old, new) = ("    def get(self, rate):", "    def fetch(self, rate):");
    let task = self::task("cart.py", &text, old, new);
    let guess = Some("amount = cart.fetch(0.2)".to_owned());
    assert_eq!(places(&task), [(11, FollowsFrom::Rename, guess, false)]);
    assert_eq!(task.known().unwrap(), None);
}

#[test]
fn a_field_of_the_object_itself_is_renamed_without_a_doubt() {
    let task = task("cart.py", CART, "        self.items = items", "        self.lines = items");
    let found = places(&task);
    assert_eq!((found[0].0, found[0].3), (6, true), "{found:?}");
    assert_eq!((found[1].0, found[1].3), (13, false), "{found:?}");
}

#[test]
fn a_parameter_more_is_missing_where_the_function_is_called() {
    let (old, new) = ("    def total(self, rate):", "    def total(self, rate, discount):");
    let found = places(&task("cart.py", CART, old, new));
    assert_eq!(found, [(11, FollowsFrom::Signature, None, false)]);
    // A parameter with a default value need not be given.
    let optional = "    def total(self, rate, discount=0):";
    assert_eq!(places(&task("cart.py", CART, old, optional)), []);
}

#[test]
fn a_parameter_that_is_renamed_is_renamed_in_the_calls_of_its_function_alone() {
    let text = "def f(rate):\n    return rate\n\n\ndef g(rate):\n    return rate\n\n\nf(rate=1)\ng(rate=2)\n";
    let found = places(&task("a.py", text, "def f(rate):", "def f(share):"));
    let guesses: Vec<_> = found.iter().map(|it| (it.0, it.2.as_deref())).collect();
    assert_eq!(guesses, [(2, Some("return share")), (9, Some("f(share=1)"))]);
}

#[test]
fn arguments_follow_the_order_of_the_parameters_unless_they_are_named_or_unpacked() {
    let text = "def f(a, b):\n    return a - b\n\n\nx = f(1, 2)\ny = f(b=1, a=2)\nz = f(*c, 1)\n";
    let guess = Some("x = f(2, 1)".to_owned());
    assert_eq!(
        places(&task("a.py", text, "def f(a, b):", "def f(b, a):")),
        [(5, FollowsFrom::Signature, guess, true), (7, FollowsFrom::Signature, None, false),]
    );
    // One that is gone is gone by its name, too.
    let rows: Vec<u32> =
        places(&task("a.py", text, "def f(a, b):", "def f(b):")).iter().map(|it| it.0).collect();
    assert_eq!(rows, [5, 6, 7]);
}

#[test]
fn a_function_of_the_same_name_that_belongs_to_something_else_is_another() {
    let text =
        "import json\n\n\ndef load(path):\n    return json.load(open(path))\n\n\nx = load(1)\n";
    let found = places(&task("a.py", text, "def load(path):", "def load():"));
    let rows: Vec<u32> = found.iter().map(|it| it.0).collect();
    assert_eq!(rows, [8], "{found:?}");
}

#[test]
fn what_changes_nothing_elsewhere_has_no_place() {
    for (old, new) in [
        ("    amount = cart.total(0.2)", "    amount = cart.total(0.25)"),
        ("    print(amount)", "    print(cart)"),
        ("    print(amount)", "    print(amount)  # in cents"),
    ] {
        let task = task("cart.py", CART, old, new);
        assert_eq!(places(&task), [], "{new}");
        assert_eq!(task.known(), Err(Silence::NothingFollows));
    }
}

#[test]
fn the_same_change_is_made_where_the_same_stands() {
    let task = task("cart.py", CART, "    print(amount)", "    log.info(amount)");
    let guess = Some("log.info(len(cart.items))".to_owned());
    assert_eq!(places(&task), [(13, FollowsFrom::Pattern, guess, true)]);
}

#[test]
fn the_same_change_is_not_made_in_a_comment() {
    let text = "print(a)\n# print(b) would do it\n\nprint(c)\n";
    let task = task("a.py", text, "print(a)", "log.info(a)");
    let rows: Vec<u32> = places(&task).iter().map(|it| it.0).collect();
    assert_eq!(rows, [4]);
}

#[test]
fn what_a_tool_reports_is_a_place_and_is_told() {
    let (old, new) = ("    amount = cart.total(0.2)", "    sum = cart.total(0.2)");
    let said = [(12, "\"amount\" is not defined")];
    let mut task = task_of("cart.py", CART, &[(old, new)], &said);
    // The name makes it follow, and the tool reports it too.
    assert_eq!(places(&task)[0].1, FollowsFrom::Rename);
    let WorkerPrompt::Chat { messages, prefill, .. } =
        task.call(NextEditWay::Words).unwrap().prompt
    else {
        panic!("a chat")
    };
    assert!(messages[1].content.contains("`print(amount)`: \"amount\" is not defined"));
    assert!(prefill.ends_with("    sum = cart.total(0.2)\n"), "{prefill}");
}

#[test]
fn names_of_other_languages_are_found() {
    let rust = "struct A {\n    size: u32,\n}\n\nimpl A {\n    fn grow(&mut self, by: u32) {\n        self.size += by;\n        let by = 2;\n    }\n}\n\nfn f(mut a: A) {\n    a.grow(3);\n}\n";
    let found = places(&task("a.rs", rust, "    size: u32,", "    length: u32,"));
    assert_eq!(found[0].0, 7, "{found:?}");
    let found = places(&task(
        "a.rs",
        rust,
        "    fn grow(&mut self, by: u32) {",
        "    fn grow(&mut self, by: u32, most: u32) {",
    ));
    assert_eq!(found, [(13, FollowsFrom::Signature, None, false)]);
    let parts = "fn f(p: (u8, u8)) -> u8 {\n    let (a, b) = p;\n    a + b\n}\n";
    let found = places(&task("a.rs", parts, "    let (a, b) = p;", "    let (first, b) = p;"));
    assert_eq!(found, [(3, FollowsFrom::Rename, Some("first + b".to_owned()), true)]);
    let members = "enum Color {\n  Red,\n  Green,\n}\n\nconst a = Color.Green;\n";
    let found = places(&task("a.ts", members, "  Green,", "  Lime,"));
    let guess = Some("const a = Color.Lime;".to_owned());
    assert_eq!(found, [(6, FollowsFrom::Rename, guess, true)]);
    let ts = "export function area(w: number, h: number): number {\n  return w * h;\n}\n\nconst a = area(1, 2);\nconst b = area(3, 4) + 1;\n";
    let found = places(&task(
        "a.ts",
        ts,
        "export function area(w: number, h: number): number {",
        "export function surface(w: number, h: number): number {",
    ));
    let rows: Vec<u32> = found.iter().map(|it| it.0).collect();
    assert_eq!(rows, [5, 6], "{found:?}");
    assert!(found.iter().all(|it| it.3), "{found:?}");
    let go = "package a\n\nfunc Load(path string) string {\n\treturn path\n}\n\nfunc f() {\n\tx := Load(\"a\")\n\tprintln(x)\n}\n";
    let found = places(&task(
        "a.go",
        go,
        "func Load(path string) string {",
        "func Load(path string) (string, error) {",
    ));
    let returned = (4, FollowsFrom::Signature, Some("return path, nil".to_owned()), true);
    assert_eq!(found, [returned, (8, FollowsFrom::Signature, None, false)]);
}

const CASES: &str = include_str!("cases.txt");

/// The lines of an edit of `cases.txt` that begin with one of these signs, without the sign.
fn lines_of<'a>(edit: &'a str, signs: &[char]) -> Vec<&'a str> {
    let lines = edit.lines().filter_map(|line| line.strip_prefix(signs));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect()
}

#[test]
fn in_each_language_what_follows_is_found_and_nothing_else() {
    let mut wrong = String::new();
    let mut tried = 0;
    for file in CASES.split("\n=== ").skip(1) {
        let (path, rest) = file.split_once('\n').unwrap();
        let (text, edits) = rest.split_once("\n---\n").unwrap();
        for edit in edits.split("\n---\n") {
            let changed = |sign| lines_of(edit, &[sign]).join("\n");
            let (before, after) = (changed('-'), changed('+'));
            let task = task(path, &format!("{text}\n"), &before, &after);
            let mut places: Vec<&Place> = task.places.iter().collect();
            places.sort_by_key(|place| place.rows.start);
            let told = places.iter().map(|place| match &place.guess {
                Some(guess) if place.is_certain => format!("= {}", guess.join("|").trim()),
                Some(guess) => format!("~ {}", guess.join("|").trim()),
                None => format!("> {}", task.lines[place.rows.start]),
            });
            let told: Vec<String> = told.collect();
            let follows = edit.lines().filter(|line| line.starts_with(['=', '~', '>']));
            let follows: Vec<&str> = follows.collect();
            let is_it = |(line, wanted): (&String, &&str)| match wanted.strip_prefix("> ") {
                Some(part) => line.starts_with('>') && line.contains(part),
                None => line == wanted,
            };
            if told.len() != follows.len() || !told.iter().zip(&follows).all(is_it) {
                wrong += &format!("{path}: {before:?} -> {after:?}: {told:?}, not {follows:?}\n");
            }
            tried += 1;
        }
    }
    assert!(tried > 100 && wrong.is_empty(), "{tried} tried\n{wrong}");
}

#[test]
fn an_answer_is_the_edit_of_the_place() {
    let (old, new) = ("    def total(self, rate):", "    def total(self, rate, discount):");
    let mut task = task("cart.py", CART, old, new);
    let call = task.call(NextEditWay::Words).unwrap();
    assert!(call.draft.starts_with("    amount = cart.total(0.2)\n"), "{}", call.draft);
    let written = "    amount = cart.total(0.2, 0)\n    print(amount)\n";
    assert_eq!(call.stop, ["\n    print(amount)\n", "```"]);
    let edit = task.clone().finish(written, false, Some(-0.1)).unwrap();
    assert_eq!(edit.original, "    amount = cart.total(0.2)");
    assert_eq!(edit.replacement, "    amount = cart.total(0.2, 0)");
    for (written, mean, reason) in [
        (written, -2.0, Silence::Unsure),
        ("    amount = cart.total(0.2)\n    print(amount)\n", -0.1, Silence::NothingFollows),
        ("    amount = cart.total(0.2, x)\n    print(amount)\n", -0.1, Silence::NothingToAdd),
        ("    amount = cart.total(0.2,\n    print(amount)\n", -0.1, Silence::NothingToAdd),
        ("    amount  =  cart.total( 0.2 )\n    print(amount)\n", -0.1, Silence::NothingFollows),
        ("    def total(self, rate):\n    print(amount)\n", -0.1, Silence::Reversal),
    ] {
        assert_eq!(task.clone().finish(written, false, Some(mean)), Err(reason), "{written}");
    }
    // Then there is nothing more to ask about.
    task.finish("", true, None).unwrap_err();
    assert!(task.call(NextEditWay::Words).is_none());
}

#[test]
fn line_ends_of_the_document_are_kept() {
    let task = task("a.py", "n = 1\r\nprint(n)\r\nprint(n, n)\r\n", "n = 1", "count = 1");
    let edit = task.known().unwrap().unwrap();
    assert_eq!((edit.original.as_str(), edit.replacement.as_str()), ("print(n)", "print(count)"));
}

fn follows(path: &str, text: &str, (before, after): (&str, &str)) -> Vec<(u32, String)> {
    let at = text.find(before).unwrap();
    let line = u32::try_from(text[..at].matches('\n').count()).unwrap() + 1;
    let edit = RecentEdit {
        path: path.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
        line: Some(line),
    };
    let task = asked(path, text.replacen(before, after, 1), line, vec![edit], Vec::new());
    let of = |place: &Place| {
        let guess = place.guess.as_ref().map_or("?".to_owned(), |lines| lines.join("|"));
        (document::range(&place.rows).start, guess)
    };
    task.places.iter().map(of).collect()
}

#[test]
fn braces_of_the_text_of_a_format_string_name_nothing() {
    let rust =
        "fn f() {\n    let total = 1;\n    println!(\"{{total}} {total} {{{total}}}\");\n}\n";
    let line = "    println!(\"{{total}} {sum} {{{sum}}}\");".to_owned();
    assert_eq!(follows("a.rs", rust, ("    let total = 1;", "    let sum = 1;")), [(3, line)]);
}

#[test]
fn a_parameter_whose_type_is_a_function_is_asked_of_every_call() {
    let head = "function run(done: () => void) {";
    let text = format!("{head}\n  done();\n}}\nrun(() => {{}});\n");
    let places = follows("a.ts", &text, (head, "function run(name: string, done: () => void) {"));
    assert_eq!(places.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4]);
}

#[test]
fn lines_that_are_put_in_or_taken_out_are_beside_lines_that_read_alike() {
    let yaml = "services:\n  web:\n    image: a\n  db:\n    image: b\n";
    let put_in = ("    image: a", "    image: a\n    restart: always");
    let guess = "    image: b|    restart: always".to_owned();
    assert_eq!(follows("a.yaml", yaml, put_in), [(6, guess)]);

    let python = "def f():\n    a = open(x)\n    b = open(y)\n    return a, b\n";
    let put_in = ("    a = open(x)", "    a = open(x)\n    check(a)");
    assert_eq!(follows("a.py", python, put_in), [], "other words come first");

    let java = "class A {\n    public int f() {\n        return 1;\n    }\n\n    public int g() {\n        return 2;\n    }\n}\n";
    let put_in = ("    public int f() {", "    @Override\n    public int f() {");
    let guess = "    @Override|    public int g() {".to_owned();
    assert_eq!(follows("A.java", java, put_in), [(7, guess)]);

    let js = "function f(a) {\n  console.log('a', a);\n  g(a);\n  console.log('b');\n}\n";
    let taken_out = ("  console.log('a', a);\n  g(a);", "  g(a);");
    assert_eq!(follows("a.js", js, taken_out), [(3, String::new())]);
}
