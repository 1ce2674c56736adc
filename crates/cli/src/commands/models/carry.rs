//! `models export` and the import of its result: how a model gets to a machine without a network.
//! The license goes with it, and the user who imports it agrees there.

use std::path::Path;

use localcoder_model_store::{Bundle, Consent};
use localcoder_protocol::{
    ErrorInfo, Fact, ModelExported, ModelLicense, ModelsExport, ModelsLicense,
};
use localcoder_transport::private::with_users_umask;

use super::terminal::{bytes, followed};
use super::{Models, install, list};
use crate::output;

pub(super) fn export(models: &Models, id: &str, to: &Path, json: bool) -> Result<(), ErrorInfo> {
    // A folder of the user's, so the user's umask decides who may read it.
    let export = || followed("copying", |progress| models.store.export(id, to, progress));
    let folder = with_users_umask(export)?;
    if json {
        let folder = folder.display().to_string();
        return output::answer::<ModelsExport>(&ModelExported { exported: id.to_owned(), folder });
    }
    let folder = folder.display();
    output::line(&format!("`{id}` is in `{folder}`, with its license and its digest."))?;
    output::line("On the other machine: `localcoder models import FOLDER`.")
}

pub(super) fn license(models: &Models, folder: &Path, json: bool) -> Result<(), ErrorInfo> {
    let Bundle { model, license_text, entry, .. } = Bundle::read(folder, &models.catalog)?;
    if json {
        let license = model.license.as_ref().map(list::license);
        let named = license.as_ref().map(|it| it.name.as_str());
        let mut facts = list::license_facts(&model.id, model.bytes, &model.sha256, named);
        facts.push(Fact {
            what: "Verified".to_owned(),
            text: match (&entry, &model.claimed_id) {
                (Some(_), _) => {
                    "its digest is the catalog's, and is compared with the file".to_owned()
                }
                (None, Some(claimed)) => format!(
                    "no: it calls itself `{claimed}`, and its digest is not the one of the catalog"
                ),
                (None, None) => {
                    "no: no catalog knows its digest, so all of it is claimed".to_owned()
                }
            },
        });
        return output::answer::<ModelsLicense>(&ModelLicense {
            facts,
            id: model.id,
            name: model.name,
            license,
            text: license_text.unwrap_or_default(),
        });
    }
    if let Some(text) = license_text {
        return output::data(&text);
    }
    output::note(&format!("Nothing is known of the license of `{}`.", model.id));
    Ok(())
}

pub(super) fn import(
    models: &Models,
    folder: &Path,
    accepted: bool,
    json: bool,
) -> Result<(), ErrorInfo> {
    let bundle = Bundle::read(folder, &models.catalog)?;
    let model = &bundle.model;
    let consent = match (&model.license, &bundle.license_text) {
        (Some(license), Some(text)) => {
            if !accepted {
                output::line(&format!("{}, {}, {}", model.name, bytes(model.bytes), license.name))?;
                install::ask(&model.id, license, text)?;
            }
            Some(Consent::to(license, text)?)
        }
        // A folder without a license is one of a model that never had one here; nothing can be
        // agreed to.
        _ => None,
    };
    let model =
        followed("copying", |progress| models.store.import_bundle(&bundle, consent, progress))?;
    if json {
        return models.answer_import(&model);
    }
    models.say_what_it_is(&model)?;
    models.recommend(&model)
}
