//! What deny.toml says, read as plain lines: the licences we accept, the crates we ban and why.
//!
//! cargo-deny reads the same file and checks more; this is what can be held without installing it.

use anyhow::{Context, ensure};

/// A crate that must be in no program of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ban {
    pub(super) name: String,
    pub(super) reason: String,
    /// Crates that may bring it nevertheless.
    pub(super) wrappers: Vec<String>,
}

/// The part of deny.toml that tidy holds by itself.
#[derive(Debug)]
pub(super) struct Policy {
    /// SPDX identifiers.
    pub(super) licences: Vec<String>,
    pub(super) bans: Vec<Ban>,
}

impl Policy {
    /// # Errors
    /// When a list is missing or empty, or a ban gives no reason: a rule that is read as nothing would never fail.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let accepted = list(text, "[licenses]", "allow")?;
        let licences: Vec<String> =
            accepted.iter().filter_map(|line| quoted(line)).map(str::to_owned).collect();
        let bans: Vec<Ban> = list(text, "[bans]", "deny")?
            .into_iter()
            .map(read_ban)
            .collect::<anyhow::Result<_>>()?;
        ensure!(!licences.is_empty(), "deny.toml accepts no licence at all");
        ensure!(!bans.is_empty(), "deny.toml bans nothing");
        Ok(Self { licences, bans })
    }
}

/// The lines between `KEY = [` and `]` in a section, without comments.
fn list<'a>(text: &'a str, section: &str, key: &str) -> anyhow::Result<Vec<&'a str>> {
    let opening = format!("{key} = [");
    let mut lines = text.lines().skip_while(|line| line.trim() != section).skip(1);
    lines
        .by_ref()
        .take_while(|line| !line.starts_with('['))
        .find(|line| line.trim() == opening)
        .with_context(|| format!("deny.toml has no list `{opening}` in {section}"))?;
    let entries = lines.take_while(|line| line.trim() != "]").map(str::trim);
    Ok(entries.filter(|line| !line.is_empty() && !line.starts_with('#')).collect())
}

/// `{ crate = "NAME", reason = "WHY" },`
fn read_ban(line: &str) -> anyhow::Result<Ban> {
    let field =
        |key: &str| line.split_once(&format!("{key} = ")).and_then(|(_, rest)| quoted(rest));
    let name = field("crate").with_context(|| format!("a ban without a crate: {line}"))?;
    let reason = field("reason").with_context(|| format!("a ban without a reason: {line}"))?;
    let wrappers = line.split_once("wrappers = [").and_then(|(_, rest)| rest.split_once(']'));
    let wrappers = wrappers.map_or("", |(names, _)| names).split(',');
    let wrappers =
        wrappers.map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty());
    let wrappers = wrappers.map(str::to_owned).collect();
    Ok(Ban { name: name.to_owned(), reason: reason.to_owned(), wrappers })
}

fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[licenses]\nallow = [\n    # ours\n    \"Apache-2.0\",\n    \"MIT\",\n]\n[bans]\nwildcards = \"deny\"\ndeny = [\n    { crate = \"openssl-sys\", wrappers = [\"old-client\", \"older\"], reason = \"rustls\" },\n]\n";

    #[test]
    fn licences_and_bans_are_read() {
        let policy = Policy::read(GOOD).unwrap();
        assert_eq!(policy.licences, ["Apache-2.0", "MIT"]);
        assert_eq!(
            policy.bans,
            [Ban {
                name: "openssl-sys".to_owned(),
                reason: "rustls".to_owned(),
                wrappers: vec!["old-client".to_owned(), "older".to_owned()]
            }]
        );
    }

    #[test]
    fn a_policy_that_says_nothing_is_refused() {
        assert!(Policy::read("").is_err());
        assert!(Policy::read(&GOOD.replace("    \"Apache-2.0\",\n    \"MIT\",\n", "")).is_err());
        assert!(Policy::read(&GOOD.replace(", reason = \"rustls\"", "")).is_err());
        assert!(Policy::read(&GOOD.replace("[bans]", "[other]")).is_err());
    }
}
