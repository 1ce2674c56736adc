//! Which files are accepted, what is read from them, and which are refused with which words.

mod builder;

use builder::{
    ARRAY, BOOL, Builder, F32, I32, LAYER, LAYERS_BYTES, STRING, U16, U32, numbers, string,
};
use localcoder_gguf::{FimTokens, GgufError, Header, KvType, Resembles, RunShape};

const DEMO: &[u8] = include_bytes!("../../../models/demo/localcoder-demo.gguf");

fn read(file: &[u8]) -> Result<Header, GgufError> {
    Header::read(file, file.len() as u64)
}

/// Changes a sound file and says what its refusal must contain.
#[track_caller]
fn refused(expected: &str, change: impl FnOnce(&mut Builder)) -> GgufError {
    let mut builder = Builder::sound();
    change(&mut builder);
    let error = read(&builder.file()).expect_err(expected);
    assert!(error.to_string().contains(expected), "{error}");
    error
}

#[track_caller]
fn damaged(expected: &str, change: impl FnOnce(&mut Builder)) {
    let error = refused(expected, change);
    assert!(matches!(error, GgufError::Damaged(_)), "{error:?}");
}

#[track_caller]
fn unsupported(expected: &str, change: impl FnOnce(&mut Builder)) {
    let error = refused(expected, change);
    assert!(matches!(error, GgufError::Unsupported(_)), "{error:?}");
}

#[test]
fn a_sound_file_is_described() {
    let header = read(&Builder::sound().file()).unwrap();
    assert_eq!((header.version, header.architecture.as_str()), (3, "qwen2"));
    assert_eq!((header.name.as_deref(), header.license.as_deref()), (Some("Tiny"), Some("mit")));
    assert_eq!((header.size_label, header.quantization), (None, "Q4_K_M"));
    assert_eq!((header.context_length, header.embedding_length), (2048, 32));
    assert_eq!((header.block_count, header.head_count, header.head_count_kv), (2, 4, 2));
    assert_eq!((header.vocabulary_size, header.tokenizer.as_str()), (8, "gpt2"));
    assert_eq!(header.chat_template.as_deref(), Some("{{ messages }}"));
    assert_eq!(
        header.fim,
        Some(FimTokens { prefix: 4, suffix: 5, middle: 6, repository: None, file: None })
    );
    assert_eq!(
        (header.parameters, header.tensor_bytes),
        (32 * 8 + 32 + 18, 272 + 128 + LAYERS_BYTES)
    );
}

#[test]
fn the_demo_model_is_described() {
    let header = read(DEMO).unwrap();
    assert_eq!((header.architecture.as_str(), header.tokenizer.as_str()), ("qwen2", "gpt2"));
    assert!(header.name.unwrap().to_lowercase().contains("localcoder"));
    assert_eq!((header.embedding_length, header.vocabulary_size), (256, 2048));
    assert!((2_000_000..10_000_000).contains(&header.parameters), "{}", header.parameters);
    assert!(header.tensor_bytes < DEMO.len() as u64);
    assert!(header.chat_template.unwrap().contains("<|im_start|>"));
}

