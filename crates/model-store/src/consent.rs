//! What a user agreed to: which text, and when. Kept with the model, and in a list that only grows,
//! so that it can be shown after the model is gone.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::LicenseTerms;
use crate::error::{StoreError, disk};
use crate::manifest::{Source, now_s};

/// A record that the user agreed to a license: its text, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    pub license_id: String,
    /// Digest of the text that was shown.
    pub text_sha256: String,
    /// When the user agreed, in seconds since 1970.
    pub at_s: u64,
    pub product_version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    model: &'a str,
    sha256: &'a str,
    source: &'a Source,
    #[serde(flatten)]
    consent: &'a Consent,
}

impl Consent {
    /// Records that the user has been shown this text of a license and agrees.
    ///
    /// # Errors
    /// If it is not the text that the catalog has pinned.
    pub fn to(license: &LicenseTerms, text: &str) -> Result<Self, StoreError> {
        let text_sha256 = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        let pinned = license.sha256.as_ref();
        if pinned.is_some_and(|pinned| *pinned != text_sha256) {
            let license = license.name.clone();
            return Err(StoreError::OtherLicense { license, sha256: text_sha256 });
        }
        Ok(Self {
            license_id: license.id.clone(),
            text_sha256,
            at_s: now_s(),
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Appends a line of JSON to the list and syncs it, before the model that it is about can be
    /// used. Nothing is ever removed from the list.
    pub(crate) fn record(
        &self,
        list: &Path,
        (model, sha256): (&str, &str),
        source: &Source,
    ) -> Result<(), StoreError> {
        let line = Line { model, sha256, source, consent: self };
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).open(list)?;
            file.write_all(text.as_bytes())?;
            // The agreement has to outlast a power cut as well as the model does.
            file.sync_all()
        };
        append().map_err(|error| disk(list, &error))
    }
}
