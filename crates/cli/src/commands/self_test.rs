//! `localcoder self-test`: whether a model works on this machine, and how fast: it is loaded,
//! reads, writes, and improves a function of the sample. The requirements are in `policy`.

mod policy;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use localcoder_protocol::{
    Assist, AssistAnswer, AssistParams, DocumentText, EditAnswer, ErrorCode, ErrorInfo, Generate,
    GenerateAnswer, GenerateParams, HostStatus, LineRange, Nothing, SamplingParams, SelfTestCheck,
    SelfTestEvent, SelfTestEvents, SelfTestNumbers, SelfTestReport, SelfTestRun, SelfTestVerdict,
    SetupSample, Status, Unload, UnloadParams, Usage, Warm, WarmParams,
};
use localcoder_settings::Places;
use serde_json::Map;

use crate::arguments::SelfTestOptions;
use crate::session::{REQUEST_ID, Session, model_reference, uncounted};
use crate::{output, settings_file};
use policy::Improved;

/// Lines of the prompt, about 16 tokens each: enough for batches, so that their speed is measured.
const PROMPT_LINES: usize = 24;
/// Tokens to write: two seconds for a large model on a slow machine. Half of them at least must
/// have been written for a speed to count.
const ANSWER_TOKENS: u32 = 16;
/// How long a model may be busy before it counts as in use by another client. The host itself keeps
/// models quick by short requests of its own, which are over by then.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is improved: a function of the sample project with a flaw that the model is told about.
/// Small models rarely come to the same change three times where nothing is named, and only then is
/// a change that nothing asks for shown: every real model once failed here with a function without
/// such a flaw.
const SAMPLE: &str = include_str!("../../../../ide/sample/inventory.py");
const SAMPLE_NAME: &str = "inventory.py";
const FUNCTION: &str = "def restock";

