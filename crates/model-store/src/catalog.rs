//! What can be had: one entry for each file, with all that pins it and all that a user has to
//! know before it is loaded. The product's own is built in; a user may add a file of the same
//! form. An entry without a digest or a license is refused, whoever wrote it.

use std::path::Path;
use std::sync::LazyLock;

use localcoder_disk::{ReadError, read_text};
use localcoder_gguf::TEMPLATE_BYTES_MAX;
use localcoder_protocol::limits::CHAT_TEMPLATE_BYTES_MAX;
use localcoder_protocol::{THINKING_SWITCHES, is_sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::address;
use crate::error::{StoreError, Unread};

/// The product's own.
const SHIPPED: &str = include_str!("../catalog.json");
/// A file of another version is refused and not guessed at.
const VERSION: u32 = 1;
/// Of a file: a thousand entries with all that may be in one.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Of an id: it is a file's name.
pub(crate) const ID_LENGTH_MAX: usize = 64;
/// Hosts of the shipped entries' addresses, and those they lead to: the hub redirects to its
/// content servers. A leading dot stands for every host below.
const HUGGING_FACE_HOSTS: &[&str] = &["huggingface.co", ".huggingface.co", ".hf.co"];

// One in a file may be as long.
const _: () = assert!(TEMPLATE_BYTES_MAX == CHAT_TEMPLATE_BYTES_MAX as u64);

/// A catalog file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalog {
    /// The form of the file; 1.
    pub version: u32,
    /// Where this file's form is described; not read.
    #[serde(default, rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// One for each file.
    pub models: Vec<Entry>,
}

/// A model that can be installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// By which it is called: lower-case letters, digits, `.`, `-` and `_`.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is good for, in a sentence.
    #[serde(default)]
    pub summary: String,
    /// What it is meant for.
    pub roles: Vec<Role>,
    /// Models of one family share tokenizer and template.
    pub family: String,
    /// Who made the model.
    pub publisher: String,
    /// Who made this file of it, if somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantized_by: Option<String>,
    /// Number of weights.
    pub parameters: u64,
    /// Such as `Q4_K_M`.
    pub quantization: String,
    /// Name of the file.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal digits. Another file is never installed for it.
    pub sha256: String,
    /// Repository on the model hub, `owner/name`; empty where `url` says all.
    #[serde(default)]
    pub repository: String,
    /// The repository's revision.
    pub revision: String,
    /// Address of the file; that of the repository's file at its revision where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Other addresses of the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Its license.
    pub license: LicenseTerms,
    /// Context length that it was trained for, in tokens.
    pub context_tokens: u64,
    /// Bytes of the KV cache for each token of context, as 16-bit floats.
    pub kv_bytes_per_token: u64,
    /// How it is kept from thinking before it answers; absent where it does not think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// What marks the parts of a text with a gap; absent where it was not made to fill one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fim: Option<Fim>,
    /// The profile that suits it.
    pub profile: Profile,
    /// Its chat template in Jinja, where that of the file is missing or wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// What its maker recommends for answers that are not code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// Ids of smaller models to fall back on where memory is short, the best first.
    #[serde(rename = "lighter", default, skip_serializing_if = "Vec::is_empty")]
    pub smaller_ids: Vec<String>,
}

/// What a model is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Edits and explanations of code.
    Code,
    /// Chat and text.
    General,
    /// Text at the cursor.
    Completion,
}

/// How a model thinks before it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thinking {
    /// The variable of its chat template that turns it off; absent where it always thinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<String>,
}

/// Tokens of a prompt with a gap, by their names in the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fim {
    /// Before the text in front of the gap.
    pub prefix: String,
    /// Before the text behind the gap.
    pub suffix: String,
    /// Before the text of the gap.
    pub middle: String,
}

/// A profile of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// Small and quick.
    Fast,
    /// The usual.
    Balanced,
    /// 13 to 14 billion weights.
    Heavy,
}

/// How freely a model should choose its words; the settings count more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sampling {
    /// 0 to 2; 0 always takes the likeliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// 1 to 2; 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_penalty: Option<f32>,
}

impl Sampling {
    pub(crate) fn is_sound(self) -> bool {
        let within = |value: Option<f32>, low: f32, high: f32| {
            value.is_none_or(|value| (low..=high).contains(&value))
        };
        within(self.temperature, 0.0, 2.0)
            && within(self.top_p, 0.0, 1.0)
            && within(self.repeat_penalty, 1.0, 2.0)
    }
}

