//! A loaded model: its weights, its vocabulary and its own chat template.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs::File;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;
use localcoder_protocol::{ANSWER_OPENINGS, THOUGHTS};

use super::Backend;
use super::c_file::CFile;

pub(crate) type Token = sys::llama_token;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelParams {
    /// Layers on the GPU; `None` for all.
    pub(crate) gpu_layers: Option<u32>,
    /// Whether weights on a CPU are rearranged for its kernels, in memory of their own.
    pub(crate) repack: bool,
}

/// Why a model was not loaded. The details are in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadError {
    File,
    Refused,
}

#[derive(Debug)]
pub(crate) struct Model {
    model: NonNull<sys::llama_model>,
    vocab: NonNull<sys::llama_vocab>,
    /// Control tokens that are written out nevertheless; see [`Model::find_marks`].
    marks: Vec<Token>,
}

// SAFETY: llama.cpp never changes a loaded model; reading it from several threads is allowed.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Model {
    /// Loads a GGUF from an open file, which may be at any position and is not needed afterwards.
    /// `progress` is called for every tensor with 0 to 1, on this thread, and returns whether to
    /// continue; if not, the load counts as refused.
    ///
    /// # Errors
    /// llama.cpp says only that it failed. Its reason is in [`super::Log`].
    pub(crate) fn load(
        _: Backend,
        file: &File,
        params: ModelParams,
        mut progress: impl FnMut(f32) -> bool,
    ) -> Result<Self, LoadError> {
        let file = CFile::of(file).map_err(|_| LoadError::File)?;
        let mut progress: &mut dyn FnMut(f32) -> bool = &mut progress;
        // SAFETY: returns a plain struct.
        let mut raw = unsafe { sys::llama_model_default_params() };
        // -1 means all of them to llama.cpp.
        raw.n_gpu_layers = params.gpu_layers.map_or(-1, |layers| layers.try_into().unwrap_or(-1));
        raw.use_extra_bufts = params.repack;
        raw.progress_callback = Some(on_progress);
        raw.progress_callback_user_data = (&raw mut progress).cast();
        // SAFETY: the stream is open, and llama.cpp keeps no more of it than mappings; `progress`
        // outlives the call, during which alone the callback is used.
        let model = unsafe { sys::llama_model_load_from_file_ptr(file.as_ptr(), raw) };
        let model = NonNull::new(model).ok_or(LoadError::Refused)?;
        // SAFETY: the model is loaded. Its vocabulary lives as long as it does.
        let vocab = unsafe { sys::llama_model_get_vocab(model.as_ptr()) }.cast_mut();
        let Some(vocab) = NonNull::new(vocab) else {
            // SAFETY: nothing else refers to the model.
            unsafe { sys::llama_model_free(model.as_ptr()) };
            return Err(LoadError::Refused);
        };
        let mut model = Self { model, vocab, marks: Vec::new() };
        model.marks = model.find_marks();
        Ok(model)
    }

    /// Finds the control tokens around thoughts: without them a thought could not be distinguished
    /// from the answer.
    fn find_marks(&self) -> Vec<Token> {
        let thoughts = THOUGHTS.iter().flat_map(|thought| [thought.open, thought.close]);
        let words = thoughts.chain(ANSWER_OPENINGS.iter().copied());
        let tokens = words.flat_map(|words| self.tokenize(words, true));
        let mut marks: Vec<Token> = tokens.filter(|token| self.is_control(*token)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    pub(super) fn vocab_ptr(&self) -> *mut sys::llama_vocab {
        self.vocab.as_ptr()
    }

    pub(super) fn as_ptr(&self) -> *mut sys::llama_model {
        self.model.as_ptr()
    }

    /// 0 if it is not known.
    pub(crate) fn trained_context_tokens(&self) -> u32 {
        // SAFETY: the model is loaded.
        let tokens = unsafe { sys::llama_model_n_ctx_train(self.as_ptr()) };
        u32::try_from(tokens).unwrap_or(0)
    }

    pub(crate) fn vocab_tokens(&self) -> usize {
        // SAFETY: the vocabulary lives as long as the model.
        let tokens = unsafe { sys::llama_vocab_n_tokens(self.vocab.as_ptr()) };
        usize::try_from(tokens).unwrap_or(0)
    }

    pub(crate) fn has_vocab(&self) -> bool {
        // SAFETY: the vocabulary lives as long as the model.
        let kind = unsafe { sys::llama_vocab_type(self.vocab.as_ptr()) };
        kind != sys::LLAMA_VOCAB_TYPE_NONE && self.vocab_tokens() > 0
    }

    /// Whether the tokenizer is SentencePiece's, which puts a space before every text.
    pub(crate) fn is_sentencepiece(&self) -> bool {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe { sys::llama_vocab_type(self.vocab.as_ptr()) == sys::LLAMA_VOCAB_TYPE_SPM }
    }

    /// Whether the model has a decoder and no encoder: the kind the worker can run.
    pub(crate) fn is_decoder_only(&self) -> bool {
        // SAFETY: the model is loaded.
        unsafe {
            sys::llama_model_has_decoder(self.as_ptr())
                && !sys::llama_model_has_encoder(self.as_ptr())
        }
    }

    /// Whether some layers, or all, fold what they read into a state.
    pub(super) fn has_state(&self) -> bool {
        // SAFETY: the model is loaded.
        unsafe {
            sys::llama_model_is_recurrent(self.as_ptr())
                || sys::llama_model_is_hybrid(self.as_ptr())
        }
    }

    /// How many tokens back the layers with a sliding window see; 0 if there are none.
    pub(crate) fn sliding_window_tokens(&self) -> usize {
        // SAFETY: the model is loaded.
        let tokens = unsafe { sys::llama_model_n_swa(self.as_ptr()) };
        usize::try_from(tokens).unwrap_or(0)
    }

    /// The value of a key in the file, as text; `None` for lists and for what is longer than any
    /// number or name.
    pub(super) fn metadata(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let mut bytes = [0u8; 128];
        // SAFETY: the model is loaded; the buffer has the size that is given.
        let length = unsafe {
            let (at, size) = (bytes.as_mut_ptr().cast(), bytes.len());
            sys::llama_model_meta_val_str(self.as_ptr(), key.as_ptr(), at, size)
        };
        let text = bytes.get(..usize::try_from(length).ok()?)?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    pub(crate) fn chat_template(&self) -> Option<String> {
        // SAFETY: the model is loaded; the text lives as long as it does.
        unsafe { text(sys::llama_model_chat_template(self.as_ptr(), std::ptr::null())) }
    }

    pub(crate) fn bos(&self) -> Option<Token> {
        // SAFETY: the vocabulary lives as long as the model.
        self.known(unsafe { sys::llama_vocab_bos(self.vocab.as_ptr()) })
    }

    pub(crate) fn eos(&self) -> Option<Token> {
        // SAFETY: the vocabulary lives as long as the model.
        self.known(unsafe { sys::llama_vocab_eos(self.vocab.as_ptr()) })
    }

    /// Whether a prompt should begin with [`Model::bos`].
    pub(crate) fn adds_bos(&self) -> bool {
        // SAFETY: the vocabulary lives as long as the model.
        unsafe { sys::llama_vocab_get_add_bos(self.vocab.as_ptr()) }
    }

    pub(crate) fn is_end_of_generation(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives as long as the model and knows the token.
        self.known(token)
            .is_some_and(|token| unsafe { sys::llama_vocab_is_eog(self.vocab.as_ptr(), token) })
    }

    pub(crate) fn is_control(&self, token: Token) -> bool {
        // SAFETY: the vocabulary lives as long as the model and knows the token.
        self.known(token)
            .is_some_and(|token| unsafe { sys::llama_vocab_is_control(self.vocab.as_ptr(), token) })
    }

    /// The token's name in the vocabulary, such as `<s>`.
    pub(crate) fn token_name(&self, token: Token) -> String {
        self.known(token)
            // SAFETY: the vocabulary lives as long as the model and knows the token.
            .and_then(|token| unsafe {
                text(sys::llama_vocab_get_text(self.vocab.as_ptr(), token))
            })
            .unwrap_or_default()
    }

    /// The bytes that the token writes, not always whole characters. Control tokens write none,
    /// except those around thoughts.
    pub(crate) fn piece(&self, token: Token) -> Vec<u8> {
        let Some(token) = self.known(token) else { return Vec::new() };
        let is_mark = self.marks.binary_search(&token).is_ok();
        let mut bytes = vec![0u8; 64];
        loop {
            let room = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            // SAFETY: the buffer has `room` bytes, and the vocabulary knows the token.
            let written = unsafe {
                let vocab = self.vocab.as_ptr();
                sys::llama_token_to_piece(vocab, token, bytes.as_mut_ptr().cast(), room, 0, is_mark)
            };
            match usize::try_from(written) {
                Ok(written) => {
                    bytes.truncate(written);
                    return bytes;
                }
                // A negative result is the size that is needed.
                Err(_) => {
                    let needed = usize::try_from(written.unsigned_abs()).unwrap_or(0);
                    // It failed in another way; asking again would never end.
                    if needed <= bytes.len() {
                        return Vec::new();
                    }
                    bytes.resize(needed, 0);
                }
            }
        }
    }

    /// Tokens of a text, without any added before or after it. If `parse_special` is false, no
    /// control token comes out, whatever the text is.
    pub(crate) fn tokenize(&self, text: &str, parse_special: bool) -> Vec<Token> {
        let Ok(length) = i32::try_from(text.len()) else { return Vec::new() };
        // At most one token per byte, and one for the space that SentencePiece adds at the
        // beginning.
        let mut tokens = vec![0; text.len() + 8];
        loop {
            let room = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            // SAFETY: text and buffer have the lengths that are given.
            let count = unsafe {
                let (vocab, bytes) = (self.vocab.as_ptr(), text.as_ptr().cast());
                let out = tokens.as_mut_ptr();
                sys::llama_tokenize(vocab, bytes, length, out, room, false, parse_special)
            };
            match usize::try_from(count) {
                Ok(count) => {
                    tokens.truncate(count);
                    return tokens;
                }
                Err(_) => {
                    let needed = usize::try_from(count.unsigned_abs()).unwrap_or(0);
                    // The minimum means that the number of tokens has no place in an `i32`.
                    if needed <= tokens.len() || count == i32::MIN {
                        return Vec::new();
                    }
                    tokens.resize(needed, 0);
                }
            }
        }
    }

    /// The token, if the vocabulary has it. llama.cpp's own look-ups assert that it does.
    fn known(&self, token: Token) -> Option<Token> {
        usize::try_from(token).ok().filter(|index| *index < self.vocab_tokens()).map(|_| token)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: loaded once, freed once; a context keeps its model alive by an `Arc`.
        unsafe { sys::llama_model_free(self.as_ptr()) };
    }
}

/// Copies a C string of llama.cpp.
///
/// # Safety
/// `text` is null or a NUL-terminated string that lives during the call.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn on_progress(fraction: f32, data: *mut c_void) -> bool {
    // SAFETY: `Model::load` passes a pointer to its `&mut dyn FnMut`, alive during the call and
    // used by one thread.
    let progress = unsafe { &mut *data.cast::<&mut dyn FnMut(f32) -> bool>() };
    progress(fraction)
}
