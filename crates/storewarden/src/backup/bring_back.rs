//! `storewarden backup bring-back`: a bucket that somebody emptied or wrote over is again as it was.
//!
//! It asks no control: whoever took the machine over has that too. It runs wherever somebody has keys of
//! the bucket that may see its versions, and needs nothing that opens the backups.

use crate::{
    backup::size,
    cli::Exit,
    moment::{Here, When},
    recover::{ReadPlace, Storage, ask},
    remote::print,
    terminal::printable,
};
use anyhow::{Context as _, bail};
use std::io::{self, IsTerminal as _};
use vault::storage::{Lost, Past};

/// Which bucket, and as of when.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// The bucket: s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE")]
    place: String,
    /// A time before it happened: 2h for so long ago, a day, or a time such as 2026-01-31T09:30
    #[arg(long = "to", value_name = "TIME")]
    moment: When,
    #[command(flatten)]
    storage: Storage,
    /// What is brought back cannot be deleted for so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    lock_days: Option<u16>,
    /// Only show what would be brought back
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Begin without asking
    #[arg(long)]
    yes: bool,
}

/// # Errors
/// When the bucket cannot be reached, or does not let these keys see what was there.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let here = Here::now();
    let at_ms = arguments.moment.ago(&here);
    if at_ms > here.now_ms {
        bail!("{} is still to come: say a time before it happened", here.moment(at_ms));
    }
    let place = ReadPlace { place: arguments.place.clone(), ..ReadPlace::default() };
    let place = arguments.storage.place(&place, "", &ask)?;
    let objects = place.locked_objects(arguments.lock_days).map_err(|error| told(&error))?;
    let Some(objects) = objects else {
        bail!("{} is no bucket: only a bucket keeps what was deleted", place.name);
    };
    let past = Past::new(objects, at_ms);
    let lost = past.lost().map_err(|error| told(&error))?;
    print(shown(&place.name, &here.moment_ago(at_ms), &lost).as_bytes())?;
    if lost.files == 0 {
        return Ok(Exit::Wrong);
    }
    if arguments.preview || lost.hidden + lost.overwritten == 0 {
        return Ok(Exit::Fine);
    }
    if !arguments.yes {
        if !io::stdin().is_terminal() {
            bail!("nobody is there to say yes: add --yes, or --preview to look only");
        }
        if !matches!(ask("Bring them back? (yes or no)")?.as_str(), "y" | "yes") {
            return Ok(Exit::Wrong);
        }
    }
    let brought =
        past.bring_back().map_err(|error| told(&error)).context("not all of it is back")?;
    print(
        format!("{brought} files are there again. Read them: storewarden backup verify --all\n")
            .as_bytes(),
    )?;
    Ok(Exit::Fine)
}

fn shown(place: &str, when: &str, lost: &Lost) -> String {
    let Lost { files, hidden, overwritten, bytes } = *lost;
    let place = printable(place);
    if files == 0 {
        return format!("Nothing was at {place} as of {when}, or its bucket keeps no versions.\n");
    }
    if hidden + overwritten == 0 {
        return format!("All {files} files that were at {place} as of {when} are there.\n");
    }
    format!(
        "Of {files} files that were at {place} as of {when}, {hidden} are hidden and {overwritten} are \
         written over.\nThey are written again, {}; what came since stays.\n",
        size(bytes)
    )
}

fn told(error: &vault::VaultError) -> anyhow::Error {
    anyhow::anyhow!("{}", printable(&error.story()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_brought_back_is_said() {
        let check = |files, hidden, overwritten, expect: &str| {
            let lost = Lost { files, hidden, overwritten, bytes: 1 << 20 };
            let said = shown("s3://b/x", "yesterday", &lost);
            assert!(said.contains(expect), "{said}");
        };
        check(0, 0, 0, "keeps no versions");
        check(9, 0, 0, "All 9 files that were at s3://b/x as of yesterday are there");
        check(9, 2, 3, "2 are hidden and 3 are written over.\nThey are written again, 1.0 MB;");
    }
}
