//! A file held against what is in force: how its text differs, and what that means.

use super::print_json;
use crate::{cli::Exit, configuration::understand, control::ACCEPTED_FILE, remote::print};
use anyhow::{Context as _, bail};
use kernel::config::{Configuration, Known, changes};
use serde_json::json;
use similar::TextDiff;
use std::{fmt::Write as _, fs, path::Path};

/// Lines around each difference.
const CONTEXT: usize = 3;

pub(super) fn compare(
    file: &Path,
    text: &str,
    configuration: &Configuration,
    state: &Path,
    known: Known<'_>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let path = state.join(ACCEPTED_FILE);
    let before = fs::read_to_string(&path).with_context(|| {
        format!("read `{}`; has Storewarden run with this state directory?", path.display())
    })?;
    let in_force = match understand(&before, &path) {
        Ok(in_force) => in_force,
        Err(mistakes) => {
            let lines = mistakes.details.join("\n");
            bail!("what is in force cannot be understood here, as without its variables:\n{lines}");
        }
    };
    let difference = difference(&before, text, file);
    let means = changes(&in_force, configuration, known);
    if as_json {
        print_json(&json!({ "difference": difference, "changes": means }))?;
    } else {
        print(report(&difference, &means).as_bytes())?;
    }
    Ok(Exit::Fine)
}

fn difference(before: &str, after: &str, file: &Path) -> String {
    let name = file.display().to_string();
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(CONTEXT).header("in force", &name).to_string()
}

fn report(difference: &str, means: &[String]) -> String {
    if difference.is_empty() && means.is_empty() {
        return "The file is what is in force.\n".to_owned();
    }
    let mut text = difference.to_owned();
    if !text.is_empty() {
        text.push('\n');
    }
    if means.is_empty() {
        text.push_str("It means the same as what is in force.\n");
        return text;
    }
    text.push_str("What would change:\n");
    for sentence in means {
        writeln!(text, "  - {sentence}").expect("invariant: a String takes all text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_how_the_text_differs_and_what_it_means() {
        let check = |before: &str, after: &str, means: &[&str], expect: &str| {
            let means: Vec<String> = means.iter().map(|said| (*said).to_owned()).collect();
            assert_eq!(report(&difference(before, after, Path::new("f")), &means), expect);
        };
        check("a\n", "a\n", &[], "The file is what is in force.\n");
        check(
            "a\nb\n",
            "a\nc\n",
            &["it changes"],
            "--- in force\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\nWhat would change:\n  - it changes\n",
        );
        check(
            "a\n",
            "a\n#\n",
            &[],
            "--- in force\n+++ f\n@@ -1 +1,2 @@\n a\n+#\n\nIt means the same as what is in force.\n",
        );
        check("a\n", "a\n", &["a password"], "What would change:\n  - a password\n");
    }
}
