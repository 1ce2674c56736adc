//! The header as a whole: from the magic number to the tensors, and what the model is.
//!
//! Values that llama.cpp uses without checking are checked here: the numbers that it divides by and
//! allocates with must be there, of the right type, and within reason.

use std::io::Read;

use crate::architecture;
use crate::error::{GgufError, Resembles, damaged, shown};
use crate::metadata::{FimRole, Metadata, TEMPLATE, TOKENS, Value};
use crate::shape;
use crate::source::Source;
use crate::state;
use crate::tensors::Tensors;
use crate::types::{ValueType, file_type_name};

const MAGIC: &[u8; 4] = b"GGUF";
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const ALIGNMENT: u32 = 32;

/// llama.cpp converts it to a `llama_ftype`, whose largest constant is 1,024: this is the largest
/// value that the language permits for such an enumeration.
const FILE_TYPE_MAX: u32 = 2047;

/// Models without attention, which need not have heads.
const WITHOUT_HEADS: &[&str] = &["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"];

const LOOKS_AT_IMAGES: &str = "clip";

/// What a GGUF file says about its model. Everything here has been checked: numbers are within the
/// bounds within which llama.cpp works. Texts are claims of whoever made the file, without control
/// characters and cut off at a length that can be shown; the chat template alone is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub version: u32,
    pub architecture: String,
    pub name: Option<String>,
    /// What it was fine-tuned for, such as `Instruct`.
    pub finetune: Option<String>,
    pub size_label: Option<String>,
    /// License as the file claims it; not verified.
    pub license: Option<String>,
    /// Quantization, such as `Q4_K_M`; the type of most weights if the file names none.
    pub quantization: &'static str,
    /// Context length the model was trained for, in tokens.
    pub context_length: u64,
    pub embedding_length: u32,
    /// Width of the feed-forward network, the largest if layers differ.
    pub feed_forward_length: u32,
    pub block_count: u32,
    /// Attention heads of a layer, the most if layers differ.
    pub head_count: u32,
    /// Key and value heads of a layer, the most if layers differ.
    pub head_count_kv: u32,
    /// Key and value heads of all layers together: what the KV cache of a token grows with. Layers
    /// that keep a state have none.
    pub(crate) kv_heads_all_layers: u64,
    /// Bytes of the state that one sequence is folded into; 0 if a model keeps everything it has
    /// read.
    pub(crate) state_bytes: u64,
    /// Channels of a head's keys; the width of the embedding divided among the heads where the file
    /// says nothing, as in llama.cpp.
    pub(crate) key_length: u32,
    pub(crate) value_length: u32,
    pub vocabulary_size: u32,
    /// A hash of the first tokens, as many as the largest power of two that the vocabulary reaches.
    pub(crate) first_tokens: u64,
    /// Kind of tokenizer, such as `gpt2`.
    pub tokenizer: String,
    /// The chat template, at most 1 MiB.
    pub chat_template: Option<String>,
    /// Tokens for filling in the middle, if the model has all three.
    pub fim: Option<FimTokens>,
    pub parameters: u64,
    pub tensor_bytes: u64,
    /// Whether a token is computed by only some of the model's parts, its experts; then less than
    /// the whole file is read for a token.
    pub has_experts: bool,
}

/// Ids of the tokens that mark the parts of a fill-in-the-middle prompt; all of them are below the
/// size of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FimTokens {
    /// Before the text in front of the gap.
    pub prefix: u32,
    /// Before the text that follows the gap.
    pub suffix: u32,
    /// Before the text of the gap.
    pub middle: u32,
    /// Before the name of the repository, if the model was trained with other files of it.
    pub repository: Option<u32>,
    /// Before the path of a file, if the model was trained with several files.
    pub file: Option<u32>,
}

impl Header {
    /// Whether another model seems to have the same tokens, so that one can draft for the other:
    /// compares how text is split into tokens, and the tokens that matter.
    #[must_use]
    pub fn shares_vocabulary(&self, other: &Self) -> bool {
        (&self.tokenizer, self.first_tokens) == (&other.tokenizer, other.first_tokens)
    }

    /// Whether it folds what it has read into a state, from which nothing can be removed again.
    #[must_use]
    pub const fn folds(&self) -> bool {
        self.state_bytes > 0
    }

