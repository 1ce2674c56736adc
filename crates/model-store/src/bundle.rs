//! A model as a folder that can be carried to a machine without a network: the file, what is
//! known of it, and its licence. What arrives is checked like a download.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use localcoder_disk::{ReadError, open, read_text};
use localcoder_protocol::{ErrorCode, ErrorInfo};

use crate::consent::Consent;
use crate::gguf_file::checked_header;
use crate::hash::digest;
use crate::manifest::{Installed, MANIFEST_BYTES_MAX, write_whole};
use crate::problem::{cancelled, disk, unusable};
use crate::store::Store;
use crate::{LICENSE_BYTES_MAX, Progress};

/// Files of the folder.
const MODEL: &str = "model.gguf";
const MANIFEST: &str = "model.json";
const LICENSE: &str = "LICENSE.txt";

/// A folder with a model, of which nothing was checked but that it is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    folder: PathBuf,
    /// What the folder says of it.
    pub model: Installed,
    /// The text of its licence, where it has one.
    pub license_text: Option<String>,
}

impl Bundle {
    /// Whether a path is such a folder.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        path.join(MANIFEST).is_file() && path.join(MODEL).is_file()
    }

    /// Reads what a folder says.
    ///
    /// # Errors
    /// Where it makes no sense.
    pub fn read(folder: &Path) -> Result<Self, ErrorInfo> {
        let unusable = |why: String| {
            let message = format!("`{}` is no exported model", folder.display());
            ErrorInfo::new(ErrorCode::ModelDamaged, message)
                .with_cause(why)
                .with_hint("export it again with `localcoder models export ID`")
        };
        let manifest = folder.join(MANIFEST);
        let text = read_text(&manifest, MANIFEST_BYTES_MAX)
            .map_err(|error| unusable(unread(&manifest, &error)))?;
        let mut model = Installed::parse(&text).map_err(unusable)?;
        // Where a file lies on this machine is not for a folder from elsewhere to say.
        model.linked = None;
        let license = folder.join(LICENSE);
        let license_text = match read_text(&license, LICENSE_BYTES_MAX) {
            Ok(text) => Some(text),
            Err(error) if error.is_missing(&license) => None,
            Err(error) => return Err(unusable(unread(&license, &error))),
        };
        if model.license.is_some() && license_text.is_none() {
            return Err(unusable(format!("the text of its licence, `{LICENSE}`, is not there")));
        }
        Ok(Self { folder: folder.to_owned(), model, license_text })
    }
}

fn unread(path: &Path, error: &ReadError) -> String {
    format!("`{}` can't be read: {}", path.display(), error.cause(path).text)
}

impl Store {
    /// Writes a model as a folder `ID.localcoder-model` in another one; its path.
    ///
    /// # Errors
    /// Where the folder is there already, the model's file is not what was installed, or the
    /// disk is full. Nothing is left then.
    pub fn export(
        &self,
        id: &str,
        to: &Path,
        progress: &mut Progress<'_>,
    ) -> Result<PathBuf, ErrorInfo> {
        let model = self.model(id)?;
        let source = self.path_of(id)?;
        let folder = to.join(format!("{id}.localcoder-model"));
        DirBuilder::new().create(&folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                let message = format!("`{}` is there already", folder.display());
                ErrorInfo::new(ErrorCode::FileAccess, message)
                    .with_hint("remove it, or choose another folder with `--to`")
            }
            _ => disk(&folder, &error),
        })?;
        let result = self.fill(&folder, &model, &source, progress);
        if result.is_err() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        result.map(|()| folder)
    }

    fn fill(
        &self,
        folder: &Path,
        model: &Installed,
        source: &Path,
        progress: &mut Progress<'_>,
    ) -> Result<(), ErrorInfo> {
        let (mut from, _) = open(source).map_err(|it| unusable(source, it.cause(source)))?;
        let path = folder.join(MODEL);
        let mut to = File::create_new(&path).map_err(|error| disk(&path, &error))?;
        let found = digest(&mut from, model.bytes, progress, |bytes| to.write_all(bytes))
            .map_err(|error| disk(&path, &error))?
            .ok_or_else(|| cancelled("the export"))?;
        to.sync_all().map_err(|error| disk(&path, &error))?;
        check(&model.id, &found, &model.sha256)?;
        if let Some(text) = self.kept_license(model) {
            write_whole(&folder.join(LICENSE), text.as_bytes())?;
        }
        // Last: a folder without it is no exported model.
        let mut carried = model.clone();
        carried.linked = None;
        write_whole(&folder.join(MANIFEST), carried.text().as_bytes())
    }

    /// Takes a model in from such a folder. `consent`: of whoever does it here, where the model
    /// has a licence.
    ///
    /// # Errors
    /// Where the file is not the one that the folder names, or no usable model.
    pub fn import_bundle(
        &self,
        bundle: &Bundle,
        consent: Option<Consent>,
        progress: &mut Progress<'_>,
    ) -> Result<Installed, ErrorInfo> {
        let mut model = bundle.model.clone();
        self.check_free(&model.id)?;
        let path = bundle.folder.join(MODEL);
        let (mut file, about) = open(&path).map_err(|it| unusable(&path, it.cause(&path)))?;
        checked_header(&path, &mut file)?;
        let bytes = about.len();
        self.take_in(&path, &mut file, bytes, Some(&model.sha256), progress)?;
        if let (Some(license), Some(text)) = (&model.license, &bundle.license_text) {
            self.keep_license(&model.id, license, text)?;
        }
        if let Some(consent) = &consent {
            consent.record(&self.consents(), (&model.id, &model.sha256), &model.source)?;
        }
        model.consent = consent;
        model.bytes = bytes;
        self.add(&model)?;
        Ok(model)
    }
}

/// Compares digests.
pub(crate) fn check(id: &str, found: &str, wanted: &str) -> Result<(), ErrorInfo> {
    if found == wanted {
        return Ok(());
    }
    let message = format!("the file of `{id}` is not the one that it is said to be");
    Err(ErrorInfo::new(ErrorCode::ChecksumMismatch, message)
        .with_cause(format!("its digest is {found}, and the one wanted is {wanted}"))
        .with_hint("copy or load the file again"))
}
