//! Where files are on each platform. Decides paths; creates nothing.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::{SettingsError, env};

/// The product's folders. A test has its own with [`Places::under`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// What the user would miss: models and the editor's data.
    pub data: PathBuf,
    pub config: PathBuf,
    /// What can be recreated.
    pub cache: PathBuf,
    pub logs: PathBuf,
    /// Sockets and locks; private to the user.
    pub runtime: PathBuf,
    pub models: PathBuf,
    pub editor: PathBuf,
}

impl Places {
    /// The places of this user, or below `LOCALCODER_HOME`.
    ///
    /// # Errors
    /// If the user has no home folder.
    pub fn resolve() -> Result<Self, SettingsError> {
        if let Some(home) = env::home()? {
            return Ok(Self::under(&home));
        }
        let strategy = etcetera::choose_base_strategy().map_err(SettingsError::NoHome)?;
        if cfg!(target_os = "macos") {
            return Ok(Self::macos(strategy.home_dir()));
        }
        let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("localcoder");
        // `XDG_RUNTIME_DIR` is not set in every session.
        let runtime = strategy
            .runtime_dir()
            .map_or_else(|| state.join("runtime"), |dir| dir.join("localcoder"));
        let data = strategy.data_dir().join("localcoder");
        Ok(Self {
            config: strategy.config_dir().join("localcoder"),
            cache: strategy.cache_dir().join("localcoder"),
            logs: state.join("logs"),
            runtime,
            models: data.join("models"),
            editor: data.join("editor"),
            data,
        })
    }

    /// Everything under one folder, for private installations and tests.
    #[must_use]
    pub fn under(home: &Path) -> Self {
        Self {
            data: home.to_owned(),
            config: home.to_owned(),
            cache: home.join("cache"),
            logs: home.join("logs"),
            runtime: home.join("runtime"),
            models: home.join("models"),
            editor: home.join("editor"),
        }
    }

    fn macos(home: &Path) -> Self {
        let data = home.join("Library/Application Support/LocalCoder");
        Self {
            config: data.clone(),
            cache: home.join("Library/Caches/LocalCoder"),
            logs: home.join("Library/Logs/LocalCoder"),
            runtime: data.join("run"),
            models: data.join("models"),
            editor: data.join("editor"),
            data,
        }
    }

    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    #[must_use]
    pub fn sample(&self) -> PathBuf {
        self.data.join("sample")
    }

    /// The user's own catalog of models, which need not exist.
    #[must_use]
    pub fn catalog_file(&self) -> PathBuf {
        self.config.join("catalog.json")
    }

    #[must_use]
    pub fn setup_file(&self) -> PathBuf {
        self.data.join("setup.json")
    }

    /// Folder of the edit statistics. The host may write there and nowhere else in [`Self::data`].
    #[must_use]
    pub fn statistics(&self) -> PathBuf {
        self.data.join("statistics")
    }

    #[must_use]
    pub fn ledger_file(&self) -> PathBuf {
        self.statistics().join("edits.jsonl")
    }

    #[must_use]
    pub fn measurements_file(&self) -> PathBuf {
        self.cache.join("measurements.json")
    }

    #[must_use]
    pub fn bandwidth_file(&self) -> PathBuf {
        self.cache.join("memory-bandwidth.json")
    }

    /// Which workers are running, so that a later host can end those that an earlier one has left.
    #[must_use]
    pub fn workers_file(&self) -> PathBuf {
        self.runtime.join("workers.json")
    }

    /// Which model is being loaded; the file exists only meanwhile.
    #[must_use]
    pub fn loading_file(&self) -> PathBuf {
        self.cache.join("loading.json")
    }

    /// What an editor with settings of its own last set. The IDE's are in [`Self::settings_file`].
    #[must_use]
    pub fn editor_settings_file(&self) -> PathBuf {
        self.cache.join("editor-settings.json")
    }

    /// Where the IDE looks for its user's settings: a link to [`Self::settings_file`].
    #[must_use]
    pub fn ide_settings_link(&self) -> PathBuf {
        self.editor.join("user/User/settings.json")
    }

    /// Where the IDE kept settings of the machine, including this product's, in versions before
    /// those became the user's.
    #[must_use]
    pub fn ide_machine_settings(&self) -> PathBuf {
        self.editor.join("user/Machine/settings.json")
    }

    #[must_use]
    pub fn refusals_file(&self) -> PathBuf {
        self.logs.join("air-gap-refusals.log")
    }

    /// Folder of the saved states of what all prompts begin with.
    #[must_use]
    pub fn prefixes(&self) -> PathBuf {
        self.cache.join("prefixes")
    }

    #[must_use]
    pub fn host_socket(&self) -> PathBuf {
        self.runtime.join("host.sock")
    }

    #[must_use]
    pub fn host_lock(&self) -> PathBuf {
        self.runtime.join("host.lock")
    }
}

/// The bundled demo model: where the variable says, next to the programs of a package, or in the
/// source tree that they were built in. `None` if it is in none of them.
#[must_use]
pub fn demo_model(exe_dir: &Path) -> Option<PathBuf> {
    let name = "models/demo/localcoder-demo.gguf";
    env::path(env::DEMO_MODEL)
        .into_iter()
        .chain([exe_dir.join("..").join(name), exe_dir.join("../..").join(name)])
        .find(|path| path.is_file())
        .map(|path| path.canonicalize().unwrap_or(path))
}

/// The folder of the pages for users: in the assembled IDE, or in the source tree.
#[must_use]
pub fn docs_dir(exe_dir: &Path) -> Option<PathBuf> {
    let shipped = ide_dir(exe_dir).map(|ide| ide.join("vscode/extensions/localcoder/docs"));
    shipped
        .into_iter()
        .chain([exe_dir.join("../../docs")])
        .find(|path| path.join("reference/errors.md").is_file())
        .map(|path| path.canonicalize().unwrap_or(path))
}

#[must_use]
pub fn ide_dir(exe_dir: &Path) -> Option<PathBuf> {
    env::path(env::IDE_DIR)
        .into_iter()
        .chain([exe_dir.join("../ide")])
        .find(|path| path.is_dir())
        .map(|path| path.canonicalize().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_has_its_models_where_the_requirements_say() {
        let places = Places::macos(Path::new("/Users/ada"));
        let models = "/Users/ada/Library/Application Support/LocalCoder/models";
        assert_eq!(places.models, Path::new(models));
    }

    #[test]
    fn a_private_home_holds_everything() {
        let places = Places::under(Path::new("/h"));
        for path in [
            &places.data,
            &places.config,
            &places.cache,
            &places.logs,
            &places.runtime,
            &places.models,
            &places.editor,
            &places.host_socket(),
            &places.settings_file(),
            &places.catalog_file(),
            &places.ledger_file(),
        ] {
            assert!(path.starts_with("/h"), "{}", path.display());
        }
    }

    #[test]
    fn the_demo_model_is_found_beside_the_programs_or_not_at_all() {
        let package = tempfile::tempdir().unwrap();
        let programs = package.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        assert_eq!(demo_model(&programs), None);
        let folder = package.path().join("models/demo");
        std::fs::create_dir_all(&folder).unwrap();
        let model = folder.join("localcoder-demo.gguf");
        std::fs::write(&model, "").unwrap();
        assert_eq!(demo_model(&programs), Some(model.canonicalize().unwrap()));
    }
}
