//! Commands on selected code, as one table. From it come the request's checks, the prompt's words
//! (by [`CommandSpec::id`], in `crates/assist/prompts`), the command line's subcommands, and the
//! editor's commands, keys and menus.

/// What the answer is. Decides how it reaches the user: an edit is checked and comes whole, a text
/// is shown while it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    Edit,
    Text,
}

/// Which of the user's models answers, where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelUse {
    Code,
    General,
}

/// What has to be there before it can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Selection,
}

/// What an edit is to leave as it is of what code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    /// What is returned stays; errors that were swallowed may come out.
    Values,
    /// What is returned stays, and what did not fail does not.
    All,
}

/// Where an entry is offered beside the command palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    ContextMenu,
    StatusMenu,
}

/// A command of the editor. One command of the table may have several: with an instruction of the
/// user's, or with one that is given here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without `localcoder.`.
    pub command: &'static str,
    pub title: &'static str,
    pub icon: &'static str,
    pub asks_instruction: bool,
    /// What is to be done, where the entry says it for the user.
    pub instruction: Option<&'static str>,
    /// The key as VS Code writes it; on macOS Cmd takes the place of Ctrl.
    pub key: Option<&'static str>,
    /// What it is called in inline chat, behind a slash.
    pub slash: Option<&'static str>,
    pub places: &'static [Place],
}

/// A row of the table: all that is the same for the host, the command line and the editor. What a
/// command says to a model is not in it, since the words differ by the kind of model: they are
/// found by `id` in `crates/assist/prompts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// By which it is asked for, and the command line's subcommand.
    pub id: &'static str,
    /// What it does with lines of a file, for `--help`.
    pub about: &'static str,
    /// Examples for `--help`, without `localcoder`.
    pub examples: &'static [&'static str],
    /// What is reported where an edit would change nothing, before the lines.
    pub nothing: &'static str,
    pub answer: AnswerKind,
    pub model: ModelUse,
    pub needs: Needs,
    /// Whether an edit may touch nothing but comments.
    pub only_comments: bool,
    /// What an edit without an instruction leaves as it is. Where it leaves anything, an instruction
    /// may say otherwise.
    pub keeps: Kept,
    /// Whether it takes an instruction in words, or a question.
    pub takes_instruction: bool,
    pub entries: &'static [Entry],
}

const BOTH_MENUS: &[Place] = &[Place::ContextMenu, Place::StatusMenu];

/// An instruction that is asked for often. It is in the palette and in the list of quick edits, not
/// in menus, which would be full of them.
const fn quick(
    command: &'static str,
    title: &'static str,
    icon: &'static str,
    slash: &'static str,
    instruction: &'static str,
) -> Entry {
    Entry {
        command,
        title,
        icon,
        asks_instruction: false,
        instruction: Some(instruction),
        key: None,
        slash: Some(slash),
        places: &[],
    }
}

/// All of them, in the order in which they are offered.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        id: "improve",
        about: "Rewrite lines of a file and show the change as a diff",
        examples: &[
            "improve report.py --lines 10-24",
            "improve report.py --lines 10-24 --instruction 'Use a dict comprehension'",
            "improve report.py --lines 10-24 --apply && git diff",
        ],
        nothing: "nothing to improve",
        answer: AnswerKind::Edit,
        model: ModelUse::Code,
        needs: Needs::Selection,
        only_comments: false,
        // It changes how code is written, and removes flaws.
        keeps: Kept::Values,
        takes_instruction: true,
        entries: &[
            Entry {
                command: "improveSelection",
                title: "Improve Selection",
                icon: "sparkle",
                asks_instruction: false,
                instruction: None,
                key: Some("ctrl+alt+i"),
                slash: Some("improve"),
                places: BOTH_MENUS,
            },
            Entry {
                command: "improveWithInstruction",
                title: "Improve Selection with Instruction…",
                icon: "edit",
                asks_instruction: true,
                instruction: None,
                key: None,
                slash: None,
                places: BOTH_MENUS,
            },
            quick(
                "simplifySelection",
                "Simplify Selection",
                "list-flat",
                "simplify",
                "Simplify this code without changing what it does.",
            ),
            quick("addTypes", "Add Types to Selection", "symbol-class", "types", "Add the types."),
            quick(
                "handleErrors",
                "Handle Errors in Selection",
                "shield",
                "errors",
                "Handle the errors that can occur here.",
            ),
            quick(
                "renameForClarity",
                "Rename for Clarity in Selection",
                "symbol-key",
                "rename",
                "Rename unclear local variables so that each name says what it holds.",
            ),
            quick(
                "makeFaster",
                "Make Selection Faster",
                "dashboard",
                "faster",
                "Make this code faster without changing what it does.",
            ),
            quick(
                "fixProblems",
                "Fix Problems in Selection",
                "wrench",
                "fix",
                "Fix what the tools say about it, and change nothing else.",
            ),
        ],
    },
    CommandSpec {
        id: "explain",
        about: "Explain lines of a file, or answer a question about them",
        examples: &[
            "explain report.py --lines 10-24",
            "explain report.py --lines 10-24 --length short",
            "explain report.py --lines 10-24 --question 'What if the list is empty?'",
        ],
        nothing: "nothing to explain",
        answer: AnswerKind::Text,
        model: ModelUse::Code,
        needs: Needs::Selection,
        only_comments: false,
        keeps: Kept::Nothing,
        takes_instruction: true,
        entries: &[Entry {
            command: "explainSelection",
            title: "Explain Selection",
            icon: "comment-discussion",
            asks_instruction: false,
            instruction: None,
            key: Some("ctrl+alt+e"),
            slash: None,
            places: BOTH_MENUS,
        }],
    },
    CommandSpec {
        id: "document",
        about: "Write doc comments for lines of a file and show the change as a diff",
        examples: &["document report.py --lines 10-24"],
        nothing: "nothing to document",
        answer: AnswerKind::Edit,
        model: ModelUse::Code,
        needs: Needs::Selection,
        only_comments: true,
        keeps: Kept::All,
        takes_instruction: false,
        entries: &[Entry {
            command: "documentSelection",
            title: "Document Selection",
            icon: "book",
            asks_instruction: false,
            instruction: None,
            key: None,
            slash: Some("docs"),
            places: BOTH_MENUS,
        }],
    },
];

impl CommandSpec {
    /// The command of this id; `None` for what a client of another version or a typing error asks
    /// for, which the caller refuses.
    #[must_use]
    pub fn of(id: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|spec| spec.id == id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_has_a_name_a_key_and_an_entry_of_its_own() {
        let entries: Vec<&Entry> = COMMANDS.iter().flat_map(|spec| spec.entries).collect();
        let unique = |names: Vec<&str>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
        assert!(unique(COMMANDS.iter().map(|spec| spec.id).collect()));
        assert!(unique(entries.iter().map(|entry| entry.command).collect()));
        assert!(unique(entries.iter().map(|entry| entry.title).collect()));
        assert!(unique(entries.iter().filter_map(|entry| entry.key).collect()));
        assert!(unique(entries.iter().filter_map(|entry| entry.slash).collect()));
        for spec in COMMANDS {
            assert!(!spec.entries.is_empty() && !spec.examples.is_empty(), "{}", spec.id);
            let asks = spec.entries.iter().any(|entry| entry.asks_instruction);
            let says = spec.entries.iter().any(|entry| entry.instruction.is_some());
            assert!(!(asks || says) || spec.takes_instruction, "{}", spec.id);
            assert!(spec.examples.iter().all(|it| it.starts_with(spec.id)), "{}", spec.id);
        }
    }
}
