//! `localcoder help`: what a command takes, and what an error means. The explanations of errors are
//! those of the reference page.

use clap::CommandFactory as _;
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_settings::places;

use crate::arguments::{Arguments, HelpOptions};
use crate::output;
use crate::session::program;

pub(crate) fn run(options: &HelpOptions) -> Result<(), ErrorInfo> {
    if let [name] = &options.topic[..]
        && let Some(code) = ErrorCode::named(name)
    {
        return output::data(&of_error(code));
    }
    let mut command = Arguments::command();
    // Without it subcommands lack what they inherit, such as their full names.
    command.build();
    let mut found = &mut command;
    for name in &options.topic {
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            let topic = options.topic.join(" ");
            ErrorInfo::new(ErrorCode::Usage, format!("there is no command and no error `{topic}`"))
                .with_hint(
                    "`localcoder help` lists the commands; an error's name is at the end of its message",
                )
        })?;
    }
    output::data(&found.render_long_help().to_string())
}

fn of_error(code: ErrorCode) -> String {
    let (name, exit) = (code.as_str(), code.exit_code());
    let mut text = format!("{name} (exit code {exit})\n\n{}\n\n", code.describe());
    // A terminal shows no links; the pages are listed below the text.
    let (words, pages) = without_links(code.next_step());
    text.push_str(&words);
    text.push('\n');
    let folder = program().ok().and_then(|own| places::docs_dir(own.parent()?));
    for page in pages.iter().map(String::as_str).chain(["errors.md"]) {
        // Resolved as on the reference page, whose folder is one level deeper.
        let page =
            page.strip_prefix("../").map_or_else(|| format!("reference/{page}"), str::to_owned);
        let path = folder.as_ref().map_or_else(
            || format!("docs/{page}"),
            |folder| folder.join(&page).display().to_string(),
        );
        text.push_str(&format!("\nMore: {path}"));
    }
    text.push('\n');
    text
}

fn without_links(markdown: &str) -> (String, Vec<String>) {
    let (mut words, mut targets) = (String::new(), Vec::new());
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[') {
        let Some((text, (target, after))) =
            link.split_once("](").and_then(|(text, target)| Some((text, target.split_once(')')?)))
        else {
            break;
        };
        words.push_str(before);
        words.push_str(text);
        targets.push(target.to_owned());
        rest = after;
    }
    words.push_str(rest);
    (words.replace('*', ""), targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_reported_without_markup_and_with_the_pages_that_say_more() {
        for &code in ErrorCode::ALL {
            let text = of_error(code);
            assert!(text.contains(code.describe()), "{code:?}");
            assert!(!text.contains("](") && !text.contains('*'), "{text}");
        }
        let (words, pages) = without_links("Do *that*. [Here](../a.md) and [there](b.md#c).");
        assert_eq!(words, "Do that. Here and there.");
        assert_eq!(pages, ["../a.md", "b.md#c"]);
    }
}
