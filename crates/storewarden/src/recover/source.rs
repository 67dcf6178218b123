//! Where a recovery comes from: what the sheet says or the person, the first repository that opens by
//! it, and the backups in it.

use super::{
    Origin,
    progress::say,
    sheet::{self, Read, ReadPlace},
};
use crate::{
    backup_worker::{self, Place, Trouble},
    cli::Exit,
    control::now_ms,
    moment::Here,
    stream::UNLIMITED,
    terminal::printable,
};
use anyhow::{Context as _, bail};
use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
};
use vault::{Reader, Repository, Snapshot, VaultError};

/// What every snapshot of ours is tagged with, and what tells whose it is.
const OURS: &str = "storewarden";
const OF_SHOP: &str = "shop:";

/// A repository that opened.
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) repository: Repository,
    pub(super) reader: Reader,
}

/// What the sheet says, or the person.
pub(super) fn said(origin: &Origin) -> anyhow::Result<Read> {
    let mut read = match &origin.sheet {
        None => Read::default(),
        Some(path) => sheet::read(&text_of(path)?),
    };
    if let Some(from) = &origin.from {
        let known = read.places.iter().find(|known| known.place == *from).cloned();
        let named = || ReadPlace { place: from.clone(), ..ReadPlace::default() };
        read.places = vec![known.unwrap_or_else(named)];
    }
    if read.places.is_empty() {
        if origin.sheet.is_some() {
            bail!("the sheet does not say where the backups are: say it by --from PLACE");
        }
        let place = ask("Where the backups are (a folder, s3://… or sftp://…)")
            .context("say where the backups are, by --from PLACE or --sheet FILE")?;
        read.places = vec![ReadPlace { place, ..ReadPlace::default() }];
    }
    if read.phrase.is_none() {
        if let Some(path) = &origin.sheet {
            bail!("there is no phrase in the sheet `{}`", path.display());
        }
        let typed = ask("The phrase of the recovery sheet")
            .context("give the phrase on standard input, or the whole sheet by --sheet FILE")?;
        let phrase = sheet::phrase(&typed).map_err(|why| anyhow::anyhow!("the phrase: {why}"))?;
        read.phrase = Some(phrase);
    }
    Ok(read)
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return io::read_to_string(io::stdin()).context("read the sheet");
    }
    fs::read_to_string(path).with_context(|| format!("read the sheet `{}`", path.display()))
}

/// The phrase of a sheet that lies in a file, or comes by standard input (`-`); the phrase alone will do.
///
/// # Errors
/// When it cannot be read, or there is none in it.
pub(crate) fn phrase_of(path: &Path) -> anyhow::Result<String> {
    let phrase = sheet::read(&text_of(path)?).phrase;
    phrase.with_context(|| format!("there is no phrase in the sheet `{}`", path.display()))
}

/// A line from standard input; a terminal is told which.
pub(crate) fn ask(what: &str) -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        eprint!("{what}: ");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() {
        bail!("nothing came by standard input");
    }
    Ok(line.to_owned())
}

/// The first of the places that opens.
pub(super) fn open(origin: &Origin, read: &Read) -> anyhow::Result<Source> {
    let phrase = read.phrase.as_deref().expect("invariant: it was asked for");
    let mut failed: Vec<String> = Vec::new();
    for named in &read.places {
        match open_one(origin, named, phrase) {
            Ok(source) => {
                for line in failed {
                    say(&line);
                }
                return Ok(source);
            }
            Err(error) => failed.push(printable(&format!("{error:#}"))),
        }
    }
    bail!("{}", failed.join("\n"))
}

fn open_one(origin: &Origin, named: &ReadPlace, phrase: &str) -> anyhow::Result<Source> {
    let place = origin.storage.place(named, phrase, &ask)?;
    let open = || -> Result<(Repository, Reader), Box<Trouble>> {
        let repository = place.open(UNLIMITED)?;
        let reader = repository.reader().map_err(|error| place.trouble(error))?;
        Ok((repository, reader))
    };
    let (repository, reader) = open().map_err(|trouble| advice(&trouble, &named.place))?;
    Ok(Source { place, repository, reader })
}

