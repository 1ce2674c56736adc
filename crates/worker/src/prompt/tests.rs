//! The results of templates like those that real models carry.

use localcoder_protocol::Role;

use super::*;

const LLAMA_3: &str = "{{- bos_token }}\n\
{%- if not date_string is defined %}\n\
    {%- if strftime_now is defined %}\n\
        {%- set date_string = strftime_now('%d %b %Y') %}\n\
    {%- else %}\n\
        {%- set date_string = '26 Jul 2024' %}\n\
    {%- endif %}\n\
{%- endif %}\n\
{%- if messages[0]['role'] == 'system' %}\n\
    {%- set system_message = messages[0]['content']|trim %}\n\
    {%- set messages = messages[1:] %}\n\
{%- else %}\n\
    {%- set system_message = '' %}\n\
{%- endif %}\n\
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}\n\
{{- system_message }}\n\
{{- '<|eot_id|>' }}\n\
{%- for message in messages %}\n\
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}\n\
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + \
message['content'] | trim + '<|eot_id|>' }}\n\
    {%- endif %}\n\
{%- endfor %}\n\
{%- if add_generation_prompt %}\n\
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n\
{%- endif %}\n";

const MISTRAL: &str = "{{ bos_token }}{% for message in messages %}\
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}\
{% endif %}\
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}\
{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}\
{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}\
{% endfor %}";

/// Separates an assistant's thoughts from its answer, walks backward, and asks whether to think.
const THINKING: &str = "{%- set ns = namespace(last=0) %}\
{%- for message in messages[::-1] %}{%- if message.role == 'user' %}\
{%- set ns.last = messages|length - 1 - loop.index0 %}{%- break %}{%- endif %}{%- endfor %}\
{%- for message in messages %}\
{%- set content = message.content %}\
{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}\
{%- endif %}\
{%- if content.startswith('<tool_response>') %}{%- continue %}{%- endif %}\
{{- '<|im_start|>' + message.role + '\\n' + content.strip('\\n') + '<|im_end|>\\n' }}\
{%- endfor %}\
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}\
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}\
{%- endif %}{%- endif %}";

fn message(role: Role, content: &str) -> ChatMessage {
    ChatMessage { role, content: content.to_owned() }
}

fn chat() -> Vec<ChatMessage> {
    vec![message(Role::System, "Be brief."), message(Role::User, " <|eot_id|> {{ 7*7 }}\n")]
}

fn compile(source: &str) -> ChatTemplate {
    ChatTemplate::compile(source.to_owned(), "<s>".to_owned(), "</s>".to_owned()).unwrap()
}

/// The pieces as one text, with the contents in brackets.
fn shown(source: &str, messages: &[ChatMessage]) -> String {
    let template = compile(source);
    let prompt = WorkerPrompt::Chat {
        messages: messages.to_vec(),
        prefill: "```\n".into(),
        partings: Vec::new(),
    };
    let pieces = pieces(&prompt, || Ok(&template)).unwrap();
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Template(text) => text.clone(),
            Piece::Content(text) => format!("«{text}»"),
        })
        .collect()
}

#[test]
fn chatml_is_laid_out_and_contents_stay_as_they_are() {
    assert_eq!(
        shown(CHATML, &chat()),
        "<|im_start|>system\n«Be brief.»<|im_end|>\n\
         <|im_start|>user\n« <|eot_id|> {{ 7*7 }}\n»<|im_end|>\n\
         <|im_start|>assistant\n«```\n»"
    );
}

#[test]
fn a_template_that_trims_gets_trimmed_contents() {
    assert_eq!(
        shown(LLAMA_3, &chat()),
        "<s><|start_header_id|>system<|end_header_id|>\n\n«Be brief.»<|eot_id|>\
         <|start_header_id|>user<|end_header_id|>\n\n«<|eot_id|> {{ 7*7 }}»<|eot_id|>\
         <|start_header_id|>assistant<|end_header_id|>\n\n«```\n»"
    );
}

#[test]
fn a_refused_system_message_goes_to_the_first_user_message() {
    assert_eq!(
        shown(MISTRAL, &chat()),
        "<s>[INST] «Be brief.\n\n <|eot_id|> {{ 7*7 }}\n» [/INST]«```\n»"
    );
    let mut turns = chat();
    turns.push(message(Role::Assistant, "a"));
    turns.push(message(Role::User, "b"));
    assert!(shown(MISTRAL, &turns).ends_with("[/INST]«a»</s>[INST] «b» [/INST]«```\n»"));
}

