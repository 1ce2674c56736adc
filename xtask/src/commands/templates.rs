//! `templates`: compares our engine's output for chat templates with that of the two engines they
//! are written for, Jinja2 as Hugging Face sets it up and `@huggingface/jinja`: for our own
//! templates, and for all in llama.cpp's repository. Those are others' work under licenses of their
//! own, so they are downloaded with a package of the Python registry, and only the digests of the
//! results are kept.
//!
//! The results are in `crates/templates/reference/kept.json`; tests compare ours with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::files::{self, Stamp};
use crate::{node, places, process, report};

/// A package that contains llama.cpp's sources, with its templates. Its digest is checked here,
/// since pip downloads whatever the registry has under that version.
const PACKAGE: &str = "llama-cpp-python==0.3.36";
const PACKAGE_SHA256: &str = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e";
const IN_PACKAGE: &str = "vendor/llama.cpp/models/templates";

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Line {
    template: String,
    conversation: String,
    /// The form in which the template accepted it; absent if it refused.
    #[serde(default)]
    way: Option<String>,
    #[serde(default)]
    text: Option<String>,
    /// What comes before the answer in our engine's result and is not the template's.
    #[serde(default)]
    opening: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    failed: Option<String>,
}

type Lines = BTreeMap<(String, String), Line>;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Our own templates with their results; `None` if they refuse.
    own: BTreeMap<String, BTreeMap<String, Option<String>>>,
    package: String,
    others: BTreeMap<String, Other>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Other {
    sha256: String,
    /// SHA-256 of each conversation's result; `None` if the template refuses it.
    results: BTreeMap<String, Option<String>>,
}

/// What can be given to `templates`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Keep what the references say, for the tests
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let keep = options.keep;
    let work = places::target().join("templates");
    fs_err::create_dir_all(&work)?;
    let python = python(&work)?;
    let others = report::stage("fetch llama.cpp's templates", || fetch(&work, &python))?;
    node::install(&reference())?;
    let mut build = process::cargo(&places::root());
    build.args(["build", "--locked", "--package", "localcoder-templates", "--example", "lay_out"]);
    process::run(&mut build)?;
    let mut problems = Vec::new();
    let mut kept = Kept { package: PACKAGE.to_owned(), ..Kept::default() };
    for (name, folder) in [("own", reference().join("templates")), ("llama.cpp's", others)] {
        let results = compare(name, &folder, &work, &python, &mut problems)?;
        // Our own are kept in full, others' only as digests, because of their licenses.
        for ((template, conversation), line) in results {
            if name == "own" {
                kept.own.entry(template).or_default().insert(conversation, line.text);
            } else {
                let other = kept.others.entry(template).or_default();
                other.sha256 = line.sha256.unwrap_or_default();
                let digest = line.text.map(|text| digest_of(text.as_bytes()));
                other.results.insert(conversation, digest);
            }
        }
    }
    let path = reference().join("kept.json");
    if keep {
        files::write(&path, &(serde_json::to_string_pretty(&kept)? + "\n"))?;
    // Without `--keep`, what is kept must be what the references say now.
    } else if serde_json::from_str::<Kept>(&files::read(&path)?)? != kept {
        problems.push(format!("{} is not what the references say: `--keep`", path.display()));
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("templates are rendered otherwise than by the references:\n  {}", problems.join("\n  "))
}

