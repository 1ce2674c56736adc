//! `localcoder improve`: a rewrite as a diff, as JSON, or in the file.

use localcoder_protocol::{ErrorInfo, Improve, ImproveAnswer, ImproveParams};

use crate::arguments::ImproveOptions;
use crate::output;
use crate::session::{REQUEST_ID, Session, model_reference, overrides};
use crate::source::SourceFile;

pub(crate) fn run(options: &ImproveOptions) -> Result<(), ErrorInfo> {
    let source = SourceFile::read(&options.target.file)?;
    if options.apply {
        source.check_before_a_change()?;
    }
    let params = ImproveParams {
        request_id: REQUEST_ID.to_owned(),
        document: source.document.clone(),
        selection: options.target.lines,
        instruction: options.instruction.clone(),
        model: model_reference(options.model.model.as_deref())?,
        settings: overrides(options.model.profile.as_deref()),
    };
    let answer = Session::open()?.request::<Improve>(&params, |_| Ok(()))?;
    if options.apply && !answer.unchanged {
        source.apply(&answer.edit)?;
    }
    if options.json { output::value(&answer) } else { print(options, &answer) }
}

fn print(options: &ImproveOptions, answer: &ImproveAnswer) -> Result<(), ErrorInfo> {
    let range = answer.edit.range;
    let file = options.target.file.display();
    if answer.unchanged {
        output::note(&format!(
            "Nothing to improve in {file}, lines {}-{}.",
            range.start, range.end
        ));
        return Ok(());
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