    /// Reads and checks a header. `reader` is at the beginning of the file, which has `file_bytes`
    /// bytes; no more than the header is read.
    ///
    /// The order is that of what is known first: the magic number before the version, the kind
    /// before the tensors. So a file of another kind is called by its name, and not damaged because
    /// a number in it is strange.
    ///
    /// # Errors
    /// See [`GgufError`].
    pub fn read(reader: impl Read, file_bytes: u64) -> Result<Self, GgufError> {
        let mut source = Source::new(reader, file_bytes);
        // Before anything is taken: what else it may be shows in its first bytes.
        let resembles = Resembles::of(source.peek()?);
        // A file that is shorter than the magic number may be the beginning of a GGUF.
        if file_bytes == 0 || source.peek()?.first() != MAGIC.first() {
            return Err(GgufError::NotGguf(resembles));
        }
        if &source.bytes()? != MAGIC {
            return Err(GgufError::NotGguf(resembles));
        }
        let version = check_version(source.u32()?)?;
        let tensors = source.u64()?;
        let pairs = source.u64()?;
        let metadata = Metadata::read(&mut source, pairs)?;
        check_split(&metadata)?;
        check_kind(&metadata)?;
        // The positions of tensors can't be checked without it.
        let alignment = alignment(&metadata)?;
        let tensors = Tensors::read(&mut source, tensors, alignment)?;
        Self::describe(version, &metadata, &tensors)
    }

    fn describe(version: u32, metadata: &Metadata, tensors: &Tensors) -> Result<Self, GgufError> {
        let Some(architecture) =
            metadata.text("general.architecture")?.filter(|name| !name.is_empty())
        else {
            let reason = "it does not say which architecture it has; it may be an adapter or an \
                          image model";
            return Err(GgufError::Unsupported(reason.to_owned()));
        };
        // Before any number is required: an embedding model lacks some of them and must not be
        // called damaged for that.
        architecture::check(metadata, architecture)?;
        let model = Model { metadata, architecture };
        let embedding_length = model.required("embedding_length", 1 << 20)?;
        let block_count = model.required("block_count", shape::LAYERS_MAX)?;
        shape::check(metadata, architecture, block_count)?;
        let heads = model.heads("attention.head_count", block_count)?;
        let kv_heads = model.heads("attention.head_count_kv", block_count)?;
        let (head_count, head_count_kv, kv_heads_all_layers) = match (&heads, &kv_heads) {
            (Some(heads), Some(kv)) => (heads.most, kv.most, kv.all),
            // Without an entry of its own there are as many as heads, as in llama.cpp.
            (Some(heads), None) => (heads.most, heads.most, heads.all),
            (None, _) => (0, 0, 0),
        };
        // The layers in between have a state, and no keys.
        let kv_heads_all_layers = match (&kv_heads, state::interval(metadata, architecture)?) {
            (Some(kv), Some(interval)) => u64::from(kv.most) * u64::from(block_count / interval),
            _ => kv_heads_all_layers,
        };
        if head_count == 0 && !WITHOUT_HEADS.contains(&architecture) {
            return damaged("it has no attention heads");
        }
        // llama.cpp divides by the head count and by the quotient of the two.
        if head_count_kv > head_count {
            return damaged("it has more key and value heads than heads");
        }
        // No heads in models without attention.
        let head_length = embedding_length.checked_div(head_count).unwrap_or(0);
        let text = |key| {
            Ok::<_, GgufError>(metadata.text(key)?.filter(|text| !text.is_empty()).map(shown))
        };
        let vocabulary_size = check_vocabulary(metadata, tensors, embedding_length)?;
        model.check_floats()?;
        architecture::check_tensors(metadata, tensors, architecture, block_count)?;
        Ok(Self {
            version,
            name: text("general.name")?,
            finetune: text("general.finetune")?,
            size_label: text("general.size_label")?,
            license: text("general.license")?,
            quantization: quantization(metadata, tensors)?,
            context_length: model.required("context_length", 1 << 30)?.into(),
            embedding_length,
            feed_forward_length: model.feed_forward_length(block_count, embedding_length)?,
            block_count,
            head_count,
            head_count_kv,
            kv_heads_all_layers,
            state_bytes: state::bytes(
                metadata,
                architecture,
                (block_count, embedding_length, head_count),
            )?,
            key_length: model.optional("attention.key_length", 65_536)?.unwrap_or(head_length),
            value_length: model.optional("attention.value_length", 65_536)?.unwrap_or(head_length),
            vocabulary_size,
            first_tokens: metadata.first_tokens,
            tokenizer: metadata
                .text("tokenizer.ggml.model")?
                .map(shown)
                .ok_or_else(missing_tokenizer)?,
            chat_template: metadata.text(TEMPLATE)?.map(str::to_owned),
            fim: fim(metadata, vocabulary_size)?,
            parameters: tensors.parameters,
            tensor_bytes: tensors.bytes,
            has_experts: shape::has_experts(metadata, architecture)?,
            architecture: shown(architecture),
        })
    }
}

