//! What must not be there, proved: crates that no program of ours may contain, and what the edge may not reach.

use anyhow::ensure;

use super::Finding;
use super::policy::{Ban, Policy};
use crate::process::{self, cargo};
use crate::workspace::Workspace;

/// The edge takes visitors' bytes; what keeps records stays out of that process's code.
const UNREACHABLE_FROM_EDGE: [&str; 4] = ["store", "databases", "rusqlite", "tokio-postgres"];

pub(super) fn check(workspace: &Workspace, policy: &Policy) -> anyhow::Result<Vec<Finding>> {
    let whole = tree(workspace, "--workspace")?;
    let mut bans = Vec::new();
    for ban in &policy.bans {
        if !is_wrapped(workspace, ban)? {
            bans.push(ban.clone());
        }
    }
    let mut findings = present("Cargo.toml", &whole, &bans);
    let why = |name: &str| Ban {
        name: name.to_owned(),
        wrappers: Vec::new(),
        reason: "the edge serves on when store and database are gone, so it must not know them"
            .to_owned(),
    };
    let edge = tree(workspace, "--package=edge")?;
    findings.extend(present("crates/edge/Cargo.toml", &edge, &UNREACHABLE_FROM_EDGE.map(why)));
    Ok(findings)
}

/// Whether nobody brings it but those who may.
fn is_wrapped(workspace: &Workspace, ban: &Ban) -> anyhow::Result<bool> {
    if ban.wrappers.is_empty() {
        return Ok(false);
    }
    let arguments = [
        "tree",
        "--workspace",
        "--locked",
        "--edges=normal,build",
        "--target=all",
        "--prefix=none",
        "--format={p}",
        "--depth=1",
        "--invert",
        &ban.name,
    ];
    let text = process::output(cargo(&arguments).current_dir(&workspace.root))?;
    Ok(brought_by(&text, &ban.wrappers))
}

/// The first line is the crate itself, and those below bring it.
fn brought_by(tree: &str, wrappers: &[String]) -> bool {
    let parents = tree.lines().skip(1).filter_map(|line| line.split(' ').next());
    parents.clone().next().is_some()
        && parents.into_iter().all(|parent| wrappers.iter().any(|may| may == parent))
}

/// The names of everything compiled in, one a line; tests' own dependencies are left out.
fn tree(workspace: &Workspace, what: &str) -> anyhow::Result<String> {
    let arguments = [
        "tree",
        what,
        "--locked",
        "--edges=normal,build",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ];
    let text = process::output(cargo(&arguments).current_dir(&workspace.root))?;
    ensure!(
        text.lines().count() > 3,
        "`cargo tree {what}` names next to nothing; an absence in it proves nothing"
    );
    Ok(text)
}

fn present(path: &str, tree: &str, bans: &[Ban]) -> Vec<Finding> {
    let is_there =
        |ban: &&Ban| tree.lines().any(|line| line.split(' ').next() == Some(ban.name.as_str()));
    let finding = |ban: &Ban| {
        let Ban { name, reason, .. } = ban;
        Finding::new(
            path,
            0,
            format!("`{name}` is compiled in ({reason}). Who brings it: cargo tree -i {name}"),
        )
    };
    bans.iter().filter(is_there).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_crate_is_found_by_its_whole_name() {
        let (name, reason) = ("openssl".to_owned(), "rustls does it".to_owned());
        let bans = [Ban { name, reason, wrappers: Vec::new() }];
        let tree = "edge v0.1.0\nhyper v1.12.0\nopenssl v0.10.0\nhyper v1.12.0 (*)\n";
        assert_eq!(present("Cargo.toml", tree, &bans).len(), 1);
        assert!(present("Cargo.toml", "openssl-probe v0.1.6\n", &bans).is_empty());
    }

    #[test]
    fn a_banned_crate_may_be_brought_by_those_who_may_alone() {
        let may = ["promql-parser".to_owned()];
        assert!(brought_by("chrono v0.4.45\npromql-parser v0.11.1\n", &may));
        assert!(!brought_by("chrono v0.4.45\npromql-parser v0.11.1\nedge v0.1.0\n", &may));
        assert!(!brought_by("chrono v0.4.45\n", &may));
    }
}