pub(crate) fn run(options: &SelfTestOptions) -> Result<(), ErrorInfo> {
    let model = match model_reference(options.model.as_deref())? {
        Some(model) => model,
        None => {
            let places = Places::resolve()?;
            let used = settings_file::resolved(&places).settings.code_models();
            settings_file::model_in_use(&places, &used)
        }
    };
    let format = OutputFormat::of(options);
    let report = tried(&model, format)?;
    match format {
        OutputFormat::Events => output::event::<SelfTestEvents>(&SelfTestEvent::Finished {
            report: Box::new(report.clone()),
        })?,
        OutputFormat::Json => output::answer::<SelfTestRun>(&report)?,
        OutputFormat::Text => {
            if let Some(diff) = &report.diff {
                output::line("\nWhat it made of the sample:\n")?;
                output::data(diff)?;
            }
            output::line(&format!("\n{}", report.summary))?;
        }
    }
    match report.checks.into_iter().find(|it| it.verdict == SelfTestVerdict::Failed) {
        // In JSON, the reader has the verdict already.
        Some(failed) if format == OutputFormat::Text => Err(failed.error.unwrap_or_else(|| {
            ErrorInfo::new(ErrorCode::AnswerUnusable, failed.text)
                .with_hint(failed.advice.unwrap_or_default())
        })),
        _ => Ok(()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputFormat {
    Text,
    Json,
    Events,
}

impl OutputFormat {
    fn of(options: &SelfTestOptions) -> Self {
        match (options.json, options.events) {
            (_, true) => Self::Events,
            (true, _) => Self::Json,
            _ => Self::Text,
        }
    }

    fn began(self, what: &str) -> Result<(), ErrorInfo> {
        match self {
            Self::Events => {
                output::event::<SelfTestEvents>(&SelfTestEvent::Began { what: what.to_owned() })
            }
            Self::Text | Self::Json => Ok(()),
        }
    }

    fn checked(self, check: &SelfTestCheck) -> Result<(), ErrorInfo> {
        match self {
            Self::Events => {
                let check = check.clone();
                output::event::<SelfTestEvents>(&SelfTestEvent::Checked { check })
            }
            Self::Text => lines(check).iter().try_for_each(|line| output::line(line)),
            Self::Json => Ok(()),
        }
    }
}

fn lines(check: &SelfTestCheck) -> Vec<String> {
    let mark = match check.verdict {
        SelfTestVerdict::Passed => "ok  ",
        SelfTestVerdict::Slow => "SLOW",
        SelfTestVerdict::Failed => "BAD ",
    };
    let mut lines = vec![format!("{mark} {:19}{}", format!("{}:", check.what), check.text)];
    if check.verdict != SelfTestVerdict::Passed {
        let more = check.limit.iter().chain(&check.advice);
        lines.extend(more.map(|text| format!("                        {text}")));
    }
    lines
}

struct Test {
    session: Session,
    model: String,
    report: SelfTestReport,
}

type Part = fn(&mut Test) -> Result<Vec<SelfTestCheck>, ErrorInfo>;

/// Runs all parts, up to the first check that fails: what a model that can't be loaded would write
/// is not a question. Errors of the model are checks that failed; only what the user did is an
/// error here.
fn tried(model: &str, format: OutputFormat) -> Result<SelfTestReport, ErrorInfo> {
    let report = SelfTestReport {
        verdict: SelfTestVerdict::Passed,
        summary: String::new(),
        model: model.to_owned(),
        name: model.to_owned(),
        device: None,
        checks: Vec::new(),
        measured: SelfTestNumbers::default(),
        diff: None,
    };
    // One session for all parts: a process can have one handler of Ctrl-C.
    let mut test = Test { session: Session::open()?, model: model.to_owned(), report };
    let parts: [(&str, Part); 3] =
        [("Load", Test::load), ("First token", Test::read_and_write), ("Improve", Test::improve)];
    for (what, part) in parts {
        format.began(what)?;
        let checks = match part(&mut test) {
            // The user has done this, not the model.
            Err(error) if error.code == ErrorCode::Cancelled => return Err(error),
            Err(error) => vec![policy::broken(what, error)],
            Ok(checks) => checks,
        };
        for check in &checks {
            format.checked(check)?;
        }
        let failed = checks.iter().any(|check| check.verdict == SelfTestVerdict::Failed);
        test.report.checks.extend(checks);
        if failed {
            break;
        }
    }
    let mut report = test.report;
    (report.verdict, report.summary) = policy::outcome(&report.name, &report.checks);
    Ok(report)
}

impl Test {
    /// Loads the model from the disk, even if it is in memory already, unless it is answering
    /// another client: then there is no time to report. The pages of its file may be in the
    /// system's cache.
    fn load(&mut self) -> Result<Vec<SelfTestCheck>, ErrorInfo> {
        let in_use = self.is_in_use()?;
        let began = Instant::now();
        let params = WarmParams { model: Some(self.model.clone()), ..WarmParams::default() };
        self.session.request::<Warm>(&params, |_| Ok(()))?;
        self.report.measured.load_ms = (!in_use).then(|| ms_since(began));
        let status = self.status()?;
        let loaded = status.residents.iter().find(|it| it.model.reference == self.model);
        if let Some(loaded) = loaded {
            self.report.name.clone_from(&loaded.model.name);
            self.report.device = Some(loaded.device.clone());
        }
        let device = self.report.device.as_deref();
        Ok(vec![policy::load(self.report.measured.load_ms, device)])
    }

    /// Unloads the model; returns whether that was impossible because it is answering another
    /// client. What the host does with it on its own, such as keeping it warm, is soon over.
    fn is_in_use(&mut self) -> Result<bool, ErrorInfo> {
        let began = Instant::now();
        while self.status()?.residents.iter().any(|it| it.model.reference == self.model) {
            let params = UnloadParams { model: self.model.clone() };
            if self.session.request::<Unload>(&params, |_| Ok(()))?.unloaded {
                return Ok(false);
            }
            if began.elapsed() >= PATIENCE {
                return Ok(true);
            }
            std::thread::sleep(PATIENCE / 40);
        }
        Ok(false)
    }

    fn read_and_write(&mut self) -> Result<Vec<SelfTestCheck>, ErrorInfo> {
        // The same prompt twice: the first time nothing of it is in a cache, the second time all of
        // it is.
        let params = generation(&self.model);
        let (cold_ms, answer) = self.generated(&params)?;
        // The speeds are those of the first: this one reads next to nothing.
        let (warm_ms, _) = self.generated(&params)?;
        let numbers = &mut self.report.measured;
        numbers.cold_first_token_ms = Some(cold_ms);
        numbers.warm_first_token_ms = Some(warm_ms);
        let (read, written) = rates(&answer.usage);
        numbers.prefill_tokens_per_s = Some(read);
        numbers.decode_tokens_per_s = written;
        Ok(policy::speeds(numbers))
    }

    fn generated(&mut self, params: &GenerateParams) -> Result<(f64, GenerateAnswer), ErrorInfo> {
        let began = Instant::now();
        let mut first_ms = None;
        let answer = self.session.request::<Generate>(params, |_| {
            first_ms.get_or_insert_with(|| ms_since(began));
            Ok(())
        })?;
        // A model that ends at once has produced its first token nevertheless: the end.
        Ok((first_ms.unwrap_or_else(|| ms_since(began)), answer))
    }

    fn improve(&mut self) -> Result<Vec<SelfTestCheck>, ErrorInfo> {
        let document = DocumentText {
            path: SAMPLE_NAME.to_owned(),
            language_id: Some("python".to_owned()),
            text: SAMPLE.to_owned(),
        };
        let params = AssistParams {
            model: Some(self.model.clone()),
            settings: uncounted(Map::new()),
            ..AssistParams::new(REQUEST_ID, "improve", document, function_lines())
        };
        let began = Instant::now();
        let answer = self.session.request::<Assist>(&params, |_| Ok(()))?;
        let ms = ms_since(began);
        // An answer of the other kind is not the model's doing.
        let AssistAnswer::Edit(EditAnswer { unchanged, hunks, diff, unsure, .. }) = answer else {
            return Err(ErrorInfo::new(
                ErrorCode::Protocol,
                "an edit was asked for, and a text came",
            ));
        };
        self.report.measured.improve_ms = Some(ms);
        let hunks = if unchanged { 0 } else { hunks.len() };
        self.report.diff = (hunks > 0).then_some(diff);
        Ok(vec![policy::improve(&Improved { ms, hunks, doubt: unsure.as_deref() })])
    }

    fn status(&mut self) -> Result<HostStatus, ErrorInfo> {
        self.session.request::<Status>(&Nothing {}, |_| Ok(()))
    }
}

/// A short request whose prompt is in no cache. Raw: a chat template begins every prompt with the
/// same words.
pub(crate) fn generation(model: &str) -> GenerateParams {
    GenerateParams {
        request_id: REQUEST_ID.to_owned(),
        prompt: prompt(),
        system: None,
        raw: true,
        max_tokens: Some(ANSWER_TOKENS),
        stop: Vec::new(),
        sampling: SamplingParams { temperature: Some(0.0), ..SamplingParams::default() },
        model: Some(model.to_owned()),
        settings: Map::new(),
    }
}

/// Tokens per second, read and written. A model that ends at once has not shown how fast it writes:
/// `None`.
pub(crate) fn rates(usage: &Usage) -> (f64, Option<f64>) {
    let per_second = |tokens: u32, ms: f64| f64::from(tokens) * 1e3 / ms.max(1e-3);
    let read =
        per_second(usage.prompt_tokens.saturating_sub(usage.cached_tokens), usage.prefill_ms);
    let written = per_second(usage.generated_tokens, usage.decode_ms);
    (read, (usage.generated_tokens >= ANSWER_TOKENS / 2).then_some(written))
}

/// Different each time from the first line on, so that its beginning is in no cache.
fn prompt() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    (0..PROMPT_LINES).map(|line| format!("value_{line} = {now} + {line}\n")).collect()
}

fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// The code for a user's first edit, which the set-up's page shows. It is the self-test's, so that
/// a model that has passed is known to change it.
pub(crate) fn sample() -> SetupSample {
    SetupSample { name: SAMPLE_NAME.to_owned(), text: SAMPLE.to_owned(), lines: function_lines() }
}

fn function_lines() -> LineRange {
    let lines: Vec<&str> = SAMPLE.lines().collect();
    let head = lines.iter().position(|line| line.starts_with(FUNCTION)).unwrap_or(0);
    let body = lines.iter().skip(head + 1).take_while(|line| line.starts_with(' ')).count();
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    LineRange { start: number(head), end: number(head + body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_function_that_is_improved() {
        let LineRange { start, end } = function_lines();
        let lines: Vec<&str> = SAMPLE.lines().collect();
        assert!(lines[start as usize - 1].starts_with(FUNCTION));
        assert_eq!(lines[end as usize - 1].trim(), r#"return item["quantity"]"#);
        assert!(end - start >= 4, "{start}-{end}");
    }

    #[test]
    fn a_model_that_ends_at_once_has_not_shown_how_fast_it_writes() {
        let usage = Usage {
            prompt_tokens: 110,
            cached_tokens: 10,
            prefill_ms: 1_000.0,
            generated_tokens: ANSWER_TOKENS,
            decode_ms: 500.0,
            ..Usage::default()
        };
        assert_eq!(rates(&usage), (100.0, Some(32.0)));
        assert_eq!(rates(&Usage { generated_tokens: 1, ..usage }), (100.0, None));
    }
}
