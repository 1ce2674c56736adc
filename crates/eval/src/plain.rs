//! A task as one would put it to a model without this product: the instruction and the code, and
//! the first code block of the answer. The difference is what the product's prompts and checks are
//! worth.

use crate::task::Task;

/// What stands for the product's own prompt where a task has no instruction.
const IMPROVE: &str = "Improve this code without changing what it does.";

impl Task {
    /// The prompt: no surrounding code, no context, no rules for the form of the answer.
    #[must_use]
    pub fn plain_prompt(&self) -> String {
        let instruction = self.instruction.as_deref().unwrap_or(IMPROVE);
        let language = self.language.name();
        format!("{instruction}\n\n```{language}\n{}\n```\n", self.shown())
    }
}

/// The code of an answer: its first code block, or all of it if there is none. A block without an
/// end is taken as far as it goes, as an answer that was cut off would be by hand.
#[must_use]
pub fn code_of(answer: &str) -> &str {
    let Some((_, block)) = answer.split_once("```") else { return answer.trim_end() };
    let code = block.split_once('\n').map_or("", |(_, code)| code);
    code.split("\n```").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_is_the_code() {
        assert_eq!(
            code_of("Sure:\n```python\na = 1\nb = 2\n```\nDone.\n```\nc\n```"),
            "a = 1\nb = 2"
        );
        assert_eq!(code_of("a = 1\n"), "a = 1");
        assert_eq!(code_of("```python\na = 1"), "a = 1");
    }

    #[test]
    fn a_prompt_has_the_instruction_and_the_code() {
        let task = crate::own_tasks().unwrap().into_iter().find(Task::is_instructed).unwrap();
        let prompt = task.plain_prompt();
        assert!(prompt.contains(task.instruction.as_deref().unwrap()), "{prompt}");
        assert!(prompt.contains(&task.selection()), "{prompt}");
    }
}
