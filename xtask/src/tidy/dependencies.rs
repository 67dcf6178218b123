//! Which crate may depend on which: the table of ARCHITECTURE.md as data, held against what cargo says is true.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::Finding;

/// A crate of ours and the ones of ours it may know.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    may_know: &'static [&'static str],
}

/// From the pure to the wired. A row comes with its crate, not before.
pub(super) const TABLE: [Row; 22] = [
    Row { name: "kernel", may_know: &[] },
    Row { name: "store", may_know: &["kernel"] },
    Row { name: "series", may_know: &["kernel"] },
    Row { name: "promql", may_know: &["kernel", "series"] },
    Row { name: "forecast", may_know: &[] },
    Row { name: "host", may_know: &["kernel"] },
    Row { name: "outbound", may_know: &["kernel"] },
    Row { name: "databases", may_know: &["kernel", "host"] },
    Row { name: "collect", may_know: &["kernel", "host", "outbound", "databases"] },
    Row { name: "checks", may_know: &["kernel", "outbound"] },
    Row { name: "shops", may_know: &["kernel"] },
    Row { name: "apps", may_know: &["kernel", "host", "shops"] },
    Row { name: "plan", may_know: &["kernel", "store"] },
    Row { name: "vault", may_know: &["kernel", "store", "host", "outbound", "databases", "shops"] },
    Row { name: "edge", may_know: &["kernel", "shops"] },
    Row {
        name: "watch",
        may_know: &[
            "kernel",
            "store",
            "series",
            "promql",
            "host",
            "outbound",
            "databases",
            "collect",
            "checks",
            "forecast",
            "shops",
        ],
    },
    Row {
        name: "api",
        may_know: &[
            "kernel",
            "store",
            "series",
            "promql",
            "host",
            "outbound",
            "databases",
            "shops",
            "apps",
            "plan",
            "vault",
            "edge",
            "watch",
        ],
    },
    Row {
        name: "storewarden",
        may_know: &[
            "kernel",
            "store",
            "series",
            "promql",
            "host",
            "outbound",
            "databases",
            "shops",
            "apps",
            "plan",
            "vault",
            "edge",
            "watch",
            "api",
        ],
    },
    Row { name: "testkit", may_know: &["kernel", "host", "databases"] },
    Row { name: "demo", may_know: &["kernel", "host", "databases", "shops", "apps"] },
    Row { name: "e2e", may_know: &["kernel", "checks", "databases", "vault", "demo"] },
    Row { name: "xtask", may_know: &[] },
];

/// Areas do one thing each and meet as values of the kernel, never by importing one another.
#[cfg(test)]
const AREAS: [&str; 3] = ["edge", "vault", "watch"];

/// Tests may use the test kit, wherever they are.
const FOR_TESTS: &str = "testkit";

/// Holds `cargo metadata --no-deps` against the table.
pub(super) fn check(metadata: &Value) -> anyhow::Result<Vec<Finding>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` named no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let manifest = manifest_path(metadata, package);
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            let message = format!(
                "`{name}` has no row in the dependency table (xtask/src/tidy/dependencies.rs)"
            );
            findings.push(Finding::new(&manifest, 0, message));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().context("a dependency without a name")?;
            let is_ours = TABLE.iter().any(|row| row.name == to);
            let is_for_tests = dependency["kind"] == "dev" && (to == FOR_TESTS || to == name);
            if is_ours && !is_for_tests && !row.may_know.contains(&to) {
                let known = row.may_know.join(", ");
                let message =
                    format!("`{name}` may not know `{to}`; it may know: {}", or_nothing(&known));
                findings.push(Finding::new(&manifest, 0, message));
            }
        }
    }
    Ok(findings)
}

/// Holds the table that people read, in ARCHITECTURE.md, against the one above.
pub(super) fn check_map(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &TABLE {
        let opening = format!("| `{}` |", row.name);
        let Some((index, line)) =
            text.lines().enumerate().find(|(_, line)| line.starts_with(&opening))
        else {
            findings.push(Finding::new(
                "ARCHITECTURE.md",
                0,
                format!("the map has no row for `{}`", row.name),
            ));
            continue;
        };
        let last_cell = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or("");
        let drawn: BTreeSet<&str> = last_cell.split('`').skip(1).step_by(2).collect();
        let true_set: BTreeSet<&str> = row.may_know.iter().copied().collect();
        if drawn != true_set {
            let known = row.may_know.join(", ");
            let message = format!(
                "the map's row for `{}` should say it may know: {}",
                row.name,
                or_nothing(&known)
            );
            findings.push(Finding::new("ARCHITECTURE.md", index + 1, message));
        }
    }
    findings
}

fn manifest_path(metadata: &Value, package: &Value) -> String {
    let path = package["manifest_path"].as_str().unwrap_or("Cargo.toml");
    let root = metadata["workspace_root"].as_str().unwrap_or("");
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_owned()
}

fn or_nothing(list: &str) -> &str {
    if list.is_empty() { "nothing of ours" } else { list }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<Finding> {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|(to, kind)| json!({ "name": to, "kind": kind })).collect();
        let package = json!({ "name": name, "manifest_path": "/x/a/Cargo.toml", "dependencies": dependencies });
        check(&json!({ "workspace_root": "/x", "packages": [package] })).unwrap()
    }

    #[test]
    fn what_the_table_allows_passes() {
        assert!(findings("edge", &[("kernel", None), ("shops", None), ("hyper", None)]).is_empty());
        assert!(findings("edge", &[("testkit", Some("dev")), ("edge", Some("dev"))]).is_empty());
    }

    #[test]
    fn what_the_table_does_not_allow_is_found() {
        assert_eq!(findings("edge", &[("store", None)])[0].path, "a/Cargo.toml");
        assert_eq!(findings("edge", &[("store", Some("dev"))]).len(), 1);
        assert_eq!(findings("edge", &[("store", Some("build"))]).len(), 1);
        assert_eq!(findings("edge", &[("testkit", None)]).len(), 1);
        assert_eq!(findings("kernel", &[("host", None)]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(findings("surprise", &[]).len(), 1);
    }

    #[test]
    fn the_table_itself_keeps_the_areas_apart_and_has_no_circle() {
        for (index, row) in TABLE.iter().enumerate() {
            let is_area = AREAS.contains(&row.name);
            for known in row.may_know {
                assert!(!(is_area && AREAS.contains(known)), "{} knows {known}", row.name);
                let above = TABLE[..index].iter().any(|earlier| earlier.name == *known);
                assert!(above, "{} knows {known}, which is not above it", row.name);
            }
        }
        let edge = TABLE.iter().find(|row| row.name == "edge").unwrap();
        assert!(!edge.may_know.contains(&"store"), "the edge never sees the store");
    }

    #[test]
    fn the_map_says_what_the_table_says() {
        let map: String = TABLE
            .iter()
            .map(|row| {
                let known: Vec<String> =
                    row.may_know.iter().map(|name| format!("`{name}`")).collect();
                format!("| `{}` | role | {} |\n", row.name, known.join(", "))
            })
            .collect();
        assert!(check_map(&map).is_empty());
        assert_eq!(
            check_map(
                &map.replace(
                    "| `edge` | role | `kernel`, `shops` |",
                    "| `edge` | role | `kernel` |"
                )
            )
            .len(),
            1
        );
        assert_eq!(check_map(&map.replace("| `xtask` |", "| xtask |")).len(), 1);
    }
}
