//! What a digest looks like. It is a part of files' names, so whoever takes one from elsewhere asks
//! here first.

use crate::limits::SHA256_DIGITS;

/// Whether a text is a SHA-256 as it is written everywhere: in lower-case hexadecimal digits.
/// Digits in capitals are refused, though they mean the same: they would be another file's name.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.len() == SHA256_DIGITS && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_in_lower_case_and_all_of_them_are_a_digest() {
        let good = "0123456789abcdef".repeat(4);
        assert!(is_sha256(&good));
        for bad in ["", "../", &good[1..], &format!("{good}0"), &good.to_uppercase()] {
            assert!(!is_sha256(bad), "{bad}");
        }
        assert!(!is_sha256(&good.replace('0', "/")));
    }
}
