//! Our extension's built files: where they are, what is shipped of them, and their digest.
//!
//! Does not build them. Used when the editor is assembled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde_json::Value;

use super::stage::Digest;
use super::tree;

/// The parts of `editors/code` that an installed extension needs; the rest is for building and
/// testing.
const SHIPPED: [&str; 9] = [
    "package.json",
    "package.nls.json",
    "dist",
    "media",
    "l10n",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "language-configuration.json",
];

/// The one among these that is for debuggers, which find it in `editors/code` next to the sources
/// that it names.
const MAP: &str = "dist/extension.js.map";

/// Pages of `docs` that are shipped in its `docs` folder, for *Show Help*: these, and the guides.
const PAGES: [&str; 5] = [
    "edits.md",
    "diagnostics.md",
    "reliability.md",
    "reference/settings.md",
    "reference/errors.md",
];

fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let guides = tree::files(&root.join("docs/guides"))?;
    let guides = guides.into_iter().map(|path| Path::new("guides").join(path));
    Ok(PAGES.iter().map(PathBuf::from).chain(guides).collect())
}

pub(super) struct Extension {
    folder: PathBuf,
    docs: PathBuf,
    pages: Vec<PathBuf>,
    pub(super) version: String,
    /// Over everything in it that is shipped, pages included: it decides whether the editor is
    /// assembled again.
    pub(super) digest: String,
}

/// The built extension, or `None` if it has not been built. Only looks at files: whether the build
/// is up to date is for those who call this.
pub(super) fn find(root: &Path) -> Result<Option<Extension>> {
    let folder = root.join("editors/code");
    if !folder.join("dist/extension.js").is_file() {
        return Ok(None);
    }
    let mut digest = Digest::new("extension");
    for name in SHIPPED {
        let path = folder.join(name);
        // The name goes in also where there is no such file, so that its appearance changes the
        // digest.
        digest.text(name);
        if path.is_dir() {
            digest.tree(&path)?;
        } else if path.is_file() {
            digest.file(&path)?;
        }
    }
    let (docs, pages) = (root.join("docs"), pages(root)?);
    for page in &pages {
        digest.text(&page.to_string_lossy());
        digest.file(&docs.join(page))?;
    }
    let package: Value = serde_json::from_str(&fs::read_to_string(folder.join("package.json"))?)
        .context("editors/code/package.json is not JSON")?;
    let version = package["version"].as_str().unwrap_or("unknown").to_owned();
    Ok(Some(Extension { folder, docs, pages, version, digest: digest.finish() }))
}

impl Extension {
    pub(super) fn copy(&self, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for name in SHIPPED {
            let (source, target) = (self.folder.join(name), to.join(name));
            if source.is_dir() {
                tree::copy(&source, &target)?;
            } else if source.is_file() {
                fs::copy(&source, &target)?;
            }
        }
        // After the copy and not left out of it, since `dist` is copied whole.
        if to.join(MAP).is_file() {
            fs::remove_file(to.join(MAP))?;
        }
        for page in &self.pages {
            let target = to.join("docs").join(page);
            fs::create_dir_all(target.parent().expect("a page lies in a folder"))?;
            fs::copy(self.docs.join(page), &target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn anchors(text: &str) -> BTreeSet<String> {
        let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
        let headings = headings.map(|it| it.trim_start_matches('#').trim().to_lowercase());
        let kept = |it: String| {
            it.replace(' ', "-").replace(|c: char| !(c.is_alphanumeric() || c == '-'), "")
        };
        headings.map(kept).collect()
    }

    /// `guides/../reference/x.md` as `reference/x.md`.
    fn plain(path: &Path) -> PathBuf {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                std::path::Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        plain
    }

    #[test]
    fn every_link_of_a_shipped_page_leads_to_a_shipped_page_and_a_heading_on_it() {
        let root = crate::places::root();
        let pages = pages(&root).unwrap();
        let text = |page: &Path| fs::read_to_string(root.join("docs").join(page)).unwrap();
        let mut links = 0;
        for page in &pages {
            let words = text(page);
            for (at, _) in words.match_indices("](") {
                let link = words[at + 2..].split(')').next().unwrap();
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = match path {
                    "" => page.clone(),
                    path => plain(&page.parent().unwrap().join(path)),
                };
                let shown = page.display();
                assert!(pages.contains(&target), "{shown}: `{link}` is not shipped");
                let is_there = anchor.is_empty() || anchors(&text(&target)).contains(anchor);
                assert!(is_there, "{shown}: `{link}` has no such heading");
                links += 1;
            }
        }
        assert!(links > 50, "only {links} links were found");
    }

    #[test]
    fn every_page_that_the_help_command_lists_is_shipped_and_every_guide_is_listed() {
        let root = crate::places::root();
        let pages = pages(&root).unwrap();
        let source = fs::read_to_string(root.join("editors/code/src/lib/help.ts")).unwrap();
        let listed: BTreeSet<PathBuf> = source
            .split("path: \"")
            .skip(1)
            .map(|rest| PathBuf::from(rest.split('"').next().unwrap()))
            .collect();
        assert_eq!(listed, pages.into_iter().collect::<BTreeSet<_>>());
    }
}
