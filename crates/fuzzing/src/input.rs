//! Divides a fuzzer's bytes into numbers at the front, then texts with a NUL between them, so that
//! people can read kept inputs.

use std::borrow::Cow;

pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A small number; 0 if no bytes are left.
    pub(crate) fn number(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    pub(crate) fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.number() % of.len()]
    }

    /// The text up to the next NUL; empty if no bytes are left.
    pub(crate) fn text(&mut self) -> Cow<'a, str> {
        let mut parts = self.0.splitn(2, |byte| *byte == 0);
        let text = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        String::from_utf8_lossy(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_first_and_texts_are_parted_by_nul() {
        let mut input = Input::new(b"\x03ab\0c\0\0d");
        assert_eq!(input.choice(&[1, 2]), 2);
        let texts: Vec<_> = (0..5).map(|_| input.text()).collect();
        assert_eq!(texts, ["ab", "c", "", "d", ""]);
        assert_eq!(input.number(), 0);
    }
}
