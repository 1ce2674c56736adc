//! Fractions on the wire. JSON has no infinity: a number that is too large for 32 bits would be one here,
//! and nothing where it is sent on. So it is refused where it is read.

use serde::de::{Deserialize, Deserializer, Error as _};

pub(crate) fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let number = f32::deserialize(deserializer)?;
    if number.is_finite() { Ok(number) } else { Err(D::Error::custom("a number is too large")) }
}

/// The same where it may be absent.
pub(crate) fn finite_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f32>, D::Error> {
    let number = Option::<f32>::deserialize(deserializer)?;
    match number {
        Some(number) if !number.is_finite() => Err(D::Error::custom("a number is too large")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use crate::{LoadProgressParams, SamplingParams};

    #[test]
    fn a_number_that_could_not_be_sent_on_is_refused() {
        let sampling = |text: &str| serde_json::from_str::<SamplingParams>(text);
        assert_eq!(sampling(r#"{"topP": 0.5}"#).unwrap().top_p, Some(0.5));
        assert_eq!(sampling(r#"{"topP": null}"#).unwrap().top_p, None);
        // Found by fuzzing: it was read as infinity and sent on as nothing.
        let refused = sampling(r#"{"topP": 1e39}"#).unwrap_err().to_string();
        assert!(refused.contains("a number is too large"), "{refused}");
        let progress = r#"{"worker": {"slot": 0, "generation": 1}, "fraction": -1e39}"#;
        assert!(serde_json::from_str::<LoadProgressParams>(progress).is_err());
    }
}
