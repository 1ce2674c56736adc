//! `localcoder models …`: which models are installed, which can be, and how to get from one to the
//! other.

mod carry;
mod install;
mod known;
mod list;
mod table;
mod terminal;
mod use_model;

use std::path::Path;

use localcoder_disk::tally;
use localcoder_host::connect;
use localcoder_model_store::{Bundle, Catalog, Entry, ImportMode, Installed, Machine, Store};
use localcoder_protocol::{
    ClientKind, ErrorAction, ErrorCode, ErrorInfo, HostStatus, InstalledModel, ModelDiscarded,
    ModelInstalled, ModelList, ModelRemoved, ModelVerified, ModelsDiscard, ModelsImport,
    ModelsRemove, ModelsVerify, Nothing, Resident, Status, Unload, UnloadParams,
};
use localcoder_settings::{NetworkAllowed, Places, Settings, air_gap};

use crate::arguments::ModelsCommand;
use crate::{output, settings_file};
use terminal::{bytes, followed};

pub(crate) fn run(command: ModelsCommand) -> Result<(), ErrorInfo> {
    let models = Models::open()?;
    match command {
        ModelsCommand::List { json } => list::list(&models, json),
        ModelsCommand::Info { id, json } => list::info(&models, &id, json),
        ModelsCommand::License { id, json } => install::license(&models, &id, json),
        ModelsCommand::Install { id, accept_license, json, events } => {
            let format = match (json, events) {
                (_, true) => install::OutputFormat::Events,
                (true, _) => install::OutputFormat::Json,
                _ => install::OutputFormat::Text,
            };
            install::install(&models, &id, accept_license, format)
        }
        ModelsCommand::Discard { id, json } => models.discard(&id, json),
        ModelsCommand::Import { path, accept_license, json, .. } if Bundle::is_at(&path) => {
            carry::import(&models, &path, accept_license, json)
        }
        ModelsCommand::Import { path, id, in_place, json, .. } => {
            let mode = if in_place { ImportMode::InPlace } else { ImportMode::Copy };
            models.import(&path, id.as_deref(), mode, json)
        }
        ModelsCommand::Export { id, to, json } => carry::export(&models, &id, &to, json),
        ModelsCommand::Remove { id, json } => models.remove(&id, json),
        ModelsCommand::Verify { id, json } => models.verify(&id, json),
        ModelsCommand::Use { id, purpose, json } => use_model::run(&models, &id, purpose, json),
    }
}

pub(crate) fn listed() -> Result<ModelList, ErrorInfo> {
    list::model_list(&Models::open()?)
}

const NO_TEMPLATE: &str = "It has no chat template: it is a base model, which continues a text and \
                           was not made to follow instructions. Choose its variant called \
                           \"instruct\" or \"chat\" for edits and explanations.";

const NAMED_BASE: &str = "It calls itself a base model, which continues a text and was not made to \
                          follow instructions: edits and explanations with it are refused. Choose \
                          its variant called \"instruct\" or \"chat\" for them.";

struct Models {
    places: Places,
    catalog: Catalog,
    store: Store,
    /// Measured once: on some systems that starts a program.
    machine: Machine,
}

impl Models {
    fn open() -> Result<Self, ErrorInfo> {
        let places = Places::resolve()?;
        let catalog = Catalog::with_file(&places.catalog_file())?;
        let store = Store::open(&places.models)?;
        let machine = store.machine();
        Ok(Self { places, catalog, store, machine })
    }

    fn entry(&self, id: &str) -> Result<&Entry, ErrorInfo> {
        self.catalog.entry(id).ok_or_else(|| {
            ErrorInfo::new(ErrorCode::ModelNotFound, format!("the catalog has no model `{id}`"))
                .with_hint("choose one of those that can be installed")
                .with_action(ErrorAction::ShowModels)
        })
    }

    fn settings(&self) -> Settings {
        settings_file::resolved(&self.places).settings
    }

    /// The permission to download; `what` says what does not happen without it. There is no other
    /// way to get one, so no path to a download can forget to ask.
    fn network(&self, what: &str) -> Result<NetworkAllowed, ErrorInfo> {
        Ok(air_gap(&self.places).permission(what)?)
    }

    /// As [`Self::network`], for a download that is about to start: a refusal is counted, and shown
    /// by `localcoder doctor --privacy`. A list that only shows what could be done counts nothing.
    fn network_now(&self, what: &str) -> Result<NetworkAllowed, ErrorInfo> {
        self.network(what).inspect_err(|_| tally::add(&self.places.refusals_file()))
    }

    /// The models in use for code and for everything else: by their ids in the store, also where
    /// the settings name a path or the catalog's name of a file that has another id here.
    fn in_use(&self) -> (String, String) {
        let settings = self.settings();
        let used = |references: &[String]| {
            let used = settings_file::model_in_use(&self.places, references);
            let there = match used.contains(['/', '\\']) {
                true => self.store.left_at(Path::new(&used)),
                false => self.store.meant(&used).ok(),
            };
            there.map_or(used, |model| model.id)
        };
        (used(&settings.code_models()), used(&settings.general_models()))
    }

    fn import(
        &self,
        path: &Path,
        id: Option<&str>,
        mode: ImportMode,
        json: bool,
    ) -> Result<(), ErrorInfo> {
        let model = followed("reading", |progress| {
            self.store.import(path, id, mode, &self.catalog, progress)
        })?;
        if json {
            return self.answer_import(&model);
        }
        self.say_what_it_is(&model)?;
        match (&model.license, &model.claimed_license) {
            (Some(license), _) => output::line(&format!("License: {}.", license.name)),
            (None, Some(claimed)) => output::line(&format!(
                "Its file says that its license is `{claimed}`. That was not checked."
            )),
            (None, None) => output::line("Its file says nothing of a license."),
        }?;
        self.recommend(&model)
    }

