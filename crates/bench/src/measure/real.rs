//! What the engine gains over plain decoding with any model, and whether the written text stays the
//! same: prepared prompts, drafts from the selection, and drafts that are mostly right. With `tiny`
//! as the model, it uses those that `test_support::tiny` creates: one for each kind of memory.

use std::path::Path;

use anyhow::{Result, ensure};
use localcoder_protocol::Usage;
use localcoder_test_support::tiny::{self, Memory};

use super::cases::{Prepared, prepared};
use super::statistics::geometric_mean;
use super::worker::LocalCoderWorker;
use crate::report;

const EDITS: usize = 8;
const TOKENS: u32 = 160;
/// How often each side is timed; the best counts, since disturbances only make a time longer.
const ROUNDS: usize = 2;
/// In a draft that is mostly right, one word in this many is wrong.
const WRONG_WORD: usize = 25;
/// How many tokens, apart from the instruction, may be read again of a prompt whose selection was
/// prepared.
const UNREAD_TOKENS_MAX: u32 = 32;

/// Results of the edits of one model. The vectors have one entry for each edit, ratios above 1
/// where ours is the faster; `other` counts the texts that differ from plain decoding, of all
/// rounds.
#[derive(Default)]
struct Gains {
    by_selection: Vec<f64>,
    by_right_draft: Vec<f64>,
    from_request: Vec<f64>,
    unread: Vec<u32>,
    other: usize,
}

pub(crate) fn run(model: &Path, edits: Option<usize>) -> Result<()> {
    let edits = edits.unwrap_or(EDITS);
    if model != Path::new("tiny") {
        return measure(&model.display().to_string(), model, edits);
    }
    let folder = tempfile::tempdir()?;
    for memory in
        [Memory::ShortConvolution, Memory::DeltaNet, Memory::StateSpace, Memory::SlidingWindow(64)]
    {
        let path = folder.path().join("tiny.gguf");
        fs_err::write(&path, tiny::model(memory))?;
        measure(&format!("{memory:?}"), &path, edits)?;
    }
    Ok(())
}

fn measure(name: &str, model: &Path, edits: usize) -> Result<()> {
    let mut plain = LocalCoderWorker::start_with(model, false)?;
    let mut worker = LocalCoderWorker::start_with(model, false)?;
    let mut gains = Gains::default();
    for case in prepared(&mut worker, edits)? {
        measure_edit(&case, &mut plain, &mut worker, &mut gains)?;
    }
    gains.unread.sort_unstable();
    report::line(format!("{name}: {edits} edits, {}", worker.step_ratios()));
    let gain = |name: &str, values: &[f64]| {
        let figure = geometric_mean(values);
        let (low, high) = (figure.low, figure.high);
        report::line(format!("  {name}: {:.2} ({low:.2} to {high:.2})", figure.value));
    };
    gain("written, with the selection for a draft, to plain decoding", &gains.by_selection);
    gain("written, with a draft that is mostly right", &gains.by_right_draft);
    gain("prepared and drafted, from the request, to nothing read", &gains.from_request);
    report::line(format!("  tokens of a prepared prompt that were read: {:?}", gains.unread));
    report::line(format!("  answers that differ from plain decoding: {}", gains.other));
    // With our kernels a sum has the same order whatever the number of columns, so a difference is
    // a bug; see `docs/decisions/one-order-of-addition.md`.
    if std::env::var("LOCALCODER_KERNELS").as_deref() != Ok("off") {
        ensure!(gains.other == 0, "what is written must not depend on what is guessed or kept");
    } else if gains.other > 0 {
        report::line(
            "  (llama.cpp adds up some formats in another order where more columns are computed at \
             once, so a near tie may fall otherwise)",
        );
    }
    Ok(())
}

fn measure_edit(
    case: &Prepared,
    plain: &mut LocalCoderWorker,
    worker: &mut LocalCoderWorker,
    gains: &mut Gains,
) -> Result<()> {
    let mut best = [[f64::INFINITY; 2]; 3];
    let mut note = |side: usize, usage: &Usage| {
        best[side][0] = best[side][0].min(usage.decode_ms);
        best[side][1] = best[side][1].min(usage.decode_ms + usage.prefill_ms);
    };
    // The plain side starts from nothing in every round; otherwise its cache would have the prompt.
    for round in 0..ROUNDS {
        plain.reload()?;
        let (expected, usage) = plain.text(&case.asked, "", TOKENS)?;
        note(0, &usage);
        for (side, draft) in [(1, case.asked.layout.draft.clone()), (2, mostly_right(&expected))] {
            // Again for each draft: the answer before has left its own tokens in the cache.
            worker.prepare(&case.before)?;
            let (text, usage) = worker.text(&case.asked, &draft, TOKENS)?;
            note(side, &usage);
            gains.other += usize::from(text != expected);
            if round == 0 && side == 1 {
                let unread = usage.prompt_tokens - usage.cached_tokens;
                gains.unread.push(unread);
                // The instruction was not known when the prompt was prepared, so its tokens are not
                // counted as read again.
                let command = worker.count(vec![own_words(case)])?[0];
                ensure!(
                    unread <= UNREAD_TOKENS_MAX + command,
                    "{unread} tokens of a prepared prompt were read again"
                );
            }
        }
    }
    gains.by_selection.push(best[0][0] / best[1][0]);
    gains.by_right_draft.push(best[0][0] / best[2][0]);
    gains.from_request.push(best[0][1] / best[1][1]);
    Ok(())
}

/// The part of the prompt that the prepared one did not have: the instruction. The last parting is
/// where the shared part of the user's message ends.
fn own_words(case: &Prepared) -> String {
    let user = &case.asked.layout.user;
    let shared = case.asked.layout.partings.last().copied().unwrap_or(0);
    user.get(shared as usize..).unwrap_or_default().to_owned()
}

fn mostly_right(answer: &str) -> String {
    let mut words: Vec<&str> = answer.split_inclusive(' ').collect();
    for word in words.iter_mut().skip(WRONG_WORD / 2).step_by(WRONG_WORD) {
        *word = "import ";
    }
    words.concat()
}
