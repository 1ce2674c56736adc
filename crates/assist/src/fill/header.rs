//! What a prompt has before the code around the gap: pieces of other files, imports and
//! declarations of this file that are outside the given part, and recent changes. What changes
//! least often comes first, so that the cached beginning of the prompt stays valid.

use localcoder_protocol::limits::{CHUNK_BYTES_MAX, CHUNKS_MAX, RECENT_EDITS_MAX};
use localcoder_protocol::{CodeChunk, RecentEdit};

use super::gap::Gap;
use super::prompt::estimate;
use super::secrets;
use crate::{imports, scopes, sensitive, syntax};

const OWN_LINES_MAX: usize = 24;
const EDIT_LINES_MAX: usize = 8;

/// What is put before the code, within `most` tokens. This file's own lines are chosen first, then
/// changes, then other files, the latest first; each goes in whole or not at all. They are laid out
/// the other way round, from what changes least often to what changes with every edit.
pub(super) fn chunks(
    gap: &Gap,
    start: usize,
    suffix_bytes: usize,
    (chunks, edits): (&[CodeChunk], &[RecentEdit]),
    most: usize,
) -> Vec<CodeChunk> {
    let mut left = most;
    let mut take = |chunk: &CodeChunk| {
        let tokens = estimate(&chunk.text) + estimate(&chunk.path);
        let fits = tokens <= left;
        left -= if fits { tokens } else { 0 };
        fits
    };
    let own = own(gap, start, suffix_bytes).filter(&mut take);
    let changed = changed(edits).filter(&mut take);
    let given = chunks.iter().rev().take(CHUNKS_MAX).filter(|it| it.path != gap.path);
    let given = given.filter(|chunk| sensitive::reason(&chunk.path).is_none());
    let given = given.map(|CodeChunk { path, text }| CodeChunk {
        // The client sends whole pieces; a longer one is cut rather than refused.
        path: path.clone(),
        text: secrets::without(&text[..text.floor_char_boundary(CHUNK_BYTES_MAX)]),
    });
    let mut all: Vec<CodeChunk> = given.filter(&mut take).collect();
    all.reverse();
    all.extend(own);
    all.extend(changed);
    all
}

/// What this file imports and declares outside the part that is given: the first line of each,
/// which has the name and the parameters. `None` if the whole file is given.
fn own(gap: &Gap, start: usize, suffix_bytes: usize) -> Option<CodeChunk> {
    let whole = format!("{}{}", gap.before, gap.after);
    let given = start..gap.before.len() + suffix_bytes;
    if start == 0 && given.end == whole.len() {
        return None;
    }
    let tree = syntax::parse(gap.language, &whole)?;
    let mut lines: Vec<&str> = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        let is_import = imports::is_import_node(node);
        if !is_import && !scopes::is_named(node) {
            return true;
        }
        let at = node.start_byte();
        if !given.contains(&at) {
            let from = whole[..at].rfind('\n').map_or(0, |it| it + 1);
            let line = whole[from..].split('\n').next().unwrap_or_default().trim_end();
            // A decorated or exported declaration is two nodes in one line.
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
        !is_import
    });
    lines.truncate(OWN_LINES_MAX);
    let text = secrets::without(&lines.join("\n"));
    (!text.is_empty()).then(|| CodeChunk { path: gap.path.clone(), text })
}

fn changed(edits: &[RecentEdit]) -> Option<CodeChunk> {
    let mut lines: Vec<String> = Vec::new();
    for RecentEdit { path, before, after, .. } in edits.iter().rev().take(RECENT_EDITS_MAX).rev() {
        if sensitive::reason(path).is_some() || before == after {
            continue;
        }
        lines.push(format!("--- {path}"));
        let side = |text: &str, sign: char| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines.take(EDIT_LINES_MAX).map(|line| format!("{sign}{line}")).collect()
        };
        lines.extend(side(before, '-'));
        lines.extend(side(after, '+'));
    }
    let text = secrets::without(&lines.join("\n"));
    (!text.is_empty()).then(|| CodeChunk { path: "recent.diff".to_owned(), text })
}
