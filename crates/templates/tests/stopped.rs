//! Threads that had to be stopped are counted by process, so this test has a process of its own.

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Limit, Template, TemplateError};

#[test]
fn after_some_that_had_to_be_stopped_no_more_are_run() {
    let messages = [ChatMessage { role: Role::User, content: "what is said".to_owned() }];
    let text = "{% set ns = namespace(s='x') %}{% for i in range(40) %}\
        {% set ns.s = ns.s ~ ns.s %}{% endfor %}";
    let hostile = |number: usize| format!("{text}{number}");
    let compile = |text| Template::compile(text, String::new(), String::new());
    let mut stopped = 0;
    let error = loop {
        match compile(hostile(stopped)) {
            Ok(template) => assert!(template.lay_out(&messages).is_err()),
            Err(error) => break error,
        }
        stopped += 1;
        assert!(stopped < 100);
    };
    assert_eq!(error, TemplateError::Limit(Limit::Stopped(stopped)));
    assert!(error.to_string().contains("had to be stopped"));
}