/// What a user agrees to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LicenseTerms {
    /// SPDX id, or the name that the model hub has for it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Address of its text.
    pub url: String,
    /// Digest of the text, where it is known: another text is not agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether it allows commercial use.
    pub commercial: bool,
    /// Conditions worth knowing before reading all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What must be shown where the model is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attribution: Vec<String>,
    /// Address of a policy that it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_url: Option<String>,
}

impl Catalog {
    /// The product's own.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("a test reads it")
    }

    /// The product's own and that of the user, where there is one. Where both have an id, the
    /// user's counts.
    ///
    /// # Errors
    /// Where the user's file is malformed: nothing of it is used then.
    pub fn with_file(path: &Path) -> Result<Self, StoreError> {
        let mut catalog = Self::shipped();
        let unusable = |source| StoreError::Catalog { path: path.to_owned(), source };
        let text = match read_text(path, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing(path) => return Ok(catalog),
            // Where the disk is what is wrong, there is nothing to fix in the file.
            Err(error @ ReadError::Io(_)) => return Err(unusable(Unread::Disk(error.cause(path)))),
            Err(error) => return Err(unusable(Unread::Nonsense(error.to_string()))),
        };
        let more = Self::parse(&text).map_err(|why| unusable(Unread::Nonsense(why)))?;
        catalog.models.retain(|entry| more.entry(&entry.id).is_none());
        catalog.models.extend(more.models);
        Ok(catalog)
    }

    /// What a catalog file says.
    ///
    /// # Errors
    /// With what is wrong, where it is none: nothing of it is used then.
    pub fn parse(text: &str) -> Result<Self, String> {
        let catalog: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if catalog.version != VERSION {
            return Err(format!(
                "its version is {}, and this program knows version {VERSION}",
                catalog.version
            ));
        }
        for (index, entry) in catalog.models.iter().enumerate() {
            entry.check().map_err(|why| format!("the entry `{}`: {why}", entry.id))?;
            if catalog.models[..index].iter().any(|other| other.id == entry.id) {
                return Err(format!("there are two entries `{}`", entry.id));
            }
        }
        Ok(catalog)
    }

    /// The product's own, read once. Without the user's catalog.
    pub(crate) fn known() -> &'static Self {
        static KNOWN: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);
        &KNOWN
    }

    /// The entry that pins this digest, whatever a file with it is called. That alone makes a file
    /// the one that the catalog means.
    #[must_use]
    pub fn by_digest(&self, sha256: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.sha256 == sha256)
    }

    /// The entry of an id.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.id == id)
    }
}