/// What went wrong in the words of whoever met it, and what to look at.
fn advice(trouble: &Trouble, place: &str) -> anyhow::Error {
    let message = &trouble.message;
    match trouble.code.as_str() {
        "repository_wrong_password" => anyhow::anyhow!(
            "the phrase opens nothing at {place}: hold it against the sheet letter by letter, and \
             see whether it is the sheet of these backups"
        ),
        "repository_missing" => anyhow::anyhow!(
            "there are no backups at {place}: see whether it is spelt so, and whether its disk is \
             there ({message})"
        ),
        "storage_login" => anyhow::anyhow!(
            "{message}. Where keys are right, see whether this machine's clock is: it says {}",
            Here::now().moment(now_ms())
        ),
        _ => anyhow::anyhow!("{message}"),
    }
}

impl Source {
    pub(super) fn told(&self, error: VaultError) -> anyhow::Error {
        advice(&self.place.trouble(error), &self.place.name)
    }
}

/// The backups of one shop, the oldest first.
pub(super) fn ours(source: &Source, shop: Option<&str>) -> anyhow::Result<Vec<Snapshot>> {
    let mut snapshots = source.repository.snapshots().map_err(|error| source.told(error))?;
    snapshots.retain(|snapshot| snapshot.tags.iter().any(|tag| tag == OURS));
    let mut shops: Vec<String> = snapshots.iter().filter_map(shop_of).collect();
    shops.sort();
    shops.dedup();
    if shops.is_empty() {
        bail!("the repository at {} opens, and no backup of ours is in it", source.place.name);
    }
    let all = shops.join(", ");
    match shop {
        Some(shop) if !shops.iter().any(|known| known == shop) => {
            bail!("there is no backup of {shop} at {}; there are: {all}", source.place.name);
        }
        Some(shop) => snapshots.retain(|snapshot| shop_of(snapshot).as_deref() == Some(shop)),
        None if shops.len() > 1 => bail!("say by --shop whose backup: there are {all}"),
        None => {}
    }
    Ok(snapshots)
}

fn shop_of(snapshot: &Snapshot) -> Option<String> {
    snapshot.tags.iter().find_map(|tag| tag.strip_prefix(OF_SHOP)).map(str::to_owned)
}

/// The backup whose dumps another one's database comes from: itself, or the newest before it where the
/// journal of changes stands for its own; `None`: there is none.
pub(super) fn dump_of<'a>(all: &'a [Snapshot], one: &'a Snapshot) -> Option<&'a Snapshot> {
    backup_worker::journal_of(one).map_or(Some(one), |_| backup_worker::dump_before(all, one))
}

pub(super) fn list(source: &Source, snapshots: &[Snapshot], here: &Here) -> anyhow::Result<Exit> {
    say(&format!("At {}:", source.place.name));
    for snapshot in snapshots.iter().rev() {
        let bytes = snapshot.summary.as_ref().map(|summary| summary.total_bytes_processed);
        let bytes = bytes.map_or_else(|| "?".to_owned(), crate::backup::size);
        let shop = shop_of(snapshot).unwrap_or_default();
        let when = here.moment_ago(snapshot.time.ms());
        say(&format!("  {}  {when}  {shop}  {bytes}", snapshot.id.short()));
    }
    Ok(Exit::Fine)
}

pub(super) fn chosen<'a>(
    snapshots: &'a [Snapshot],
    wanted: &str,
    source: &Source,
) -> anyhow::Result<&'a Snapshot> {
    let fits = |one: &&Snapshot| !wanted.is_empty() && one.id.to_string().starts_with(wanted);
    let mut fitting = snapshots.iter().filter(fits);
    match (wanted, fitting.next(), fitting.next()) {
        ("latest", ..) => Ok(snapshots.last().expect("invariant: there is one")),
        (_, Some(found), None) => Ok(found),
        (_, None, _) => bail!("there is no backup {wanted} at {}", source.place.name),
        _ => bail!("several backups begin with {wanted}: say more of its id"),
    }
}
