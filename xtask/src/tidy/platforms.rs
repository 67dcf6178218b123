//! No platform is named in code: what is known of Vendure stands in Vendure's file, so that the next platform is a file too.

use super::rust_source::first_test_line;
use super::{File, Finding};

const FILES: &str = "crates/shops/platforms/";

/// Platform files that are no platform somebody could name: the unknown shop, what holds for every one, our own sample.
const NO_NAMES: [&str; 3] = ["generic", "every", "sample"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let named =
        files.iter().filter_map(|file| file.path.strip_prefix(FILES)?.strip_suffix(".toml"));
    let names: Vec<&str> = named.filter(|name| !NO_NAMES.contains(name)).collect();
    let sources = files.iter().filter(|file| is_product_code(&file.path));
    sources.flat_map(|file| check_text(&file.path, &file.text, &names)).collect()
}

fn is_product_code(path: &str) -> bool {
    let is_test = path.ends_with("tests.rs") || path.contains("/tests/");
    path.starts_with("crates/") && path.contains("/src/") && path.ends_with(".rs") && !is_test
}

/// Comments may give one as an example; tests must name one; one line takes each file into the program.
fn check_text(path: &str, text: &str, names: &[&str]) -> Vec<Finding> {
    let tests_from = first_test_line(text).unwrap_or(usize::MAX);
    let mut findings = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .take_while(|(index, _)| index + 1 < tests_from)
        .filter(|(_, line)| !line.contains("include_str!"))
    {
        let code = line.split("//").next().unwrap_or(line).to_lowercase();
        for name in names.iter().filter(|name| code.contains(**name)) {
            let message = format!(
                "names the platform `{name}`: what is known of it belongs in {FILES}{name}.toml"
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
    fn a_platform_in_code_is_found_and_in_a_comment_or_test_is_not() {
        let source = "//! Like Vendure.\nif platform == \"vendure\" {}\n(\"vendure\", include_str!(\"a\"))\n#[cfg(test)]\nlet a = \"vendure\";\n";
        let files = |path: &str| {
            let file =
                |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
            vec![file("crates/shops/platforms/vendure.toml", ""), file(path, source)]
        };
        let found = check(&files("crates/watch/src/lib.rs"));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
        assert!(check(&files("demo/src/main.rs")).is_empty());
        assert!(check(&files("crates/kernel/src/config/tests/shop.rs")).is_empty());
    }
}