/// llama.cpp reads versions 2 and 3. A version that is one of them with its bytes swapped is a file
/// for big-endian machines: that is worth another sentence than an unknown version.
fn check_version(version: u32) -> Result<u32, GgufError> {
    if VERSIONS.contains(&version) {
        return Ok(version);
    }
    Err(GgufError::Unsupported(if VERSIONS.contains(&version.swap_bytes()) {
        "it is made for machines with the other byte order (big-endian)".to_owned()
    } else {
        format!("it has version {version} of the format; 2 and 3 are known")
    }))
}

/// Refuses one part of a split model, which would otherwise be called damaged, since tensors are
/// missing in it.
fn check_split(metadata: &Metadata) -> Result<(), GgufError> {
    let parts = match metadata.get("split.count") {
        // The tool that splits models writes 16 bits.
        Some(Value::U16(parts)) => u32::from(*parts),
        Some(Value::U32(parts)) => *parts,
        _ => 1,
    };
    if parts > 1 {
        return Err(GgufError::Unsupported(format!(
            "it is one of {parts} parts of a split model; join them with `llama-gguf-split --merge`"
        )));
    }
    Ok(())
}

/// Adapters, the part of a model that looks at images, and models that create images are GGUF files
/// as well. Older ones do not say so: they are recognized by their architecture, or by what is
/// missing.
fn check_kind(metadata: &Metadata) -> Result<(), GgufError> {
    let not_text = |what: String| Err(GgufError::NotText(what));
    // A name that is missing or not a text is reported later, where it is required.
    let architecture = match metadata.get("general.architecture") {
        Some(Value::Text(name)) => name.as_str(),
        _ => "",
    };
    let kind = match metadata.get("general.type") {
        Some(Value::Text(kind)) => kind.as_str(),
        _ => "model",
    };
    if architecture == LOOKS_AT_IMAGES || kind == "mmproj" {
        return not_text("it is the part of a model that looks at images".to_owned());
    }
    if kind != "model" {
        let kind = shown(kind);
        return Err(GgufError::Unsupported(format!(
            "it is of the kind `{kind}` and no model by itself"
        )));
    }
    // A text model that has lost its tokenizer still says how much text it reads.
    let reads_text = metadata.get(&format!("{architecture}.context_length")).is_some();
    if metadata.get(TOKENS).is_none() && !architecture.is_empty() && !reads_text {
        let architecture = shown(architecture);
        return not_text(format!(
            "it has no tokenizer, and its architecture is `{architecture}`; it may make images"
        ));
    }
    Ok(())
}

fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    let alignment = metadata.u32("general.alignment")?.unwrap_or(ALIGNMENT);
    if alignment.is_power_of_two() && (8..=4096).contains(&alignment) {
        return Ok(alignment.into());
    }
    damaged(format!("its alignment is {alignment}"))
}

fn quantization(metadata: &Metadata, tensors: &Tensors) -> Result<&'static str, GgufError> {
    let said = metadata.u32("general.file_type")?;
    // A larger one is undefined behavior in llama.cpp, which makes an enumeration of it without a
    // check: found by fuzzing with sanitizers.
    if let Some(number) = said.filter(|number| *number > FILE_TYPE_MAX) {
        return damaged(format!("`general.file_type` is {number}"));
    }
    Ok(said.and_then(file_type_name).unwrap_or_else(|| tensors.usual_type()))
}

fn missing_tokenizer() -> GgufError {
    GgufError::Unsupported("it has no tokenizer".to_owned())
}

/// Checks that the lists of the vocabulary agree with each other and with the embedding; returns
/// the number of tokens. llama.cpp indexes all of them by token, without looking at the length of
/// each.
fn check_vocabulary(metadata: &Metadata, tensors: &Tensors, width: u32) -> Result<u32, GgufError> {
    let tokens = metadata.array(TOKENS, ValueType::String)?.ok_or_else(missing_tokenizer)?;
    let Some(size) = u32::try_from(tokens).ok().filter(|size| *size > 0) else {
        return damaged("its vocabulary is empty");
    };
    for (key, element) in
        [("tokenizer.ggml.scores", ValueType::F32), ("tokenizer.ggml.token_type", ValueType::I32)]
    {
        if let Some(length) = metadata.array(key, element)?
            && length != tokens
        {
            return damaged(format!("`{key}` has {length} entries for {tokens} tokens"));
        }
    }
    metadata.array("tokenizer.ggml.merges", ValueType::String)?;
    // Only now, with the tokens known: lists may be in any order in the file.
    metadata.check_byte_tokens()?;
    // A token's number is an index into the embedding: rows that are missing would be read beyond
    // its end.
    if let Some(embedding) = tensors.embedding
        && embedding != (width.into(), tokens)
    {
        return damaged(format!(
            "its embedding is {} × {} for {tokens} tokens of width {width}",
            embedding.0, embedding.1
        ));
    }
    Ok(size)
}

