//! `localcoder [PATH…]`: opens the IDE and runs until its last window is closed. Meanwhile the
//! model is loaded, so that it is ready when the editor is.

use std::path::Path;

use localcoder_host::connect;
use localcoder_host::shell::check_folders;
use localcoder_launcher::{Folders, OpenRequest, Setup};
use localcoder_protocol::{ClientKind, ErrorCode, ErrorInfo, Warm, WarmParams};
use localcoder_settings::{Places, air_gap, env, places};
use localcoder_transport::spawn_thread;

use crate::arguments::OpenOptions;
use crate::session::program;
use crate::{ide_settings, output, settings_file};

pub(crate) fn run(options: &OpenOptions) -> Result<(), ErrorInfo> {
    let program = program()?;
    let folder = program.parent().unwrap_or(&program);
    let ide = places::ide_dir(folder).ok_or_else(|| {
        ErrorInfo::new(ErrorCode::EditorStart, "the assembled IDE was not found")
            .with_cause(format!("there is no folder `{}`", folder.join("../ide").display()))
            .with_hint(format!(
                "in the source tree, run `cargo xtask ide`; elsewhere set {} to it",
                env::IDE_DIR
            ))
    })?;
    let places = Places::resolve()?;
    for line in check_folders(&places)? {
        output::note(&line);
    }
    // Before anything reads the settings: they may be in the editor's file until now. Problems that
    // were there before have been reported when the program started.
    let before = settings_file::problems();
    let problems = ide_settings::unite(&places);
    let is_new = |problem: &&ErrorInfo| before.iter().all(|it| it.message != problem.message);
    problems.iter().filter(is_new).for_each(settings_file::warn);
    let air_gap = air_gap(&places);
    if let Some(reason) = air_gap.reason() {
        output::note(&format!("{reason}."));
    }
    load_meanwhile(&places, &program);
    let (settings, sample) = (places.settings_file(), places.sample());
    let Places { editor, runtime, logs, .. } = places;
    let folders = Folders { editor, runtime, logs, settings, sample };
    let mut setup = Setup::assembled(&ide, &program, &folders);
    // Read once, after the files were united: the editor is started with what was just reported.
    setup.air_gapped = air_gap.is_on();
    let request = OpenRequest {
        paths: options.paths.clone(),
        browser: options.browser,
        new_window: options.new_window,
    };
    localcoder_launcher::open(&request, &setup, &|notice| output::note(&notice.to_string()))?;
    Ok(())
}

/// Starts the host and has it load the model with the settings that the editor last had. Errors are
/// ignored: the editor requests the same, and reports them.
fn load_meanwhile(places: &Places, program: &Path) {
    let (places, program) = (places.clone(), program.to_owned());
    let load = move || {
        let client = connect::connect_or_start(&places, &program, ClientKind::Cli);
        let warm = WarmParams { model: None, ahead: true };
        let _ = client.and_then(|mut client| client.call::<Warm>(&warm, |_, _| {}));
    };
    // If no thread can be had, the model is loaded by the editor's first request.
    let _ = spawn_thread("load-ahead", load);
}
