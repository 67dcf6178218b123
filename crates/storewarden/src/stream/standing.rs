//! How it stands with the streams of changes, out of the files beside the journals: also where control
//! does not run.

use crate::{
    cli::Exit,
    control::now_ms,
    remote::{print, print_bytes},
    words,
};
use anyhow::{Context as _, bail};
use kernel::ShopId;
use serde_json::{Value, json};
use std::{fmt::Write as _, fs, io, path::Path};
use vault::{
    VaultError,
    journal::Place,
    stream::{CopyStanding, Standing, State},
    wal,
};

/// Nobody has said anything for so long, who says something each second: nobody is there.
pub(crate) const SILENT_MS: i64 = 15_000;

/// Prints how it stands; something that is not followed is an exit of its own.
pub(super) fn show(state: &Path, shop: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    let all = all(state)?;
    let of_shop = |(id, _): &(ShopId, Standing)| shop.is_none_or(|shop| shop == id.as_str());
    let shown: Vec<(ShopId, Standing)> = all.into_iter().filter(of_shop).collect();
    if shown.is_empty() {
        match shop {
            Some(shop) => bail!("the changes of a shop `{shop}` are not followed here"),
            None => bail!("no shop's changes are followed here"),
        }
    }
    let now_ms = now_ms();
    if json {
        let value = |(id, standing): &(ShopId, Standing)| {
            let mut value = json!(standing);
            value["shop"] = json!(id);
            value["lag_ms"] = json!(standing.current_ms.map(|current| (now_ms - current).max(0)));
            value["is_alive"] = json!(is_alive(standing, now_ms));
            value["wal"] = json!(wal::Standing::read(&Place::of(state, id))?);
            Ok(value)
        };
        let all: Vec<Value> = shown.iter().map(value).collect::<Result<_, VaultError>>()?;
        print_bytes(serde_json::to_string(&all)?.as_bytes())?;
    } else {
        let mut text = String::new();
        for (shop, standing) in &shown {
            describe(&mut text, shop, standing, now_ms);
            if let Some(wal) = wal::Standing::read(&Place::of(state, shop))? {
                describe_wal(&mut text, &wal, now_ms);
            }
        }
        print(text.as_bytes())?;
    }
    let is_well = |(_, standing): &(ShopId, Standing)| {
        let is_copied = standing.copies.iter().all(|copy| copy.trouble.is_none());
        is_alive(standing, now_ms) && standing.state == State::Following && is_copied
    };
    Ok(if shown.iter().all(is_well) { Exit::Fine } else { Exit::Wrong })
}

/// Every shop that was ever followed with this state directory.
fn all(state: &Path) -> anyhow::Result<Vec<(ShopId, Standing)>> {
    let folder = state.join("journal");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("list `{}`", folder.display()))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse::<ShopId>().ok());
        let Some(id) = id else { continue };
        if let Some(standing) = Standing::read(&Place::of(state, &id))? {
            found.push((id, standing));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

fn is_alive(standing: &Standing, now_ms: i64) -> bool {
    // A clock that went back makes nobody silent.
    (now_ms - standing.at_ms).abs() < SILENT_MS
}

fn describe(text: &mut String, shop: &ShopId, standing: &Standing, now_ms: i64) {
    let state = match (is_alive(standing, now_ms), standing.state) {
        (false, State::Ended) => "not followed: it was ended",
        (false, _) => "unknown: nobody follows it at the moment",
        (true, State::Following) => "followed",
        (true, State::Starting) => "begins",
        (true, State::Away) => "tried again and again",
        (true, State::Refused) => "refused",
        (true, State::Stopped) => "stopped",
        (true, State::Ended) => "ends",
    };
    let mut line = |name: &str, value: &str| {
        writeln!(text, "  {name:<10} {value}").expect("invariant: a String takes all text");
    };
    line(shop.as_str(), state);
    if let Some(current_ms) = standing.current_ms {
        line("lag", &words::age((now_ms - current_ms).max(0)));
    }
    if let Some(last_ms) = standing.last_ms {
        line("last", &format!("{} ago", words::age((now_ms - last_ms).max(0))));
    }
    line("journal", &format!("{} bytes", standing.journal_bytes));
    if let Some(bytes) = standing.raw_bytes {
        line("raw log", &format!("{bytes} bytes of them; it is kept as far as the journal is"));
    }
    for copy in &standing.copies {
        line("copy", &copied(copy, now_ms));
    }
    if let Some(trouble) = &standing.trouble {
        line("trouble", &trouble.message);
    }
    for one in &standing.obstacles {
        line(
            if one.refuses { "obstacle" } else { "hint" },
            &format!("{}: {}", one.subject, one.mend),
        );
    }
    if let Some(gap) = &standing.gap {
        let until = words::age((now_ms - gap.until_ms).max(0));
        line("gap", &format!("until {until} ago: {}", gap.reason));
    }
}

/// The server's own log, where another program receives it.
fn describe_wal(text: &mut String, standing: &wal::Standing, now_ms: i64) {
    let mut line = |name: &str, value: &str| {
        writeln!(text, "  {name:<10} {value}").expect("invariant: a String takes all text");
    };
    let is_alive = (now_ms - standing.at_ms).abs() < SILENT_MS;
    let state = match (is_alive, standing.state) {
        (true, State::Following) => "received",
        (true, State::Refused) => "REFUSED",
        (true, _) => "not received at the moment",
        (false, _) => "unknown: nobody receives it at the moment",
    };
    let lag = standing.current_ms.map(|current| words::age((now_ms - current).max(0)));
    let lag = lag.map_or_else(|| "nothing yet".to_owned(), |lag| format!("{lag} behind"));
    let wal::Standing { segments, bytes, .. } = standing;
    line("wal", &format!("{state}, {lag}, {segments} files of {bytes} bytes"));
    for copy in &standing.copies {
        line("wal copy", &copied(copy, now_ms));
    }
    if let Some(trouble) = &standing.trouble {
        line("wal", &trouble.message);
    }
    for one in standing.obstacles.iter().filter(|one| one.refuses) {
        line("obstacle", &format!("{}: {}", one.subject, one.mend));
    }
    if let Some(gap) = &standing.gap {
        let until = words::age((now_ms - gap.until_ms).max(0));
        line("wal gap", &format!("until {until} ago: {}", gap.reason));
    }
}

/// A copy in a line, and one more where it costs or hangs.
fn copied(copy: &CopyStanding, now_ms: i64) -> String {
    let lag = match copy.current_ms {
        Some(current_ms) => format!("{} behind", words::age((now_ms - current_ms).max(0))),
        None => "has nothing yet".to_owned(),
    };
    let mut text = format!("{}: {lag}", copy.to);
    let mut add = |more: String| write!(text, "{more}").expect("invariant: a String takes all");
    if let Some(bytes) = copy.bytes {
        add(format!(", {bytes} bytes"));
    }
    if let Some(requests) = copy.requests_a_month {
        add(format!(", at most {requests} requests a month"));
    }
    if copy.keeps_all {
        add(", nothing may be removed there".to_owned());
    }
    if let Some(trouble) = &copy.trouble {
        add(format!("; NOT SENT: {}", trouble.message));
    }
    text
}