/// The model's own entries for these tokens, in either of two namings, or else the tokens with the
/// usual names. `None` unless prefix, suffix and middle are all there: a prompt with a gap needs
/// each of them. An id beyond the vocabulary counts as missing.
fn fim(metadata: &Metadata, vocabulary_size: u32) -> Result<Option<FimTokens>, GgufError> {
    let token = |role, names: [&str; 2]| -> Result<Option<u32>, GgufError> {
        let mut found = None;
        for name in names {
            found = found.or(metadata.u32(&format!("tokenizer.ggml.{name}_token_id"))?);
        }
        let found = found.or(metadata.fim.get(&role).copied());
        Ok(found.filter(|token| *token < vocabulary_size))
    };
    let prefix = token(FimRole::Prefix, ["fim_pre", "prefix"])?;
    let suffix = token(FimRole::Suffix, ["fim_suf", "suffix"])?;
    let middle = token(FimRole::Middle, ["fim_mid", "middle"])?;
    let repository = token(FimRole::Repository, ["fim_rep", "repo"])?;
    let file = token(FimRole::File, ["fim_sep", "file_sep"])?;
    Ok(match (prefix, suffix, middle) {
        (Some(prefix), Some(suffix), Some(middle)) => {
            Some(FimTokens { prefix, suffix, middle, repository, file })
        }
        _ => None,
    })
}

struct Model<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

struct Layers {
    most: u32,
    all: u64,
}

impl Model<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn optional(&self, name: &str, most: u32) -> Result<Option<u32>, GgufError> {
        let key = self.key(name);
        match self.metadata.u32(&key)? {
            Some(number) if number == 0 || number > most => {
                damaged(format!("`{}` is {number}", shown(&key)))
            }
            number => Ok(number),
        }
    }

    fn required(&self, name: &str, most: u32) -> Result<u32, GgufError> {
        match self.optional(name, most)? {
            Some(number) => Ok(number),
            None => damaged(format!("`{}` is missing", shown(&self.key(name)))),
        }
    }

    fn heads(&self, name: &str, layers: u32) -> Result<Option<Layers>, GgufError> {
        self.numbers(name, layers, 65_536)
    }

    /// One number for all layers, or one for each; no entry is `None`. The sum is over `layers` in
    /// either form.
    fn numbers(&self, name: &str, layers: u32, most: i64) -> Result<Option<Layers>, GgufError> {
        let key = self.key(name);
        let list = match self.metadata.get(&key) {
            None => return Ok(None),
            // Layers are bounded by now, so the list is short.
            Some(Value::U32(number)) => vec![i64::from(*number); layers as usize],
            Some(Value::List(list)) if list.len() == layers as usize => list.clone(),
            Some(_) => return damaged(format!("`{}` has the wrong type or length", shown(&key))),
        };
        // llama.cpp reads a negative number as a very large one.
        if let Some(wrong) = list.iter().find(|number| !(0..=most).contains(*number)) {
            return damaged(format!("`{}` is {wrong}", shown(&key)));
        }
        let most = list.iter().max().copied().and_then(|most| u32::try_from(most).ok());
        let all = list.iter().filter_map(|number| u64::try_from(*number).ok()).sum();
        Ok(Some(Layers { most: most.unwrap_or(0), all }))
    }

    /// The number in the file; by default four times the embedding.
    fn feed_forward_length(&self, layers: u32, embedding: u32) -> Result<u32, GgufError> {
        let said = self.numbers("feed_forward_length", layers, 1 << 24)?;
        Ok(said.map_or(embedding.saturating_mul(4), |said| said.most))
    }

    /// Numbers that llama.cpp divides by or takes roots of: finite and above zero if they are
    /// given.
    fn check_floats(&self) -> Result<(), GgufError> {
        for name in
            ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "rope.freq_base"]
        {
            let key = self.key(name);
            match self.metadata.get(&key) {
                None => {}
                Some(Value::Float(number)) if number.is_finite() && *number > 0.0 => {}
                Some(_) => return damaged(format!("`{}` has an invalid value", shown(&key))),
            }
        }
        Ok(())
    }
}
