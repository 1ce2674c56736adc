//! An error of the store as a client shows it: its code, why, what helps, and what can be offered.
//! The only place in this crate that knows about this; the commands and buttons are the clients'.

use std::error::Error as _;

use localcoder_disk::Kind;
use localcoder_gguf::GgufError;
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, FetchFailure};
use localcoder_settings::AIR_GAPPED;

use crate::error::{Named, Problem, Remedy, StoreError, Unread, gb};

impl From<StoreError> for ErrorInfo {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        // Code, cause and hint are those of the download that failed; only the message says what it
        // was for.
        if let StoreError::NoLicense { source, .. } = error {
            return Self { message, ..Self::from(*source) };
        }
        let (action, subject) = action(&error).unzip();
        let subject = subject.flatten().map(str::to_owned);
        Self {
            code: code(&error),
            message,
            cause: cause(&error),
            hint: hint(&error),
            action,
            subject,
        }
    }
}

fn code(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Disk { source, .. } if source.kind == Kind::Full => ErrorCode::DiskFull,
        StoreError::Disk { .. } | StoreError::Manifest { .. } => ErrorCode::ModelStore,
        StoreError::NotInstalled(_) | StoreError::Unopened { .. } => ErrorCode::ModelNotFound,
        StoreError::Cancelled(_) => ErrorCode::Cancelled,
        StoreError::NotAnId(_)
        | StoreError::IdTaken(_)
        | StoreError::IdReserved(_)
        | StoreError::FileInstalled(_)
        | StoreError::Installed { .. } => ErrorCode::Usage,
        StoreError::Unusable { .. }
        | StoreError::OtherLength { .. }
        | StoreError::NotExported { .. } => ErrorCode::ModelDamaged,
        StoreError::Changed { .. } | StoreError::OtherDigest { .. } => ErrorCode::ChecksumMismatch,
        StoreError::NotAFile { .. } => ErrorCode::ModelNotGguf,
        StoreError::NotAModel { source, .. } => match source {
            GgufError::NotGguf(_) => ErrorCode::ModelNotGguf,
            GgufError::Truncated { .. } | GgufError::Damaged(_) => ErrorCode::ModelDamaged,
            GgufError::Read(_) => ErrorCode::ModelNotFound,
            _ => ErrorCode::ModelUnsupported,
        },
        StoreError::NoRoom { .. } => ErrorCode::DiskFull,
        StoreError::ExportedAlready(_) | StoreError::NotAFolder(_) => ErrorCode::FileAccess,
        StoreError::NoFolder(_) => ErrorCode::FileNotFound,
        StoreError::Catalog { .. } => ErrorCode::InvalidSetting,
        StoreError::OtherLicense { .. } => ErrorCode::LicenseNotAccepted,
        StoreError::NoLicense { source, .. } => code(source),
        StoreError::FetchNotStarted { .. } | StoreError::FetchSilent(_) => {
            ErrorCode::DownloadFailed
        }
        StoreError::Fetch { failure, .. } => match failure {
            FetchFailure::AirGapped => ErrorCode::AirGapped,
            FetchFailure::NoSpace => ErrorCode::DiskFull,
            FetchFailure::Disk => ErrorCode::ModelStore,
            FetchFailure::Busy => ErrorCode::Busy,
            FetchFailure::Checksum => ErrorCode::ChecksumMismatch,
            _ => ErrorCode::DownloadFailed,
        },
    }
}

fn cause(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::IdReserved(_) => "its digest is not the one that the catalog names".to_owned(),
        StoreError::Installed { path, .. } => format!("its file is `{}`", path.display()),
        StoreError::Unusable { problem, .. } => problem.to_string(),
        StoreError::Changed { found, installed, .. } => {
            format!("its digest is {found}, and it was {installed}")
        }
        StoreError::OtherDigest { found, wanted, .. } => {
            format!("its digest is {found}, and the one wanted is {wanted}")
        }
        StoreError::OtherLength { found, claimed, .. } => {
            format!("it has {found} bytes, and the folder says {claimed}")
        }
        StoreError::NoRoom { free_bytes, .. } => {
            // The number is `RESERVE_BYTES`.
            format!("{} are free, and 1 GB must stay so", gb(*free_bytes))
        }
        StoreError::OtherLicense { sha256, .. } => format!("its text has the digest {sha256}"),
        StoreError::NotExported { why, .. } | StoreError::FetchSilent(why) => why.clone(),
        StoreError::Fetch { message, .. } => message.clone(),
        _ => return error.source().map(ToString::to_string),
    })
}