#[test]
fn what_the_file_does_not_say_is_derived() {
    let mut builder = Builder::sound();
    for key in ["general.name", "general.license", "general.file_type", "tokenizer.chat_template"] {
        builder.remove(key);
    }
    builder.remove("qwen2.attention.head_count_kv");
    builder.tokens(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    builder.remove("tokenizer.ggml.token_type");
    let header = read(&builder.file()).unwrap();
    assert_eq!((header.name, header.license, header.chat_template), (None, None, None));
    assert_eq!((header.quantization, header.head_count_kv, header.fim), ("Q8_0", 4, None));
    builder.number("tokenizer.ggml.prefix_token_id", 1);
    builder.number("tokenizer.ggml.fim_suf_token_id", 2);
    builder.number("tokenizer.ggml.middle_token_id", 7);
    builder.number("tokenizer.ggml.fim_rep_token_id", 6);
    builder.number("tokenizer.ggml.fim_sep_token_id", 8);
    let of_files = (Some(6), None);
    let fim =
        FimTokens { prefix: 1, suffix: 2, middle: 7, repository: of_files.0, file: of_files.1 };
    assert_eq!(read(&builder.file()).unwrap().fim, Some(fim));
    builder.number("tokenizer.ggml.middle_token_id", 8);
    assert_eq!(read(&builder.file()).unwrap().fim, None);
}

#[test]
fn memory_is_estimated_from_the_shape() {
    let mut builder = Builder::sound();
    let header = read(&builder.file()).unwrap();
    // Two layers, two heads, key and value of 8 numbers each.
    assert_eq!(header.kv_bytes_per_token(KvType::F16), 2 * 2 * 16 * 2);
    assert_eq!(header.kv_bytes_per_token(KvType::Q8_0), 68);
    let run = RunShape {
        context_tokens: 4096,
        batch_tokens: 256,
        output_tokens: 32,
        kv: KvType::F16,
        flash_attention: false,
    };
    let estimate = header.estimate(run);
    let weights_bytes = 400 + LAYERS_BYTES;
    assert_eq!((estimate.weights_bytes, estimate.kv_bytes), (weights_bytes, 128 * 4096));
    assert_eq!(estimate.buffers_bytes(), weights_bytes + 128 * 4096 + estimate.compute_bytes);
    let beside = estimate.vocabulary_bytes + estimate.later_bytes;
    assert_eq!(estimate.total_bytes(), estimate.buffers_bytes() + beside);
    // The scores of four heads and the mask take most of the memory for computing.
    assert!((20 * 4096 * 256..21 * 4096 * 256).contains(&estimate.compute_bytes));
    let flash = header.estimate(RunShape { flash_attention: true, ..run });
    assert!(flash.compute_bytes * 4 < estimate.compute_bytes);
    let huge = RunShape {
        context_tokens: u32::MAX,
        batch_tokens: u32::MAX,
        output_tokens: u32::MAX,
        ..run
    };
    assert!(header.estimate(huge).total_bytes() > 1 << 40);
    builder.set("qwen2.attention.head_count_kv", ARRAY, &numbers(U32, &[4, 0]));
    builder.number("qwen2.attention.key_length", 16);
    let header = read(&builder.file()).unwrap();
    assert_eq!((header.head_count_kv, header.kv_bytes_per_token(KvType::F16)), (4, 4 * 24 * 2));
}

#[test]
fn the_shapes_of_known_models_give_the_figures_that_were_measured() {
    let mut builder = Builder::sound();
    builder.number("qwen2.embedding_length", 3584);
    builder.number("qwen2.block_count", 28);
    builder.number("qwen2.attention.head_count", 28);
    builder.number("qwen2.attention.head_count_kv", 4);
    builder.tensors[0].shape = vec![3584, 8];
    for layer in 2..28 {
        let parts = LAYER.map(|part| format!("blk.{layer}.{part}.weight"));
        parts.iter().for_each(|name| builder.tensor(name, &[1], 0));
    }
    builder.lay_out();
    let qwen_7b = read(&builder.file()).unwrap();
    assert_eq!(qwen_7b.kv_bytes_per_token(KvType::F16), 56 * 1024);
}

#[test]
fn files_of_another_kind_are_named() {
    for (bytes, expected) in [
        (&b""[..], Resembles::Empty),
        (b"<html>Please log in</html>", Resembles::WebPage),
        (b"version https://git-lfs.github.com/spec/v1", Resembles::GitLfsPointer),
        (b"GIF89a", Resembles::Unknown),
        (b"PK\x03\x04rest", Resembles::Zip),
    ] {
        match read(bytes) {
            Err(GgufError::NotGguf(found)) => assert_eq!(found, expected),
            other => panic!("{other:?}"),
        }
    }
    let text = read(b"").unwrap_err().to_string();
    assert_eq!(text, "it is empty");
}

#[test]
fn kinds_that_do_not_run_here_are_refused() {
    unsupported("version 1", |file| file.version = 1);
    unsupported("version 4", |file| file.version = 4);
    unsupported("big-endian", |file| file.version = 3_u32.swap_bytes());
    unsupported("which architecture", |file| file.remove("general.architecture"));
    unsupported("`adapter`", |file| file.text("general.type", "adapter"));
    unsupported("one of 3 parts", |file| file.set("split.count", U16, &[3, 0]));
    unsupported("no weights", |file| file.tensors.clear());
    unsupported("no tokenizer", |file| file.remove("tokenizer.ggml.tokens"));
    unsupported("unknown type 4", |file| file.tensors[1].kind = 4);
    let mut one_part = Builder::sound();
    one_part.set("split.count", U16, &[1, 0]);
    assert!(read(&one_part.file()).is_ok());
}

#[test]
fn what_writes_nothing_is_reported_as_that() {
    let silent = |expected: &str, change: &dyn Fn(&mut Builder)| {
        let error = refused(expected, change);
        assert!(matches!(error, GgufError::WritesNothing(_)), "{error:?}");
        assert!(error.to_string().contains("not of a model that writes text"), "{error}");
        assert_eq!(error.hint(), "choose the GGUF file of a model that writes text");
    };
    for (architecture, what) in [
        ("bert", "an embedding model"),
        ("nomic-bert", "an embedding model"),
        ("gemma-embedding", "an embedding model"),
        ("t5", "reads a whole text"),
        ("llada", "everywhere at once"),
        ("eagle3", "guesses ahead"),
        ("wavtokenizer-dec", "makes sounds"),
    ] {
        silent(what, &|file| file.text("general.architecture", architecture));
    }
    // As in `Qwen3-Embedding`, whose architecture can write.
    silent("an embedding model", &|file| file.number("qwen2.pooling_type", 3));
    silent("an embedding model", &|file| file.set("qwen2.attention.causal", BOOL, &[0]));
    let mut plain = Builder::sound();
    plain.number("qwen2.pooling_type", 0);
    plain.set("qwen2.attention.causal", BOOL, &[1]);
    assert!(read(&plain.file()).is_ok());
}

#[test]
fn an_architecture_that_nobody_knows_is_named() {
    let error = refused("`frobnicate-9`", |file| file.text("general.architecture", "frobnicate-9"));
    assert!(matches!(error, GgufError::UnknownArchitecture(_)), "{error:?}");
    assert_eq!(error.hint(), "update LocalCoder, or choose another model");
    // Control characters in a name do not reach the terminal, either.
    let _ = refused("`?[31mx`", |file| file.text("general.architecture", "\u{1b}[31mx"));
}

#[test]
fn a_tensor_that_the_architecture_needs_and_that_is_not_there_is_named() {
    let names: Vec<String> =
        Builder::sound().tensors.iter().map(|tensor| tensor.name.clone()).collect();
    for (index, name) in names.iter().enumerate() {
        damaged(&format!("the tensor `{name}` is missing"), |file| {
            file.tensors.remove(index);
            file.lay_out();
        });
    }
    // If it has another name, it is missing as well.
    damaged("the tensor `blk.1.ffn_up.weight` is missing", |file| {
        let last = file.tensors.iter_mut().find(|it| it.name == "blk.1.ffn_up.weight").unwrap();
        last.name = "blk.2.ffn_up.weight".to_owned();
    });
    // Queries, keys and values may come from one tensor.
    let mut joined = Builder::sound();
    joined
        .tensors
        .retain(|it| !["attn_q.", "attn_k.", "attn_v."].iter().any(|x| it.name.contains(x)));
    joined.tensor("blk.0.attn_qkv.weight", &[1], 0);
    joined.tensor("blk.1.attn_qkv.weight", &[1], 0);
    joined.lay_out();
    assert!(read(&joined.file()).is_ok());
}

/// Under another architecture's name, the same file lacks what that one has and this one does not.
#[test]
fn each_family_has_a_list_of_its_own() {
    let of = |architecture: &str| {
        let mut file = Builder::sound();
        for (key, ..) in &mut file.pairs {
            if let Some(rest) = key.strip_prefix(b"qwen2.") {
                *key = [architecture.as_bytes(), b".", rest].concat();
            }
        }
        file.text("general.architecture", architecture);
        file
    };
    for (architecture, lacks) in [
        ("llama", None),
        ("mistral3", None),
        ("gemma", None),
        ("phi3", None),
        ("qwen3", Some("blk.0.attn_q_norm.weight")),
        ("qwen3moe", Some("blk.0.attn_q_norm.weight")),
        ("qwen2moe", Some("output.weight")),
        ("gemma2", Some("blk.0.post_attention_norm.weight")),
        ("gemma3", Some("blk.0.attn_q_norm.weight")),
        ("phi2", Some("output_norm.bias")),
        ("starcoder2", Some("output_norm.bias")),
        ("gpt-oss", Some("output.weight")),
        // For an architecture without a list, only the embedding is required.
        ("falcon", None),
    ] {
        let mut file = of(architecture);
        let result = read(&file.file()).map(|header| header.architecture);
        match lacks {
            None => assert_eq!(result.unwrap(), architecture),
            Some(name) => {
                let why = result.unwrap_err().to_string();
                assert!(why.contains(&format!("the tensor `{name}` is missing")), "{why}");
            }
        }
        file.tensors.remove(0);
        file.lay_out();
        let why = read(&file.file()).unwrap_err().to_string();
        assert!(why.contains("`token_embd.weight` is missing"), "{architecture}: {why}");
    }
    let mut experts = of("llama");
    experts.number("llama.expert_count", 8);
    experts.number("llama.expert_used_count", 2);
    let why = read(&experts.file()).unwrap_err().to_string();
    assert!(why.contains("`blk.0.ffn_gate_inp.weight` is missing"), "{why}");

    // A model of such an architecture that chooses among experts must have them.
    let chooses = |experts: &[&str]| {
        let mut file = of("hy_v3");
        for part in ["ffn_gate_inp"].iter().chain(experts) {
            file.tensor(&format!("blk.1.{part}.weight"), &[1, 1], 0);
        }
        file.lay_out();
        read(&file.file()).map_err(|error| error.to_string()).err().unwrap_or_default()
    };
    assert!(chooses(&[]).contains("`blk.1.ffn_down_exps.weight` is missing"));
    assert!(chooses(&["ffn_down_exps"]).contains("`blk.1.ffn_up_exps.weight` is missing"));
    for up in ["ffn_up_exps", "ffn_gate_up_exps"] {
        assert_eq!(chooses(&["ffn_down_exps", up]), "");
    }
}

/// A model without text to work on is not reported as a damaged text model.
#[test]
fn what_belongs_to_images_is_reported_as_that() {
    let not_text = |expected: &str, change: fn(&mut Builder)| {
        let error = refused(expected, change);
        assert!(matches!(error, GgufError::NotText(_)), "{error:?}");
        assert_eq!(error.hint(), "choose the GGUF file of a text model");
    };
    fn of(file: &mut Builder, architecture: &str) {
        for name in ["context_length", "embedding_length", "block_count", "attention.head_count"] {
            file.remove(&format!("qwen2.{name}"));
        }
        file.remove("tokenizer.ggml.tokens");
        file.text("general.architecture", architecture);
    }
    // As llama.cpp created them before it recorded the kind, and since.
    not_text("looks at images", |file| of(file, "clip"));
    not_text("looks at images", |file| {
        of(file, "clip");
        file.text("general.type", "mmproj");
    });
    for architecture in ["flux", "sd3", "wan"] {
        let mut file = Builder::sound();
        of(&mut file, architecture);
        let error = read(&file.file()).unwrap_err().to_string();
        assert!(error.contains(&format!("its architecture is `{architecture}`")), "{error}");
        assert!(error.contains("not of a text model"), "{error}");
    }
}

#[test]
fn counts_beyond_the_bounds_are_refused() {
    damaged("4097 entries", |file| file.pairs_claimed = Some(4097));
    damaged("65537 tensors", |file| file.tensors_claimed = Some(65_537));
    damaged("entries", |file| file.pairs_claimed = Some(u64::MAX));
    damaged("text of", |file| file.set("x", STRING, &u64::MAX.to_le_bytes()));
    let long = |kind: u32| [kind.to_le_bytes().to_vec(), u64::MAX.to_le_bytes().to_vec()].concat();
    damaged("the list `x`", |file| file.set("x", ARRAY, &long(STRING)));
    damaged("list of lists", |file| file.set("x", ARRAY, &numbers(ARRAY, &[1, 1])));
    damaged("1 MiB", |file| file.text("tokenizer.chat_template", &"x".repeat((1 << 20) + 1)));
    damaged("no proper name", |file| file.tensors[0].name = "x".repeat(64));
    damaged("no proper name", |file| file.tensors[0].name = String::new());
    damaged("no proper name", |file| file.text("", "x"));
    damaged("no proper name", |file| file.text(&"k".repeat(65_536), "x"));
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    damaged("unknown type 13", |file| file.set("x", 13, &[]));
    damaged("neither true nor false", |file| file.set("x", BOOL, &[2]));
    damaged("not a text", |file| file.number("general.architecture", 1));
    damaged("not a text", |file| file.set("general.name", STRING, &[1, 0, 0, 0, 0, 0, 0, 0, 0xFF]));
    damaged("not a 32-bit number", |file| file.text("qwen2.context_length", "4096"));
    damaged("not a 32-bit number", |file| file.set("qwen2.block_count", U16, &[2, 0]));
    damaged("right type", |file| file.set("tokenizer.ggml.tokens", ARRAY, &numbers(U32, &[1, 2])));
    damaged("right type", |file| file.set("tokenizer.ggml.scores", ARRAY, &numbers(I32, &[0; 8])));
    damaged("right type", |file| file.set("tokenizer.ggml.merges", ARRAY, &numbers(U32, &[0])));
    damaged("twice", |file| file.pairs.push(file.pairs[0].clone()));
}

#[test]
fn hyper_parameters_that_are_malformed_are_refused() {
    damaged("`qwen2.context_length` is missing", |file| file.remove("qwen2.context_length"));
    damaged("`qwen2.block_count` is 0", |file| file.number("qwen2.block_count", 0));
    damaged("is 4294967295", |file| file.number("qwen2.embedding_length", u32::MAX));
    damaged("no attention heads", |file| file.remove("qwen2.attention.head_count"));
    damaged("no attention heads", |file| file.number("qwen2.attention.head_count", 0));
    damaged("more key and value heads", |file| file.number("qwen2.attention.head_count_kv", 5));
    damaged("is -1", |file| file.set("qwen2.attention.head_count", ARRAY, &numbers(I32, &[-1, 4])));
    damaged("wrong type or length", |file| {
        file.set("qwen2.attention.head_count", ARRAY, &numbers(U32, &[4]));
    });
    damaged("has an invalid value", |file| {
        file.set("qwen2.rope.freq_base", F32, &f32::NAN.to_le_bytes());
    });
    damaged("has an invalid value", |file| {
        file.set("qwen2.rope.freq_base", F32, &0_f32.to_le_bytes());
    });
    damaged("alignment is 33", |file| file.number("general.alignment", 33));
    damaged("alignment is 0", |file| file.number("general.alignment", 0));
}

#[test]
fn a_vocabulary_that_does_not_agree_with_itself_is_refused() {
    damaged("empty", |file| file.tokens(&[]));
    damaged("7 entries for 8 tokens", |file| {
        file.set("tokenizer.ggml.scores", ARRAY, &numbers(F32, &[0; 7]));
    });
    const NINE: [&str; 9] = ["a", "b", "<0x00>", "c", "d", "e", "f", "g", "h"];
    damaged("8 entries for 9 tokens", |file| file.tokens(&NINE));
    // Another list of the same length may use the same numbers for something else.
    let mut other = Builder::sound();
    other.set("qwen2.something", ARRAY, &numbers(I32, &[6; 1025]));
    assert!(read(&other.file()).is_ok());
    damaged("token 2 should be a byte", |file| {
        file.tokens(&["a", "b", "<0x0>", "c", "d", "e", "f", "g"]);
    });
    // llama.cpp aborts if a token occurs twice, and names empty ones by their number.
    let long = "a".repeat(1000);
    damaged("the same token twice", |file| {
        file.tokens(&[&long, "b", "<0x00>", "c", "d", "e", "f", &long]);
    });
    let mut empty = Builder::sound();
    empty.tokens(&["", "", "<0x00>", "c", "d", "e", "f", "g"]);
    assert!(read(&empty.file()).is_ok());
    damaged("32 × 8 for 9 tokens", |file| {
        file.tokens(&NINE);
        file.remove("tokenizer.ggml.token_type");
        file.remove("tokenizer.ggml.scores");
    });
    damaged("width 64", |file| file.number("qwen2.embedding_length", 64));
}

#[test]
fn tensors_that_are_not_where_they_should_be_are_refused() {
    damaged("5 dimensions", |file| file.tensors[0].shape = vec![1; 5]);
    damaged("0 dimensions", |file| file.tensors[0].shape.clear());
    damaged("impossible size", |file| file.tensors[0].shape = vec![32, 0]);
    damaged("impossible size", |file| file.tensors[0].shape = vec![1 << 40, 1 << 40]);
    damaged("impossible size", |file| file.tensors[0].shape = vec![u64::MAX; 4]);
    damaged("do not fit the type Q8_0", |file| file.tensors[0].shape = vec![33, 8]);
    damaged("is not where it should be", |file| file.tensors[1].offset += 32);
    damaged("is not where it should be", |file| file.tensors[0].offset = 1);
    damaged("`token_embd.weight` is there twice", |file| {
        file.tensor("token_embd.weight", &[32, 8], 8);
    });
}

#[test]
fn a_file_that_is_cut_anywhere_is_called_cut_off() {
    let file = Builder::sound().file();
    for length in 1..file.len() {
        match read(&file[..length]) {
            Err(GgufError::Truncated { expected_bytes, actual_bytes }) => {
                assert_eq!(actual_bytes, length as u64);
                assert!(expected_bytes > actual_bytes && expected_bytes <= file.len() as u64);
            }
            other => panic!("cut at {length}: {other:?}"),
        }
    }
    // The real header has some 60 kB; testing every byte of it would take a while.
    for length in (1..70_000).step_by(211).chain([DEMO.len() - 1]) {
        let cut = read(&DEMO[..length]);
        assert!(matches!(cut, Err(GgufError::Truncated { .. })), "cut at {length}: {cut:?}");
    }
}

#[test]
fn a_reader_that_ends_before_the_length_it_was_given_is_cut_off() {
    let file = Builder::sound().file();
    for length in [0, 3, 20, 100, 300] {
        let error = Header::read(&file[..length], file.len() as u64).unwrap_err();
        let empty = length == 0 && matches!(error, GgufError::NotGguf(Resembles::Empty));
        let cut = matches!(error, GgufError::Truncated { expected_bytes, actual_bytes }
            if actual_bytes < expected_bytes && actual_bytes + 1 >= length as u64);
        assert!(empty || cut, "{error:?}");
    }
}

#[test]
fn the_magic_is_checked_whole_however_it_arrives() {
    struct Slow<'a>(&'a [u8]);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(&mut into[..1])
        }
    }
    let mut file = Builder::sound().file();
    assert!(Header::read(Slow(&file), file.len() as u64).is_ok());
    file[3] = b'X';
    let error = Header::read(Slow(&file), file.len() as u64).unwrap_err();
    assert!(matches!(error, GgufError::NotGguf(_)));
}

