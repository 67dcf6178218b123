//! `[ledger]` in words.

use super::{Rows, Section, alerts::host_of, ms};
use crate::config::{DestinationSettings, LedgerSettings, outer};

pub(super) fn section(ledger: &LedgerSettings) -> Section {
    let mut rows = Rows::default();
    let meaning = "signed by then, when something was done";
    rows.add("checkpoint", &ledger.checkpoint_ms, &outer::CHECKPOINT_MS, ms, meaning);
    if ledger.to.is_empty() {
        rows.put("to", "nowhere".to_owned(), true, "no copy of a checkpoint leaves this machine");
    } else {
        rows.list("to", false, ledger.to.iter().map(destination));
    }
    rows.section("[ledger]", "")
}

fn destination(to: &DestinationSettings) -> (String, String) {
    let (place, meaning) = match to {
        DestinationSettings::Folder(path) => (path.display().to_string(), "gets a file each"),
        DestinationSettings::Webhook(url) => (host_of(url.reveal()), "gets a POST each"),
        DestinationSettings::S3(s3) => {
            let slash = if s3.prefix.is_empty() { "" } else { "/" };
            (format!("s3://{}{slash}{}", s3.bucket, s3.prefix), "gets an object each")
        }
    };
    (place, meaning.to_owned())
}