/// Renders a folder's templates with all three engines and reports differences. Returns Jinja2's
/// results.
fn compare(
    name: &str,
    folder: &Path,
    work: &Path,
    python: &Path,
    problems: &mut Vec<String>,
) -> Result<Lines> {
    let conversations = reference().join("conversations.json");
    let mut program = process::command(python, work);
    program.arg("-B").arg(reference().join("render.py")).arg(folder).arg(&conversations);
    let said = process::read(&mut program)?;
    let jinja2 = lines(&said)?;
    let given = work.join("given.jsonl");
    files::write(&given, &said)?;
    let mut program = process::command("node", &reference());
    // A template may print the date.
    program.env("TZ", "UTC").arg("render.mjs").arg(folder).arg(&given);
    let javascript = lines(&process::read(&mut program)?)?;
    let lay_out = places::target().join("debug/examples/lay_out");
    let mut program = process::command(lay_out, work);
    let ours = lines(&process::read(program.arg(folder).arg(&conversations))?)?;
    let (mut same, mut openings, mut unable) = (0, BTreeMap::new(), BTreeMap::new());
    for (key, line) in &jinja2 {
        let own = ours.get(key).with_context(|| format!("{key:?} is missing"))?;
        if line.text != own.text {
            // Collected, so that one run shows every template that differs.
            problems.push(format!("{key:?}: ours {:?}, Jinja2 {:?}", own.text, line.text));
        }
        if let Some(opening) = own.opening.as_ref().filter(|it| !it.is_empty()) {
            openings.insert(&key.0, opening);
        }
        match javascript.get(key) {
            Some(other) if other.text == line.text => same += 1,
            // An engine that can't render a template is listed and not a problem of ours.
            Some(other) if other.text.is_none() => {
                let why = other.failed.as_deref().unwrap_or("it renders nothing");
                unable.insert(&key.0, why);
            }
            _ => problems.push(format!("{key:?}: @huggingface/jinja differs from Jinja2")),
        }
    }
    let refused = jinja2.values().filter(|line| line.text.is_none()).count();
    let bent = jinja2.values().filter(|it| it.way.as_deref().is_some_and(|it| it != "as it is"));
    report::line(format!(
        "{name}: {} results with Jinja2, {refused} of them refusals and {} in another form of the \
         chat; {same} are the same with @huggingface/jinja",
        jinja2.len(),
        bent.count()
    ));
    for (template, why) in unable {
        report::line(format!("  {template}: @huggingface/jinja can't render it: {why}"));
    }
    for (template, opening) in openings {
        report::line(format!("  {template}: the answer begins after {opening:?}"));
    }
    Ok(jinja2)
}

fn lines(said: &str) -> Result<Lines> {
    let line = |line: &str| {
        let line: Line = serde_json::from_str(line).with_context(|| line.to_owned())?;
        Ok(((line.template.clone(), line.conversation.clone()), line))
    };
    said.lines().map(line).collect()
}

fn reference() -> PathBuf {
    places::root().join("crates/templates/reference")
}

fn digest_of(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Python with Jinja2, in an environment of its own. The stamp is the text of the requirements, so
/// that a changed pin makes a new environment.
fn python(work: &Path) -> Result<PathBuf> {
    let venv = work.join("venv");
    let python = venv.join("bin/python");
    let requirements = reference().join("requirements.txt");
    let stamp = Stamp::new("templates-venv", files::read(&requirements)?);
    if !stamp.is_fresh() || !python.is_file() {
        stamp.clear();
        let mut make = process::command("python3", work);
        process::run(make.args(["-m", "venv"]).arg(&venv))?;
        let mut pip = process::command(&python, work);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
        process::run(pip.arg(&requirements))?;
        stamp.set()?;
    }
    Ok(python)
}

/// The folder of llama.cpp's templates. Only this folder is unpacked, and it gets its place by a
/// rename when it is complete.
fn fetch(work: &Path, python: &Path) -> Result<PathBuf> {
    let folder = work.join("llama.cpp");
    let stamp = Stamp::new("templates-of-llama-cpp", PACKAGE_SHA256.to_owned());
    if stamp.is_fresh() && folder.is_dir() {
        return Ok(folder);
    }
    stamp.clear();
    // Registries name archives with underscores, and a hyphen before the version.
    let name = format!("{}.tar.gz", PACKAGE.replace("==", "-").replace('-', "_"));
    let archive = work.join(name.replacen("_0.", "-0.", 1));
    if !archive.is_file() {
        let mut pip = process::command(python, work);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check"]);
        process::run(pip.args(["--no-binary", ":all:", "--no-deps", "--dest", ".", PACKAGE]))?;
    }
    // Also of an archive that was there: a download that was interrupted is found here.
    let digest = digest_of(&fs_err::read(&archive)?);
    if digest != PACKAGE_SHA256 {
        bail!("{} has the digest {digest}, and {PACKAGE_SHA256} is meant", archive.display());
    }
    let unpacked = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let inside = format!("{}/{IN_PACKAGE}", unpacked.trim_end_matches(".tar.gz"));
    let mut tar = process::command("tar", work);
    process::run(tar.arg("-xzf").arg(&archive).arg(&inside))?;
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    fs_err::rename(work.join(inside), &folder)?;
    stamp.set()?;
    Ok(folder)
}
