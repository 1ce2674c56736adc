//! Texts of licenses that come with the product, because they may be copied and do not change.
//! Others come from the model's publisher and are kept with the model.

use crate::LicenseTerms;

const TEXTS: &[(&str, &str)] = &[
    ("Apache-2.0", include_str!("../licenses/Apache-2.0.txt")),
    ("MIT", include_str!("../licenses/MIT.txt")),
];
/// Placeholder for the copyright holders, whom the license requires to be named.
const HOLDERS: &str = "{holders}";

/// The text of a license, if it comes with the product. MIT requires the notice to name its
/// holders; where the catalog names none, the address of the license takes their place.
#[must_use]
pub fn shipped_text(license: &LicenseTerms) -> Option<String> {
    let text = TEXTS.iter().find(|(known, _)| *known == license.id).map(|(_, text)| *text)?;
    let holders = match license.attribution.as_slice() {
        [] => format!("Copyright of the model's publisher; see {}", license.url),
        lines => lines.join("\n"),
    };
    Some(text.replace(HOLDERS, &holders))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license(id: &str, attribution: &[&str]) -> LicenseTerms {
        LicenseTerms {
            id: id.to_owned(),
            name: id.to_owned(),
            url: "https://example.org/LICENSE".to_owned(),
            sha256: None,
            commercial: true,
            conditions: Vec::new(),
            attribution: attribution.iter().map(|line| (*line).to_owned()).collect(),
            policy_url: None,
        }
    }

    #[test]
    fn a_text_is_whole() {
        let text = shipped_text(&license("Apache-2.0", &[])).unwrap();
        assert!(text.contains("TERMS AND CONDITIONS") && text.contains("END OF TERMS"));
        assert_eq!(shipped_text(&license("llama3", &[])), None);
    }

    #[test]
    fn the_mit_license_names_whose_it_is() {
        let text = shipped_text(&license("MIT", &["Copyright (c) 2024 Somebody"])).unwrap();
        assert!(text.contains("\nCopyright (c) 2024 Somebody\n"), "{text}");
        assert!(text.contains("WITHOUT WARRANTY OF ANY KIND") && !text.contains('{'));
        let text = shipped_text(&license("MIT", &[])).unwrap();
        assert!(text.contains("see https://example.org/LICENSE"), "{text}");
    }
}
