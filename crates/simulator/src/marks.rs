//! Marks in texts that show to whom they belong: each request's prompt contains the number of the
//! request, and whatever a worker writes for it contains that number and the number of the call.

/// The mark of a request, which is also a valid name in code.
pub(crate) fn of_request(number: u64) -> String {
    format!("q{number}z")
}

pub(crate) fn of_call(call: u64) -> String {
    format!("k{call}z")
}

fn all(text: &str, letter: u8) -> impl Iterator<Item = u64> {
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(move |at| bytes[*at] == letter).filter_map(move |at| {
        // Only whole words count: a mark's letters also occur inside of ordinary code.
        let alone = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ends = bytes.get(at + 1 + digits) == Some(&b'z');
        let number = text.get(at + 1..at + 1 + digits)?;
        if alone && ends { number.parse().ok() } else { None }
    })
}

pub(crate) fn request_in(text: &str) -> Option<u64> {
    all(text, b'q').next()
}

pub(crate) fn foreign_request(text: &str, own: u64) -> Option<u64> {
    all(text, b'q').find(|number| *number != own)
}

pub(crate) fn calls_in(text: &str) -> Vec<u64> {
    let mut calls: Vec<u64> = all(text, b'k').collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_and_told_apart() {
        let text = format!("def {}(x): # {} q z kz", of_request(17), of_call(4));
        assert_eq!(request_in(&text), Some(17));
        assert_eq!(foreign_request(&text, 17), None);
        assert_eq!(foreign_request(&text, 18), Some(17));
        assert_eq!(calls_in(&text), [4]);
    }
}
