//! What helps against each kind of error: in words for the reference page and `localcoder help`, and
//! as the button of an error that names none itself. The words on an error itself are written where it
//! is raised, with its file, model or number; these are what is true of all of its kind.

use crate::{ErrorAction, ErrorCode};

impl ErrorCode {
    /// The code of this name, or of this exit code.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| {
            code.as_str().eq_ignore_ascii_case(name) || code.exit_code().to_string() == name
        })
    }

    /// What to do next, as Markdown: a paragraph.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Usage
            | Self::OutputFailed
            | Self::FileNotFound
            | Self::FileAccess
            | Self::NotText
            | Self::LinesOutOfRange
            | Self::SelectionEmpty
            | Self::SelectionTooLarge
            | Self::DocumentTooLarge
            | Self::DocumentChanged
            | Self::AnswerUnusable => of_input(self),
            Self::NoModel
            | Self::ModelNotFound
            | Self::ModelNotGguf
            | Self::ModelDamaged
            | Self::ModelUnsupported
            | Self::ModelLoadFailed
            | Self::OutOfMemory
            | Self::ProfileNeeded
            | Self::DownloadFailed
            | Self::ChecksumMismatch
            | Self::DiskFull
            | Self::AirGapped
            | Self::LicenseNotAccepted
            | Self::ModelInUse
            | Self::ModelStore => of_models(self),
            _ => of_programs(self),
        }
    }

    /// What is offered as a button where the error itself names none; `None` where nothing but the
    /// words help.
    #[must_use]
    pub const fn usual_action(self) -> Option<ErrorAction> {
        match self {
            Self::NoModel
            | Self::ModelNotFound
            | Self::ModelNotGguf
            | Self::ModelDamaged
            | Self::ModelUnsupported
            | Self::ModelLoadFailed
            | Self::ChecksumMismatch
            | Self::DiskFull
            | Self::ModelStore => Some(ErrorAction::ShowModels),
            Self::ModelInUse => Some(ErrorAction::SwitchModel),
            Self::OutOfMemory | Self::ProfileNeeded => Some(ErrorAction::SwitchProfile),
            Self::AirGapped | Self::InvalidSetting | Self::SelectionTooLarge => {
                Some(ErrorAction::OpenSettings)
            }
            Self::VersionMismatch | Self::HostUnreachable | Self::WorkerStart => {
                Some(ErrorAction::RestartEngine)
            }
            Self::Draining
            | Self::Busy
            | Self::DocumentChanged
            | Self::AnswerUnusable
            | Self::WorkerCrashed
            | Self::GenerateFailed
            | Self::DownloadFailed => Some(ErrorAction::Retry),
            Self::Internal | Self::Protocol => Some(ErrorAction::CreateReport),
            _ => None,
        }
    }
}

/// Of the command, the file and the lines.
const fn of_input(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Usage => {
            "`localcoder help` lists the commands, and each of them takes `--help`. In the IDE this is \
             a mistake of ours: *LocalCoder: Create Report* writes down what is needed to fix it."
        }
        ErrorCode::OutputFailed => {
            "Standard output is closed, or the disk that it goes to is full. Send it to another place; \
             what the command did otherwise is done."
        }
        ErrorCode::FileNotFound => {
            "Check the path. In the IDE the file was deleted or renamed after it was opened: save it, \
             then ask again."
        }
        ErrorCode::FileAccess => {
            "Look at the permissions of the file and of the folders above it, and whether its disk is \
             writable. The error names the path."
        }
        ErrorCode::NotText => {
            "Only text in UTF-8 can be worked on. Save the file in that encoding first; a binary file \
             can't be improved."
        }
        ErrorCode::LinesOutOfRange => {
            "The file has fewer lines than that, perhaps since it was changed in the meantime. Select \
             again."
        }
        ErrorCode::SelectionEmpty => "Select code, or put the cursor into a function.",
        ErrorCode::SelectionTooLarge => {
            "Select less, such as one function, or raise `localcoder.contextWindow`, which takes more \
             memory. [Low memory](../guides/low-memory.md) says how much."
        }
        ErrorCode::DocumentTooLarge => {
            "Split the file, or copy the part that is to be worked on into a file of its own."
        }
        ErrorCode::DocumentChanged => {
            "The lines were changed after the suggestion was made, so nothing was written. Ask again \
             for the lines as they are now."
        }
        ErrorCode::AnswerUnusable => {
            "The answer did not parse, held placeholders, or lost something that is still used, in each \
             attempt. Select less, say with *Improve Selection with Instruction…* what is to change, or \
             use a larger model. What is checked is in [How an edit is made](../edits.md)."
        }
        _ => "",
    }
}

