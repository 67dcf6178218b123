//! `[ledger]`: how often a checkpoint is made, and where it goes.

use super::{
    database,
    destinations::{Destinations, web_address},
    section::{Section, Text},
};
use crate::config::{DestinationSettings, LedgerSettings, Secret};

/// What is done in ten minutes can be told from memory; a file every ten minutes fills no disk.
pub(in crate::config) const CHECKPOINT_MS: u64 = 10 * MINUTE;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const EXAMPLE: &str = "[\"/mnt/usb/ledger\", \"https://…\", \"s3://bucket/ledger\"]";

const DESTINATIONS: Destinations<DestinationSettings> = Destinations {
    key: "to",
    example: EXAMPLE,
    name: "a destination of [ledger]",
    folder: DestinationSettings::Folder,
    bucket: |_, settings| settings.map(DestinationSettings::S3),
    other: webhook,
    other_table: |_| None,
};

pub(super) fn ledger(section: Section<'_>) -> LedgerSettings {
    let settings = LedgerSettings {
        checkpoint_ms: section.duration("checkpoint", CHECKPOINT_MS, MINUTE..=DAY),
        to: DESTINATIONS.read(&section),
    };
    section.finish();
    settings
}

/// An address of the web, which may be a secret.
fn webhook(section: &Section<'_>, text: &Text<'_>) -> Option<DestinationSettings> {
    section.checked("to", text, |text| {
        let url = database::variable(text, section.reader.known.environment)?
            .unwrap_or_else(|| text.to_owned());
        web_address(&url, EXAMPLE).map(Secret::new).map(DestinationSettings::Webhook)
    })
}