    fn answer_import(&self, model: &Installed) -> Result<(), ErrorInfo> {
        let not_for_edits = self.why_not_for_edits(&model.id)?.map(str::to_owned);
        let installed = InstalledModel { not_for_edits, ..list::installed_model(self, model) };
        output::answer::<ModelsImport>(&ModelInstalled { installed })
    }

    fn say_what_it_is(&self, model: &Installed) -> Result<(), ErrorInfo> {
        let Installed { id, name, claimed_id, .. } = model;
        let size = bytes(model.bytes);
        if self.catalog.by_digest(&model.sha256).is_some() {
            return output::line(&format!("`{id}` is installed and verified: {name}, {size}."));
        }
        output::line(&format!("`{id}` is installed: {name}, {size}."))?;
        output::line(&match claimed_id {
            Some(claimed) => format!(
                "It came as `{claimed}`, which is the name of another model: its file is not the \
                 one that the catalog names. What it says of itself is claimed, not verified."
            ),
            None => "No catalog knows its file: what it says of itself is claimed, not verified."
                .to_owned(),
        })
    }

    fn recommend(&self, model: &Installed) -> Result<(), ErrorInfo> {
        let id = &model.id;
        match self.why_not_for_edits(id)? {
            Some(words) => output::line(words),
            None => {
                output::line(&format!("`localcoder models use {id}` makes it the model for code."))
            }
        }
    }

    /// Why a model is not suited for edits and explanations, and which ones are; `None` if it is
    /// suited.
    fn why_not_for_edits(&self, id: &str) -> Result<Option<&'static str>, ErrorInfo> {
        // A model without a template can't be told anything; one that calls itself a base model may
        // have one.
        if !self.store.has_template(id)? {
            return Ok(Some(NO_TEMPLATE));
        }
        Ok(self.store.says_base(id)?.then_some(NAMED_BASE))
    }

    fn remove(&self, id: &str, json: bool) -> Result<(), ErrorInfo> {
        // Read before it is gone: the answer names the file that stays.
        let model = self.store.model(id)?;
        self.unload(id)?;
        // After it was unloaded: a host that has the file mapped would keep its room on the disk.
        let freed = self.store.remove(id)?;
        if json {
            let removed = ModelRemoved { removed: id.to_owned(), freed_bytes: freed };
            output::answer::<ModelsRemove>(&removed)?;
        } else if freed > 0 {
            output::line(&format!("`{id}` is removed; that makes {} of room.", bytes(freed)))?;
        } else if let Some(linked) = &model.linked {
            let path = linked.path.display();
            output::line(&format!("`{id}` is removed; your file `{path}` is where it was."))?;
        } else {
            output::line(&format!("`{id}` is removed; another model has the same file."))?;
        }
        // Only models that the user has named; a profile's model may be missing, and then the next
        // one of the profile is used.
        let settings = self.settings();
        for (named, words, option) in [
            (settings.code_models(), "for code", ""),
            (settings.general_models(), "for everything but code", " --for general"),
        ] {
            if named == [id] {
                output::note(&format!(
                    "`{id}` is still the model {words}: choose another with `localcoder models use \
                     ID{option}`, or `demo`."
                ));
            }
        }
        Ok(())
    }

    fn discard(&self, id: &str, json: bool) -> Result<(), ErrorInfo> {
        let entry = self.entry(id)?;
        let freed = self.store.loaded_bytes(&entry.sha256);
        self.store.discard_download(&entry.sha256)?;
        if json {
            let discarded = ModelDiscarded { discarded: id.to_owned(), freed_bytes: freed };
            output::answer::<ModelsDiscard>(&discarded)
        } else {
            output::line(&format!("{} of the download of `{id}` are deleted.", bytes(freed)))
        }
    }

    fn verify(&self, id: &str, json: bool) -> Result<(), ErrorInfo> {
        followed("reading", |progress| self.store.verify(id, progress))?;
        let model = self.store.model(id)?;
        if json {
            let verified = ModelVerified { verified: id.to_owned(), sha256: model.sha256 };
            output::answer::<ModelsVerify>(&verified)
        } else {
            output::line(&format!("`{id}` is what was installed: {}", model.sha256))
        }
    }

    /// Has a running host unload a model that is to be removed. A model that is chosen for code or
    /// everything else is meant to be used, so it stays loaded.
    fn unload(&self, id: &str) -> Result<(), ErrorInfo> {
        let Some(status) = self.host_status()? else { return Ok(()) };
        let path = self.store.path_of(id).ok().map(|path| path.to_string_lossy().into_owned());
        let is_it = |resident: &&Resident| {
            let reference = &resident.model.reference;
            reference == id || path.as_ref() == Some(reference)
        };
        let Some(loaded) = status.residents.iter().find(is_it) else { return Ok(()) };
        let params = UnloadParams { model: loaded.model.reference.clone() };
        let (code, general) = self.in_use();
        let client = connect::connect(&self.places, ClientKind::Cli)?;
        if let Some(mut client) = client.filter(|_| id != code && id != general)
            && client.call::<Unload>(&params, |_, _| {})?.unloaded
        {
            return Ok(());
        }
        Err(ErrorInfo::new(ErrorCode::ModelInUse, format!("`{id}` is loaded"))
            .with_hint("choose another model, or end the engine")
            .with_action(ErrorAction::SwitchModel))
    }

    fn host_status(&self) -> Result<Option<HostStatus>, ErrorInfo> {
        let client = connect::connect_raw(&self.places)?;
        client.map(|mut client| client.call::<Status>(&Nothing {}, |_, _| {})).transpose()
    }
}
