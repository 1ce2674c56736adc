//! Reads the header of a GGUF file and says what the model is, or why the file can't be used.
//!
//! The file comes from the internet, and llama.cpp's reader is written in C++, so everything is
//! checked here first, in safe code and with bounded memory. Tensor data is never read, and nothing
//! is opened: the host passes a reader and the length of the file.

mod architecture;
mod error;
mod header;
mod memory;
mod metadata;
mod purpose;
mod shape;
mod source;
mod state;
mod tensors;
mod types;

pub use architecture::ARCHITECTURES;
pub use error::{GgufError, Resembles};
pub use header::{FimTokens, Header};
pub use memory::{FIRST_OUTPUT_ROWS, KvType, MemoryEstimate, RunShape};
pub use metadata::TEMPLATE_BYTES_MAX;
pub use purpose::names_base_model;
