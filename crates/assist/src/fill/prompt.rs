//! The prompt: its first part stays the same while the cursor moves, so that it is computed once.
//! What was typed since comes after everything else, as the beginning of what fills the gap.

use localcoder_protocol::{CodeChunk, InfillPart, RecentEdit, WorkerPrompt};

use super::gap::{BLANKS, Gap};
use super::header;

/// A prompt takes at most this much of the window, and no more than [`TOKENS_MAX`]: what was read
/// for edits stays in the cache next to it.
const WINDOW_SHARE: usize = 4;
const TOKENS_MIN: usize = 192;
const TOKENS_MAX: usize = 1024;

/// After this many typed bytes the gap moves forward: the model was not trained on gaps that are
/// mostly filled.
const TYPED_BYTES_MAX: usize = 240;

/// To find a prompt's beginning again in a changed document, this much of it is searched for.
const LANDMARK_BYTES: usize = 160;

/// Tokens that tell a model which part of the prompt is which, by number. `repository` and `file`
/// come before a name and a path; models without them can't be shown other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillTokens {
    pub prefix: u32,
    pub suffix: u32,
    pub middle: u32,
    pub repository: Option<u32>,
    pub file: Option<u32>,
}

/// Tokens for each part: three tenths for other files, half for the code before, a fifth for the
/// code behind. They are estimated: counting them would take as long as computing some of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    header: usize,
    prefix: usize,
    suffix: usize,
}

impl Budget {
    pub(super) fn of(window_tokens: u32) -> Self {
        let window = usize::try_from(window_tokens).unwrap_or(0);
        let all = (window / WINDOW_SHARE).clamp(TOKENS_MIN, TOKENS_MAX);
        Self { header: all * 3 / 10, prefix: all / 2, suffix: all / 5 }
    }
}

/// How many tokens a text has, estimated on the high side: three bytes of ASCII or one other
/// character each. A prompt that is too long would push what was read for edits out of the cache.
pub(super) fn estimate(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().filter(|c| !c.is_ascii()).count();
    ascii.div_ceil(3) + others
}

/// What a prompt had, kept for the same client's next prompt. `anchor` is how many bytes of the
/// document were before the gap, `chunks` are pieces of other files and of the rest of this one.
/// `whole_suffix` says that `suffix` reaches the end of the document, so that a document which has
/// grown at its end is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    path: String,
    chunks: Vec<CodeChunk>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    whole_suffix: bool,
    anchor: usize,
}

impl Held {
    pub(super) fn typed<'a>(&self, before: &'a str) -> &'a str {
        before.get(self.anchor..).unwrap_or_default()
    }

    /// The typed text without blanks at its end: to a model a word begins with the blank before it,
    /// and a model that was given the blank alone continues with another blank, or with a digit.
    pub(super) fn given<'a>(&self, before: &'a str) -> &'a str {
        self.typed(before).trim_end_matches(BLANKS)
    }

    pub(super) fn prompt(&self, tokens: FillTokens, typed: &str) -> WorkerPrompt {
        let mut parts = Vec::new();
        let token = |parts: &mut Vec<InfillPart>, token, text: String| {
            parts.push(InfillPart::Token { token });
            if !text.is_empty() {
                parts.push(InfillPart::Text { text });
            }
        };
        // Without a piece of another file the tokens for files would only cost room.
        if let Some(file) = tokens.file.filter(|_| !self.chunks.is_empty()) {
            if let Some(repository) = tokens.repository {
                token(&mut parts, repository, "project\n".to_owned());
            }
            for CodeChunk { path, text } in &self.chunks {
                token(&mut parts, file, format!("{path}\n{text}\n"));
            }
            token(&mut parts, file, format!("{}\n", self.path));
        }
        token(&mut parts, tokens.prefix, self.prefix.clone());
        token(&mut parts, tokens.suffix, self.suffix.clone());
        // The typed text is the beginning of what fills the gap, not the end of the prefix: so
        // nothing before it changes with a key.
        token(&mut parts, tokens.middle, typed.to_owned());
        WorkerPrompt::Infill { parts }
    }

    /// These parts again for another place, if everything that was computed for them can be reused;
    /// `None` if the code on either side has changed, too much was typed, or the cursor is in a
    /// line of its own now.
    fn goes_on(&self, gap: &Gap) -> Option<Self> {
        // `get`, as the document may be another one by now: shorter than the anchor, or with a
        // character across it.
        let before = gap.before.get(..self.anchor)?;
        let typed = self.typed(&gap.before);
        let blank = gap.line_before().trim().is_empty();
        let suffix = if self.whole_suffix {
            gap.after == self.suffix
        } else {
            gap.after.starts_with(&self.suffix)
        };
        let same = self.path == gap.path && before.ends_with(&self.prefix) && suffix;
        // To a model, white space at the end of what is written is the beginning of a word.
        let fits = typed.is_empty() || (typed.len() <= TYPED_BYTES_MAX && !blank);
        (same && fits).then(|| self.clone())
    }

    /// Where its first line is in the document now; lines above may have come or gone since.
    fn start_in(&self, before: &str) -> Option<usize> {
        let landmark = &self.prefix[..self.prefix.floor_char_boundary(LANDMARK_BYTES)];
        (!landmark.is_empty()).then(|| before.rfind(landmark))?
    }
}