/// llama.cpp asserts each of these for every architecture, and ends if one does not hold.
#[test]
fn shapes_on_which_llama_cpp_would_give_up_are_refused() {
    damaged("`qwen2.block_count` is 513", |file| file.number("qwen2.block_count", 513));
    damaged("`qwen2.rope.scaling.type` is `su`", |file| {
        file.text("qwen2.rope.scaling.type", "su");
    });
    damaged("3 of its 2 layers look ahead", |file| file.number("qwen2.nextn_predict_layers", 3));
    let experts = |count: u32, used: u32, groups: u32, groups_used: u32| {
        move |file: &mut Builder| {
            file.number("qwen2.expert_count", count);
            file.number("qwen2.expert_used_count", used);
            file.number("qwen2.expert_group_count", groups);
            file.number("qwen2.expert_group_used_count", groups_used);
        }
    };
    damaged("it claims 1025 experts", experts(1025, 2, 0, 0));
    damaged("it uses 9 of 8 experts", experts(8, 9, 0, 0));
    damaged("it uses 0 of 8 experts", experts(8, 0, 0, 0));
    damaged("it uses 1 of 0 experts", experts(0, 1, 0, 0));
    damaged("it has 8 experts in 8 groups", experts(8, 2, 8, 1));
    damaged("it has 0 experts in 1 groups", experts(0, 0, 1, 0));
    damaged("it uses 1 of 3 groups of its 8 experts", experts(8, 2, 3, 1));
    damaged("it uses 4 of 4 groups of its 8 experts", experts(8, 2, 4, 4));
    damaged("it uses 9 of 8 experts", |file| {
        file.number("qwen2.expert_count", 8);
        file.set("qwen2.expert_used_count", ARRAY, &numbers(I32, &[2, 9]));
    });
    // llama.cpp treats one expert as none, and then does not read how many are used; with more
    // experts it does.
    let dense = |count: u32| {
        let mut file = Builder::sound_as("hunyuan-dense");
        file.number("hunyuan-dense.expert_count", count);
        file.number("hunyuan-dense.expert_used_count", 9);
        read(&file.file()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(!dense(1).contains("experts"), "{}", dense(1));
    assert!(dense(2).contains("it uses 9 of 2 experts"), "{}", dense(2));
    let mut sound = Builder::sound();
    experts(8, 2, 4, 2)(&mut sound);
    sound.text("qwen2.rope.scaling.type", "yarn");
    assert!(read(&sound.file()).is_ok());
}

/// ggml adds and multiplies element by element with plain numbers only, and aborts on other types.
#[test]
fn norms_and_biases_of_another_type_than_plain_numbers_are_refused() {
    damaged("`output_norm.weight` is of the type Q8_0 and should be of F32", |file| {
        file.tensors.iter_mut().find(|it| it.name == "output_norm.weight").unwrap().kind = 8;
        file.lay_out();
    });
    damaged("`blk.0.attn_q.bias` is of the type F16 and should be of F32", |file| {
        file.tensor("blk.0.attn_q.bias", &[32], 1);
    });
    damaged("`general.file_type` is 2048", |file| file.number("general.file_type", 2048));
    let mut nameless = Builder::sound();
    nameless.number("general.file_type", 2047);
    assert_eq!(read(&nameless.file()).unwrap().quantization, "Q8_0");
}

/// For these types llama.cpp calls a function that does not exist.
#[test]
fn weights_of_a_type_that_is_not_multiplied_with_are_refused() {
    for (kind, name) in
        [(9, "Q8_1"), (24, "I8"), (25, "I16"), (26, "I32"), (27, "I64"), (28, "F64")]
    {
        let expected = format!("`blk.0.attn_q.weight` is of the type {name}, which no weights are");
        damaged(&expected, |file| {
            let tensor = |tensor: &&mut builder::Tensor| tensor.name == "blk.0.attn_q.weight";
            file.tensors.iter_mut().find(tensor).unwrap().kind = kind;
        });
    }
    let mut indices = Builder::sound();
    indices.tensor("blk.0.ffn_gate_tid2eid.weight", &[2, 8], 26);
    assert!(read(&indices.file()).is_ok());
}

/// Those of `llama_ftype`, without the numbers that were withdrawn.
#[test]
fn each_kind_of_file_has_a_name_of_its_own() {
    let kinds = (0..=41).filter(|kind| ![4, 5, 6, 33, 34, 35].contains(kind));
    let mut names: Vec<&str> = kinds
        .map(|kind| {
            let mut file = Builder::sound();
            file.number("general.file_type", kind);
            read(&file.file()).unwrap().quantization
        })
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!((all, names.len()), (36, 36), "{names:?}");
}

#[test]
fn a_header_may_have_megabytes() {
    let mut file = Builder::sound();
    file.text("general.description", &"x".repeat(8 << 20));
    assert!(read(&file.file()).is_ok());
}

#[test]
fn nothing_but_the_header_is_read() {
    struct Counted<'a>(&'a [u8], &'a mut usize);
    impl std::io::Read for Counted<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(into)?;
            *self.1 += read;
            Ok(read)
        }
    }
    let mut taken = 0;
    Header::read(Counted(DEMO, &mut taken), DEMO.len() as u64).unwrap();
    assert!(taken < 256 * 1024, "{taken}");
}

#[test]
fn errors_are_clauses_that_say_what_to_do() {
    let file = Builder::sound().file();
    let error = read(&file[..100]).unwrap_err();
    assert!(error.to_string().starts_with("it is cut off: it has 100 bytes"), "{error}");
    assert_eq!(error.hint(), "download or copy the file again");
    assert_eq!(read(b"PK\x03\x04").unwrap_err().hint(), "choose the model's GGUF version");
    let mut odd = Builder::sound();
    odd.text("general.type", "bad\u{1b}[31m\nname");
    let error = read(&odd.file()).unwrap_err().to_string();
    assert!(error.contains("`bad?[31m?name`"), "{error}");
    assert_eq!(string("x").len(), 9);
}
