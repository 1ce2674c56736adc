//! Texts of licences that come with the product, because they may be copied and do not change.
//! Others come from the model's own publisher and are kept beside the model.

/// By SPDX id.
const TEXTS: &[(&str, &str)] = &[("Apache-2.0", include_str!("../licenses/Apache-2.0.txt"))];

/// The text of a licence, if it comes with the product.
#[must_use]
pub fn shipped_text(id: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == id).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_whole() {
        let text = shipped_text("Apache-2.0").unwrap();
        assert!(text.contains("TERMS AND CONDITIONS") && text.contains("END OF TERMS"));
        assert_eq!(shipped_text("llama3"), None);
    }
}
