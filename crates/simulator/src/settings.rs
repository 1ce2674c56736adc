//! Values that clients set, for every setting: good ones that change what the host does, and bad
//! ones. A new setting must be listed here, or be listed as one that the host does not use.

use localcoder_settings::Key;
use serde_json::{Value, json};

use crate::store::SPECS;

/// The values to be set; empty if the host does not use the setting.
pub(crate) fn values_of(key: Key) -> Vec<Value> {
    match key {
        Key::Profile => {
            vec![json!("fast"), json!("balanced"), json!("heavy"), json!("none"), json!("mine")]
        }
        Key::CodeModel | Key::GeneralModel => {
            SPECS.iter().map(|spec| spec.reference.into()).collect()
        }
        Key::DraftModel => vec![json!("auto"), json!("off"), json!("small"), json!("")],
        Key::GhostTextModel => vec![json!("auto"), json!("code"), json!("small"), json!("")],
        Key::ContextWindow => {
            vec![json!(512), json!(2048), json!(4096), json!(8192), json!(9000)]
        }
        Key::Mode => vec![json!("performance"), json!("stability")],
        Key::Acceleration => vec![json!("auto"), json!("gpu"), json!("cpu")],
        Key::ExplanationLength => vec![json!("short"), json!("long")],
        Key::IdleUnloadMinutes => vec![json!(1), json!(5), json!(15)],
        Key::GhostTextLanguagesOff => vec![json!([]), json!(["python"]), json!("python")],
        Key::Ledger | Key::GhostText | Key::GhostTextWhileSavingPower => {
            vec![json!(true), json!(false)]
        }
        Key::KeepModelLoaded => vec![json!(true), json!(false), Value::Null],
        Key::Temperature | Key::TopP => vec![json!(0.0), json!(0.7), json!("warm")],
        Key::RepeatPenalty => vec![json!(1.0), json!(1.3)],
        // 0 turns suggestions off; with the other value any model counts as slow.
        Key::SlowTokensPerSecond => vec![json!(0), json!(10_000)],
        // No windows below the usual one: `checks::loads` knows settings by name, but not profiles.
        Key::Profiles => vec![
            json!({}),
            json!({"mine": {"codeModel": "small", "contextWindowMax": 8192}}),
            json!({"fast": {"codeModel": "narrow", "largeModels": true}}),
            json!({"mine": {"codeModel": ""}}),
        ],
        // Other programs use these: those that download, or run a test; and there is only one
        // backend.
        Key::AirGapped | Key::TestEdits | Key::Backend => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use localcoder_settings::{Affects, check_value};

    use super::*;

    #[test]
    fn every_setting_that_a_host_goes_by_is_changed_by_somebody() {
        for key in Key::ALL {
            // A new setting of the host must get values above, or worlds would never change it;
            // fewer than two good ones would not change anything.
            let of_others = [Affects::Network, Affects::Clients, Affects::Nothing];
            let is_of_the_host = !key.setting().affects.iter().any(|it| of_others.contains(it));
            let good = values_of(*key);
            let good = good.iter().filter(|value| check_value(key.name(), value).is_ok()).count();
            assert_eq!(good >= 2, is_of_the_host, "{}", key.name());
        }
    }
}
