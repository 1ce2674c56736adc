//! A context: a few sequences of tokens in the KV cache of one model, and the logits after the
//! one that was computed last.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_sys_2 as sys;
use localcoder_protocol::KvStorage;

use super::{Control, MemoryKind, Model, Token};

/// One of a context's sequences, counted from 0.
pub(crate) type Sequence = sys::llama_seq_id;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ContextParams {
    /// Size of the window in tokens. llama.cpp may round it up.
    pub(crate) context_tokens: u32,
    /// Number of sequences. They share the window's cells, and a beginning that one sequence has
    /// copied from another takes no cells.
    pub(crate) sequences: u32,
    pub(crate) batch_tokens: u32,
    pub(crate) threads: u32,
    /// Most tokens of one [`Context::decode`] whose logits are asked for. Each takes a row as long
    /// as the vocabulary.
    pub(crate) outputs: u32,
    /// How many tokens back the states of a sequence are kept, if the model's architecture allows
    /// it: each is as large as the state.
    pub(crate) states_back: u32,
    pub(crate) kv: KvStorage,
    pub(crate) gpu: bool,
}

/// llama.cpp made no context. The reason is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContextError;

/// Why tokens were not computed. What is in the cache afterwards differs: nothing has changed, or a
/// part of the step is there, or everything is undefined. Ask [`Context::filled`], and see
/// `Session::failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodeError {
    Full,
    Aborted,
    /// llama.cpp did not accept the batch: a bug of ours.
    Invalid,
    OutOfMemory,
    Failed(i32),
}

#[derive(Debug)]
pub(crate) struct Context {
    context: NonNull<sys::llama_context>,
    batch_tokens: usize,
    outputs: usize,
    rows: usize,
    memory: MemoryKind,
    states_back: usize,
    /// How many tokens back the layers with a sliding window see; 0 if there are none.
    sliding_window: usize,
    sequences: Vec<Folded>,
    // Dropped after the context, which reads it.
    control: Arc<Control>,
    model: Arc<Model>,
}

/// What may be done with a folded state. llama.cpp does not check it: asked for more, it goes back
/// to a state of another step or copies one that is not current, and computes on with it.
#[derive(Debug, Clone, Copy, Default)]
struct Folded {
    /// How many tokens of its last step can be undone: an earlier step's states are overwritten.
    back: usize,
    /// It has gone back, so its current state is not the one that a copy would take, until the next
    /// step has written a new one.
    went_back: bool,
}

// SAFETY: a context may be used from any one thread at a time, and is not `Sync`.
unsafe impl Send for Context {}

impl Context {
    /// Makes a context. Nothing is computed while `control` asks to abort: it is asked between the
    /// nodes of the graph on a CPU, and counts each question as progress.
    pub(crate) fn new(
        model: Arc<Model>,
        params: ContextParams,
        control: Arc<Control>,
    ) -> Result<Self, ContextError> {
        let threads = i32::try_from(params.threads).unwrap_or(1).max(1);
        // SAFETY: returns a plain struct.
        let mut raw = unsafe { sys::llama_context_default_params() };
        raw.n_ctx = params.context_tokens;
        raw.n_batch = params.batch_tokens;
        raw.n_ubatch = params.batch_tokens;
        let (memory, sliding_window) = (model.memory_kind(), model.sliding_window_tokens());
        // Each sequence has a twin that holds the same cells, see `Context::pin`.
        let twins = memory == MemoryKind::Cells && sliding_window > 0;
        raw.n_seq_max = if twins { 2 * params.sequences } else { params.sequences };
        // llama.cpp asserts that a batch is longer than what it keeps of it.
        raw.n_rs_seq = params.states_back.min(params.batch_tokens.saturating_sub(2));
        // One pool of cells: otherwise each sequence would have its own share of the window, and a
        // beginning could not be shared without copying it.
        raw.kv_unified = true;
        // Otherwise a row would be reserved for each token of a batch. llama.cpp wants at least one
        // for each sequence.
        raw.n_outputs_max = params.outputs.max(raw.n_seq_max);
        raw.n_threads = threads;
        raw.n_threads_batch = threads;
        // Flash attention costs a CPU a fifth of its decode speed; a GPU gains by it, and
        // quantized values can't be read without it.
        raw.flash_attn_type = match (params.gpu, params.kv) {
            (true, _) => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
            (false, KvStorage::F16) => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
            (false, KvStorage::Q8_0) => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
        };
        let kind = match params.kv {
            KvStorage::F16 => sys::GGML_TYPE_F16,
            KvStorage::Q8_0 => sys::GGML_TYPE_Q8_0,
        };
        (raw.type_k, raw.type_v) = (kind, kind);
        raw.abort_callback = Some(on_abort_asked);
        raw.abort_callback_data = Arc::as_ptr(&control).cast_mut().cast();
        // SAFETY: the model is loaded and kept alive by the `Arc`, as is the flag.
        let context = unsafe { sys::llama_init_from_model(model.as_ptr(), raw) };
        let context = NonNull::new(context).ok_or(ContextError)?;
        // llama.cpp may have made the batch smaller than asked.
        // SAFETY: the context was just made.
        let batch = unsafe { sys::llama_n_batch(context.as_ptr()) };
        let batch_tokens = usize::try_from(batch).unwrap_or(1).max(1);
        let outputs = usize::try_from(params.outputs).unwrap_or(1).clamp(1, batch_tokens);
        // llama.cpp keeps none if the architecture does not allow it.
        // SAFETY: the context was just made.
        let states_back = unsafe { sys::llama_n_rs_seq(context.as_ptr()) };
        Ok(Self {
            context,
            batch_tokens,
            outputs,
            rows: 0,
            memory,
            states_back: usize::try_from(states_back).unwrap_or(0),
            sliding_window: if twins { sliding_window } else { 0 },
            sequences: vec![Folded::default(); usize::try_from(params.sequences).unwrap_or(1)],
            control,
            model,
        })
    }

