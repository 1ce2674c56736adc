//! The set-up on a terminal: the facts as text, and questions. Without a terminal nothing is asked.
//! It works by running commands of this program one after another: each has its own progress, its
//! own questions about a license, and ends cleanly on Ctrl-C.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use localcoder_model_store::{Bundle, Catalog, Store};
use localcoder_protocol::{
    DEMO, ErrorAction, ErrorCode, ErrorInfo, Fact, Failure, ModelInstalled, ModelLicense, ModelRow,
    ModelState, SetupReport, SetupStep,
};
use localcoder_settings::Places;
use serde::de::DeserializeOwned;

use super::state::State;
use super::{facts, stay_with_demo, take_into_use};
use crate::arguments::SetupOptions;
use crate::failure::no_interrupts;
use crate::output;
use crate::session::program;

/// After this many invalid answers we assume that nobody is at the terminal.
const TRIES_MAX: usize = 5;

/// Whether a command is running that ends itself on Ctrl-C. Read by the handler of Ctrl-C, which
/// has a thread of its own.
static COMMAND_RUNS: AtomicBool = AtomicBool::new(false);

/// Prints the facts, continues where an earlier run ended, and asks. Without a terminal the facts
/// are all, with what could be called instead.
pub(super) fn ask(places: &Places) -> Result<(), ErrorInfo> {
    let report = facts::report(places)?;
    print_report(&report)?;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return output::line(
            "\nNobody is there to be asked: `localcoder setup --model ID|PATH` gets a model, \
             `localcoder setup --demo` stays with the demo.",
        );
    }
    interrupts_end_this_alone()?;
    let mut wanted = match report.step {
        SetupStep::Download => report.downloads.first().cloned(),
        _ => None,
    };
    if let Some(id) = &wanted {
        output::line(&format!("\nGoing on with `{id}`, to which you have agreed."))?;
    }
    // Downloads are noted only after their license was agreed to.
    let agreed = wanted.is_some();
    for _ in 0..TRIES_MAX {
        let chosen = match wanted.take() {
            Some(id) => id,
            None => match choice(&report)? {
                Choice::Demo => return demo(places),
                Choice::Later => return output::line("`localcoder setup` goes on here."),
                Choice::Unclear => continue,
                Choice::Model(model) => model,
            },
        };
        return obtained(places, &chosen, agreed, false)
            .and_then(|id| used_and_tested(places, &id, true));
    }
    Err(ErrorInfo::new(ErrorCode::Usage, "no answer was one of those that were offered")
        .with_hint("`localcoder setup --help` shows how to choose without questions"))
}

pub(super) fn get(places: &Places, model: &str, options: &SetupOptions) -> Result<(), ErrorInfo> {
    interrupts_end_this_alone()?;
    if model == DEMO {
        return demo(places);
    }
    let id = obtained(places, model, options.accept_license, options.in_place)?;
    used_and_tested(places, &id, !options.no_test)
}

/// A running command gets Ctrl-C as well, as it is in the same foreground group, and ends cleanly;
/// this program waits for it and reports its exit code. Only while a question waits for a line
/// there is nothing to be cleaned up, and this program ends by itself.
#[expect(clippy::exit, reason = "a question waits for a line, and nothing else is under way")]
fn interrupts_end_this_alone() -> Result<(), ErrorInfo> {
    ctrlc::set_handler(|| {
        if !COMMAND_RUNS.load(Ordering::Relaxed) {
            output::note("");
            std::process::exit(ErrorCode::Cancelled.exit_code().into());
        }
    })
    .map_err(|error| no_interrupts(&error))
}

fn demo(places: &Places) -> Result<(), ErrorInfo> {
    stay_with_demo(places)?;
    note(places, SetupStep::Done, Vec::new())?;
    output::line(
        "The demo model stays. Open a Python file, select a function and press Ctrl+Alt+I, or try \
         `localcoder improve FILE --lines A-B`.",
    )
}

fn note(places: &Places, step: SetupStep, downloads: Vec<String>) -> Result<(), ErrorInfo> {
    let file = places.setup_file();
    let mut state = State::read(&file).unwrap_or_default();
    state.go(step, downloads);
    state.write(&file)
}

