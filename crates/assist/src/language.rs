//! What we know of a language: its id, the tag of its code fence, how it writes comments and
//! whether we can parse it.
//!
//! One table; unknown languages work too, with fewer checks. It parses nothing itself (see
//! `syntax`).

use tree_sitter::Language as Grammar;

/// How a language writes comments, as far as the guards need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    Hash,
    Slash,
    Dash,
    Markup,
    Any,
}

#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) id: &'static str,
    pub(crate) fence: &'static str,
    extensions: &'static [&'static str],
    pub(crate) comments: Comments,
    /// Whether its text is prose, so that prose in an answer is expected.
    pub(crate) prose: bool,
}

macro_rules! languages {
    ($($id:literal $fence:literal [$($ext:literal)*] $comments:ident $($prose:ident)?;)*) => {
        const LANGUAGES: &[Language] = &[$(Language {
            id: $id,
            fence: $fence,
            extensions: &[$($ext),*],
            comments: Comments::$comments,
            prose: languages!(@prose $($prose)?),
        }),*];
    };
    (@prose prose) => { true };
    (@prose) => { false };
}

languages! {
    "python" "python" ["py" "pyi" "pyw"] Hash;
    "javascript" "javascript" ["js" "mjs" "cjs"] Slash;
    "javascriptreact" "jsx" ["jsx"] Slash;
    "typescript" "typescript" ["ts" "mts" "cts"] Slash;
    "typescriptreact" "tsx" ["tsx"] Slash;
    "rust" "rust" ["rs"] Slash;
    "go" "go" ["go"] Slash;
    "java" "java" ["java"] Slash;
    "kotlin" "kotlin" ["kt" "kts"] Slash;
    "swift" "swift" ["swift"] Slash;
    "c" "c" ["c" "h"] Slash;
    "cpp" "cpp" ["cc" "cpp" "cxx" "hh" "hpp" "hxx"] Slash;
    "csharp" "csharp" ["cs"] Slash;
    "php" "php" ["php"] Any;
    "ruby" "ruby" ["rb"] Hash;
    "perl" "perl" ["pl" "pm"] Hash;
    "r" "r" ["r"] Hash;
    "julia" "julia" ["jl"] Hash;
    "lua" "lua" ["lua"] Dash;
    "haskell" "haskell" ["hs"] Dash;
    "sql" "sql" ["sql"] Dash;
    "shellscript" "sh" ["sh" "bash" "zsh"] Hash;
    "powershell" "powershell" ["ps1" "psm1"] Hash;
    "dockerfile" "dockerfile" ["dockerfile"] Hash;
    "makefile" "makefile" ["mk"] Hash;
    "yaml" "yaml" ["yml" "yaml"] Hash;
    "toml" "toml" ["toml"] Hash;
    "ini" "ini" ["ini" "cfg"] Hash;
    "json" "json" ["json"] Slash;
    "jsonc" "jsonc" ["jsonc"] Slash;
    "css" "css" ["css"] Slash;
    "scss" "scss" ["scss"] Slash;
    "less" "less" ["less"] Slash;
    "html" "html" ["html" "htm"] Markup;
    "xml" "xml" ["xml" "svg"] Markup;
    "vue" "vue" ["vue"] Any;
    "svelte" "svelte" ["svelte"] Any;
    "markdown" "markdown" ["md" "markdown"] Markup prose;
    "restructuredtext" "rst" ["rst"] Any prose;
    "latex" "latex" ["tex"] Any prose;
    "plaintext" "" ["txt"] Any prose;
}

const UNKNOWN: &Language =
    &Language { id: "", fence: "", extensions: &[], comments: Comments::Any, prose: false };

