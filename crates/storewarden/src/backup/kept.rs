//! `storewarden backup kept`: what restores in place have put aside, and when it goes.

use super::size;
use crate::{
    cli::Exit,
    client::ask,
    moment::Here,
    remote::{escape, good, print, print_bytes},
    table::{Side, table},
    terminal::printable,
};
use ::watch::backups::{AsideRow, KeptAside};
use std::path::Path;

/// # Errors
/// When control or the database does not answer.
pub(super) fn list(state: &Path, shop: &str, json: bool) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/shops/{}/backups/kept", escape(shop));
    let answer = good(ask(state, "GET", &path)?)?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        print(text(&answer.json()?, &Here::now()).as_bytes())?;
    }
    Ok(Exit::Fine)
}

fn text(found: &KeptAside, here: &Here) -> String {
    if found.kept.is_empty() {
        return "Restores have put nothing aside.\n".to_owned();
    }
    let row = |row: &AsideRow| {
        let bytes = row.bytes.map_or_else(|| "?".to_owned(), size);
        let run = row.run.clone().unwrap_or_else(|| "?".to_owned());
        let goes = row.goes_ms.map_or_else(|| "-".to_owned(), |goes_ms| here.moment(goes_ms));
        [row.kind.clone(), here.moment_ago(row.since_ms), bytes, run, goes, printable(&row.name)]
    };
    let rows: Vec<_> = found.kept.iter().map(row).collect();
    let head = [
        ("WHAT", Side::Left),
        ("SINCE", Side::Left),
        ("SIZE", Side::Right),
        ("BY", Side::Right),
        ("GOES", Side::Left),
        ("NAME", Side::Left),
    ];
    table(head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn what_is_not_known_of_it_is_said_to_be_unknown() {
        let here = Here { now_ms: 1_795_352_400_000, zone: TimeZone::UTC };
        let check = |bytes, run: Option<&str>, goes_ms, expect: &str| {
            let row = AsideRow {
                name: "shop_before_20261122_120000".to_owned(),
                kind: "database".to_owned(),
                since_ms: 1_795_348_800_000,
                bytes,
                run: run.map(str::to_owned),
                goes_ms,
            };
            let said = text(&KeptAside { kept: vec![row] }, &here);
            let line = said.lines().nth(1).unwrap();
            assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expect);
        };
        let since = "database 2026-11-22 12:00 UTC (1 h 0 min ago)";
        let name = "shop_before_20261122_120000";
        let goes = Some(1_795_953_600_000);
        let expect = format!("{since} 5.0 MB 12 2026-11-29 12:00:00 UTC {name}");
        check(Some(5_000_000), Some("12"), goes, &expect);
        check(None, None, None, &format!("{since} ? ? - {name}"));
        assert!(text(&KeptAside::default(), &here).contains("nothing"));
    }
}
