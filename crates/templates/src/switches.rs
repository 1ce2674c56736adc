//! Variables that ask a model not to think before it answers: `THINKING_SWITCHES`, each with the
//! value that its model family uses. A template ignores those that it does not know.

use minijinja::context;
use minijinja::value::Value;

/// Values of `reasoning_effort`, the least first. A template that knows a value contains it in
/// quotes.
const EFFORTS: [&str; 4] = ["no_think", "none", "minimal", "low"];
/// For a template that inserts whatever value it is given.
const LEAST_EFFORT: &str = "low";

pub(crate) fn off(effort: &str) -> Value {
    context! {
        enable_thinking => false,
        thinking => false,
        reasoning => false,
        thinking_budget => 0,
        thinking_option => "off",
        thinking_mode => "disabled",
        reasoning_effort => effort,
    }
}

pub(crate) fn effort(template: &str) -> &'static str {
    let knows = |value: &&&str| {
        ['"', '\''].iter().any(|quote| template.contains(&format!("{quote}{value}{quote}")))
    };
    EFFORTS.iter().find(knows).copied().unwrap_or(LEAST_EFFORT)
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::THINKING_SWITCHES;

    use super::*;

    #[test]
    fn every_switch_is_off() {
        let off = off(LEAST_EFFORT);
        assert_eq!(off.len(), Some(THINKING_SWITCHES.len()));
        for switch in THINKING_SWITCHES {
            assert!(!off.get_attr(switch).unwrap().is_undefined(), "{switch}");
        }
    }

    #[test]
    fn the_least_effort_that_is_known_is_asked_for() {
        let hunyuan = "{% if reasoning_effort == 'no_think' %}{% elif reasoning_effort == 'low' %}";
        assert_eq!(effort(hunyuan), "no_think");
        assert_eq!(effort("{% if reasoning_effort in [\"low\", \"minimal\"] %}"), "minimal");
        assert_eq!(effort("Reasoning: {{ reasoning_effort }}"), "low");
    }
}
