//! What a self-test requires: the limits, where they come from, and what to do if one is exceeded.
//! Pure.

use localcoder_protocol::limits::SLOW_TOKENS_PER_S;
use localcoder_protocol::{ErrorInfo, SelfTestCheck, SelfTestNumbers, SelfTestVerdict};

/// With a first token by then, the user stays attentive (Nielsen, Usability Engineering, 1993,
/// chapter 5: ten seconds).
const COLD_FIRST_TOKEN_MS_MAX: f64 = 10_000.0;
/// With a first token by then, the user's train of thought is not interrupted (ibid.: one second).
const WARM_FIRST_TOKEN_MS_MAX: f64 = 1_000.0;
/// An edit of a function by then is worth waiting for (our choice).
const IMPROVE_MS_MAX: f64 = 60_000.0;

const ATTENTION: &str = "what keeps people's attention (Nielsen, 1993)";
const THOUGHT: &str = "what keeps a thought (Nielsen, 1993)";
const READING: &str = "as fast as people read (the product's own limit)";
const WAITING: &str = "what is worth waiting for (the product's own limit)";

const SLOW: &str = "close other programs, or choose a smaller model";
const POOR: &str = "choose a larger model for code; one that follows instructions (`instruct`)";

/// The check of the load time, which has no limit: it is waited for once. `ms` is `None` if the
/// model could not be unloaded first.
pub(super) fn load(ms: Option<f64>, device: Option<&str>) -> SelfTestCheck {
    let on = device.map(|device| format!(" on {device}")).unwrap_or_default();
    let text = match ms {
        Some(ms) => format!("loaded in {}{on}", duration(ms)),
        None => format!("it was loaded already, and in use{on}"),
    };
    check("Load", SelfTestVerdict::Passed, text)
}

/// The checks of what was measured while the model read and wrote. What was not measured has none.
/// Reading is reported and not judged: it is in the time to the first token.
pub(super) fn speeds(numbers: &SelfTestNumbers) -> Vec<SelfTestCheck> {
    let first = |what: &str, ms: Option<f64>, how: &str, max_ms: f64, source: &str| {
        let ms = ms?;
        let text = format!("{} {how}", duration(ms));
        Some(within(check(what, SelfTestVerdict::Passed, text), ms <= max_ms, max_ms, source))
    };
    let cold = first(
        "First token, cold",
        numbers.cold_first_token_ms,
        "with nothing of the prompt read before",
        COLD_FIRST_TOKEN_MS_MAX,
        ATTENTION,
    );
    let warm = first(
        "First token, warm",
        numbers.warm_first_token_ms,
        "with the prompt read before",
        WARM_FIRST_TOKEN_MS_MAX,
        THOUGHT,
    );
    let reading = numbers.prefill_tokens_per_s.map(|rate| {
        check("Reading", SelfTestVerdict::Passed, format!("{rate:.0} prompt tokens/s (prefill)"))
    });
    let writing = numbers.decode_tokens_per_s.map(|rate| {
        let written = format!("{rate:.1} tokens/s (decode)");
        let mut made = check("Writing", SelfTestVerdict::Passed, written);
        made.limit = Some(format!("at least {SLOW_TOKENS_PER_S:.0} tokens/s, {READING}"));
        slow_unless(made, rate >= SLOW_TOKENS_PER_S)
    });
    [cold, warm, reading, writing].into_iter().flatten().collect()
}

pub(super) struct Improved<'a> {
    pub(super) ms: f64,
    /// Changed stretches of lines; 0 if nothing was changed.
    pub(super) hunks: usize,
    /// Why it may well be wrong; `None` if no check has found anything.
    pub(super) doubt: Option<&'a str>,
}

/// The check of an edit. The sample can be better, so an unchanged one is a failure; a slow one is
/// not.
pub(super) fn improve(improved: &Improved<'_>) -> SelfTestCheck {
    let took = duration(improved.ms);
    if improved.hunks == 0 {
        let text = format!("nothing was changed, after {took}, in code that can be better");
        return failed("Improve", text, POOR);
    }
    if let Some(doubt) = improved.doubt {
        return failed("Improve", format!("an edit after {took} that is in doubt: {doubt}"), POOR);
    }
    let text = format!("an edit of the sample after {took}, which passed the checks");
    let made = check("Improve", SelfTestVerdict::Passed, text);
    within(made, improved.ms <= IMPROVE_MS_MAX, IMPROVE_MS_MAX, WAITING)
}

pub(super) fn broken(what: &str, error: ErrorInfo) -> SelfTestCheck {
    let advice = error.hint.clone().unwrap_or_else(|| "choose another model".to_owned());
    let mut made = failed(what, error.message.clone(), &advice);
    made.error = Some(error);
    made
}

