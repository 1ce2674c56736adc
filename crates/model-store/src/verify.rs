//! Whether an installed model is still what was installed: its file is read and its digest
//! compared. One that is not is put aside, so that nothing loads it.

use localcoder_disk::open;
use localcoder_protocol::{ErrorCode, ErrorInfo};

use crate::Progress;
use crate::hash::digest;
use crate::problem::{cancelled, disk, unusable};
use crate::store::Store;

impl Store {
    /// Reads a model's file and compares its digest.
    ///
    /// # Errors
    /// `checksumMismatch` with both digests where it is another file by now; the store's own copy
    /// is put aside then.
    pub fn verify(&self, id: &str, progress: &mut Progress<'_>) -> Result<(), ErrorInfo> {
        let model = self.model(id)?;
        let path = self.path_of(id)?;
        let failed = |error: std::io::Error| disk(&path, &error);
        let (mut file, _) = open(&path).map_err(|error| unusable(&path, error.cause(&path)))?;
        let found = digest(&mut file, model.bytes, progress, |_| Ok(()))
            .map_err(failed)?
            .ok_or_else(|| cancelled("the check"))?;
        if found == model.sha256 {
            return Ok(());
        }
        let mut hint = "remove the model and import the right file".to_owned();
        if model.linked.is_none() {
            let aside = self.downloads().join(format!("damaged-{found}"));
            fs_err::rename(&path, &aside).map_err(|error| disk(&path, &error))?;
            hint = format!(
                "install it again with `localcoder models install {id}`; the damaged file is `{}`",
                aside.display()
            );
        }
        let message = format!("the file of `{id}` is not what was installed");
        Err(ErrorInfo::new(ErrorCode::ChecksumMismatch, message)
            .with_cause(format!("its digest is {found}, and it was {}", model.sha256))
            .with_hint(hint))
    }
}
