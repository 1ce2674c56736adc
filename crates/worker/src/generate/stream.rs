//! From the bytes of tokens to the text that is sent: whole characters only, without stop strings
//! or anything after them.

use localcoder_protocol::BlockEnd;

use super::block::Block;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) stopped: bool,
}

#[derive(Debug)]
pub(crate) struct TextStream {
    characters: Utf8Assembler,
    stops: StopMatcher,
    block: Option<Block>,
}

impl TextStream {
    pub(crate) fn new(stop: &[String], end: Option<BlockEnd>) -> Self {
        Self {
            characters: Utf8Assembler::default(),
            stops: StopMatcher::new(stop),
            block: end.map(Block::new),
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Output {
        let text = self.characters.push(bytes);
        let output = self.stops.push(&text);
        self.within_block(output)
    }

    fn within_block(&mut self, output: Output) -> Output {
        let Some(block) = &mut self.block else { return output };
        let (text, ended) = block.push(&output.text);
        Output { text, stopped: ended || output.stopped }
    }

    /// What was held back, once nothing more comes: the start of a stop string that was not
    /// completed, or of a character, which becomes U+FFFD. Not called after a stop.
    pub(crate) fn finish(&mut self) -> String {
        let text = self.characters.finish();
        let mut text = self.stops.push(&text).text;
        text.push_str(&self.stops.finish());
        self.within_block(Output { text, stopped: false }).text
    }
}

/// Assembles bytes into characters. The bytes of a character may come one by one; those that can't
/// be part of any become U+FFFD.
#[derive(Debug, Default)]
struct Utf8Assembler {
    /// The start of a character: at most three bytes.
    pending: Vec<u8>,
}

impl Utf8Assembler {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    rest = after;
                    // `None` means that the bytes may yet become a character.
                    let Some(bad) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[bad..];
                }
            }
        }
        self.pending = rest.to_vec();
        text
    }

    fn finish(&mut self) -> String {
        let pending = std::mem::take(&mut self.pending);
        String::from_utf8_lossy(&pending).into_owned()
    }
}

#[derive(Debug)]
struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

impl StopMatcher {
    fn new(stop: &[String]) -> Self {
        let stops = stop.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, held: String::new() }
    }

    fn push(&mut self, text: &str) -> Output {
        self.held.push_str(text);
        // The earliest of all, not the first that is listed: what one piece brings may contain
        // several.
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            self.held.truncate(at);
            return Output { text: std::mem::take(&mut self.held), stopped: true };
        }
        let hold = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let held = self.held.split_off(self.held.len() - hold);
        Output { text: std::mem::replace(&mut self.held, held), stopped: false }
    }

    fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length in bytes of the longest suffix of `text` that is a prefix of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    // A whole stop string was found before; `new` has dropped the empty ones.
    let longest = text.len().min(stop.len() - 1);
    (1..=longest)
        .rev()
        // Comparing bytes is enough: both are valid UTF-8, so a match begins and ends between
        // characters.
        .find(|length| text.as_bytes().ends_with(&stop.as_bytes()[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes bytes one by one; returns what came and whether it stopped.
    fn bytewise(text: &[u8], stop: &[&str]) -> (String, bool) {
        let stop: Vec<String> = stop.iter().map(|it| (*it).to_owned()).collect();
        let mut stream = TextStream::new(&stop, None);
        let mut out = String::new();
        for byte in text {
            let output = stream.push(&[*byte]);
            out.push_str(&output.text);
            if output.stopped {
                return (out, true);
            }
        }
        out.push_str(&stream.finish());
        (out, false)
    }

    #[test]
    fn characters_come_whole() {
        let mut stream = TextStream::new(&[], None);
        let bytes = "aé€😀".as_bytes();
        let pieces: Vec<String> = bytes.iter().map(|byte| stream.push(&[*byte]).text).collect();
        assert_eq!(pieces, ["a", "", "é", "", "", "€", "", "", "", "😀"]);
        assert_eq!(stream.finish(), "");
    }

    #[test]
    fn bytes_of_no_character_are_replaced_and_cost_nothing_else() {
        assert_eq!(bytewise(b"a\xffb\xe2\x82c\xf0\x9f", &[]).0, "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(TextStream::new(&[], None).push(b"a\xff\xfeb").text, "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn stop_strings_are_found_across_pieces_and_not_sent() {
        assert_eq!(bytewise(b"code\n```\nmore", &["\n```"]), ("code".into(), true));
        assert_eq!(bytewise("1→→2".as_bytes(), &["→2"]), ("1→".into(), true));
        assert_eq!(bytewise(b"aab", &["aab"]), (String::new(), true));
        assert_eq!(bytewise(b"aaab", &["aab"]), ("a".into(), true));
        assert_eq!(bytewise(b"x<end", &["<end>"]), ("x<end".into(), false));
        assert_eq!(bytewise(b"abc", &["", "bc", "c"]), ("a".into(), true));
    }

    #[test]
    fn only_the_start_of_a_stop_string_is_held_back() {
        let mut stream = TextStream::new(&["</s>".to_owned()], None);
        assert_eq!(stream.push(b"a<").text, "a");
        assert_eq!(stream.push(b"b</").text, "<b");
        assert_eq!(stream.push(b"p>").text, "</p>");
        assert_eq!(stream.push(b"</s").text, "");
        assert_eq!(stream.finish(), "</s");
    }

    #[test]
    fn a_stop_string_in_one_piece_with_text_after_it_ends_there() {
        let mut stream = TextStream::new(&["END".to_owned()], None);
        assert_eq!(stream.push(b"aENDb"), Output { text: "a".into(), stopped: true });
    }
}
