//! Manifests: versions live in the root, every crate takes the lints of the house, nothing declared is left unused.

use super::{File, Finding};

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let manifests: Vec<&File> =
        files.iter().filter(|file| file.path.ends_with("/Cargo.toml")).collect();
    let mut findings: Vec<Finding> =
        manifests.iter().flat_map(|file| check_member(&file.path, &file.text)).collect();
    if let Some(root) = files.iter().find(|file| file.path == "Cargo.toml") {
        let members: Vec<&str> = manifests.iter().map(|file| file.text.as_str()).collect();
        findings.extend(check_root(&root.text, &members));
    }
    findings
}

fn check_member(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.contains("[lints]\nworkspace = true") {
        findings.push(Finding::new(
            path,
            0,
            "takes no lints: add `[lints]` with `workspace = true`",
        ));
    }
    let mut is_in_dependencies = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            is_in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
        } else if is_in_dependencies && line.contains('=') && !line.contains("workspace = true") {
            let message = "versions and paths live in the root's [workspace.dependencies]: use `workspace = true` here";
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

/// Every line of `[workspace.dependencies]` is used by a member.
fn check_root(root: &str, members: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_in_table = false;
    for (index, line) in root.lines().enumerate() {
        if line.starts_with('[') {
            is_in_table = line.trim() == "[workspace.dependencies]";
            continue;
        }
        let Some((name, _)) = line.split_once(" = ") else { continue };
        let uses = |member: &&str| {
            member.lines().any(|line| {
                line.split(['.', ' ', '=']).next() == Some(name) && line.contains("workspace")
            })
        };
        if is_in_table && !name.starts_with('#') && !members.iter().any(uses) {
            findings.push(Finding::new(
                "Cargo.toml",
                index + 1,
                format!("`{name}`: no crate uses it, remove the line"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn a_member_takes_the_lints_and_names_no_version() {
        let good = format!(
            "[dependencies]\nserde.workspace = true\nkernel = {{ workspace = true }}\n{LINTS}"
        );
        assert!(check_member("crates/a/Cargo.toml", &good).is_empty());
        let bad = format!("[dev-dependencies]\nserde = \"1\"\n{LINTS}");
        assert_eq!(check_member("crates/a/Cargo.toml", &bad)[0].line, 2);
        assert_eq!(check_member("crates/a/Cargo.toml", "[dependencies]\n").len(), 1);
    }

    #[test]
    fn a_dependency_that_nobody_uses_is_found() {
        let root = "[workspace.dependencies]\n# Data.\nserde = \"1\"\nserde_json = \"1\"\n[profile.dev]\ndebug = 1\n";
        assert!(
            check_root(root, &["serde.workspace = true\n", "serde_json = { workspace = true }\n"])
                .is_empty()
        );
        assert_eq!(check_root(root, &["serde_json.workspace = true\n"])[0].line, 3);
    }
}
