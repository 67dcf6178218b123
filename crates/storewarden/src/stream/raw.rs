//! A shop's binary log, as the server wrote it, out of the journal here: files that `mariadb-binlog` reads.

use crate::{
    cli::{Exit, State},
    moment::{Here, When},
    remote::print,
};
use anyhow::{Context as _, bail};
use databases::{
    binlog::{LogFiles, Written},
    changes::RawEvent,
};
use kernel::ShopId;
use std::{fs, io, path::PathBuf};
use vault::{
    VaultError,
    journal::{Lookups, Place, RawSpan, Reader},
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// The shop's id
    shop: String,
    /// The folder that the files go into; it is made
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Only transactions from then on: a length such as 2h, a day, or a time
    #[arg(long, value_name = "TIME")]
    from: Option<When>,
    /// Only transactions until then
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    #[command(flatten)]
    state: State,
}

/// Of whole transactions, by the second that the server noted when it began one.
struct Within {
    from_s: i64,
    until_s: i64,
    is_wanted: bool,
}

impl Within {
    fn takes(&mut self, event: &RawEvent<'_>) -> bool {
        if event.begins_group() {
            self.is_wanted = (self.from_s..=self.until_s).contains(&i64::from(event.at_s()));
        }
        self.is_wanted
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let shop: ShopId = arguments.shop.parse().context("understand the shop's id")?;
    let place = Place::of(&arguments.state.directory, &shop);
    let Some(key) = place.key()? else {
        bail!("the changes of a shop `{shop}` are not followed here");
    };
    let here = Here::now();
    let second = |when: Option<When>| when.map(|when| when.ago(&here).div_euclid(1000));
    let mut within = Within {
        from_s: second(arguments.from).unwrap_or(0),
        until_s: second(arguments.until).unwrap_or(i64::MAX),
        is_wanted: arguments.from.is_none(),
    };
    let to = &arguments.to;
    fs::create_dir_all(to).with_context(|| format!("make `{}`", to.display()))?;
    let reader = Reader::open(&place.folder(), &key, &Lookups::default())?;
    let mut files = LogFiles::into_folder(to);
    let unwritten = |source: io::Error| VaultError::File {
        operation: "write the server's log into",
        path: to.clone(),
        source,
    };
    reader.raw(&RawSpan::default(), &mut |event| match within.takes(&event) {
        true => files.put(&event).map_err(unwritten),
        false => Ok(()),
    })?;
    let Written { files, events, bytes, from_s, until_s } = files.finish().map_err(unwritten)?;
    if events == 0 {
        bail!("nothing of the server's log is kept of that time");
    }
    let at = |second: u32| here.moment(i64::from(second) * 1000);
    let said = format!(
        "{} files, {events} events, {bytes} bytes, from {} to {}\n",
        files.len(),
        at(from_s),
        at(until_s)
    );
    print(said.as_bytes())?;
    Ok(Exit::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use databases::changes::RawFile;

    #[test]
    fn transactions_are_taken_whole() {
        let file = RawFile { name: "m.000001".to_owned(), description: Vec::new() };
        let mut within = Within { from_s: 10, until_s: 20, is_wanted: false };
        let mut takes = |second: u8, kind: u8| {
            let bytes = [second, 0, 0, 0, kind];
            within.takes(&RawEvent { file: &file, bytes: &bytes })
        };
        assert!(!takes(9, 162) && !takes(10, 23));
        assert!(takes(20, 162) && takes(21, 23) && takes(22, 16));
        assert!(!takes(21, 162) && !takes(19, 23));
    }
}
