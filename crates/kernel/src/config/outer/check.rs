//! `[[check]]`: what is tried from outside.

mod target;

use super::{edge::absolute_path, section::Section, shop_named, values};
use crate::config::{CheckSettings, ShopSettings};

pub(in crate::config) const EVERY_MS: u64 = MINUTE;
pub(in crate::config) const WITHIN_MS: u64 = 10 * SECOND;
pub(in crate::config) const FAILURES: u32 = 2;
pub(in crate::config) const REDIRECTS: u32 = 5;
pub(in crate::config) const DAYS_LEFT: u32 = 30;
pub(in crate::config) const GRACE_MS: u64 = 10 * MINUTE;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

pub(super) fn checks(root: &Section<'_>, shops: &[ShopSettings]) -> Vec<CheckSettings> {
    let mut checks: Vec<CheckSettings> = Vec::new();
    for section in root.tables("check") {
        let at = section.at.clone();
        let Some(check) = check(section, shops) else { continue };
        if checks.iter().any(|other| other.name == check.name) {
            let message = format!("there are two `[[check]]` of the name \"{}\"", check.name);
            root.wrong(at, message, "give each a name of its own");
        }
        checks.push(check);
    }
    checks
}

fn check(section: Section<'_>, shops: &[ShopSettings]) -> Option<CheckSettings> {
    let name = name(&section);
    let every_ms = section.duration("every", EVERY_MS, 5 * SECOND..=HOUR);
    let within_ms = section.duration("within", WITHIN_MS.min(every_ms), SECOND / 10..=MINUTE);
    if within_ms > every_ms {
        let message = format!(
            "`within` is {}, longer than the {} until the next try",
            values::duration_text(within_ms),
            values::duration_text(every_ms)
        );
        let mend = format!("write \"{}\" or less", values::duration_text(every_ms));
        section.wrong(section.place_of("within"), message, mend);
    }
    let target = target::read(&section);
    let shop = section.text("shop").and_then(|text| shop_named(&section, &text, shops));
    let failures = section.number("failures", FAILURES, 1..=100);
    let root = section.parsed("root", absolute_path);
    section.finish();
    let (name, target) = name.zip(target)?;
    Some(CheckSettings { name, shop, target, every_ms, within_ms, failures, root })
}

fn name(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.text("name") else {
        if section.item("name").is_none() {
            section.missing("name", "write `name = \"front page\"`");
        }
        return None;
    };
    if text.value.trim().is_empty() || text.value.len() > 200 {
        let message = format!("`name` \"{}\" is empty, or longer than 200 bytes", text.value);
        section.wrong(text.at, message, "write one such as \"front page\"");
        return None;
    }
    Some(text.value.trim().to_owned())
}