impl Language {
    /// The language of a document: the editor's word for it if we know it, else the file
    /// name's ending.
    pub(crate) fn of(language_id: Option<&str>, path: &str) -> &'static Self {
        let by_id = language_id.and_then(|id| LANGUAGES.iter().find(|language| language.id == id));
        by_id.or_else(|| Self::by_name(file_name(path))).unwrap_or(UNKNOWN)
    }

    fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase();
        let ending = match name.as_str() {
            "dockerfile" | "containerfile" => "dockerfile",
            "makefile" | "gnumakefile" => "mk",
            other => other.rsplit_once('.')?.1,
        };
        LANGUAGES.iter().find(|language| language.extensions.contains(&ending))
    }

    /// The grammar for a text, for languages whose syntax we check.
    pub(crate) fn grammar(&self, text: &str) -> Option<Grammar> {
        Some(match self.id {
            "c" => tree_sitter_c::LANGUAGE.into(),
            "cpp" => tree_sitter_cpp::LANGUAGE.into(),
            "csharp" => tree_sitter_c_sharp::LANGUAGE.into(),
            "css" => tree_sitter_css::LANGUAGE.into(),
            "go" => tree_sitter_go::LANGUAGE.into(),
            "html" => tree_sitter_html::LANGUAGE.into(),
            "java" => tree_sitter_java::LANGUAGE.into(),
            "json" => tree_sitter_json::LANGUAGE.into(),
            "markdown" => tree_sitter_md::LANGUAGE.into(),
            // A part of a file is code alone, not a page with code in it.
            "php" if !text.contains("<?") => tree_sitter_php::LANGUAGE_PHP_ONLY.into(),
            "php" => tree_sitter_php::LANGUAGE_PHP.into(),
            "python" => tree_sitter_python::LANGUAGE.into(),
            "ruby" => tree_sitter_ruby::LANGUAGE.into(),
            "shellscript" => tree_sitter_bash::LANGUAGE.into(),
            "sql" => tree_sitter_sequel::LANGUAGE.into(),
            "toml" => tree_sitter_toml_ng::LANGUAGE.into(),
            "yaml" => tree_sitter_yaml::LANGUAGE.into(),
            "javascript" | "javascriptreact" => tree_sitter_javascript::LANGUAGE.into(),
            "typescript" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            "typescriptreact" => tree_sitter_typescript::LANGUAGE_TSX.into(),
            "rust" => tree_sitter_rust::LANGUAGE.into(),
            _ => return None,
        })
    }
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The fence's tag. An editor's id for a language that we do not know serves as well, if it is
/// a plain word.
pub(crate) fn fence_tag(language: &Language, language_id: Option<&str>) -> String {
    let plain = |id: &&str| {
        id.len() <= 24 && id.chars().all(|c| c.is_ascii_alphanumeric() || "+-#".contains(c))
    };
    match language_id.filter(plain) {
        Some(id) if language.id.is_empty() => id.to_owned(),
        _ => language.fence.to_owned(),
    }
}

/// The file's name on one line and of bounded length, whatever the path is: it becomes part of a
/// prompt, where a line end in it could pass for text of ours.
pub(crate) fn shown_name(path: &str) -> String {
    let name = file_name(path).chars().filter(|c| !c.is_control());
    name.take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language_id: Option<&str>, path: &str, id: &str, fence: &str) {
        let language = Language::of(language_id, path);
        assert_eq!((language.id, language.fence), (id, fence), "{language_id:?} {path}");
    }

    #[test]
    fn the_language_comes_from_the_editor_and_else_from_the_name() {
        check(Some("python"), "a.txt", "python", "python");
        check(None, "/home/me/App.TSX", "typescriptreact", "tsx");
        check(Some("some-plugin-language"), "src/main.rs", "rust", "rust");
        check(None, r"C:\work\Makefile", "makefile", "makefile");
        check(None, "LICENSE", "", "");
        check(Some("plaintext"), "notes", "plaintext", "");
    }

    #[test]
    fn ids_and_endings_are_unique_and_every_grammar_loads() {
        let mut seen = std::collections::HashSet::new();
        for language in LANGUAGES {
            assert!(seen.insert(language.id), "id {}", language.id);
            for ending in language.extensions {
                assert!(seen.insert(ending) || *ending == language.id, "ending {ending}");
            }
            if let Some(grammar) = language.grammar("") {
                tree_sitter::Parser::new().set_language(&grammar).unwrap();
            }
        }
    }
}
