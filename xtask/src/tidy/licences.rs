//! Every package that is compiled in comes under a licence that deny.toml accepts.

use anyhow::Context;
use serde_json::Value;

use super::Finding;
use super::policy::Policy;

pub(super) fn check(metadata: &Value, policy: &Policy) -> anyhow::Result<Vec<Finding>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` named no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(expression) = package["license"].as_str() else {
            findings.push(Finding::new("Cargo.lock", 0, format!("`{name}` names no licence")));
            continue;
        };
        if !is_accepted(expression, &policy.licences) {
            let message =
                format!("`{name}` comes under `{expression}`, which deny.toml does not accept");
            findings.push(Finding::new("Cargo.lock", 0, message));
        }
    }
    Ok(findings)
}

/// Evaluates an SPDX expression: `A OR B`, `A AND B`, `(…)`, `A WITH exception`; `A/B` is the old way to write OR.
fn is_accepted(expression: &str, accepted: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, accepted) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], accepted: &[String]) -> bool {
    let mut verdict = all_of(rest, accepted);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        let other = all_of(rest, accepted);
        verdict = verdict || other;
    }
    verdict
}

fn all_of(rest: &mut &[&str], accepted: &[String]) -> bool {
    let mut verdict = one(rest, accepted);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        let other = one(rest, accepted);
        verdict = verdict && other;
    }
    verdict
}

fn one(rest: &mut &[&str], accepted: &[String]) -> bool {
    match *rest {
        ["(", inside @ ..] => {
            *rest = inside;
            let verdict = any_of(rest, accepted);
            let [")", after @ ..] = *rest else { return false };
            *rest = after;
            verdict
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            let whole = format!("{name} WITH {exception}");
            accepted.iter().any(|known| *known == whole || known == name)
        }
        [name, after @ ..] => {
            *rest = after;
            accepted.iter().any(|known| known == name)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_expression(expression: &str, expect: bool) {
        let accepted = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned);
        assert_eq!(is_accepted(expression, &accepted), expect, "{expression}");
    }

    #[test]
    fn expressions_mean_what_spdx_says() {
        check_expression("MIT", true);
        check_expression("MIT OR GPL-3.0", true);
        check_expression("GPL-3.0 OR MIT", true);
        check_expression("MIT/Apache-2.0", true);
        check_expression("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
        check_expression("(MIT OR GPL-3.0) AND ISC", true);
        check_expression("GPL-3.0", false);
        check_expression("MIT AND GPL-3.0", false);
        check_expression("(MIT OR ISC) AND GPL-3.0", false);
        check_expression("", false);
        check_expression("(MIT", false);
    }

    #[test]
    fn a_package_under_another_licence_or_none_is_found() {
        let policy = Policy { licences: vec!["MIT".to_owned()], bans: Vec::new() };
        let packages = json!({ "packages": [
            { "name": "good", "license": "MIT" },
            { "name": "copyleft", "license": "AGPL-3.0" },
            { "name": "silent", "license": null },
        ] });
        let messages: Vec<String> =
            check(&packages, &policy).unwrap().into_iter().map(|one| one.message).collect();
        assert_eq!(messages.len(), 2);
        assert!(messages[0].contains("copyleft") && messages[1].contains("silent"), "{messages:?}");
    }
}