/// The id of a model that is now installed: from the catalog, a file, or an exported folder, in
/// this order. `agreed`: whether its license was agreed to before. What is installed already is not
/// downloaded again.
fn obtained(
    places: &Places,
    model: &str,
    agreed: bool,
    in_place: bool,
) -> Result<String, ErrorInfo> {
    let is_there = Store::existing(&places.models).is_some_and(|it| it.path_of(model).is_ok());
    if is_there {
        output::line(&format!("`{model}` is here already."))?;
        return Ok(model.to_owned());
    }
    let agree: &[&str] = if agreed { &["--accept-license"] } else { &[] };
    if Catalog::with_file(&places.catalog_file())?.entry(model).is_some() {
        if agreed {
            // Before the download: whatever ends it, the next run resumes it without asking again.
            note(places, SetupStep::Download, vec![model.to_owned()])?;
        }
        shown(&[&["models", "install", model], agree].concat())?;
        return Ok(model.to_owned());
    }
    let path = Path::new(model);
    if !path.exists() {
        let message = format!("`{model}` is neither a model of the catalog nor a file or folder");
        return Err(ErrorInfo::new(ErrorCode::ModelNotFound, message)
            .with_hint("choose one of those that there are")
            .with_action(ErrorAction::ShowModels));
    }
    let bundled = Bundle::is_at(path);
    if bundled && !agreed {
        agree_to_bundle(model)?;
    }
    let how: &[&str] = match (bundled, in_place) {
        // It was agreed to above, with the facts at hand; the command must not ask a second time.
        (true, _) => &["--accept-license"],
        (false, true) => &["--in-place"],
        (false, false) => &[],
    };
    let all = [&["models", "import", model, "--json"], how].concat();
    let ModelInstalled { installed } = answered(&all)?;
    output::line(&format!("`{}` is installed: {}.", installed.id, installed.name))?;
    if let Some(words) = &installed.not_for_edits {
        output::line(words)?;
    }
    Ok(installed.id)
}

fn agree_to_bundle(folder: &str) -> Result<(), ErrorInfo> {
    let license: ModelLicense = answered(&["models", "license", folder, "--json"])?;
    lines(&license.facts)?;
    let unagreed = || {
        let message = format!("`{}` is not installed: its license was not agreed to", license.id);
        ErrorInfo::new(ErrorCode::LicenseNotAccepted, message).with_hint(format!(
            "read it (`localcoder models license {folder}`), then agree with `--accept-license`"
        ))
    };
    // Nothing is known of a license, so there is nothing to agree to; the facts above say so.
    if license.license.is_none() {
        return Ok(());
    }
    match output::confirmed("Do you agree to its license? [y/N] ") {
        Some(true) => Ok(()),
        _ => Err(unagreed()),
    }
}

fn used_and_tested(places: &Places, id: &str, test: bool) -> Result<(), ErrorInfo> {
    take_into_use(places, id)?;
    output::line(&format!("`{id}` is in use."))?;
    // Before the test, which loads a model and may be ended.
    note(places, SetupStep::SelfTest, Vec::new())?;
    if test {
        output::line("")?;
        shown(&["self-test", "--model", id])?;
    }
    note(places, SetupStep::Done, Vec::new())?;
    output::line("Ready: select code in the IDE and press Ctrl+Alt+I.")
}

/// Runs a command of this program that interacts with the user itself. Its exit code becomes the
/// error's, so that a script sees the same code as from the command alone.
fn shown(arguments: &[&str]) -> Result<(), ErrorInfo> {
    let status = run(arguments, false)?.status;
    if status.success() {
        return Ok(());
    }
    // It has already said what happened and what to do.
    let code = ErrorCode::ALL
        .iter()
        .find(|code| status.code() == Some(code.exit_code().into()))
        .copied()
        .unwrap_or(ErrorCode::Internal);
    Err(ErrorInfo::new(code, format!("`localcoder {}` did not succeed", arguments.join(" ")))
        .with_hint("what to do is said above; `localcoder setup` goes on where it was"))
}

/// Runs a command of this program to use its output, which is an error in the same form if it has
/// failed.
fn answered<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, ErrorInfo> {
    let printed = run(arguments, true)?.stdout;
    if let Ok(Failure { error }) = serde_json::from_slice(&printed) {
        return Err(error);
    }
    serde_json::from_slice(&printed).map_err(|error| {
        let message = format!("`localcoder {}` gave no answer", arguments.join(" "));
        ErrorInfo::new(ErrorCode::Internal, message).with_cause(error.to_string())
    })
}

fn run(arguments: &[&str], kept: bool) -> Result<std::process::Output, ErrorInfo> {
    COMMAND_RUNS.store(true, Ordering::Relaxed);
    let stdout = if kept { Stdio::piped() } else { Stdio::inherit() };
    let child = Command::new(program()?)
        .args(arguments)
        .stdin(Stdio::inherit())
        .stdout(stdout)
        // Questions and progress of a command are on stderr, so they reach the user while its
        // stdout is read.
        .stderr(Stdio::inherit())
        .spawn()
        .and_then(std::process::Child::wait_with_output);
    COMMAND_RUNS.store(false, Ordering::Relaxed);
    child.map_err(|error| {
        let message = format!("`localcoder {}` can't be run", arguments.join(" "));
        ErrorInfo::new(ErrorCode::Internal, message).with_cause(error.to_string())
    })
}

