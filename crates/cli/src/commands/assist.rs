//! The commands on lines of a file: an edit as a diff, as JSON, or applied to the file; a text
//! while it is written, or as JSON once it is complete.

use std::path::Path;

use localcoder_protocol::{
    AnswerKind, Assist, AssistAnswer, AssistParams, Assisted, CommandSpec, Decision, EditAnswer,
    ErrorCode, ErrorInfo, FinishReason, RecordDecision, RecordDecisionParams, TestKind,
    TestOutcome, TestRun,
};
use localcoder_settings::{Key, Places};

use crate::arguments::{AssistCommand, AssistOptions};
use crate::output;
use crate::session::{REQUEST_ID, Session, model_reference, overrides};
use crate::settings_file::resolved;
use crate::source::SourceFile;
use crate::tester::Tester;

pub(crate) fn run(command: &AssistCommand) -> Result<(), ErrorInfo> {
    let AssistCommand { spec, options } = command;
    let source = SourceFile::read(&options.target.file)?;
    if options.apply {
        source.check_before_a_change()?;
        if !options.yes {
            allowed_by_the_user(&options.target.file)?;
        }
    }
    let (tester, test) = match spec.answer {
        AnswerKind::Edit => tested(spec, options, &source)?,
        AnswerKind::Text => (None, None),
    };
    let mut settings = overrides(options.model.profile.as_deref());
    if let Some(length) = &options.length {
        settings.insert(Key::ExplanationLength.name().to_owned(), length.as_str().into());
    }
    let params = AssistParams {
        instruction: options.instruction.clone(),
        test,
        model: model_reference(options.model.model.as_deref())?,
        settings,
        ..AssistParams::new(REQUEST_ID, spec.id, source.document.clone(), options.target.lines)
    };
    let streams = spec.answer == AnswerKind::Text && !options.json;
    let stream = |text: &str| if streams { output::data(text) } else { Ok(()) };
    let mut session = Session::open()?;
    let mut answer = match session.request_with::<Assist>(&params, stream, tester) {
        // As with `head`: whoever read it has enough.
        Err(_) if output::reader_is_gone() => return Ok(()),
        answer => answer?,
    };
    if let AssistAnswer::Edit(edit) = &mut answer
        && !edit.unchanged
    {
        let edits: Vec<_> = std::iter::once(&edit.edit).chain(&edit.imports).collect();
        // The host does not know about a byte order mark, and its diff would not apply.
        edit.diff = source.diff(&edits, &edit.diff)?;
    }
    if let AssistAnswer::Edit(edit) = &answer
        && options.apply
        && !edit.unchanged
    {
        let edits: Vec<_> = std::iter::once(&edit.edit).chain(&edit.imports).collect();
        source.apply(&edits)?;
        let decision =
            RecordDecisionParams { edit_id: edit.edit_id.clone(), decision: Decision::Kept };
        // The file has been written, whether that can be counted or not. After the write: what
        // could not be applied was not kept.
        let _ = session.request::<RecordDecision>(&decision, |_| Ok(()));
    }
    match &answer {
        _ if options.json => output::answer::<Assisted>(&answer),
        AssistAnswer::Edit(edit) => print(spec.nothing, options, edit),
        AssistAnswer::Text(text) => {
            end_of_stream(&text.text, text.finish)?;
            text.notes.iter().for_each(|note| output::note(note));
            Ok(())
        }
    }
}

/// The user's own test, if it is to be run, and its result before the edit. One that can't be run
/// has a result without a test: the host tells the user why.
fn tested(
    spec: &CommandSpec,
    options: &AssistOptions,
    source: &SourceFile,
) -> Result<(Option<Tester>, Option<TestRun>), ErrorInfo> {
    let wanted = options.test || resolved(&Places::resolve()?).settings.test_edits;
    if !wanted {
        return Ok((None, None));
    }
    let command = (spec, options.instruction.as_deref());
    // The command line has no open folder to search within.
    let found = match Tester::find(&source.document, options.target.lines, None, Some(command)) {
        Err(run) => return Ok((None, Some(run))),
        Ok(found) => found,
    };
    let Some(tester) = found else {
        if options.test {
            output::note("No test was found that is known how to run.");
        }
        return Ok((None, None));
    };
    let run = tester.run(&[]);
    Ok((Some(tester), Some(run)))
}

fn print(nothing: &str, options: &AssistOptions, answer: &EditAnswer) -> Result<(), ErrorInfo> {
    let range = answer.edit.range;
    let file = options.target.file.display();
    answer.notes.iter().for_each(|note| output::note(note));
    if answer.unchanged {
        let (start, end) = (range.start, range.end);
        let what = match (&options.instruction, &answer.reason) {
            (None, _) => capitalized(nothing),
            (Some(_), None) => "The model changed nothing".to_owned(),
            (Some(_), Some(_)) => "The model changed nothing, asked in two ways".to_owned(),
        };
        output::note(&format!("{what} in {file}, lines {start}-{end}."));
        if let Some(reason) = &answer.reason {
            output::note(&format!("Its reason: {reason}"));
            output::note("  hint: say more exactly what is to change, or use a larger model");
        }
        return Ok(());
    }
    if let Some(run) = answer.test.as_ref().filter(|run| run.outcome == TestOutcome::Passed) {
        let name = &run.name;
        output::note(&match run.kind {
            TestKind::Build => format!("It compiles ({name})."),
            TestKind::Calls => format!("Same results as before in {name}."),
            TestKind::Test => format!("Tested: {name} passes with it."),
        });
    }
    if let Some(doubt) = &answer.unsure {
        output::note(&format!("Not sure: {doubt}."));
        output::note("  hint: read it closely, or try `--profile heavy`");
    }
    for warning in &answer.warnings {
        output::note(&format!("warning: {warning}"));
    }
    if !options.apply {
        return output::data(&answer.diff);
    }
    output::note(&format!("Changed {file}, lines {}-{}.", range.start, range.end));
    Ok(())
}

/// Asks before a file that programs act on is changed, such as a build script; others are not asked
/// about. Before the model is, so that nobody waits for an edit that is then refused.
fn allowed_by_the_user(file: &Path) -> Result<(), ErrorInfo> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let Some(reason) = localcoder_assist::sensitive(&absolute.to_string_lossy()) else {
        return Ok(());
    };
    let shown = file.display();
    let question = format!("`{shown}` is not an ordinary file: {reason}. Change it? [y/N] ");
    match output::confirmed(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(ErrorInfo::new(ErrorCode::Cancelled, "nothing was changed")),
        None => Err(ErrorInfo::new(ErrorCode::Usage, format!("`{shown}` was left as it is"))
            .with_cause(reason)
            .with_hint("look at the change without `--apply` first; `--yes` makes it")),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

pub(crate) fn end_of_stream(text: &str, finish: FinishReason) -> Result<(), ErrorInfo> {
    if !text.ends_with('\n') {
        output::line("")?;
    }
    match finish {
        FinishReason::TokenLimit => output::note("The answer was cut: it reached its token limit."),
        FinishReason::ContextFull => output::note("The answer was cut: the context is full."),
        FinishReason::EndOfTurn | FinishReason::StopString => {}
    }
    Ok(())
}
