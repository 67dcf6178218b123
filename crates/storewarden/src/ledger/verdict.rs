//! `ledger verify`: what holds, since when, and what does not, in words.

use super::{open, utc};
use crate::{cli::Exit, remote::print};
use anyhow::Context as _;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};
use store::{Checkpoint, LedgerBreak, LedgerFault, LedgerPublicKey, Verification, Witness};

/// More files than this in a folder are another folder than was meant.
const FILES_LIMIT: usize = 100_000;

pub(super) fn verify(
    state: &Path,
    checkpoints: &[PathBuf],
    mut keys: Vec<LedgerPublicKey>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let mut witnesses = Vec::new();
    for path in checkpoints {
        collect(path, &mut witnesses)?;
    }
    let own_key = keys.is_empty();
    if own_key {
        keys.extend(LedgerPublicKey::read(state)?);
    }
    let found = open(state)?.verify(&witnesses, &keys)?;
    if as_json {
        let holds = found.holds();
        let mut json = serde_json::to_value(&found)?;
        json["holds"] = holds.into();
        print(format!("{}\n", serde_json::to_string_pretty(&json)?).as_bytes())?;
    } else {
        print(text(&found, witnesses.len(), own_key).as_bytes())?;
    }
    Ok(if found.holds() { Exit::Fine } else { Exit::Wrong })
}

/// A checkpoint, or all that lie in a folder and those below it.
fn collect(path: &Path, witnesses: &mut Vec<Witness>) -> anyhow::Result<()> {
    if path.is_dir() {
        let read = || fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
        let below: std::io::Result<Vec<PathBuf>> = read();
        let mut below = below.with_context(|| format!("read the folder `{}`", path.display()))?;
        below.sort_unstable();
        for path in &below {
            if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
                collect(path, witnesses)?;
            }
        }
        return Ok(());
    }
    anyhow::ensure!(witnesses.len() < FILES_LIMIT, "there are more than {FILES_LIMIT} checkpoints");
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("read the checkpoint `{name}`"))?;
    let checkpoint = Checkpoint::parse(&text).with_context(|| format!("read `{name}`"))?;
    witnesses.push(Witness { name, checkpoint });
    Ok(())
}

fn text(found: &Verification, given: usize, own_key: bool) -> String {
    let mut text = String::new();
    push(&mut text, &sentence(found));
    for fault in found.faults.iter().skip(1) {
        push(&mut text, &format!("Besides, {}.", fault_words(fault)));
    }
    text.push('\n');
    push(&mut text, &format!("  covered     {}", covered(found)));
    if given > 0 {
        let agree = found.witnesses.len();
        push(&mut text, &format!("  elsewhere   {agree} of {given} checkpoints given agree"));
    }
    let keys: Vec<String> = found.keys.iter().map(ToString::to_string).collect();
    let keys = if keys.is_empty() { "none known".to_owned() } else { keys.join(" ") };
    push(&mut text, &format!("  key         {keys}"));
    push(&mut text, &format!("  store       {}", found.store));
    for note in notes(found, given, own_key) {
        push(&mut text, &format!("\nNote: {note}"));
    }
    text
}

/// The one sentence.
fn sentence(found: &Verification) -> String {
    let Some(first) = found.faults.first() else {
        return match found.first_at_ms.zip(found.last_at_ms) {
            None => "The ledger holds: nothing stands in it yet.".to_owned(),
            Some((from, until)) => format!(
                "The ledger holds: {}, from {} to {}.",
                records(found.records),
                utc(from),
                utc(until)
            ),
        };
    };
    let good = match first.sequence.saturating_sub(1).min(found.chained) {
        0 => "Nothing before it is certain".to_owned(),
        1 => "The record before it holds".to_owned(),
        before => format!("The {before} records before it hold"),
    };
    format!("The ledger does NOT hold: {}. {good}.", fault_words(first))
}

fn fault_words(fault: &LedgerFault) -> String {
    let number = fault.sequence;
    let checkpoint = match &fault.witness {
        None => "a checkpoint of the store itself".to_owned(),
        Some(name) => format!("the checkpoint `{name}`"),
    };
    match &fault.what {
        LedgerBreak::Missing { next } => {
            format!("record {number} is missing, the next one there is {next}")
        }
        LedgerBreak::Unexpected => "there is a record before the first".to_owned(),
        LedgerBreak::Changed => format!("record {number} was changed after it was written"),
        LedgerBreak::Unchained => format!(
            "record {number} does not follow the one before it: one of the two is of another history"
        ),
        LedgerBreak::Rewritten { until, checkpoint_at_ms } => format!(
            "somewhere from record {number} to {until} another history took the place of the one \
             that {checkpoint} saw at {}",
            utc(*checkpoint_at_ms)
        ),
        LedgerBreak::CutOff { until, checkpoint_at_ms } => format!(
            "the records from {number} on are gone; {checkpoint} saw them up to {until} at {}",
            utc(*checkpoint_at_ms)
        ),
        LedgerBreak::Unreadable { reason } => format!("record {number} cannot be read ({reason})"),
        LedgerBreak::OtherStore { store } => {
            format!("{checkpoint} is of another store, {store}, and says nothing of this one")
        }
        LedgerBreak::Forged => {
            format!("{checkpoint} about record {number} does not have its key's signature")
        }
        LedgerBreak::UnknownKey { key } => format!(
            "{checkpoint} about record {number} is signed by {key}, which is not the key expected"
        ),
    }
}

