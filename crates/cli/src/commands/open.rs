//! `localcoder [PATH…]`: opens the IDE and stays until its last window is closed.

use localcoder_launcher::{Folders, OpenRequest, Setup};
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_settings::{Places, env, places};

use crate::arguments::OpenOptions;
use crate::output;
use crate::session::program;

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
    let folders = Folders { editor: places.editor, runtime: places.runtime, logs: places.logs };
    let setup = Setup::assembled(&ide, &program, &folders);
    let request = OpenRequest {
        paths: options.paths.clone(),
        browser: options.browser,
        new_window: options.new_window,
    };
    localcoder_launcher::open(&request, &setup, &|notice| output::note(&notice.to_string()))?;
    Ok(())
}
