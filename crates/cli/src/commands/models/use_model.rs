//! `models use`: sets `codeModel` or `generalModel` in the product's own settings file. Other
//! settings in it stay as they are.

use std::path::Path;

use localcoder_model_store::{ImportMode, Store};
use localcoder_protocol::{DEMO, ErrorInfo, ModelChosen, ModelTask, ModelsUse};
use localcoder_settings::{LARGE_PARAMETERS, Layer};

use super::Models;
use super::terminal::followed;
use crate::arguments::Purpose;
use crate::session::model_reference;
use crate::{output, settings_file};

impl Purpose {
    fn setting(self) -> (&'static str, &'static str) {
        match self {
            Self::Code => ("codeModel", "for code"),
            Self::General => ("generalModel", "for everything but code"),
        }
    }

    fn task(self) -> ModelTask {
        match self {
            Self::Code => ModelTask::Code,
            Self::General => ModelTask::General,
        }
    }
}

pub(super) fn run(
    models: &Models,
    id: &str,
    purpose: Purpose,
    json: bool,
) -> Result<(), ErrorInfo> {
    let (key, words) = purpose.setting();
    let value = if id == DEMO {
        id.to_owned()
    } else if id.contains(['/', '\\']) {
        of_path(models, &model_reference(Some(id))?.unwrap_or_else(|| id.to_owned()))?
    } else {
        // The file must exist and be intact before the model is chosen. It is read only if it is
        // outside the store and looks as if it had been written to.
        if models.store.is_touched(id)? {
            followed("reading", |progress| models.store.verify(id, progress))?;
        }
        models.store.path_of(id)?;
        if let Some(words) = models.why_not_for_edits(id)? {
            output::note(&format!("`{id}` is chosen as you wish. {words}"));
        }
        id.to_owned()
    };
    // Chosen even if it is not for edits: it may be wanted for completion, and was named on
    // purpose.
    settings_file::set(&models.places, key, Some(&value.clone().into()))?;
    let now = settings_file::resolved(&models.places).values;
    // The command has done what it was asked for; that another layer counts more is said, not
    // changed.
    let of_editor = now.iter().find(|(set, _, layer)| *set == key && *layer == Layer::Editor);
    let overridden = of_editor.and_then(|(_, set, _)| set.as_str()).filter(|set| *set != value);
    if json {
        return output::answer::<ModelsUse>(&ModelChosen {
            task: purpose.task(),
            model: value.clone(),
            overridden_by: overridden.map(str::to_owned),
        });
    }
    output::line(&format!("`{value}` is the model {words} from now on."))?;
    if let Some((profile, large)) = needed_profile(models, id) {
        output::note(&format!(
            "It is a large one, which the profile `{profile}` does not load: `localcoder profiles \
             use {large}` chooses one that does."
        ));
    }
    if let Some(other) = overridden {
        output::note(&format!(
            "The editor's own setting `localcoder.{key}` is `{other}` and counts more: change it \
             there."
        ));
    }
    Ok(())
}

/// The name for a file that the user has given by its path: if a catalog knows the file by its
/// digest, it becomes that model, and stays where it is.
fn of_path(models: &Models, path: &str) -> Result<String, ErrorInfo> {
    let file = Path::new(path);
    let known = followed("reading", |progress| {
        let Some(entry) = Store::recognize(file, &models.catalog, progress)? else {
            return Ok(None);
        };
        // A second import of the same file would be a second model.
        let there = match models.store.meant(&entry.id) {
            Ok(there) if models.store.path_of(&entry.id).is_ok() => there,
            _ => models.store.import(file, None, ImportMode::InPlace, &models.catalog, progress)?,
        };
        Ok(Some((entry, there)))
    })?;
    let Some((entry, there)) = known else { return Ok(path.to_owned()) };
    output::note(&format!("`{path}` is the file of `{}`, by its digest.", entry.id));
    Ok(there.id)
}

/// The profile in force, if it does not load a model of this size, and a profile that does. `None`
/// if there is nothing to be said: the model is not large, is loaded anyway, or would not be by any
/// profile.
fn needed_profile(models: &Models, id: &str) -> Option<(String, String)> {
    let settings = models.settings();
    let parameters = models.store.meant(id).ok()?.parameters;
    let refused = parameters >= LARGE_PARAMETERS && !settings.profile.large_models;
    let large = settings.profile_for_large_models().filter(|_| refused)?.name.clone();
    Some((settings.profile.name, large))
}
