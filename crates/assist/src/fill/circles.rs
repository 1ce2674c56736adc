//! A model that repeats itself: the same lines again, or the same words within one line.

const REPEATS_MAX: usize = 2;
/// How often a line may occur in all, if it says something.
const RETURNS_MAX: usize = 3;
/// Shorter lines recur in any code.
const SAYS_CHARS: usize = 8;
/// How often the end of a line may repeat, and how many bytes that end has.
const TURNS_MIN: usize = 4;
const TURNS_BYTES_MIN: usize = 24;

/// Whether a line only continues a repetition that the lines before it have begun.
pub(super) fn comes_round(before: &[&str], line: &str) -> bool {
    let line = line.trim();
    // Blank lines and short ones, such as a closing brace, recur in any code.
    let same = |it: &&&str| it.trim() == line;
    let in_row = before.iter().rev().take_while(same).count();
    let in_all = before.iter().filter(same).count();
    !line.is_empty()
        && (in_row >= REPEATS_MAX || (line.len() >= SAYS_CHARS && in_all >= RETURNS_MAX))
}

/// Whether the text so far repeats itself, so that more of it would be useless. Asked while the
/// model writes, to end it early.
pub(super) fn goes_round(written: &str) -> bool {
    let lines: Vec<&str> = written.split('\n').collect();
    // The last line may still continue differently.
    (1..lines.len().saturating_sub(1)).any(|at| comes_round(&lines[..at], lines[at]))
}

/// Whether a line ends with the same words over and over: the shortest end that repeats is looked
/// for, in bytes. Signs alone, as in a line of dashes, don't count.
pub(super) fn is_circle(line: &str) -> bool {
    let line = line.trim_end().as_bytes();
    (1..=line.len() / TURNS_MIN).any(|length| {
        let unit = &line[line.len() - length..];
        let turns = line.rchunks_exact(length).take_while(|chunk| *chunk == unit).count();
        let says = unit.iter().any(u8::is_ascii_alphanumeric);
        says && turns >= TURNS_MIN && turns * length >= TURNS_BYTES_MIN
    })
}
