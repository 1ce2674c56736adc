//! The table of commands.
//!
//! A command that is not here does not exist: help, usage lines and dispatch are made from
//! this table. Each command's work is in its own file.

mod acceptance;
mod airgap;
mod audit;
mod bench;
mod build;
mod codegen;
mod demo_model;
mod e2e;
mod eval;
mod faults;
mod forecast;
mod fuzz;
mod gpu;
mod ide;
mod levels;
mod manifest_words;
mod printed_json;
mod run;
mod sbom;
mod simulate;
mod smoke;
mod soak;
mod stories;
mod templates;
mod test;
mod tidy;

use anyhow::{Result, bail};

use crate::arguments::Arguments;
use crate::report;

pub(crate) use codegen::generated;
pub(crate) use demo_model::environment as demo_model_python;

/// One command.
struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(Arguments) -> Result<()>,
}

/// Every command, in the order help shows them.
const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        usage: "run [--smoke] [--browser] [--yes] [PATH]",
        about: "install what is missing, build, assemble, and open the IDE",
        run: run::run,
    },
    Command {
        name: "test",
        usage: "test [--only STAGE] [--yes]",
        about: "everything that has to hold, in stages",
        run: test::run,
    },
    Command {
        name: "build",
        usage: "build [--levels] [--yes]",
        about: "build the programs",
        run: build::run,
    },
    Command {
        name: "ide",
        usage: "ide [--yes]",
        about: "assemble the IDE in target/ide",
        run: ide::run,
    },
    Command {
        name: "e2e",
        usage: "e2e [--times N] [--model FILE] [--yes]",
        about: "the user stories in a browser, N times over; or that of a real model",
        run: e2e::run,
    },
    Command {
        name: "bench",
        usage: "bench [--quick] [--alone] [--shape demo|0.5b|7b] [--part NAME] [--edits N] \
                [--kind NAME] [--model FILE|tiny] [--infill HOLES --every N] [--yes]",
        about: "how fast the engine is, beside llama-server (built once, some minutes); what a \
                real model gains by it, and whether it writes the same; or how it fills the holes \
                of HumanEval-infilling",
        run: bench::run,
    },
    Command {
        name: "acceptance",
        usage: "acceptance --draft FILE --answers FILE [--model FILE] [--tasks N] [--tokens N] \
                [--yes]",
        about: "how much of what a model writes a smaller one foresees: of recorded answers, or of \
                texts that `--model` writes here on the same tasks, and what it gains",
        run: acceptance::run,
    },
    Command {
        name: "eval",
        usage: "eval --model FILE [--quick|--diagnostics] [--yes] [OPTION OF localcoder eval]…",
        about: "how good a real model's edits are: tasks whose answers are run, or fixes of what \
                tools report",
        run: eval::run,
    },
    Command {
        name: "faults",
        usage: "faults downloads|worker|memory|host|limits|editor|all [--times N] [--quick] \
                [--real] [--world-clock] [--model PATH] [--only TEXT] [--no-build] [--yes]",
        about: "what goes wrong with downloads, workers, memory, hosts, limits and editors",
        run: faults::run,
    },
    Command {
        name: "soak",
        usage: "soak [--minutes N] [--programs FOLDER] [--yes]",
        about: "requests for two hours on a machine that is kept busy: nothing may be killed",
        run: soak::run,
    },
    Command {
        name: "simulate",
        usage: "simulate [--seeds N] [--from SEED] [--seed SEED]",
        about: "the host's core in simulated worlds where everything goes wrong, one each seed",
        run: simulate::run,
    },
    Command {
        name: "fuzz",
        usage: "fuzz [--target NAME] [--minutes N] [--keep] | --gguf-readers [--files N] | \
                --native [--files N] [--from SEED]",
        about: "what comes from elsewhere, with inputs that a fuzzer makes (needs cargo-fuzz)",
        run: fuzz::run,
    },
    Command {
        name: "templates",
        usage: "templates [--keep]",
        about: "chat templates in our engine beside Jinja2 and @huggingface/jinja",
        run: templates::run,
    },
    Command {
        name: "gpu",
        usage: "gpu [--yes]",
        about: "build the worker with Vulkan, apart, and test it on the device there is",
        run: gpu::run,
    },
    Command {
        name: "codegen",
        usage: "codegen [--check]",
        about: "write the files made from tables in the code, or check them",
        run: codegen::run,
    },
    Command {
        name: "tidy",
        usage: "tidy",
        about: "the rules about the repository itself",
        run: tidy::run,
    },
    Command {
        name: "airgap",
        usage: "airgap [--quick] [--only NAME,…] [--no-build] [--yes]",
        about: "nothing leaves the machine: the stories traced, then without a network (Linux, root)",
        run: airgap::run,
    },
    Command {
        name: "audit",
        usage: "audit",
        about: "known flaws in crates and packages that we build on (needs the network)",
        run: audit::run,
    },
    Command {
        name: "sbom",
        usage: "sbom [--out FILE]",
        about: "what is shipped, with versions and licenses, as CycloneDX in target/sbom.cdx.json",
        run: sbom::run,
    },
    Command {
        name: "demo-model",
        usage: "demo-model retrain|prepare|train|export|evaluate|all [OPTION]…",
        about: "make or measure the demo model (Python, in a virtual environment of its own)",
        run: demo_model::run,
    },
];

/// Runs the command that the words name.
pub(crate) fn dispatch(mut words: Vec<String>) -> Result<()> {
    if words.is_empty() || ["help", "--help", "-h"].contains(&words[0].as_str()) {
        help();
        return Ok(());
    }
    let name = words.remove(0);
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        help();
        bail!("there is no command `{name}`");
    };
    if words.iter().any(|word| word == "--help" || word == "-h") && command.name != "demo-model" {
        report::line(format!("usage: cargo xtask {}\n\n{}", command.usage, command.about));
        return Ok(());
    }
    (command.run)(Arguments::new(words, command.usage))
}

fn help() {
    report::line("usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        report::line(format!("  {}\n      {}", command.usage, command.about));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usage_line_begins_with_its_command() {
        for command in COMMANDS {
            assert!(command.usage.starts_with(command.name), "{}", command.name);
        }
    }

    #[test]
    fn an_unknown_command_is_refused_by_name() {
        let error = dispatch(vec!["polish".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no command `polish`");
    }
}
