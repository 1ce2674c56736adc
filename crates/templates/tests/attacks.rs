//! Templates that were made to do harm, each in a process of its own: it ends in time, with an
//! error message, within the memory that it may have, and another template renders as usual after
//! it.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should fail")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Limit, Piece, Template, TemplateError, memory_peak_bytes};

/// The promised time for each.
const WITHIN: Duration = Duration::from_secs(1);
const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Far more than a process takes, unless it hangs.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// Names the attack in the process that is started for it.
const ATTACK: &str = "LOCALCODER_TEST_ATTACK";
const SOUND: &str = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";

/// Builds a value with nesting depth `depth` in a variable, with one more loop for each factor.
const NEST: &str = "{% set ns = namespace(a=[]) %}{% for i in range(8000) %}\
    {% set ns.a = [[[[[[[[[[[[[[[[[[[[ns.a]]]]]]]]]]]]]]]]]]]] %}{% endfor %}";
/// A list that contains the same list twice, and so on: small in memory, endless to walk.
const SHARED: &str = "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}\
    {% set ns.a = [ns.a, ns.a] %}{% endfor %}";
const CYCLE: &str = "{% set ns = namespace() %}{% set ns.a = ns %}";
/// A text of 16 MiB in `s`; a longer one would already be stopped here.
const LONG: &str = "{% set ns = namespace(s='0123456789abcdef') %}{% for i in range(18) %}\
    {% set ns.s = ns.s ~ ns.s %}{% endfor %}{% set s = ns.s %}";

