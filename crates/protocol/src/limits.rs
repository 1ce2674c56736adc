//! The numbers that several programs must agree on, each once. The extension's TypeScript has them
//! generated (`typescript::limits`); `cargo xtask tidy` looks that none is written a second time.
//!
//! What only one place goes by stays there.

/// Declares the limits and the list of them.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $value:expr;)*) => {
        $($(#[doc = $doc])+ pub const $name: $kind = $value;)*

        /// Every limit: its name, its value as it is written in TypeScript, and what it is.
        #[must_use]
        pub fn all() -> Vec<(&'static str, String, &'static str)> {
            vec![$((stringify!($name), $name.to_string(), concat!($($doc),+))),*]
        }
    };
}

limits! {
    /// Smallest context window, in tokens: it holds the prompt and a short function.
    CONTEXT_TOKENS_MIN: u32 = 512;
    /// Largest context window, in tokens: the product's own limit.
    CONTEXT_TOKENS_MAX: u32 = 8192;
    /// The usual context window, in tokens, and the one for which the memory of a model is given
    /// that is not installed yet.
    CONTEXT_TOKENS: u32 = 4096;

    /// Prompt tokens that are computed in one step: few enough that a cancel takes effect within one
    /// on backends that can't be interrupted, enough for the batched kernels.
    BATCH_TOKENS: u32 = 256;
    /// The same where memory is short, or where little is to be done at a time.
    SMALL_BATCH_TOKENS: u32 = 64;
    /// Most tokens whose logits are computed in one step: the last one written, and the longest
    /// draft. The arithmetic of a model's memory counts on it.
    OUTPUT_ROWS_MAX: u32 = 32;

    /// Largest state of a beginning that is kept for the next worker: 1,000 tokens of a 7B are
    /// 56 MiB.
    PREFIX_BYTES_MAX: u64 = 64 * 1024 * 1024;
    /// The descriptor on which a worker finds the exchange file: the first that is free in a
    /// program with only its standard streams.
    WORKER_EXCHANGE_FD: i32 = 3;
    /// The descriptor on which a worker is given the files of models: the next one.
    WORKER_MODELS_FD: i32 = 4;
    /// Smaller models are not loaded a second time with rearranged weights: they are quick anyway,
    /// and to measure would take longer than to load.
    REPACKED_MODEL_BYTES_MIN: u64 = 256 * 1024 * 1024;

    /// Models of which one `survey` may ask.
    SURVEY_MODELS_MAX: usize = 64;
    /// Below this many written tokens a second a model counts as slow: slower than people read.
    SLOW_TOKENS_PER_S: f64 = 10.0;

    /// Longest chat template, in bytes; those of real models have some ten thousand.
    CHAT_TEMPLATE_BYTES_MAX: usize = 1024 * 1024;
    /// Hexadecimal digits of a SHA-256.
    SHA256_DIGITS: usize = 64;

    /// Lines of a selection above which the user is asked what is meant, and that a selection which
    /// cuts through code grows to at most: beyond that small models lose parts of what they copy,
    /// and other tools ask to narrow it from there on.
    SCOPE_LINES_MAX: u32 = 120;

    /// Edits that are located in a document at once: the changes of one answer with its imports. One
    /// with more changes is one change, since no one decides on that many one by one.
    LOCATED_EDITS_MAX: usize = 64;

    /// Pieces of other files that one request for ghost text may have.
    CHUNKS_MAX: usize = 16;
    /// Recent edits that it may have.
    RECENT_EDITS_MAX: usize = 8;
    /// Diagnostics of a document that a request for a next edit may have, those nearest to the
    /// cursor.
    DIAGNOSTICS_MAX: usize = 16;
    /// Longest of them, in bytes; what is longer is cut.
    CHUNK_BYTES_MAX: usize = 4096;

    /// Largest frame either side accepts, in bytes. A source file of this size does not fit any
    /// context window we support, so larger frames are mistakes or attacks.
    FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
    /// Longest frame of a client that has not said hello, in bytes; a hello has some hundred.
    STRANGER_FRAME_BYTES_MAX: usize = 64 * 1024;
    /// A frame that was begun must be whole by then: our own clients write one in milliseconds.
    FRAME_WITHIN_MS: u64 = 10_000;
    /// Largest document a client may send with a request, in bytes. It leaves room for JSON
    /// escaping inside of a frame.
    DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
    /// Longest name of a request, in bytes.
    REQUEST_ID_BYTES_MAX: usize = 64;
    /// A user's own test that has no end by then is ended, in milliseconds: an edit is worth little
    /// more waiting, and tests of one file take seconds.
    TEST_WITHIN_MS: u64 = 20_000;
    /// A client has said by then how a test went, in milliseconds; else it is taken for one that
    /// could not be run. Above [`TEST_WITHIN_MS`] by what a copy of a project takes.
    TRIED_WITHIN_MS: u64 = 30_000;
    /// Clients of one host at once: far more windows than users open.
    CLIENTS_MAX: usize = 64;
    /// Requests that may wait for their turn in one host.
    QUEUE_MAX: usize = 64;

    /// Milliseconds between two heartbeats of a worker: six are missing before it is reported that
    /// the engine does not respond.
    HEARTBEAT_MS: u64 = 500;
    /// A worker without a sign of life for this long is killed: twenty heartbeats.
    SILENCE_MS: u64 = 10_000;
    /// A worker that has not said hello by then never will.
    WORKER_START_MS: u64 = 30_000;

    /// Crashes within [`RESTARTS_WITHIN_MS`] after which a worker is still started again (policy;
    /// VS Code's number for its extension host).
    RESTARTS_MAX: usize = 3;
    /// The same limit over all ways of running a model.
    RESTARTS_MAX_OF_ALL: usize = 5;
    /// The time over which crashes are counted.
    RESTARTS_WITHIN_MS: u64 = 5 * 60 * 1_000;
}

// What fits into another is smaller.
const _: () = {
    assert!(CONTEXT_TOKENS_MIN < CONTEXT_TOKENS && CONTEXT_TOKENS < CONTEXT_TOKENS_MAX);
    assert!(OUTPUT_ROWS_MAX <= SMALL_BATCH_TOKENS && SMALL_BATCH_TOKENS < BATCH_TOKENS);
    assert!(STRANGER_FRAME_BYTES_MAX < FRAME_BYTES_MAX && DOCUMENT_BYTES_MAX < FRAME_BYTES_MAX);
    assert!(HEARTBEAT_MS < SILENCE_MS && SILENCE_MS < WORKER_START_MS);
    assert!(TEST_WITHIN_MS < TRIED_WITHIN_MS);
    assert!(RESTARTS_MAX < RESTARTS_MAX_OF_ALL);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_listed_as_a_number_that_typescript_reads() {
        let all = all();
        assert!(all.len() > 20);
        for (name, value, doc) in all {
            assert!(value.parse::<f64>().is_ok_and(|value| value > 0.0), "{name} = {value}");
            assert!(doc.trim().ends_with('.'), "{name}: {doc}");
        }
    }
}