/// What a prompt for a gap has, keeping as much as possible of the previous prompt. There are three
/// steps: all of it stays; the code before the gap begins where it did, and other files stay; or
/// everything is chosen again.
pub(super) fn hold(
    gap: &Gap,
    (chunks, edits): (&[CodeChunk], &[RecentEdit]),
    budget: Budget,
    held: Option<&Held>,
) -> Held {
    if let Some(held) = held.and_then(|held| held.goes_on(gap)) {
        return held;
    }
    let held = held.filter(|held| held.path == gap.path);
    let anchor = anchor(gap);
    let before = &gap.before[..anchor];
    // A beginning that is kept must not leave the prompt nearly empty, as after a jump to just
    // below it.
    let fits = |start: &usize| {
        let tokens = estimate(&before[*start..]);
        tokens <= budget.prefix && (*start == 0 || tokens >= budget.prefix / 4)
    };
    let known = held.and_then(|held| held.start_in(before)).filter(|it| fits(it));
    let start = known.unwrap_or_else(|| start(before, budget.prefix));
    let suffix = &gap.after[..end(&gap.after, budget.suffix)];
    let stays = held.filter(|held| {
        let common = before[start..].bytes().zip(held.prefix.bytes()).take_while(|(a, b)| a == b);
        // Otherwise little of it can be reused, so the pieces of other files may as well be chosen
        // again.
        known.is_some() && common.count() * 2 >= held.prefix.len()
    });
    let chunks = match stays {
        Some(held) => held.chunks.clone(),
        None => header::chunks(gap, start, suffix.len(), (chunks, edits), budget.header),
    };
    Held {
        path: gap.path.clone(),
        chunks,
        prefix: before[start..].to_owned(),
        suffix: suffix.to_owned(),
        whole_suffix: suffix.len() == gap.after.len(),
        anchor,
    }
}

/// Where the gap begins: at the first word of the cursor's line, so that it stays while the line is
/// written; at the cursor if there is none, or too much.
fn anchor(gap: &Gap) -> usize {
    let line = gap.line_before();
    let written = line.trim_start();
    let blanks = gap.blanks().len();
    gap.before.len() - if written.len() <= TYPED_BYTES_MAX { written.len() } else { blanks }
}

/// Where the given code before a gap begins: at a line, and with room for what will be typed, so
/// that it need not move soon.
fn start(before: &str, most: usize) -> usize {
    if estimate(before) <= most {
        return 0;
    }
    let mut start = before.len();
    // The third that stays free is what `fits` in `hold` lets the prefix grow by before it has to
    // begin further down and be computed again.
    let mut left = most * 2 / 3;
    for line in before.split_inclusive('\n').rev() {
        let tokens = estimate(line);
        if tokens > left {
            break;
        }
        left -= tokens;
        start -= line.len();
    }
    start
}

fn end(after: &str, most: usize) -> usize {
    let (mut end, mut left) = (0, most);
    for line in after.split_inclusive('\n') {
        let tokens = estimate(line);
        if tokens > left {
            break;
        }
        left -= tokens;
        end += line.len();
    }
    end
}
