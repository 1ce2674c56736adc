//! Why a file can't be used, in words for the person who chose it.

/// Why a file can't be used as a model. The message is a clause that follows the file's name. The
/// variant decides the hint and, in the store, the error code; `Damaged` is what a new copy of the
/// file may fix, `Unsupported` and those after it are what no copy will.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error(transparent)]
    NotGguf(Resembles),
    /// It ends too early, as an interrupted download does.
    #[error("it is cut off: it has {actual_bytes} bytes and should have at least {expected_bytes}")]
    Truncated {
        /// Bytes that the file must have, as far as its header says.
        expected_bytes: u64,
        actual_bytes: u64,
    },
    #[error("its header is damaged: {0}")]
    Damaged(String),
    #[error("it is a GGUF file that this program can't run: {0}")]
    Unsupported(String),
    #[error("it is a GGUF file, and not of a model that writes text: {0}")]
    WritesNothing(String),
    #[error("its architecture is `{0}`, which this version does not know")]
    UnknownArchitecture(String),
    #[error("it is a GGUF file, and not of a text model: {0}")]
    NotText(String),
    #[error("it could not be read: {0}")]
    Read(#[from] std::io::Error),
}

impl GgufError {
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotGguf(resembles) => resembles.hint(),
            Self::Truncated { .. } | Self::Damaged(_) => "download or copy the file again",
            Self::Unsupported(_) => "choose another GGUF file of the model",
            Self::WritesNothing(_) => "choose the GGUF file of a model that writes text",
            Self::UnknownArchitecture(_) => "update LocalCoder, or choose another model",
            Self::NotText(_) => "choose the GGUF file of a text model",
            Self::Read(_) => "check that the file is there and that you may read it",
        }
    }
}

/// What a file that is not a GGUF looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Resembles {
    #[error("it is empty")]
    Empty,
    #[error("it is a Git LFS pointer and not the file itself")]
    GitLfsPointer,
    /// A web page, such as a login page that was saved as a model.
    #[error("it is a web page")]
    WebPage,
    #[error("it is in the safetensors format")]
    Safetensors,
    #[error("it is a ZIP archive or a PyTorch checkpoint")]
    Zip,
    #[error("it is a compressed file")]
    Compressed,
    /// JSON, such as a model's configuration or an error of a server.
    #[error("it is a JSON text")]
    Json,
    #[error("it is in the format that came before GGUF")]
    OldGgml,
    #[error("it does not begin with the letters GGUF")]
    Unknown,
}

impl Resembles {
    pub(crate) fn of(head: &[u8]) -> Self {
        let text = head.trim_ascii_start().to_ascii_lowercase();
        let starts = |prefix: &[u8]| text.starts_with(prefix);
        match head {
            [] => Self::Empty,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] | [b'B', b'Z', b'h', ..] => {
                Self::Compressed
            }
            // `ggjt`, `ggml`, `ggmf` and the adapters' `ggla` were numbers, written little-endian.
            [b't', b'j', b'g', b'g', ..]
            | [b'l' | b'f', b'm', b'g', b'g', ..]
            | [b'a', b'l', b'g', b'g', ..] => Self::OldGgml,
            // A length of eight bytes, then the JSON of the header.
            [_, _, _, _, _, _, _, _, b'{', b'"' | b' ' | b'\n', ..] => Self::Safetensors,
            _ if starts(b"version https://git-lfs") => Self::GitLfsPointer,
            _ if starts(b"<!doctype html") || starts(b"<html") || starts(b"<?xml") => Self::WebPage,
            _ if starts(b"{") || starts(b"[") => Self::Json,
            _ => Self::Unknown,
        }
    }
}

impl Resembles {
    fn hint(self) -> &'static str {
        match self {
            Self::Empty => "download or copy the file again",
            Self::GitLfsPointer => "run `git lfs pull` where it lies",
            Self::WebPage => "the download led to a page: look there for the link to the file",
            Self::Compressed => "unpack it first",
            Self::Safetensors | Self::Zip | Self::OldGgml => "choose the model's GGUF version",
            Self::Json | Self::Unknown => "choose a file in the GGUF format",
        }
    }
}

pub(crate) fn damaged<T>(reason: impl Into<String>) -> Result<T, GgufError> {
    Err(GgufError::Damaged(reason.into()))
}

/// A name from the file, in a shape that can be shown: short and on one line.
pub(crate) fn shown(name: &str) -> String {
    // It is printed on terminals, where control characters move the cursor.
    let clean = name.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut short: String = clean.take(60).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_named() {
        for (head, expected) in [
            (&b""[..], Resembles::Empty),
            (b"version https://git-lfs.github.com/spec/v1\noid", Resembles::GitLfsPointer),
            (b"\n<!DOCTYPE html><html>", Resembles::WebPage),
            (b"\x40\x01\0\0\0\0\0\0{\"__metadata__\"", Resembles::Safetensors),
            (b"PK\x03\x04", Resembles::Zip),
            (b"\x1f\x8b\x08", Resembles::Compressed),
            (b"{\"error\": \"gone\"}", Resembles::Json),
            (b"tjgg", Resembles::OldGgml),
            (b"lmgg", Resembles::OldGgml),
            (b"algg", Resembles::OldGgml),
            (b"lagg", Resembles::Unknown),
            (b"\x7fELF", Resembles::Unknown),
        ] {
            assert_eq!(Resembles::of(head), expected);
        }
    }
}