fn attacks() -> Vec<(&'static str, String)> {
    let text = |&(name, before, rest): &(&'static str, &str, &str)| (name, [before, rest].concat());
    let mut attacks: Vec<_> = WRITTEN.iter().map(text).collect();
    attacks.extend(built());
    attacks
}

/// Attacks given as text: the name, the setup, and the rest.
const WRITTEN: &[(&str, &str, &str)] = &[
    (
        "a text doubled forty times",
        "",
        "{% set ns = namespace(s='x') %}{% for i in range(40) %}\
             {% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s|length }}",
    ),
    (
        "a text added to itself",
        "",
        "{% set ns = namespace(s='x') %}{% for i in range(40) %}\
             {% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s|length }}",
    ),
    ("a constant that repeats", "", "{{ ('a' * 1000000000)|length }}"),
    (
        "a constant that repeats again and again",
        "",
        "{% set ns = namespace(s='abcdefgh') %}{% for i in range(20) %}\
             {% set ns.s = ns.s * 1000 %}{% endfor %}",
    ),
    ("a range without end", "", "{% for i in range(1000000000) %}{% endfor %}"),
    (
        "loops in loops",
        "",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    ),
    (
        "loops that compute nothing but filters",
        "",
        "{% for a in range(100000) %}{% set x = range(100000)|list|sort|reverse|length %}\
             {% endfor %}",
    ),
    ("a text written over and over", "", "{% for i in range(90000) %}0123456789abcdef{% endfor %}"),
    ("a width of a billion", "", "{{ '%1000000000s' | format('x') }}"),
    ("digits by the billion", "", "{{ '%.1000000000f' | format(1.5) }}"),
    ("a width in braces", "", "{{ '{:>1000000000}'.format('x') }}"),
    ("indented a million times", "", "{{ ('\n' * 20000)|indent(100000) }}"),
    ("joined by a long text", LONG, "{{ range(100000)|join(s[:100000])|length }}"),
    ("replaced by a long text", LONG, "{{ s|replace('0', s[:1000000])|length }}"),
    ("replaced by a method", LONG, "{{ s.replace('0', s[:1000000])|length }}"),
    ("split into characters", LONG, "{{ s|list|length }}"),
    ("split at each character", LONG, "{{ s.split('0')|length }}{{ s|list|list }}"),
    ("batches filled up", "", "{{ range(100000)|batch(1000000000, 'x')|list|length }}"),
    ("slices filled up", "", "{{ range(10)|slice(1000000000, 'x')|list|length }}"),
    (
        "upper case that grows",
        "",
        "{% set ns = namespace(s='\u{149}\u{390}\u{fb03}') %}{% for i in range(40) %}\
             {% set ns.s = (ns.s ~ ns.s)|upper %}{% endfor %}",
    ),
    ("a macro that calls itself", "", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"),
    (
        "macros that call each other",
        "",
        "{% macro a(n) %}{{ b(n ~ n) }}{% endmacro %}{% macro b(n) %}{{ a(n) }}{% endmacro %}\
             {{ a('x') }}",
    ),
    (
        "a macro that calls itself twice",
        "",
        "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    ),
    ("a loop in itself", "", "{% for a in [1] recursive %}{{ loop([a]) }}{% endfor %}"),
    ("an include of itself", "", "{% include 'chat' %}"),
    ("an import of itself", "", "{% import 'chat' as chat %}{{ chat }}"),
    ("an extension of itself", "", "{% extends 'chat' %}"),
    ("a block in itself", "", "{% block a %}{{ self.a() }}{% endblock %}"),
    ("a deep list that is dropped", NEST, ""),
    ("a deep list that is shown", NEST, "{{ ns.a }}"),
    ("a deep list as JSON", NEST, "{{ ns.a|tojson }}"),
    ("deep lists compared", NEST, "{% set b = ns.a %}{{ b == [ns.a] }}{{ b < [ns.a] }}"),
    ("a shared list that is shown", SHARED, "{{ ns.a }}"),
    ("a shared list as JSON", SHARED, "{{ ns.a|tojson|length }}"),
    ("a shared list compared with itself", SHARED, "{{ ns.a == ns.a }}"),
    ("a name space in itself, shown", CYCLE, "{{ ns }}"),
    ("a name space in itself, as JSON", CYCLE, "{{ ns|tojson }}"),
    ("a name space in itself, compared", CYCLE, "{{ ns == ns }}{{ [ns] < [ns] }}{{ ns|pprint }}"),
    ("everything that is known", "", "{% for i in range(90000) %}{{ debug() }}{% endfor %}"),
    ("everything printed", LONG, "{{ [s, s, s, s]|pprint }}"),
    ("long texts as JSON", LONG, "{{ [s, s, s, s]|tojson|length }}"),
    (
        "dates without end",
        LONG,
        "{{ strftime_now(s|replace('0', '%A')|replace('1', '%B'))|length }}",
    ),
    ("a refusal of many megabytes", LONG, "{{ raise_exception(s ~ s) }}"),
    (
        "refusals without end",
        "",
        "{% for i in range(90000) %}{% if i > 89000 %}{{ raise_exception('no') }}{% endif %}{% endfor %}",
    ),
    (
        "lists added to themselves",
        "",
        "{% set ns = namespace(a=[1,2,3]) %}{% for i in range(60) %}\
             {% set ns.a = ns.a + ns.a %}{% endfor %}{{ ns.a|length }}{{ ns.a|sum }}",
    ),
    ("a list repeated", "", "{{ ([1, 2, 3] * 1000000000)|sum }}"),
    (
        "products of ranges",
        "",
        "{% for i in range(1000) %}{% set x = range(100000)|map('string')|sort|unique|list %}{% endfor %}",
    ),
    (
        "groups of groups",
        "",
        "{% for i in range(1000) %}{% set x = range(100000)|groupby('a')|list %}{% endfor %}",
    ),
    (
        "what is in a long text",
        LONG,
        "{% for i in range(10000) %}{% if (s[:-1] ~ 'x') in s %}{% endif %}{% endfor %}",
    ),
    (
        "the worst search",
        "",
        "{% set a = 'a' * 500000 %}{% for i in range(1000) %}{{ a[:250000] ~ 'b' in a }}{% endfor %}",
    ),
    ("names by the million", "", "{{ dict(a=1)|items|list|map('join', 'x' * 100000000)|list }}"),
    ("backwards through everything", LONG, "{{ s[::-1][::-1][::-1][::-1]|length }}"),
    ("trimmed by a long set", LONG, "{{ s.strip(s)|length }}{{ s|trim(s)|length }}"),
    (
        "what the messages say, thousands of times",
        "",
        "{% for i in range(3000) %}{{ messages[0].content }}{% endfor %}",
    ),
];

/// Attacks whose source is long or deeply nested.
fn built() -> Vec<(&'static str, String)> {
    let wrapped = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    vec![
        (
            "shared lists compared",
            format!(
                "{SHARED}{}{{{{ ns.a == ms.a }}}}{{{{ ns.a < ms.a }}}}",
                SHARED.replace("ns", "ms")
            ),
        ),
        (
            "blocks that keep what they write",
            format!(
                "{{% set x %}}{{% for i in range(90000) %}}{}{{% endfor %}}{{% endset %}}",
                "a".repeat(500)
            ),
        ),
        ("brackets in brackets", format!("{{{{ {} }}}}", wrapped("[", "1", "]", 200_000))),
        ("parentheses in parentheses", format!("{{{{ {} }}}}", wrapped("(", "1", ")", 200_000))),
        ("nots of nots", format!("{{{{ {} }}}}", wrapped("not ", "1", "", 200_000))),
        ("minus minus", format!("{{{{ {} }}}}", wrapped("-", "1", "", 200_000))),
        ("a sum of a hundred thousand", format!("{{{{ {} }}}}", wrapped("1+", "1", "", 400_000))),
        ("texts side by side", format!("{{{{ {} }}}}", wrapped("a~", "a", "", 400_000))),
        ("ands of ands", format!("{{{{ {} }}}}", wrapped("a and ", "a", "", 150_000))),
        ("ifs of ifs", format!("{{{{ {} }}}}", wrapped("a if b else ", "a", "", 80_000))),
        ("attributes of attributes", format!("{{{{ a{} }}}}", wrapped(".b", "", "", 400_000))),
        ("items of items", format!("{{{{ a{} }}}}", wrapped("[0]", "", "", 300_000))),
        ("calls of calls", format!("{{{{ a{} }}}}", wrapped("()", "", "", 400_000))),
        ("filters of filters", format!("{{{{ a{} }}}}", wrapped("|string", "", "", 100_000))),
        ("tests of tests", format!("{{{{ a{} }}}}", wrapped(" is defined", "", "", 80_000))),
        ("loops in loops in loops", wrapped("{% for a in b %}", "", "{% endfor %}", 30_000)),
        ("conditions in conditions", wrapped("{% if a %}", "", "{% endif %}", 40_000)),
        (
            "a condition with many branches",
            format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(60_000)),
        ),
        ("macros in macros", wrapped("{% macro a() %}", "", "{% endmacro %}", 30_000)),
        ("a hundred thousand expressions", "{{a}}".repeat(200_000)),
        ("a list with many members", format!("{{{{ [{}]|length }}}}", "1,".repeat(400_000))),
        ("a map with many members", format!("{{{{ {{{}}}|length }}}}", "'a':1,".repeat(150_000))),
        ("one long text", format!("{{{{ '{}' }}}}", "a".repeat(1_000_000))),
        ("one long name", format!("{{{{ {} }}}}", "a".repeat(1_000_000))),
        ("one long number", format!("{{{{ {} }}}}", "1".repeat(1_000_000))),
        ("one long comment", format!("{{# {} ", "{#".repeat(500_000))),
        ("nothing but braces", "{".repeat(1_000_000)),
        ("too long", "a".repeat(1_100_000)),
    ]
}

fn chat() -> Vec<ChatMessage> {
    let long = "what the user says ".repeat(5_000);
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    vec![message(Role::System, &long), message(Role::User, "x = 1")]
}

fn compiled(text: &str) -> Result<Template, TemplateError> {
    Template::compile(text.to_owned(), "<s>".to_owned(), "</s>".to_owned())
}

/// Bytes of memory that the process has or has had at most, by the system's name for the figure.
#[cfg(target_os = "linux")]
fn resident_bytes(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// On other systems the allocator's own count has to do.
#[cfg(not(target_os = "linux"))]
fn resident_bytes(name: &str) -> usize {
    if name == "VmHWM" { memory_peak_bytes() } else { 0 }
}

/// What the process for one attack does; it reports on a line that begins with `=`.
fn attack(text: &str) {
    let messages = chat();
    let sound = compiled(SOUND).unwrap();
    assert_eq!(sound.lay_out(&messages).unwrap().len(), 4);
    let resident = resident_bytes("VmRSS");
    // As in the worker: the first when the model is loaded, the second when it is asked.
    let started = Instant::now();
    let template = compiled(text);
    let loading = started.elapsed();
    let started = Instant::now();
    let result = template.as_ref().map_err(Clone::clone).and_then(|it| it.lay_out(&messages));
    let longest = loading.max(started.elapsed());
    let error = result.unwrap_err();
    let grown = resident_bytes("VmHWM") - resident;
    // Asked again, it reports the same. If it was stopped, it is not even tried.
    if let (Ok(template), TemplateError::Limit(limit)) = (&template, &error) {
        let started = Instant::now();
        let again = template.lay_out(&messages).unwrap_err();
        // A late template may be the machine's fault, and is tried once more.
        assert!(again == error || matches!(limit, Limit::Waiting(_)), "{again}");
        assert!(started.elapsed() < WITHIN);
    }
    // Everything else continues to work, including new threads and their heaps.
    drop(template);
    assert_eq!(sound.lay_out(&messages).unwrap().len(), 4);
    let another = compiled(SOUND).unwrap().lay_out(&messages).unwrap();
    assert_eq!(another[1], Piece::Content(messages[0].content.clone()));
    std::thread::spawn(|| drop(vec![1u8; 10_000_000])).join().unwrap();
    let sentence = error.to_string().replace('\n', " ");
    let (took, held) = (longest.as_millis(), memory_peak_bytes());
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n={took}|{grown}|{held}|{sentence}").unwrap();
}

#[test]
fn every_attack_ends_in_time_within_its_memory_and_with_a_sentence() {
    let attacks = attacks();
    if let Ok(name) = std::env::var(ATTACK) {
        let (_, text) = attacks.iter().find(|(it, _)| *it == name).unwrap();
        return attack(text);
    }
    let mut wrong = Vec::new();
    for (name, _) in &attacks {
        // A busy machine may be late once; a template that is too slow is late each time.
        let mut said = String::new();
        for _ in 0..3 {
            said = run(name);
            if said.is_empty() {
                break;
            }
        }
        if !said.is_empty() {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs one attack; returns what is wrong, or an empty text.
fn run(name: &str) -> String {
    let test = "every_attack_ends_in_time_within_its_memory_and_with_a_sentence";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(ATTACK, name);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its output fits into a pipe.
    let deadline = Instant::now() + ENDS_WITHIN;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() >= deadline {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let Some(line) = stdout.lines().find_map(|line| line.strip_prefix('=')) else {
        return format!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}: {line}").unwrap();
    let fields: Vec<&str> = line.splitn(4, '|').collect();
    let number = |index: usize| fields[index].parse::<usize>().unwrap();
    let sentence = fields[3];
    let kept = Duration::from_millis(number(0) as u64) <= WITHIN
        && number(1) <= MEMORY_BYTES_MAX
        && number(2) <= MEMORY_BYTES_MAX
        && sentence.len() > 10;
    if kept && output.status.success() { String::new() } else { format!("{name}: {line}") }
}