    pub(crate) fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn context_tokens(&self) -> u32 {
        // SAFETY: the context lives.
        unsafe { sys::llama_n_ctx(self.context.as_ptr()) }
    }

    pub(crate) fn memory(&self) -> MemoryKind {
        self.memory
    }

    pub(crate) fn states_back(&self) -> usize {
        self.states_back
    }

    pub(crate) fn abort_asked(&self) -> bool {
        self.control.abort_asked()
    }

    /// How many tokens of a sequence the cache holds.
    pub(crate) fn filled(&self, sequence: Sequence) -> usize {
        // SAFETY: the context lives.
        let last = unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_pos_max(memory, sequence)
        };
        usize::try_from(last + 1).unwrap_or(0)
    }

    /// Whether [`Context::truncate`] can cut a sequence down to this many tokens.
    pub(crate) fn can_truncate(&self, sequence: Sequence, tokens: usize) -> bool {
        let filled = self.filled(sequence);
        let folded = self.folded(sequence);
        match self.memory {
            _ if tokens == 0 || tokens >= filled => true,
            MemoryKind::Cells => true,
            MemoryKind::Folded => !folded.went_back && filled - tokens <= folded.back,
            MemoryKind::Fixed => false,
        }
    }

    /// Removes what follows the first `tokens` tokens of a sequence and returns how many are left:
    /// 0 if it can't be cut there.
    pub(crate) fn truncate(&mut self, sequence: Sequence, tokens: usize) -> usize {
        let filled = self.filled(sequence);
        if filled == 0 {
            self.remove(sequence);
            return 0;
        }
        if filled <= tokens {
            return filled;
        }
        // llama.cpp would cut cells of a window that has lost its beginning without an error, and
        // attend to less than the model was trained to; so this is looked at after the cut, and the
        // sequence given up if it is so.
        let can = tokens > 0 && self.can_truncate(sequence, tokens);
        if can && self.remove_after(sequence, tokens) && self.sees_its_window(sequence, tokens) {
            if let Some(folded) = self.folded_mut(sequence) {
                *folded = Folded { back: 0, went_back: true };
            }
            return tokens;
        }
        self.remove(sequence);
        0
    }

    fn remove_after(&mut self, sequence: Sequence, tokens: usize) -> bool {
        let from = sys::llama_pos::try_from(tokens).unwrap_or(sys::llama_pos::MAX);
        // SAFETY: the context lives; it has the sequence, and any position may be asked for.
        unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            if let Some(twin) = self.twin(sequence) {
                sys::llama_memory_seq_rm(memory, twin, from, -1);
            }
            sys::llama_memory_seq_rm(memory, sequence, from, -1)
        }
    }

    fn remove(&mut self, sequence: Sequence) {
        // SAFETY: the context lives and has the sequence; a whole one can always be removed.
        unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_rm(memory, sequence, -1, -1);
            if let Some(twin) = self.twin(sequence) {
                sys::llama_memory_seq_rm(memory, twin, -1, -1);
            }
        }
        if let Some(folded) = self.folded_mut(sequence) {
            *folded = Folded::default();
        }
    }

    /// Whether the cells that a layer with a sliding window needs after `tokens` tokens still
    /// exist.
    fn sees_its_window(&self, sequence: Sequence, tokens: usize) -> bool {
        if self.sliding_window == 0 {
            return true;
        }
        // SAFETY: the context lives and has the sequence.
        let first = unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_pos_min(memory, sequence)
        };
        // The next token, at position `tokens`, sees itself and what is up to `sliding_window` - 1
        // before it.
        usize::try_from(first)
            .is_ok_and(|first| first <= (tokens + 1).saturating_sub(self.sliding_window))
    }

    /// Whether [`Context::share`] can give all of a sequence to another.
    pub(crate) fn can_share(&self, sequence: Sequence) -> bool {
        match self.memory {
            MemoryKind::Cells => true,
            MemoryKind::Folded => !self.folded(sequence).went_back,
            MemoryKind::Fixed => false,
        }
    }

    /// Gives the first `tokens` tokens of one sequence to another, which must be empty. They are
    /// shared, not copied; false if that is not possible. A state can only be given together with
    /// everything that is folded into it.
    pub(crate) fn share(&mut self, from: Sequence, to: Sequence, tokens: usize) -> bool {
        let is_folded = self.memory == MemoryKind::Folded;
        if !self.can_share(from) || (is_folded && tokens != self.filled(from)) {
            return false;
        }
        let end = match self.memory {
            MemoryKind::Folded => -1,
            _ => sys::llama_pos::try_from(tokens).unwrap_or(sys::llama_pos::MAX),
        };
        // SAFETY: the context lives and has both sequences.
        unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_cp(memory, from, to, -1, end);
        }
        self.pin(to, 0);
        // Going back in one of them would change the other one as well.
        for sequence in [from, to] {
            if let Some(folded) = self.folded_mut(sequence) {
                *folded = Folded::default();
            }
        }
        if self.sees_its_window(to, tokens) {
            return true;
        }
        self.remove(to);
        false
    }

    /// Makes sure that the cells of a sequence from a position on are kept. In a layer with a
    /// sliding window, llama.cpp reuses cells that belong to a single sequence whose window has
    /// moved past them; after a cut that sequence would need them again. A second sequence on the
    /// same cells, its twin, prevents that: it costs a mark on each cell and is cut with it.
    fn pin(&mut self, sequence: Sequence, from: usize) {
        let Some(twin) = self.twin(sequence) else { return };
        let from = sys::llama_pos::try_from(from).unwrap_or(sys::llama_pos::MAX);
        // SAFETY: the context lives and has both sequences.
        unsafe {
            let memory = sys::llama_get_memory(self.context.as_ptr());
            sys::llama_memory_seq_cp(memory, sequence, twin, from, -1);
        }
    }

    fn twin(&self, sequence: Sequence) -> Option<Sequence> {
        let count = Sequence::try_from(self.sequences.len()).ok()?;
        (self.sliding_window > 0).then_some(sequence + count)
    }

    fn folded(&self, sequence: Sequence) -> Folded {
        let index = usize::try_from(sequence).ok();
        index.and_then(|index| self.sequences.get(index)).copied().unwrap_or_default()
    }

    fn folded_mut(&mut self, sequence: Sequence) -> Option<&mut Folded> {
        usize::try_from(sequence).ok().and_then(|index| self.sequences.get_mut(index))
    }

    /// The state of a sequence, for [`Context::restore`] in this or another process, in a format of
    /// llama.cpp's own: only a context on the same model and with the same storage of its cache
    /// takes it. Empty if llama.cpp does not provide one.
    pub(crate) fn state(&mut self, sequence: Sequence) -> Vec<u8> {
        // SAFETY: the context lives and has the sequence; the buffer has the size it asked for.
        unsafe {
            let size = sys::llama_state_seq_get_size(self.context.as_ptr(), sequence);
            let mut state = vec![0; size];
            let written = sys::llama_state_seq_get_data(
                self.context.as_ptr(),
                state.as_mut_ptr(),
                size,
                sequence,
            );
            state.truncate(written);
            state
        }
    }

    /// Puts a state from a context on the same model into an empty sequence. False, with the
    /// sequence still empty, if it does not fit.
    pub(crate) fn restore(&mut self, sequence: Sequence, state: &[u8]) -> bool {
        // SAFETY: the context lives and has the sequence; llama.cpp checks what it reads.
        let read = unsafe {
            sys::llama_state_seq_set_data(
                self.context.as_ptr(),
                state.as_ptr(),
                state.len(),
                sequence,
            )
        };
        if let Some(folded) = self.folded_mut(sequence) {
            *folded = Folded::default();
        }
        if read == 0 {
            self.remove(sequence);
        } else {
            self.pin(sequence, 0);
        }
        read > 0
    }

    pub(crate) fn clear(&mut self) {
        self.sequences.fill(Folded::default());
        // SAFETY: the context lives.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.context.as_ptr()), false) };
    }

    /// Computes `tokens` after the `filled` tokens of a sequence. The logits of the last `logits`
    /// of them are then available from [`Context::logits`].
    pub(crate) fn decode(
        &mut self,
        sequence: Sequence,
        filled: usize,
        tokens: &[Token],
        logits: usize,
    ) -> Result<(), DecodeError> {
        self.rows = 0;
        // llama.cpp asserts these, and a failed assertion would end the process.
        if tokens.is_empty()
            || tokens.len() > self.batch_tokens
            || logits > tokens.len().min(self.outputs)
        {
            return Err(DecodeError::Invalid);
        }
        let start = i32::try_from(filled).map_err(|_| DecodeError::Invalid)?;
        let count = i32::try_from(tokens.len()).map_err(|_| DecodeError::Invalid)?;
        let end = start.checked_add(count).ok_or(DecodeError::Invalid)?;
        let mut tokens = tokens.to_vec();
        let mut positions: Vec<sys::llama_pos> = (start..end).collect();
        let mut sequence = sequence;
        let mut counts = vec![1; tokens.len()];
        let mut sequences = vec![&raw mut sequence; tokens.len()];
        let mut outputs = vec![0i8; tokens.len()];
        outputs[tokens.len() - logits..].fill(1);
        let batch = sys::llama_batch {
            n_tokens: count,
            token: tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: counts.as_mut_ptr(),
            seq_id: sequences.as_mut_ptr(),
            logits: outputs.as_mut_ptr(),
        };
        // SAFETY: every array has `count` elements and outlives the call; the batch is no longer
        // than `n_batch`; tokens and positions are checked by llama.cpp itself.
        match unsafe { sys::llama_decode(self.context.as_ptr(), batch) } {
            0 => {
                self.rows = logits;
                self.pin(sequence, filled);
                // One state per token of this step, and the last is the current one.
                let back = self.states_back.min(tokens.len() - 1);
                if let Some(folded) = self.folded_mut(sequence) {
                    *folded = Folded { back, went_back: false };
                }
                Ok(())
            }
            1 => Err(DecodeError::Full),
            2 => {
                // Some layers may have written their state already, and llama.cpp leaves it there.
                if self.memory != MemoryKind::Cells {
                    self.remove(sequence);
                }
                Err(DecodeError::Aborted)
            }
            -1 => Err(DecodeError::Invalid),
            -2 => Err(DecodeError::OutOfMemory),
            code => Err(DecodeError::Failed(code)),
        }
    }

    /// A row of logits of the last [`Context::decode`], counted from its last token: 0 is what
    /// follows that token. `None` if that decode asked for fewer rows.
    pub(crate) fn logits(&self, from_last: usize) -> Option<&[f32]> {
        // llama.cpp may assert that the row is there.
        let index = i32::try_from(from_last).ok().filter(|_| from_last < self.rows)?;
        let index = -1 - index;
        // SAFETY: the context lives; negative indices count from the last row, which is there.
        let row = unsafe { sys::llama_get_logits_ith(self.context.as_ptr(), index) };
        // SAFETY: a row has as many values as the vocabulary tokens and stays until the next
        // call that takes the context mutably.
        NonNull::new(row).map(|row| unsafe {
            std::slice::from_raw_parts(row.as_ptr(), self.model.vocab_tokens())
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made once, freed once; model and flag are dropped after it.
        unsafe { sys::llama_free(self.context.as_ptr()) };
    }
}

unsafe extern "C" fn on_abort_asked(data: *mut c_void) -> bool {
    // SAFETY: `Context::new` passes the control that the context keeps alive.
    let control = unsafe { &*data.cast::<Control>() };
    control.advance();
    control.abort_asked()
}
