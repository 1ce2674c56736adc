//! Ordinary renderings stay far below every limit and leave nothing behind; those that do count.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should fail")]

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Limit, Piece, Template, TemplateError, Tried, fuzz_template};

const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
     {{ message.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

fn chat(turns: usize) -> Vec<ChatMessage> {
    let role = |turn| if turn % 2 == 0 { Role::User } else { Role::Assistant };
    let message = |turn| ChatMessage { role: role(turn), content: format!("what is said {turn}") };
    (0..turns).map(message).collect()
}

fn compiled(text: &str) -> Template {
    Template::compile(text.to_owned(), "<s>".to_owned(), "</s>".to_owned()).unwrap()
}

#[test]
fn a_chat_of_hundreds_of_messages_is_far_from_every_limit() {
    let pieces = compiled(CHATML).lay_out(&chat(501)).unwrap();
    assert_eq!(pieces.len(), 2 * 501 + 1);
}

#[test]
fn thousands_of_renderings_leave_nothing_behind() {
    let (template, messages) = (compiled(CHATML), chat(5));
    let first = template.lay_out(&messages).unwrap();
    for _ in 0..5_000 {
        assert_eq!(template.lay_out(&messages).unwrap(), first);
    }
    assert!(first.contains(&Piece::Content("what is said 0".to_owned())));
}

#[test]
fn what_a_template_keeps_from_one_rendering_to_the_next_counts() {
    // A namespace that contains itself is never freed, and a megabyte with it.
    let text = "{% set ns = namespace(s=messages[0].role * 300000) %}{% set ns.a = ns %}\
        {% for m in messages %}{{ m.content }}{% endfor %}";
    let (template, messages) = (compiled(text), chat(1));
    let error = (0..100).find_map(|_| template.lay_out(&messages).err()).unwrap();
    assert!(matches!(error, TemplateError::Limit(Limit::Memory(_))), "{error}");
}

#[test]
fn any_text_may_be_a_template_and_any_chat_be_laid_out_by_it() {
    let blank = ChatMessage { role: Role::System, content: " \n".to_owned() };
    let chats = [vec![], vec![blank], chat(2)];
    for chat in &chats {
        for text in ["", "{{", "{% for m in messages %}{{ m.content }}{% endfor %}", "{{ a", CHATML]
        {
            assert_eq!(fuzz_template(text, chat), Tried::Ended, "{text}");
        }
    }
    let grows = "{% set ns = namespace(s='x') %}{% for i in range(40) %}\
        {% set ns.s = ns.s ~ ns.s %}{% endfor %}";
    assert_eq!(fuzz_template(grows, &chats[0]), Tried::Stopped);
}
