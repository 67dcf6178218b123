//! How a source file is laid out: its name, its opening, its length.

use super::Finding;

/// Past this a file has more than one thing to say.
const MOST_LINES: usize = 800;

/// Names that say nothing about what is inside, and so collect everything.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];

pub(super) fn check_path(path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_source = [".rs", ".ts", ".svelte", ".mjs"].iter().any(|ending| path.ends_with(ending));
    if !is_source {
        return findings;
    }
    if path == "mod.rs" || path.ends_with("/mod.rs") {
        findings.push(Finding::new(
            path,
            0,
            "`mod.rs` hides the module's name in an editor: use `NAME.rs` beside `NAME/`",
        ));
    }
    for part in path.split('/') {
        let name = part.split('.').next().unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            let message =
                format!("`{name}` says nothing about what is inside: name the file after its noun");
            findings.push(Finding::new(path, 0, message));
        }
    }
    findings
}

pub(super) fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The tests of a module stand beside it, and its head speaks for them.
    if !text.starts_with("//! ") && !path.ends_with("/tests.rs") {
        let message = "a file opens with `//!`: what it owns, and what it refuses to know";
        findings.push(Finding::new(path, 1, message));
    }
    if text.starts_with("//! placeholder") {
        findings.push(Finding::new(path, 1, "a placeholder is not a file: write it, or delete it"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(Finding::new(
            path,
            0,
            format!("{lines} lines; past {MOST_LINES} a file is split"),
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let declared = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let Some(name) = declared.strip_prefix("mod ") else { continue };
        let name = name.trim_end_matches([';', '{', ' ']);
        if EMPTY_NAMES.contains(&name) {
            let message = format!(
                "module `{name}` says nothing about what is inside: name it after its noun"
            );
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_and_mod_rs_are_refused() {
        assert_eq!(check_path("crates/edge/src/cache/mod.rs").len(), 1);
        assert_eq!(check_path("crates/edge/src/utils.rs").len(), 1);
        assert_eq!(check_path("web/src/lib/helpers/format.ts").len(), 1);
        assert!(check_path("crates/edge/src/pool.rs").is_empty());
        assert!(check_path("docs/common.md").is_empty());
        assert_eq!(check_text("src/lib.rs", "//! Head.\npub(crate) mod common {\n}\n")[0].line, 2);
    }

    #[test]
    fn a_file_opens_with_what_it_owns() {
        assert_eq!(check_text("src/lib.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(check_text("src/lib.rs", "//! placeholder\n").len(), 1);
        assert!(check_text("src/lib.rs", "//! Money.\nuse std::fmt;\n").is_empty());
        assert!(check_text("src/money/tests.rs", "use super::*;\n").is_empty());
    }

    #[test]
    fn a_long_file_is_split() {
        let text = |lines: usize| format!("//! Head.\n{}", "\n".repeat(lines - 1));
        assert!(check_text("src/lib.rs", &text(800)).is_empty());
        assert_eq!(check_text("src/lib.rs", &text(801)).len(), 1);
    }
}