fn covered(found: &Verification) -> String {
    let Some(at_ms) = found.covered_at_ms else {
        return "nothing yet: no checkpoint was made".to_owned();
    };
    let open = found.chained.saturating_sub(found.covered);
    let since = if open == 0 { String::new() } else { format!("; {} since", records(open)) };
    let by = match found.checkpoints {
        1 => "1 checkpoint".to_owned(),
        all => format!("{all} checkpoints"),
    };
    format!("{} by {by}, the last of {}{since}", records(found.covered), utc(at_ms))
}

fn notes(found: &Verification, given: usize, own_key: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = found.first_step_back {
        let times = match found.clock_steps_back {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        notes.push(format!(
            "the clock went back {times}, first at record {first}; the order of records is certain, \
             their times are not."
        ));
    }
    if !found.missing_triggers.is_empty() {
        notes.push(format!(
            "somebody removed what keeps records from being changed by mistake: {}.",
            found.missing_triggers.join(", ")
        ));
    }
    if own_key && found.checkpoints > 0 {
        notes.push(
            "the key is the one in the state directory. Compare it with the one you noted down, or \
             give that by --public-key."
                .to_owned(),
        );
    }
    if given == 0 {
        notes.push(
            "whoever owns this machine could have cut off the end, or signed another history. Only \
             checkpoints that left it can tell: give them by --checkpoint."
                .to_owned(),
        );
    }
    notes
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

fn push(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("invariant: writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(faults: Vec<LedgerFault>) -> Verification {
        Verification {
            store: "00ff".into(),
            records: 9,
            chained: 9,
            hash: None,
            first_at_ms: Some(0),
            last_at_ms: Some(86_400_000),
            clock_steps_back: 0,
            first_step_back: None,
            checkpoints: 2,
            witnesses: Vec::new(),
            covered: 8,
            covered_at_ms: Some(86_300_000),
            keys: Vec::new(),
            missing_triggers: Vec::new(),
            faults,
        }
    }

    fn fault(sequence: u64, what: LedgerBreak) -> LedgerFault {
        LedgerFault { sequence, what, witness: None }
    }

    #[test]
    fn one_sentence_says_what_holds_or_what_does_not() {
        let check = |faults: Vec<LedgerFault>, expect: &str| {
            assert_eq!(sentence(&found(faults)), expect);
        };
        check(
            vec![],
            "The ledger holds: 9 records, from 1970-01-01 00:00:00 UTC to 1970-01-02 00:00:00 UTC.",
        );
        check(
            vec![fault(6, LedgerBreak::Changed)],
            "The ledger does NOT hold: record 6 was changed after it was written. The 5 records \
             before it hold.",
        );
        check(
            vec![fault(1, LedgerBreak::Missing { next: 2 })],
            "The ledger does NOT hold: record 1 is missing, the next one there is 2. Nothing before \
             it is certain.",
        );
        let cut = LedgerBreak::CutOff { until: 12, checkpoint_at_ms: 0 };
        let usb = LedgerFault { witness: Some("usb.json".into()), ..fault(10, cut) };
        check(
            vec![usb],
            "The ledger does NOT hold: the records from 10 on are gone; the checkpoint `usb.json` \
             saw them up to 12 at 1970-01-01 00:00:00 UTC. The 9 records before it hold.",
        );
    }

    #[test]
    fn the_rest_says_how_far_it_is_certain() {
        let said = text(&found(vec![]), 0, true);
        assert!(said.contains("covered     8 records by 2 checkpoints, the last of"), "{said}");
        assert!(said.contains("; 1 record since\n"), "{said}");
        assert!(said.contains("give them by --checkpoint"), "{said}");
        let mut odd = found(vec![fault(3, LedgerBreak::Forged), fault(4, LedgerBreak::Changed)]);
        (odd.clock_steps_back, odd.first_step_back) = (2, Some(7));
        odd.missing_triggers = vec!["ledger_is_never_updated".into()];
        let said = text(&odd, 3, false);
        for part in [
            "Besides, record 4 was changed",
            "0 of 3 checkpoints given agree",
            "the clock went back 2 times, first at record 7",
            "by mistake: ledger_is_never_updated.",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("--checkpoint") && !said.contains("noted down"), "{said}");
    }
}
