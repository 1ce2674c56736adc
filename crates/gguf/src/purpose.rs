//! Whether a model was made to follow instructions, judging by its name. Files of both kinds may
//! have a chat template, so that decides nothing.

use crate::Header;

/// Words in the names of models that follow instructions.
const INSTRUCTED: &[&str] = &["instruct", "instructed", "it", "chat", "assistant", "sft", "dpo"];

impl Header {
    /// Whether the file calls its model a base model, that is, one that continues a text.
    #[must_use]
    pub fn says_base(&self) -> bool {
        let says = |text: &Option<String>| text.as_deref().is_some_and(names_base_model);
        says(&self.finetune) || says(&self.name)
    }
}

/// Whether a name is that of a base model. Whole words count, in any case: `codebase` is not one,
/// and a name with `base` and `it` is of an instructed model.
#[must_use]
pub fn names_base_model(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = || name.split(|letter: char| !letter.is_alphanumeric());
    words().any(|word| word == "base") && !words().any(|word| INSTRUCTED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_model_is_told_by_its_name() {
        for name in ["Base", "Qwen3.5-4B-Base", "seed_coder_8b_base-q4_k_m", "Mellum2 12B base"] {
            assert!(names_base_model(name), "{name}");
        }
        for name in ["", "Instruct", "Qwen2.5 Coder 7B Instruct", "codebase-7b", "base-7b-it"] {
            assert!(!names_base_model(name), "{name}");
        }
    }
}