/// Of models: files, memory, downloads.
const fn of_models(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NoModel => {
            "Install a model with *LocalCoder: Show Models* or `localcoder models install ID`, or import \
             a GGUF file. [Choosing a model](../guides/choosing-a-model.md) says which."
        }
        ErrorCode::ModelNotFound => {
            "The file was moved or deleted, its disk is not there, or its name is mistyped. Put it back, \
             or choose another with *LocalCoder: Switch Model…*; `localcoder models list` shows those \
             that are there."
        }
        ErrorCode::ModelNotGguf => {
            "LocalCoder runs models in the format GGUF alone. Get the GGUF file of the model; a \
             `safetensors` or `bin` file has to be converted first."
        }
        ErrorCode::ModelDamaged => {
            "The file was not copied or downloaded to its end, or the disk has a fault. Install or import the \
             model again. `localcoder models verify ID` reads the file and compares its digest."
        }
        ErrorCode::ModelUnsupported => {
            "llama.cpp, as it is built in here, does not know this kind of model. Choose another one; a \
             newer LocalCoder may run it."
        }
        ErrorCode::ModelLoadFailed => {
            "Mostly the GPU's driver or memory is the reason: set `localcoder.acceleration` to `cpu`. If \
             it fails there too, verify the model's file. [GPU trouble](../guides/gpu-trouble.md) goes \
             through it."
        }
        ErrorCode::OutOfMemory => {
            "Close what takes memory, choose the profile *fast*, a smaller model or a smaller \
             `localcoder.contextWindow`. [Low memory](../guides/low-memory.md) has the numbers."
        }
        ErrorCode::ProfileNeeded => {
            "Models of 13 billion parameters and more take the memory of the whole machine, so a profile \
             has to allow it: choose *heavy* with *LocalCoder: Switch Profile…*."
        }
        ErrorCode::DownloadFailed => {
            "Try again: what is downloaded already is kept, and the download is resumed. Behind a proxy, set \
             `https_proxy` for the program that starts LocalCoder. On a machine without a network, \
             import the model: [Offline machines](../guides/offline.md)."
        }
        ErrorCode::ChecksumMismatch => {
            "The file is not the one that the catalog pins, so it is not used. Download it again; if it stays \
             so, something on the way changes it, or it was replaced where it lies."
        }
        ErrorCode::DiskFull => {
            "Make room: *LocalCoder: Show Models* shows what models take and removes those that you do \
             not need. What was downloaded of a model is kept, and resumed."
        }
        ErrorCode::AirGapped => {
            "Import the model from a file instead, or switch `localcoder.airGapped` off. \
             [Offline machines](../guides/offline.md) says how to carry a model over."
        }
        ErrorCode::LicenseNotAccepted => {
            "A model is downloaded only after you have agreed to its license. `localcoder models license ID` \
             shows it; asked again, you can agree."
        }
        ErrorCode::ModelInUse => {
            "Use another model first, with *LocalCoder: Switch Model…*; then remove this one."
        }
        ErrorCode::ModelStore => {
            "Look at the permissions of the folder that the error names, and whether its disk is there \
             and writable."
        }
        _ => "",
    }
}

/// Of the programs and what is between them.
const fn of_programs(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Internal => {
            "Try again. If it comes back, *LocalCoder: Create Report*, or `localcoder doctor --bundle`, \
             writes a file with what a maintainer needs; nothing is sent."
        }
        ErrorCode::Protocol | ErrorCode::VersionMismatch => {
            "Programs of two versions of LocalCoder run at once. *LocalCoder: Restart Engine*, or \
             `localcoder host stop`, ends the older one; then reload the window."
        }
        ErrorCode::HostUnreachable => {
            "*LocalCoder: Restart Engine* starts it again. `localcoder doctor` says what is in the way; \
             `localcoder host stop` ends one that hangs."
        }
        ErrorCode::RuntimeFolder => {
            "The folder must be yours alone, and its path short enough for a socket. `LOCALCODER_HOME` \
             names another place for all of LocalCoder's files."
        }
        ErrorCode::Draining => "A new host will be running within a second: try again.",
        ErrorCode::Busy => "Wait for what runs, or cancel some of it, then try again.",
        ErrorCode::InvalidSetting => {
            "The error names the setting and what it may be. `localcoder config list --explain` shows all \
             values and where each comes from; [Settings](settings.md) describes them."
        }
        ErrorCode::WorkerStart => {
            "A program of LocalCoder is missing, or the system refuses to start it. `localcoder doctor` \
             says which; install LocalCoder again if its files are not complete."
        }
        ErrorCode::WorkerCrashed => {
            "A new one starts by itself, so try again. If it happens again and again, choose a \
             lighter profile or set `localcoder.acceleration` to `cpu`: [GPU \
             trouble](../guides/gpu-trouble.md)."
        }
        ErrorCode::GenerateFailed => {
            "Try again. If it happens again, choose another model, or set `localcoder.acceleration` to \
             `cpu`."
        }
        ErrorCode::EditorStart => {
            "The error says what is missing or in the way. `localcoder --browser` opens the IDE in a \
             browser where the window is the trouble; the editor's log lies beside the others, see \
             [When something goes wrong](../diagnostics.md)."
        }
        ErrorCode::Cancelled => "Nothing: you stopped it, and nothing was changed.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_next_step_of_its_own_and_is_found_by_name_and_number() {
        let mut steps = std::collections::HashSet::new();
        for &code in ErrorCode::ALL {
            let step = code.next_step();
            assert!(step.len() > 20 && step.ends_with('.'), "{code:?}: {step:?}");
            let shared = matches!(code, ErrorCode::Protocol | ErrorCode::VersionMismatch);
            assert!(steps.insert(step) || shared, "{code:?} has another's words");
            assert_eq!(ErrorCode::named(code.as_str()), Some(code));
            assert_eq!(ErrorCode::named(&code.exit_code().to_string()), Some(code));
        }
        assert_eq!(ErrorCode::named("NOMODEL"), Some(ErrorCode::NoModel));
        assert_eq!(ErrorCode::named("no such code"), None);
    }
}