fn print_report(report: &SetupReport) -> Result<(), ErrorInfo> {
    output::line("This machine")?;
    lines(&report.machine)?;
    output::line(&format!(
        "\nRecommended: `{}` under the profile `{}`. {}",
        report.recommended.model, report.recommended.profile, report.recommended.reason
    ))?;
    for profile in &report.profiles {
        output::line(&format!("  {:10} {}", profile.name, profile.text))?;
    }
    output::line(&format!("\n{}", report.network_text))?;
    output::line("\nWhat is stored where")?;
    lines(&report.stored)?;
    let switch = if report.air_gap.on { "on" } else { "off" };
    output::line(&format!(
        "\nAir-gapped mode is {switch} (`localcoder setup --air-gapped on|off`):"
    ))?;
    for effect in &report.air_gap.effects {
        output::line(&format!("  - {effect}"))?;
    }
    output::line(&format!("\n{}\n\nModels", report.kinds_text))?;
    for (index, row) in report.list.models.iter().enumerate() {
        let mark = if row.id == report.recommended.model { " (recommended)" } else { "" };
        let number = index + 1;
        output::line(&format!("  {number:2}  {}: {}{mark}", row.name, row.description))?;
        let known = [
            row.license.as_ref().map(|license| license.name.clone()),
            row.memory.as_ref().map(|memory| memory.text.clone()),
            row.speed.as_ref().map(|speed| {
                let about = if speed.measured { "" } else { "about " };
                format!("{about}{:.1} tokens/s, {}", speed.tokens_per_s, speed.text)
            }),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        if !known.is_empty() {
            output::line(&format!("      {}", known.join("; ")))?;
        }
    }
    Ok(())
}

fn lines(facts: &[Fact]) -> Result<(), ErrorInfo> {
    facts.iter().try_for_each(|fact| output::line(&format!("  {}: {}", fact.what, fact.text)))
}

#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Model(String),
    Demo,
    Later,
    Unclear,
}

fn choice(report: &SetupReport) -> Result<Choice, ErrorInfo> {
    output::note(&format!(
        "\nWhich model? A number, the path of a GGUF file or of an exported folder, `demo`, or `later` \
         [{}]",
        report.recommended.model
    ));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    // The end of the input is not an answer, and not worth an error: nothing was changed.
    if !matches!(read, Ok(1..)) {
        return Ok(Choice::Later);
    }
    let choice = chosen(line.trim(), &report.list.models, &report.recommended.model);
    if choice == Choice::Unclear {
        output::note("That is none of them.");
    }
    Ok(choice)
}

fn chosen(answer: &str, rows: &[ModelRow], recommended: &str) -> Choice {
    let by_number = || answer.parse::<usize>().ok()?.checked_sub(1).and_then(|at| rows.get(at));
    let by_name = || rows.iter().find(|row| row.id == answer);
    let wanted = match answer {
        "" => recommended,
        "later" | "l" | "q" => return Choice::Later,
        // Before numbers and names: a file that is here is what was meant.
        path if Path::new(path).exists() => return Choice::Model(path.to_owned()),
        _ => match by_number().or_else(by_name) {
            // The bundled model has a number in the list like any other.
            Some(row) if row.state != ModelState::Bundled => return Choice::Model(row.id.clone()),
            Some(_) => DEMO,
            None => return Choice::Unclear,
        },
    };
    if wanted == DEMO { Choice::Demo } else { Choice::Model(wanted.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, state: ModelState) -> ModelRow {
        serde_json::from_value(serde_json::json!({
            "id": id, "name": id, "state": state, "uses": [], "actions": [], "bytes": 1,
            "loadedBytes": 0, "roles": [], "parameters": 0, "quantization": "", "contextTokens": 0,
            "description": "", "facts": []
        }))
        .unwrap()
    }

    #[test]
    fn an_answer_is_a_number_a_name_a_path_or_nothing() {
        let rows = [row(DEMO, ModelState::Bundled), row("small", ModelState::Available)];
        let model = |id: &str| Choice::Model(id.to_owned());
        for (answer, meant) in [
            ("", model("small")),
            ("2", model("small")),
            ("small", model("small")),
            ("1", Choice::Demo),
            ("demo", Choice::Demo),
            ("/", model("/")),
            ("later", Choice::Later),
            ("0", Choice::Unclear),
            ("3", Choice::Unclear),
            ("yes", Choice::Unclear),
        ] {
            assert_eq!(chosen(answer, &rows, "small"), meant, "{answer}");
        }
        assert_eq!(chosen("", &rows, DEMO), Choice::Demo);
    }
}
