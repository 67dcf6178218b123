//! Tests that passed only when they were run a second time, from nextest's report in `JUnit`'s format. One of a thousand
//! may, on a machine that others load as well; each is named all the same, because it is a fault of the test or of what it
//! tests. More than a few are no accident.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

/// So many of a whole run may be.
const MOST: usize = 2;

/// Names them.
///
/// # Errors
/// When they are too many, or the report can't be read.
pub(super) fn judge(report: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(report)
        .with_context(|| format!("read the report {}", report.display()))?;
    let unsteady = names(&text);
    for name in &unsteady {
        println!("UNSTEADY: {name} failed, and passed when it was run again. Find out why.");
    }
    ensure!(
        unsteady.len() <= MOST,
        "{} tests passed only when they were run again; more than {MOST} are no accident",
        unsteady.len()
    );
    Ok(())
}

fn names(report: &str) -> Vec<String> {
    let failed_once = |case: &&str| case.contains("<flakyFailure") || case.contains("<flakyError");
    report.split("<testcase ").skip(1).filter(failed_once).map(name).collect()
}

/// Of a test case, after the name of its element: where it is and what it is called.
fn name(case: &str) -> String {
    let attribute = |name: &str| {
        let (_, rest) = case.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    format!("{} {}", attribute(" classname").unwrap_or("?"), attribute("name").unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_failed_once_are_named_and_no_others() {
        let report = r#"<testsuites><testsuite name="e2e::it">
            <testcase name="front::there" classname="e2e::it" time="1"></testcase>
            <testcase name="peer::away" classname="e2e::it" time="2"><flakyFailure time="1" type="test failure">
                at peer</flakyFailure></testcase>
            <testcase name="recover" classname="e2e::it" time="3"/></testsuite></testsuites>"#;
        assert_eq!(names(report), ["e2e::it peer::away"]);
    }

    #[test]
    fn few_are_named_and_many_refused() {
        let report = std::env::temp_dir().join(format!("unsteady-{}.xml", std::process::id()));
        let case = r#"<testcase name="a" classname="b"><flakyFailure/></testcase>"#;
        for (count, is_fine) in [(0, true), (MOST, true), (MOST + 1, false)] {
            fs::write(&report, case.repeat(count)).unwrap();
            assert_eq!(judge(&report).is_ok(), is_fine, "{count}");
        }
        fs::remove_file(&report).unwrap();
        assert!(judge(&report).is_err(), "no report is no good news");
    }
}
