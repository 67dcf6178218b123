//! docs/LEXICON.md: one word, one meaning. Entries stand in order, once each, and every noun of the kernel has one.

use super::rust_source::code_only;
use super::{File, Finding};

const PATH: &str = "docs/LEXICON.md";
const KERNEL: &str = "crates/kernel/src/";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(lexicon) = files.iter().find(|file| file.path == PATH) else {
        return vec![Finding::new(PATH, 0, "is missing: one word, one meaning")];
    };
    let mut findings = check_entries(&lexicon.text);
    for file in files.iter().filter(|file| file.path.starts_with(KERNEL)) {
        findings.extend(check_nouns(&file.path, &file.text, &lexicon.text));
    }
    findings
}

/// An entry is a line `**word** — what it means`.
fn check_entries(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = String::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("## ") {
            before.clear();
        }
        let Some((word, meaning)) = line.strip_prefix("**").and_then(|rest| rest.split_once("**"))
        else {
            continue;
        };
        if meaning.trim_start_matches([' ', '—']).len() < 20 {
            findings.push(Finding::new(
                PATH,
                index + 1,
                format!("`{word}` has no meaning beside it"),
            ));
        }
        let word = word.to_lowercase();
        if word <= before {
            let message =
                format!("`{word}` stands after `{before}`: entries are in order, once each");
            findings.push(Finding::new(PATH, index + 1, message));
        }
        before = word;
    }
    findings
}

/// Every public type of the kernel is named, in backticks, by the entry of the word it stands for.
fn check_nouns(path: &str, text: &str, lexicon: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in code_only(text).lines().enumerate() {
        let declared = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
        let Some(name) =
            declared.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next())
        else {
            continue;
        };
        let is_error = name.ends_with("Error") || name.ends_with("Errors");
        if !is_error && !lexicon.contains(&format!("`{name}`")) {
            let message = format!(
                "`{name}` is a public noun without an entry in {PATH}: its meaning goes there first"
            );
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Words\n**edge** — the process that serves visitors.\n**shop** — one storefront that sells.\n";

    #[test]
    fn entries_are_explained_once_and_in_order() {
        assert!(check_entries(GOOD).is_empty());
        assert_eq!(
            check_entries(
                "**shop** — one storefront that sells.\n**edge** — serves all visitors.\n"
            )
            .len(),
            1
        );
        assert_eq!(
            check_entries(
                "**shop** — one storefront that sells.\n**shop** — another meaning of it.\n"
            )
            .len(),
            1
        );
        assert_eq!(check_entries("**shop** — a shop.\n").len(), 1);
    }

    #[test]
    fn a_public_noun_of_the_kernel_needs_its_entry() {
        let source = "//! Head.\npub struct Shop {\n}\npub enum ShopError {\n}\nstruct Inner;\n// pub struct Comment\n";
        let found = check_nouns("crates/kernel/src/lib.rs", source, GOOD);
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        assert!(
            check_nouns("crates/kernel/src/lib.rs", source, "**shop** — sells (`Shop`)").is_empty()
        );
    }
}
