//! The settings of the file and of the editor, and what results from both.

use localcoder_protocol::{ConfigureAnswer, ErrorAction, ErrorInfo};
use localcoder_settings::{Contents, Layer, Resolved, Settings, resolve};
use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) struct Configuration {
    file: Contents,
    editor: Contents,
    settings: Settings,
    /// What of either is not used, for the status. Kept, because it must be said for as long as it
    /// holds, not only once.
    notes: Vec<String>,
}

impl Configuration {
    pub(super) fn new(file: Contents, editor: Contents) -> Self {
        let resolved = layered(&file, &editor);
        let notes = resolved.notes();
        Self { file, editor, settings: resolved.settings, notes }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes the editor's settings. Returns them as text if they are to be kept.
    pub(super) fn set_editor(&mut self, settings: Map<String, Value>) -> Option<String> {
        let settings = Contents::from(settings);
        // If some of the last ones could not be read, they are written again, too.
        // `Contents` compares what could not be read as well.
        let changed = self.editor != settings;
        let text = changed.then(|| Value::Object(settings.values.clone()).to_string());
        self.editor = settings;
        text
    }

    pub(super) fn set_file(&mut self, contents: Contents) {
        self.file = contents;
    }

    /// Puts the settings into force; returns those in force before, and what was wrong.
    pub(super) fn settle(&mut self) -> (Settings, ConfigureAnswer) {
        let resolved = layered(&self.file, &self.editor);
        self.notes = resolved.notes();
        let before = std::mem::replace(&mut self.settings, resolved.settings);
        (before, ConfigureAnswer { errors: resolved.errors })
    }

    /// The settings, overridden by a command's options. An option that is wrong refuses the
    /// request; what is wrong in the files does not.
    pub(super) fn with(&self, overrides: &Map<String, Value>) -> Result<Settings, ErrorInfo> {
        if overrides.is_empty() {
            return Ok(self.settings.clone());
        }
        // What is wrong in the files is not the command's fault, and is reported by the status
        // already.
        let known = layered(&self.file, &self.editor).errors;
        let overrides = Contents::from(overrides.clone());
        let layers = [
            (Layer::File, &self.file),
            (Layer::Editor, &self.editor),
            (Layer::CommandLine, &overrides),
        ];
        let resolved = resolve(&layers);
        match resolved.errors.into_iter().find(|error| !known.contains(error)) {
            Some(error) => Err(error
                .with_hint("look it up among all settings and profiles")
                .with_action(ErrorAction::OpenSettings)),
            None => Ok(resolved.settings),
        }
    }

    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().cloned()
    }
}

fn layered(file: &Contents, editor: &Contents) -> Resolved {
    resolve(&[(Layer::File, file), (Layer::Editor, editor)])
}