/// The form of a catalog file as a JSON schema, for editors and other programs.
#[must_use]
pub fn catalog_schema() -> String {
    let schema = schemars::schema_for!(Catalog);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

impl Entry {
    fn check(&self) -> Result<(), String> {
        self.check_texts()?;
        self.check_numbers()?;
        self.check_addresses()
    }

    /// Names are there. What is in them is written out where it is shown, as are all names of
    /// others.
    fn check_texts(&self) -> Result<(), String> {
        let named = [
            ("name", &self.name),
            ("file", &self.file),
            ("publisher", &self.publisher),
            ("quantization", &self.quantization),
            ("revision", &self.revision),
            ("license.id", &self.license.id),
            ("license.name", &self.license.name),
            ("license.url", &self.license.url),
        ];
        if let Some((what, _)) = named.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(format!("`{what}` is empty"));
        }
        if let Some(fim) = &self.fim
            && [&fim.prefix, &fim.suffix, &fim.middle].iter().any(|token| token.is_empty())
        {
            return Err("`fim` has an empty token".to_owned());
        }
        let switch = self.thinking.as_ref().and_then(|it| it.switch.as_deref());
        // A template ignores a variable that it does not know: a misspelled one would silently
        // leave the model thinking.
        if let Some(switch) = switch.filter(|it| !THINKING_SWITCHES.contains(it)) {
            let known = THINKING_SWITCHES.join("`, `");
            return Err(format!("`thinking.switch` is `{switch}`; what is known is `{known}`"));
        }
        if !is_id(&self.id) {
            return Err("an id has 1 to 64 lower-case letters, digits, `.`, `-` and `_`, and \
                        begins with a letter or digit"
                .to_owned());
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), String> {
        if !is_sha256(&self.sha256) {
            return Err("`sha256` is not 64 lower-case hexadecimal digits".to_owned());
        }
        if self.bytes == 0 || self.parameters == 0 || self.context_tokens == 0 {
            return Err("`bytes`, `parameters` and `contextTokens` are above zero".to_owned());
        }
        if !self.sampling.unwrap_or_default().is_sound() {
            return Err("`sampling` has a number that is out of bounds".to_owned());
        }
        // It is kept in the manifest, whose length is bounded as well.
        if self.chat_template.as_ref().is_some_and(|it| it.len() > CHAT_TEMPLATE_BYTES_MAX) {
            return Err(format!("`chatTemplate` has more than {CHAT_TEMPLATE_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    /// The addresses of the file and the license are well-formed.
    fn check_addresses(&self) -> Result<(), String> {
        if !std::path::Path::new(&self.file)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
        {
            return Err("`file` is not a GGUF".to_owned());
        }
        if self.repository.is_empty() && self.url.is_none() {
            return Err("there is neither `repository` nor `url`".to_owned());
        }
        let paths = [
            ("file", Some(&self.file)),
            ("revision", Some(&self.revision)),
            ("repository", Some(&self.repository).filter(|it| !it.is_empty())),
        ];
        for (what, path) in paths {
            if let Some(why) = path.and_then(|path| address::path_problem(path)) {
                return Err(format!("`{what}` {why}"));
            }
        }
        if !self.repository.is_empty() && self.repository.split('/').count() != 2 {
            return Err("`repository` is not `owner/name`".to_owned());
        }
        let addresses = [
            ("url", self.url.as_ref()),
            ("license.url", Some(&self.license.url)),
            ("license.policyUrl", self.license.policy_url.as_ref()),
        ];
        let mirrors = self.mirrors.iter().map(|mirror| ("mirrors", Some(mirror)));
        for (what, url) in addresses.into_iter().chain(mirrors) {
            if let Some(why) = url.and_then(|url| address::problem(url)) {
                return Err(format!("`{what}` {why}"));
            }
        }
        Ok(())
    }

    /// Addresses of the file, the preferred one first.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let Self { repository, revision, file, .. } = self;
        let own = self.url.clone().unwrap_or_else(|| {
            // At a revision and not at a branch, where the file could be replaced by one that has
            // another digest.
            format!("https://huggingface.co/{repository}/resolve/{revision}/{file}")
        });
        std::iter::once(own).chain(self.mirrors.iter().cloned()).collect()
    }

    /// Hosts that may be asked for the file: those of its addresses, and those that the model
    /// hub leads to.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        hosts_for(&self.urls())
    }
}

/// Hosts of some addresses, and those that the model hub leads to. Whatever a server redirects to,
/// no other host is asked.
pub(crate) fn hosts_for(urls: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in urls.iter().filter_map(|url| host_of(url)) {
        if host == HUGGING_FACE_HOSTS[0] {
            hosts.extend(HUGGING_FACE_HOSTS.iter().map(|host| (*host).to_owned()));
        } else {
            hosts.push(host);
        }
    }
    hosts.dedup();
    hosts
}

/// What can be a file's name and is easy to type. Begins with a letter or digit, so that it is
/// never `..`, a hidden file or an option of a command; in lower case, since some file systems do
/// not tell cases apart.
pub(crate) fn is_id(text: &str) -> bool {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text.bytes().next().is_some_and(good)
        && text.bytes().all(|c| good(c) || b".-_".contains(&c))
}

/// The host of an address, without a port, read as `localcoder-fetch` reads it: what is allowed is
/// compared with that.
pub(crate) fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::licenses::shipped_text;

    fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Catalog, String> {
        let mut catalog: serde_json::Value = serde_json::from_str(SHIPPED).unwrap();
        change(&mut catalog);
        Catalog::parse(&catalog.to_string())
    }

    #[test]
    fn the_defaults_of_the_product_are_there_and_pinned() {
        let catalog = Catalog::shipped();
        for id in ["qwen2.5-coder-7b", "llama-3-8b", "qwen2.5-coder-14b"] {
            assert!(catalog.entry(id).is_some(), "{id}");
        }
        for entry in &catalog.models {
            // A revision pins; where none is known, length and digest do.
            assert!(entry.revision.len() == 40 || entry.revision == "main", "{}", entry.id);
            assert!(entry.license.commercial, "{}: not for everybody", entry.id);
            let known = shipped_text(&entry.license).is_some();
            assert!(known || !entry.license.attribution.is_empty(), "{}", entry.id);
            assert!(entry.urls()[0].starts_with("https://huggingface.co/"), "{}", entry.id);
            for id in &entry.smaller_ids {
                let smaller = catalog.entry(id).unwrap();
                assert!(smaller.bytes < entry.bytes && smaller.family == entry.family);
            }
        }
        // None of them makes anybody wait for thoughts, and what completes at the cursor can.
        for entry in &catalog.models {
            assert!(entry.thinking.as_ref().is_none_or(|it| it.switch.is_some()), "{}", entry.id);
            assert!(
                entry.fim.is_some() || !entry.roles.contains(&Role::Completion),
                "{}",
                entry.id
            );
        }
        // Every default has somewhere to go where memory is short, but the one whose family has
        // nothing smaller.
        assert!(!catalog.entry("qwen2.5-coder-7b").unwrap().smaller_ids.is_empty());
    }

    #[test]
    fn an_entry_that_is_not_pinned_or_has_no_license_is_refused() {
        for (field, value) in [
            ("sha256", "".into()),
            ("sha256", "../../../etc".into()),
            ("bytes", 0.into()),
            ("revision", " ".into()),
            ("file", "model.safetensors".into()),
            ("id", "../up".into()),
            ("id", "UPPER".into()),
            ("surprise", 1.into()),
        ] {
            let result = changed(|catalog| catalog["models"][0][field] = value);
            assert!(result.is_err(), "{field}");
        }
        for field in ["license", "sha256", "bytes", "revision"] {
            let result = changed(|catalog| {
                catalog["models"][0].as_object_mut().unwrap().remove(field);
            });
            assert!(result.unwrap_err().contains(field), "{field}");
        }
        assert!(changed(|catalog| catalog["models"][0]["license"]["id"] = "".into()).is_err());
        assert!(changed(|catalog| catalog["version"] = 2.into()).is_err());
        let unknown = |catalog: &mut serde_json::Value| {
            catalog["models"][0]["thinking"] = serde_json::json!({"switch": "think_hard"});
        };
        assert!(changed(unknown).unwrap_err().contains("think_hard"));
        assert!(changed(|catalog| catalog["models"][0]["fim"]["middle"] = "".into()).is_err());
        let twice = changed(|catalog| {
            let first = catalog["models"][0].clone();
            catalog["models"].as_array_mut().unwrap().push(first);
        });
        assert!(twice.unwrap_err().contains("two entries"));
    }

    #[test]
    fn a_users_entry_takes_the_place_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.json");
        assert_eq!(Catalog::with_file(&path).unwrap(), Catalog::shipped());
        let mut own = Catalog::shipped();
        own.models.truncate(1);
        own.models[0].name = "Mine".to_owned();
        fs_err::write(&path, serde_json::to_vec(&own).unwrap()).unwrap();
        let catalog = Catalog::with_file(&path).unwrap();
        assert_eq!(catalog.models.len(), Catalog::shipped().models.len());
        assert_eq!(catalog.entry(&own.models[0].id).unwrap().name, "Mine");
        fs_err::write(&path, "{").unwrap();
        assert!(matches!(Catalog::with_file(&path), Err(StoreError::Catalog { .. })));
    }

    #[test]
    fn hosts_are_those_of_the_addresses() {
        let mut entry = Catalog::shipped().models[0].clone();
        assert_eq!(entry.hosts(), HUGGING_FACE_HOSTS);
        entry.url = Some("http://127.0.0.1:8000/x.gguf".to_owned());
        entry.mirrors = vec!["https://mirror.example.org/x.gguf?a=b".to_owned()];
        assert_eq!(entry.hosts(), ["127.0.0.1", "mirror.example.org"]);
        assert_eq!(host_of("https://[::1]:80/a"), Some("[::1]".to_owned()));
        // As it is asked: another way to write it is the same host.
        assert_eq!(host_of("https://Example.ORG:443/a"), Some("example.org".to_owned()));
        assert_eq!(host_of("nonsense"), None);
    }
}
