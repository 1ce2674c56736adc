//! The marks around the thoughts that models write before they answer.

/// What opens and what closes a thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thought {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether it may as well be a tag of a page or of a prompt: it is a thought only where an answer
    /// begins with it.
    pub is_tag: bool,
}

impl Thought {
    const fn new(open: &'static str, close: &'static str) -> Self {
        Self { open, close, is_tag: false }
    }

    const fn tag(open: &'static str, close: &'static str) -> Self {
        Self { open, close, is_tag: true }
    }
}

/// One for each family of models. They are tokens of a vocabulary, most of them of control, or words
/// that a model was trained to write.
pub const THOUGHTS: &[Thought] = &[
    // Qwen, DeepSeek, GLM, Kimi, MiniMax, Nemotron, SmolLM and most others.
    Thought::new("<think>", "</think>"),
    Thought::tag("<thinking>", "</thinking>"),
    Thought::tag("<thought>", "</thought>"),
    Thought::tag("<reasoning>", "</reasoning>"),
    // Mistral.
    Thought::new("[THINK]", "[/THINK]"),
    // gpt-oss.
    Thought::new("<|channel|>analysis<|message|>", "<|end|>"),
    // Gemma 4.
    Thought::new("<|channel>thought", "<channel|>"),
    // Cohere.
    Thought::new("<|START_THINKING|>", "<|END_THINKING|>"),
    // Seed-OSS.
    Thought::new("<seed:think>", "</seed:think>"),
    // MiniMax-M3.
    Thought::new("<mm:think>", "</mm:think>"),
    // Apertus.
    Thought::new("<|inner_prefix|>", "<|inner_suffix|>"),
    // Apriel.
    Thought::new("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
];

/// Variables of chat templates that turn thinking off; each family has its own.
pub const THINKING_SWITCHES: &[&str] = &[
    // Qwen, GLM, Gemma, Nemotron, SmolLM, Hunyuan.
    "enable_thinking",
    // DeepSeek, Granite, Kimi.
    "thinking",
    // Cohere.
    "reasoning",
    // Seed-OSS.
    "thinking_budget",
    // Ling.
    "thinking_option",
    // MiniMax.
    "thinking_mode",
    // gpt-oss, Hunyuan 3, Solar.
    "reasoning_effort",
];

/// What models write between a thought and the answer, where their template leaves that to them.
pub const ANSWER_OPENINGS: &[&str] = &["<|start|>assistant", "<|channel|>final<|message|>"];