/// The worst verdict of all checks, and the outcome in a sentence with the advice of that check.
pub(super) fn outcome(name: &str, checks: &[SelfTestCheck]) -> (SelfTestVerdict, String) {
    let worst = checks.iter().max_by_key(|check| check.verdict);
    let verdict = worst.map_or(SelfTestVerdict::Passed, |check| check.verdict);
    let advice = worst.and_then(|check| check.advice.as_deref()).unwrap_or_default();
    let summary = match verdict {
        SelfTestVerdict::Passed => format!("{name} works on this machine."),
        SelfTestVerdict::Slow => format!("{name} works on this machine, slowly: {advice}."),
        SelfTestVerdict::Failed => {
            format!("{name} does not work on this machine: {advice}.")
        }
    };
    (verdict, summary)
}

fn check(what: &str, verdict: SelfTestVerdict, text: String) -> SelfTestCheck {
    SelfTestCheck { what: what.to_owned(), verdict, text, limit: None, advice: None, error: None }
}

fn failed(what: &str, text: String, advice: &str) -> SelfTestCheck {
    let advice = Some(advice.to_owned());
    SelfTestCheck { advice, ..check(what, SelfTestVerdict::Failed, text) }
}

fn within(mut check: SelfTestCheck, kept: bool, max_ms: f64, source: &str) -> SelfTestCheck {
    check.limit = Some(format!("at most {}, {source}", duration(max_ms)));
    slow_unless(check, kept)
}

fn slow_unless(mut check: SelfTestCheck, kept: bool) -> SelfTestCheck {
    if !kept {
        check.verdict = SelfTestVerdict::Slow;
        check.advice = Some(SLOW.to_owned());
    }
    check
}

pub(super) fn duration(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::ErrorCode;

    use super::*;

    fn numbers(cold_ms: f64, warm_ms: f64, decode: f64) -> SelfTestNumbers {
        SelfTestNumbers {
            cold_first_token_ms: Some(cold_ms),
            warm_first_token_ms: Some(warm_ms),
            prefill_tokens_per_s: Some(100.0),
            decode_tokens_per_s: Some(decode),
            ..SelfTestNumbers::default()
        }
    }

    #[test]
    fn a_limit_that_is_not_kept_is_reported_with_its_source_and_what_to_do() {
        let good = speeds(&numbers(COLD_FIRST_TOKEN_MS_MAX, WARM_FIRST_TOKEN_MS_MAX, 10.0));
        assert!(good.iter().all(|check| check.verdict == SelfTestVerdict::Passed), "{good:?}");
        let (verdict, summary) = outcome("Small", &good);
        assert_eq!(verdict, SelfTestVerdict::Passed);
        assert_eq!(summary, "Small works on this machine.");
        for (slow, what) in [
            (numbers(10_001.0, 10.0, 50.0), "First token, cold"),
            (numbers(100.0, 1_001.0, 50.0), "First token, warm"),
            (numbers(100.0, 10.0, 9.9), "Writing"),
        ] {
            let checks = speeds(&slow);
            let bad: Vec<_> =
                checks.iter().filter(|it| it.verdict == SelfTestVerdict::Slow).collect();
            assert_eq!(bad.len(), 1, "{checks:?}");
            assert_eq!(bad[0].what, what);
            assert!(bad[0].limit.as_ref().unwrap().contains(['(', 'N']), "{bad:?}");
            let (verdict, summary) = outcome("Small", &checks);
            assert_eq!(verdict, SelfTestVerdict::Slow);
            assert!(summary.contains("slowly: close other programs"), "{summary}");
        }
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        assert_eq!(speeds(&SelfTestNumbers::default()), []);
        assert!(load(None, Some("CPU")).text.contains("already"));
    }

    #[test]
    fn an_edit_counts_only_where_it_changes_something_and_is_not_in_doubt() {
        let made = |ms, hunks, doubt| improve(&Improved { ms, hunks, doubt }).verdict;
        assert_eq!(made(100.0, 1, None), SelfTestVerdict::Passed);
        assert_eq!(made(60_001.0, 1, None), SelfTestVerdict::Slow);
        assert_eq!(made(100.0, 0, None), SelfTestVerdict::Failed);
        assert_eq!(made(100.0, 1, Some("it forgets a name")), SelfTestVerdict::Failed);
    }

    #[test]
    fn what_is_broken_counts_more_than_what_is_slow() {
        let error = ErrorInfo::new(ErrorCode::ModelDamaged, "it is cut off").with_hint("load it");
        let mut checks = speeds(&numbers(100.0, 5_000.0, 50.0));
        checks.push(broken("Load", error));
        let (verdict, summary) = outcome("Small", &checks);
        assert_eq!(verdict, SelfTestVerdict::Failed);
        assert!(summary.ends_with("machine: load it."), "{summary}");
    }
}
