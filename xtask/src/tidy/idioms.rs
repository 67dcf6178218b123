//! Idioms that the house does without, each with its reason. `// tidy: REASON` on the line or above it lets one pass.

use super::Finding;
use super::rust_source::{code_only, first_test_line};

/// Where an idiom is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Tests,
    /// The crates, without their tests; neither demo nor workshop.
    Product,
}

struct Ban {
    text: &'static str,
    place: Place,
    instead: &'static str,
}

const BANS: [Ban; 8] = [
    Ban {
        text: "todo!(",
        place: Place::Anywhere,
        instead: "`todo!` panics in front of a visitor: build it, or leave it out and say so in the text",
    },
    Ban {
        text: "unimplemented!(",
        place: Place::Anywhere,
        instead: "`unimplemented!` panics: build it, or leave it out",
    },
    Ban {
        text: "#[ignore",
        place: Place::Anywhere,
        instead: "an ignored test proves nothing: make it fast and certain, or delete it",
    },
    Ban {
        text: "allow(dead_code",
        place: Place::Anywhere,
        instead: "code that nobody calls is not tested by anybody: delete it, it comes back with its caller",
    },
    Ban {
        text: "thread::sleep",
        place: Place::Tests,
        instead: "a sleep is too short on a slow machine and too long on a fast one: wait for the condition itself",
    },
    Ban {
        text: "mem::forget",
        place: Place::Anywhere,
        instead: "a forgotten value leaks its descriptor or memory: give it an owner",
    },
    Ban {
        text: "process::exit",
        place: Place::Product,
        instead: "it skips every destructor: return the exit code from main",
    },
    Ban {
        text: "Box::leak",
        place: Place::Product,
        instead: "a leak in a program that runs for months is memory that never comes back",
    },
];

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let code = code_only(text);
    let tests_from =
        if is_test_file(path) { 1 } else { first_test_line(&code).unwrap_or(usize::MAX) };
    let lines: Vec<&str> = text.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let place = if index + 1 >= tests_from { Place::Tests } else { Place::Product };
        if is_excused(&lines, index) {
            continue;
        }
        for ban in &BANS {
            let is_meant = match ban.place {
                Place::Anywhere => true,
                Place::Tests => place == Place::Tests,
                Place::Product => place == Place::Product && path.starts_with("crates/"),
            };
            if is_meant && line.contains(ban.text) {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    format!("`{}`: {}", ban.text, ban.instead),
                ));
            }
        }
        if place == Place::Product && drops_a_result(line) && !has_comment(&lines, index) {
            let message =
                "`let _ =` swallows an error: handle it, or say in a comment why it may be lost";
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/")
}

/// Calls only: `let _ = guard;` and `let _guard = …` drop nothing that could have failed.
fn drops_a_result(code_line: &str) -> bool {
    let line = code_line.trim_start();
    line.starts_with("let _ =") && (line.contains('(') || line.trim_end().ends_with('='))
}

fn has_comment(lines: &[&str], index: usize) -> bool {
    lines[index].contains("// ") || index > 0 && lines[index - 1].trim_start().starts_with("//")
}

/// `tidy: REASON` in a comment on the line or right above it.
fn is_excused(lines: &[&str], index: usize) -> bool {
    let excuses = |line: &str| {
        line.split_once("// tidy: ").is_some_and(|(_, reason)| reason.trim().len() > 10)
    };
    excuses(lines[index]) || index > 0 && excuses(lines[index - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        check(path, text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn each_ban_catches_its_idiom() {
        for ban in &BANS {
            let path = if ban.place == Place::Tests {
                "crates/x/tests/it.rs"
            } else {
                "crates/x/src/lib.rs"
            };
            let text = format!("//! Head.\nfn f() {{ {} }}\n", ban.text);
            assert_eq!(lines_found(path, &text), [2], "{}", ban.text);
        }
    }

    #[test]
    fn words_about_an_idiom_are_not_the_idiom() {
        assert!(
            lines_found(
                "src/lib.rs",
                "//! No todo!() here.\nconst A: &str = \"todo!()\"; // todo!()\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_ban_for_tests_begins_with_the_tests() {
        let text = "fn wait() { thread::sleep(d) }\n#[cfg(test)]\nmod tests { fn t() { thread::sleep(d) } }\n";
        assert_eq!(lines_found("src/lib.rs", text), [3]);
    }

    #[test]
    fn a_swallowed_error_wants_its_reason() {
        assert_eq!(lines_found("src/lib.rs", "let _ = sender.send(1);\n"), [1]);
        assert_eq!(lines_found("src/lib.rs", "let _ =\n    sender.send(1);\n"), [1]);
        assert!(
            lines_found("src/lib.rs", "let _ = sender.send(1); // nobody listens any more\n")
                .is_empty()
        );
        assert!(
            lines_found("src/lib.rs", "// Nobody listens any more.\nlet _ = sender.send(1);\n")
                .is_empty()
        );
        assert!(lines_found("src/lib.rs", "let _ = guard;\n").is_empty());
    }

    #[test]
    fn an_excuse_needs_a_reason() {
        assert!(
            lines_found(
                "src/lib.rs",
                "// tidy: the child's own exit code\nstd::process::exit(1)\n"
            )
            .is_empty()
        );
        assert_eq!(lines_found("crates/x/src/lib.rs", "// tidy: so\nstd::process::exit(1)\n"), [2]);
    }
}
