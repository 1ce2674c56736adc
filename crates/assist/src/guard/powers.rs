//! What code can do beyond itself: run programs, reach the network, delete files. An answer that
//! adds this without being asked may follow instructions hidden in the text that the model was
//! shown. It may be right all the same, so it is a warning.

use super::{Problem, Rewrite, Severity};

const POWERS: &[(&str, &str)] = &[
    ("os.system(", "runs other programs"),
    ("os.popen(", "runs other programs"),
    ("subprocess.", "runs other programs"),
    ("child_process", "runs other programs"),
    ("Runtime.getRuntime(", "runs other programs"),
    ("ProcessBuilder(", "runs other programs"),
    ("process::Command", "runs other programs"),
    ("exec.Command(", "runs other programs"),
    ("shell_exec(", "runs other programs"),
    ("Process.Start(", "runs other programs"),
    ("Invoke-Expression", "runs text as code"),
    ("eval(", "runs text as code"),
    ("new Function(", "runs text as code"),
    ("pickle.loads(", "runs text as code"),
    ("urllib.request", "reaches the network"),
    ("requests.get(", "reaches the network"),
    ("requests.post(", "reaches the network"),
    ("socket.socket(", "reaches the network"),
    ("XMLHttpRequest", "reaches the network"),
    ("fetch(", "reaches the network"),
    ("http.Get(", "reaches the network"),
    ("http.Post(", "reaches the network"),
    ("curl ", "reaches the network"),
    ("wget ", "reaches the network"),
    ("<script", "runs text as code"),
    ("shutil.rmtree(", "deletes files"),
    ("rm -rf ", "deletes files"),
    ("remove_dir_all(", "deletes files"),
    ("os.RemoveAll(", "deletes files"),
    ("DROP TABLE", "deletes data"),
    ("TRUNCATE TABLE", "deletes data"),
];

/// The first of these that the document did not have, unless the instruction names it.
pub(super) fn introduced(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if rewrite.language.prose {
        return None;
    }
    let instruction = rewrite.instruction.unwrap_or_default().to_lowercase();
    let (before, after) = rewrite.document;
    let (what, does) = POWERS.iter().find(|(what, _)| {
        let word = what.trim_end_matches(['(', ' ', '.']);
        // The whole document counts: what its code does elsewhere is not new to the user.
        has(after, what) && !has(before, what) && !instruction.contains(&word.to_lowercase())
    })?;
    let what = what.trim_end_matches(['(', ' ', '.']);
    let reason = format!("it {does} (`{what}`), which the code did not do before");
    Some(Problem::new(Severity::Warn, reason))
}

/// Whether a text contains it other than as the end of a longer name.
fn has(text: &str, what: &str) -> bool {
    text.match_indices(what).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| {
            // `store.fetch(` and `model.eval(` are methods of something else; before the other
            // names a dot only follows a module.
            c.is_alphanumeric() || c == '_' || c == '.' && what.starts_with(['e', 'f'])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, before: &str, after: &str) -> Option<String> {
        introduced(&Rewrite::of(path, before, after)).map(|problem| problem.reason)
    }

    #[test]
    fn what_code_could_not_do_before_is_reported() {
        let code = "def f(a):\n    return a\n";
        let runs = "def f(a):\n    os.system(a)\n    return a\n";
        let reason = said("a.py", code, runs).unwrap();
        assert_eq!(
            reason,
            "it runs other programs (`os.system`), which the code did not do before"
        );
        assert_eq!(said("a.py", runs, &runs.replace("(a)", "(b)")), None);
        assert!(said("a.js", "g();\n", "fetch(a);\n").is_some());
        assert_eq!(said("a.js", "g();\n", "store.fetch(a); /a/.exec(b);\n"), None);
        assert_eq!(said("a.py", code, "def f(a):\n    return retrieval(a)\n"), None);
        // Documentation tells readers to run programs all the time.
        assert_eq!(said("a.md", "a\n", "curl b\n"), None);
        let asked =
            Rewrite { instruction: Some("Use os.system."), ..Rewrite::of("a.py", code, runs) };
        assert_eq!(introduced(&asked), None);
    }
}