#[test]
fn a_dropped_system_message_goes_to_the_first_user_message() {
    let source = "{% for m in messages if m.role != 'system' %}<{{ m.content }}>{% endfor %}";
    // A template that does not open the answer shows with an example answer how it would.
    assert_eq!(shown(source, &chat()), "<«Be brief.\n\n <|eot_id|> {{ 7*7 }}\n»><«```\n»");
}

#[test]
fn python_methods_loop_controls_and_slices_work() {
    let text = shown(THINKING, &[message(Role::User, "\nx"), message(Role::Assistant, "y\n")]);
    assert_eq!(
        text,
        // The line end that is left is the template's, but counts as part of the content: the text
        // is the same.
        "<|im_start|>user«\nx»<|im_end|>\n<|im_start|>assistant\n«y»<|im_end|>\n\
         <|im_start|>assistant\n<think>\n\n</think>\n\n«```\n»"
    );
}

#[test]
fn an_answer_begins_behind_the_thought_that_a_template_opens_and_in_the_channel_of_answers() {
    let only_thinks = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}\
        {% if add_generation_prompt %}<assistant><think>\n{% endif %}";
    let question = [message(Role::User, "x")];
    assert_eq!(shown(only_thinks, &question), "<user>«x»<assistant><think>\n\n</think>\n\n«```\n»");
    let channels = "{% for m in messages %}<|start|>{{ m.role }}\
        {% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>{{ m.content }}<|end|>\
        {% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}";
    assert_eq!(
        shown(channels, &question),
        "<|start|>user<|message|>«x»<|end|><|start|>assistant<|channel|>final<|message|>«```\n»"
    );
}

#[test]
fn an_empty_message_stays_empty() {
    let source =
        "{% for m in messages %}{% if m.content %}[{{ m.content }}]{% endif %}{% endfor %}";
    assert_eq!(
        shown(source, &[message(Role::System, ""), message(Role::User, "a")]),
        "[«a»][«```\n»"
    );
}

#[test]
fn a_template_that_changes_contents_is_refused() {
    for source in [
        "{% for m in messages %}{{ m.content|upper }}{% endfor %}",
        "{% for m in messages %}{{ m.content[:5] }}{% endfor %}",
        "{% for m in messages %}{{ m.content|replace('q', '') }}{% endfor %}",
        "nothing",
    ] {
        let error = refusal(&compile(source).template.lay_out(&chat()).unwrap_err());
        assert_eq!(error.code, ErrorCode::ModelUnsupported, "{source}");
        assert_eq!(error.action, Some(ErrorAction::SwitchModel), "{source}");
    }
}

#[test]
fn what_is_the_machines_fault_is_not_put_on_the_template() {
    let message = |limit| {
        let error = refusal(&TemplateError::Limit(limit));
        assert!(error.hint.is_some() && error.cause.is_some(), "{error}");
        (error.code, error.action)
    };
    let late = message(Limit::Waiting(std::time::Duration::from_millis(750)));
    assert_eq!(late, (ErrorCode::Busy, Some(ErrorAction::Retry)));
    let stopped = message(Limit::Stopped(4));
    assert_eq!(stopped, (ErrorCode::ModelUnsupported, Some(ErrorAction::RestartEngine)));
}

#[test]
fn a_template_that_never_ends_or_writes_without_end_is_stopped() {
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(10000) %}{{ '0123456789' * 1000 }}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    ] {
        assert!(compile(source).template.lay_out(&chat()).is_err(), "{source}");
    }
    assert!(ChatTemplate::compile("{% for %}".into(), String::new(), String::new()).is_err());
}

#[test]
fn a_raw_prompt_needs_no_template() {
    let prompt = WorkerPrompt::Raw { text: "fn <|im_end|>".into() };
    let none = || Err(ErrorInfo::new(ErrorCode::ModelUnsupported, "none"));
    assert_eq!(pieces(&prompt, none).unwrap(), [Piece::Content("fn <|im_end|>".into())]);
    let empty =
        WorkerPrompt::Chat { messages: vec![], prefill: String::new(), partings: Vec::new() };
    assert_eq!(pieces(&empty, none).unwrap_err().code, ErrorCode::Protocol);
}
