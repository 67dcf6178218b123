//! Links in texts lead somewhere: a document that names a file long gone misleads worse than none.

use super::Finding;

/// Checks relative links and pictures of a Markdown file, and paths in backticks that begin with one of our folders.
pub(super) fn check(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut is_in_block = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_in_block = !is_in_block;
        }
        if is_in_block {
            continue;
        }
        for target in link_targets(line) {
            let wanted = resolve(folder, target);
            if !exists(&wanted) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("the link leads nowhere: {target}"),
                ));
            }
        }
        for named in named_paths(line) {
            if !exists(named) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("names a file that is not there: {named}"),
                ));
            }
        }
    }
    findings
}

/// What stands in `](…)`, without anchors and without addresses of elsewhere.
fn link_targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ', '#']).next())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
        })
        .collect()
}

/// Paths in backticks below a folder of ours.
fn named_paths(line: &str) -> Vec<&str> {
    const FOLDERS: [&str; 8] =
        ["crates/", "demo/", "docs/", "e2e/", "web/src", "xtask/", "bench/", ".ci/"];
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !word.contains(['*', '{', '<', ' ']))
        .collect()
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        let exists = |path: &str| ["README.md", "docs/LEXICON.md", "crates/edge"].contains(&path);
        check(path, text, &exists).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(
            lines_found("README.md", "see [words](docs/LEXICON.md)\nand [this](docs/GONE.md)\n"),
            [2]
        );
        assert_eq!(
            lines_found("docs/LEXICON.md", "back [home](../README.md#top), [lost](GONE.md)\n"),
            [1]
        );
        assert!(
            lines_found("README.md", "[elsewhere](https://example.com) [below](#below)\n")
                .is_empty()
        );
    }

    #[test]
    fn a_named_file_that_is_not_there_is_found() {
        assert_eq!(lines_found("README.md", "`crates/edge` and `crates/gone`, `cargo run`\n"), [1]);
        assert!(lines_found("README.md", "```\n`crates/gone`\n```\n").is_empty());
    }
}