fn hint(error: &StoreError) -> Option<String> {
    let text = match error {
        StoreError::Disk { source, .. } if source.kind == Kind::Full => {
            return Some(format!("{}; removing a model makes room, too", source.hint));
        }
        StoreError::Disk { source: cause, .. }
        | StoreError::Unopened { source: cause, .. }
        | StoreError::FetchNotStarted { source: cause, .. }
        | StoreError::Manifest { source: Unread::Disk(cause), .. }
        | StoreError::Catalog { source: Unread::Disk(cause), .. } => &cause.hint,
        StoreError::Manifest { path, .. } => {
            return Some(format!("remove `{}` and install the model again", path.display()));
        }
        StoreError::Changed { aside: Some(aside), .. } => {
            return Some(format!("install it again; the damaged file is `{}`", aside.display()));
        }
        StoreError::Changed { .. } => "remove the model and import the right file",
        StoreError::NotAModel { source, .. } => source.hint(),
        StoreError::Fetch { failure, named, .. } => of_fetch(*failure, *named),
        StoreError::Unusable { problem, .. } => of_problem(problem),
        StoreError::NotInstalled(_) => "choose one of those that are",
        StoreError::NotAnId(_) => "an id has 1 to 64 lower-case letters, digits, `.`, `-` and `_`",
        StoreError::IdTaken(_) => "import it under another id, or remove that model first",
        StoreError::IdReserved(_) => "choose another id, or none",
        StoreError::FileInstalled(_) => "choose it, or import it under another id",
        StoreError::Installed { .. } => "verify it, if in doubt",
        StoreError::NotAFile { path, .. } if path.is_dir() => "name the GGUF file in it",
        StoreError::NotAFile { .. } => "name a GGUF file",
        StoreError::NoRoom { .. } => "make room, or import it in place: then it is not copied",
        StoreError::OtherDigest { .. } => "copy or download the file again",
        StoreError::OtherLength { .. } => "copy the folder again, or export the model again",
        StoreError::NotExported { .. } => "export it again from where it is installed",
        StoreError::ExportedAlready(_) => "remove it, or export to another folder",
        StoreError::NoFolder(_) => "make it first, or export to another folder",
        StoreError::NotAFolder(_) => "export to a folder",
        StoreError::Catalog { .. } => {
            "fix the file, or remove it: the models that LocalCoder knows need none"
        }
        StoreError::OtherLicense { .. } => "update LocalCoder, which may know the new license",
        StoreError::FetchSilent(_) => {
            "try again; if it happens again, build or install LocalCoder again"
        }
        StoreError::Cancelled(_) | StoreError::NoLicense { .. } => return None,
    };
    Some(text.to_owned())
}

fn action(error: &StoreError) -> Option<(ErrorAction, Option<&str>)> {
    Some(match error {
        StoreError::NotInstalled(_) => (ErrorAction::ShowModels, None),
        StoreError::FileInstalled(id) => (ErrorAction::SwitchModel, Some(id)),
        StoreError::Installed { id, .. } => (ErrorAction::VerifyModel, Some(id)),
        StoreError::Unusable { id, problem } => {
            let action = match problem.remedy {
                Remedy::Verify => ErrorAction::VerifyModel,
                Remedy::Install => ErrorAction::InstallModel,
                // No button can import what only the user has; the model has to go first, since its
                // id is taken.
                Remedy::Import => ErrorAction::RemoveModel,
            };
            (action, Some(id))
        }
        StoreError::Changed { id, aside: Some(_), .. } => (ErrorAction::InstallModel, Some(id)),
        StoreError::Changed { id, .. } => (ErrorAction::RemoveModel, Some(id)),
        StoreError::Fetch { failure: FetchFailure::AirGapped, .. } => {
            (ErrorAction::OpenSettings, Some(AIR_GAPPED))
        }
        StoreError::Fetch { .. } | StoreError::FetchSilent(_) => (ErrorAction::Retry, None),
        _ => return None,
    })
}

fn of_problem(problem: &Problem) -> &'static str {
    match problem.remedy {
        Remedy::Verify => "verify it: it is kept if it is the same",
        Remedy::Install => "install it again",
        Remedy::Import => "remove it, then import its file again",
    }
}

/// If the entry is from the user's own catalog, that file has to be fixed, and another version of
/// the product would not know more about it.
fn of_fetch(failure: FetchFailure, named: Named) -> &'static str {
    let is_users = named == Named::InUsersCatalog;
    match failure {
        FetchFailure::Redirect if is_users => {
            "put the address that the server leads to into `url` or `mirrors` of the entry in your \
             `catalog.json`: only hosts that are named there are asked"
        }
        FetchFailure::WrongFile | FetchFailure::Checksum if is_users => {
            "compare `bytes` and `sha256` of the entry in your `catalog.json` with the file that \
             the server has; or sign in to your network if it asks for that"
        }
        FetchFailure::Refused | FetchFailure::Invalid if is_users => {
            "check `url` and `mirrors` of the entry in your `catalog.json`"
        }
        FetchFailure::AirGapped => "check whether air-gapped mode is on, and why",
        FetchFailure::NoSpace => "make room and try again: what is downloaded stays",
        FetchFailure::Disk => "check the disk and its permissions, then try again",
        FetchFailure::Busy => "wait for the other download, or end it",
        FetchFailure::Checksum => {
            "the file was changed at its source or on the way here: try another network"
        }
        FetchFailure::WrongFile => {
            "sign in to your network if it asks for that; else the file is not there any more"
        }
        FetchFailure::Untrusted => {
            "check the clock, and whether something on your network intercepts connections"
        }
        FetchFailure::Proxy => {
            "fix the variable that names it, such as `https_proxy` (a user name and password go \
             before the host, as in `http://NAME:PASSWORD@HOST:PORT`); hosts in `no_proxy` are \
             asked without it"
        }
        FetchFailure::Unreachable | FetchFailure::TooSlow | FetchFailure::Server => {
            "check the network and try again: what is downloaded stays"
        }
        FetchFailure::Refused | FetchFailure::Redirect | FetchFailure::Invalid => {
            "update LocalCoder, or download the file by hand and import it"
        }
    }
}
