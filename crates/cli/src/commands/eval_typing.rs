//! `localcoder eval --typed`: types holes key by key, as in the editor. Each key requests a
//! suggestion and replaces the request before; at a pause the answer is awaited, and the correct
//! part of what is suggested is accepted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use localcoder_eval::{Hole, Pause, Runner, TypedHole, Typist};
use localcoder_protocol::{
    Complete, CompleteAnswer, CompleteParams, ErrorCode, ErrorInfo, EvalTyping, Infill, Silence,
};
use localcoder_transport::{ClientEvent, read_answer};

use super::eval::{Asking, Skipped, known_lines};
use crate::output;
use crate::session::overrides;

pub(super) fn run(
    asking: &mut Asking<'_>,
    runner: &Runner,
    holes: &[Hole],
    skipped: &mut Skipped,
) -> Result<EvalTyping, ErrorInfo> {
    let mut known: BTreeMap<String, TypedHole> = BTreeMap::new();
    if let Some(path) = &asking.options.out {
        let lines: Vec<TypedHole> = known_lines(path)?;
        let of_this = lines.into_iter().filter(|line| line.asked == asking.asked);
        known.extend(of_this.map(|line| (line.task.clone(), line)));
    }
    let (mut typed, mut is_loaded) = (Vec::new(), false);
    for (number, hole) in holes.iter().enumerate() {
        if let Some(line) = known.remove(&hole.id) {
            typed.push(line);
            continue;
        }
        if !hole.is_provable(runner) {
            let _ = skipped.add(&hole.id, "its right answer does not pass its tests here");
            continue;
        }
        if !is_loaded {
            load(asking, hole)?;
            is_loaded = true;
        }
        let line = one(asking, runner, hole)?;
        asking.keep(&line)?;
        let place = format!("{}/{}", number + 1, holes.len());
        let taken: Vec<_> = line.pauses.iter().filter_map(|pause| pause.taken).collect();
        output::note(&format!("{place} {}: {} pauses, {taken:?}", hole.id, line.pauses.len()));
        typed.push(line);
    }
    Ok(localcoder_eval::typing(&typed))
}

/// Requests while typing don't wait for a load, so load first; with another text, since the
/// suggestion for this one would be cached.
fn load(asking: &mut Asking<'_>, hole: &Hole) -> Result<(), ErrorInfo> {
    let mut params = CompleteParams { explicit: true, ..params(asking, &Typist::new(hole)) };
    params.document.text.insert_str(0, "# A copy.\n");
    params.position.line += 1;
    let answer = asking.client.call::<Complete>(&params, |_, _| {})?;
    if let Some(model) = answer.model {
        asking.model_name = model.name;
    }
    Ok(())
}

fn params(asking: &Asking<'_>, typist: &Typist<'_>) -> CompleteParams {
    CompleteParams {
        // Each key's request has an id of its own: the host replaces the one before.
        request_id: format!("eval {}", asking.client.next_number()),
        document: typist.document(),
        position: typist.position(),
        chunks: Vec::new(),
        edits: typist.edits(),
        explicit: false,
        model: asking.model.clone(),
        settings: overrides(asking.options.model.profile.as_deref()),
    }
}

/// Time to read an accepted suggestion before typing continues: the host computes what follows in
/// it.
const LOOK: Duration = Duration::from_millis(500);

// Keys between pauses are not waited for: each request replaces the one before.
fn one(asking: &mut Asking<'_>, runner: &Runner, hole: &Hole) -> Result<TypedHole, ErrorInfo> {
    let mut typist = Typist::new(hole);
    let (mut pauses, mut unsure) = (Vec::new(), Vec::new());
    while !typist.is_done() {
        let params = params(asking, &typist);
        if typist.is_pause() {
            let started = Instant::now();
            let answer = asked(asking, &params)?;
            let ms = started.elapsed().as_secs_f64() * 1000.0;
            // For a suggestion that is withheld here and asked for at the end: what would have been
            // taken of it depends on what was written by now.
            let here = typist.clone();
            let (pause, taken) = looked_at(&mut typist, runner, answer, ms);
            if pause.silence == Some(Silence::Unsure) {
                unsure.push((pauses.len(), here, params));
            }
            pauses.push(pause);
            if taken && !typist.is_done() {
                let params = self::params(asking, &typist);
                asking.client.start::<Complete>(&params)?;
                std::thread::sleep(LOOK);
            }
            if taken {
                continue;
            }
        } else {
            // The next key's request replaces this one.
            asking.client.start::<Complete>(&params)?;
        }
        typist.key();
    }
    // After the end, so that these requests leave nothing in the host for the keys that follow.
    for (number, here, params) in unsure {
        // An explicit request gets the suggestion anyway.
        let answer = asked(asking, &CompleteParams { explicit: true, ..params })?;
        let mut typist = here;
        pauses[number].withheld =
            answer.suggestion.map(|suggestion| typist.take(runner, &suggestion));
    }
    Ok(typist.ended(&asking.asked, pauses))
}

fn asked(asking: &mut Asking<'_>, params: &CompleteParams) -> Result<CompleteAnswer, ErrorInfo> {
    let call = asking.client.start::<Complete>(params)?;
    loop {
        match asking.client.events().recv() {
            Ok(ClientEvent::Answer(id, result)) if id == call => {
                return read_answer::<Complete>(result);
            }
            Ok(ClientEvent::Closed) | Err(_) => {
                let text = "the LocalCoder host ended";
                return Err(ErrorInfo::new(ErrorCode::HostUnreachable, text)
                    .with_hint("try again: a new one is started"));
            }
            // Progress, and the ends of requests of earlier keys, which were replaced.
            Ok(_) => {}
        }
    }
}

/// What the user does with an answer; returns whether any of it was accepted. A suggestion that is
/// still there from the pause before was judged then, and is not judged again.
fn looked_at(
    typist: &mut Typist<'_>,
    runner: &Runner,
    answer: CompleteAnswer,
    ms: f64,
) -> (Pause, bool) {
    let CompleteAnswer { suggestion, nothing, infill, usage, mean_log_probability, .. } = answer;
    let kept = infill == Some(Infill::Kept);
    let mut pause = Pause {
        at: typist.at(),
        text: None,
        taken: None,
        withheld: None,
        silence: nothing.map(|nothing| nothing.reason),
        kept,
        stale: false,
        repeats: false,
        ms,
        uncached_tokens: usage.prompt_tokens.saturating_sub(usage.cached_tokens),
        mean_log_probability,
    };
    let Some(suggestion) = suggestion else { return (pause, false) };
    if !(kept && typist.stays(&suggestion)) {
        pause.stale = kept && typist.is_stale(&suggestion);
        pause.repeats = typist.repeats(&suggestion);
        pause.taken = Some(typist.take(runner, &suggestion));
    }
    pause.text = Some(suggestion.text);
    let taken = typist.is_done() || typist.at() > pause.at;
    (pause, taken)
}
