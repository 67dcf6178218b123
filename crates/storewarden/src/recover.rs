//! `storewarden recover`: a machine with nothing but this program becomes the one that is gone, from
//! a recovery sheet and the place where its backups are.
//!
//! Files come first, then the configuration, our own records, and the database last, which may need
//! a server that is still to be installed. What is done is noted, and said once more it goes on.

mod changes;
mod database;
mod databases;
mod files;
mod journal;
mod place;
mod progress;
pub(crate) mod records;
pub(crate) mod sheet;
mod source;
mod survey;

use crate::{
    backup_worker::{Notes, RECORDS},
    cli::Exit,
    client,
    configuration::{self, Mistakes},
    control::now_ms,
    moment::Here,
    terminal::printable,
};
use anyhow::{Context as _, bail};
pub(crate) use changes::{Changes, by_sheet};
use files::write_file;
use journal::Journal;
use kernel::{
    Params,
    config::{Bundle, Configuration, DatabaseKind, ShopSettings},
};
pub(crate) use place::Storage;
use progress::{Line, say};
pub(crate) use sheet::ReadPlace;
use source::Source;
pub(crate) use source::{ask, phrase_of};
use std::{
    fs,
    io::{self, IsTerminal as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};
use survey::{BESIDE, Piece, Survey, Wish};
use vault::{Snapshot, restore};

/// The owner writes, the group reads: what a service's user is a member of.
const CONFIGURATION_MODE: u32 = 0o640;
/// Files that are not as they were, told one by one.
const TOLD: usize = 20;
/// What the environment of the other machine held, for whoever starts Storewarden.
const ENVIRONMENT: &str = "environment";
const RECORDS_STEP: &str = "records";
const CONFIGURATION_STEP: &str = "configuration";
const CHANGES_STEP: &str = "changes";
const NOT_HAD: &str = "NOT HAD: the database will be as of its dump";

/// Where the backups are, and what opens them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Origin {
    /// The recovery sheet as a text file; `-` reads it from standard input. Without it the phrase is
    /// asked for
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Where the backups are: a folder, s3://BUCKET/PREFIX or sftp://USER@HOST/PATH
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    #[command(flatten)]
    storage: Storage,
}

impl Origin {
    /// Whether anything was said of it.
    pub(crate) fn is_given(&self) -> bool {
        self.sheet.is_some() || self.from.is_some()
    }
}

/// Where from, what, and where to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    origin: Origin,
    /// Whose backup, where there are several shops
    #[arg(long)]
    shop: Option<String>,
    /// The backup: its id, or how it begins
    #[arg(long, value_name = "ID", default_value = "latest")]
    snapshot: String,
    /// Only say which backups there are
    #[arg(long, conflicts_with_all = ["preview", "yes"])]
    list: bool,
    /// Only show what would be written, and where
    #[arg(long, conflicts_with = "yes")]
    preview: bool,
    /// Begin without asking
    #[arg(long)]
    yes: bool,
    /// Write also where something is: records and configuration that are there are set aside, files of
    /// the same name are replaced
    #[arg(long)]
    overwrite: bool,
    /// Put everything below this folder, and not to where it was
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The configuration file to write [default: where it was]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The state directory to fill [default: where it was]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The database to load into, empty or still to be made, with an account that may write
    /// [default: the configuration's]
    #[arg(long, value_name = "URL", conflicts_with = "without_database")]
    database: Option<String>,
    /// Leave the database out
    #[arg(long)]
    without_database: bool,
    /// Leave out what was changed after the backup: the database is as it was then
    #[arg(long)]
    without_changes: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let read = source::said(&arguments.origin)?;
    let source = source::open(&arguments.origin, &read)?;
    let shop = arguments.shop.as_ref().or(read.shop.as_ref());
    let snapshots = source::ours(&source, shop.map(String::as_str))?;
    let here = Here::now();
    if arguments.list {
        return source::list(&source, &snapshots, &here);
    }
    let snapshot = source::chosen(&snapshots, &arguments.snapshot, &source)?;
    let notes = survey::notes(&source.reader, snapshot).map_err(|error| source.told(error))?;
    let Some(notes) = notes else {
        bail!(
            "the backup {} was made before Storewarden's own records were in backups: configure a \
             shop with this repository, and bring its files back by `storewarden backup restore`",
            snapshot.id.short()
        );
    };
    let notes = records::understand(&notes)?;
    let wish = Wish {
        root: arguments.root.as_deref(),
        configuration: arguments.config.as_deref(),
        state: arguments.state.as_deref(),
    };
    let survey = Survey::new(&source.reader, snapshot, &notes, &wish);
    let survey = survey.map_err(|error| source.told(error))?;
    let dump = source::dump_of(&snapshots, snapshot);
    let survey = match dump {
        // Its database is that of an older backup, and the journal's from there on.
        Some(dump) if dump.id != snapshot.id => {
            survey.with_dumps_of(&source.reader, dump).map_err(|error| source.told(error))?
        }
        _ => survey,
    };
    let mut recovery = Recovery {
        arguments,
        source: &source,
        snapshot,
        dump: dump.unwrap_or(snapshot),
        notes: &notes,
        survey: &survey,
        changes: None,
    };
    recovery.changes = recovery.find_changes(&snapshots);
    say(&recovery.preview(&here));
    if arguments.preview {
        return Ok(Exit::Fine);
    }
    let Some(journal) = recovery.begin()? else { return Ok(Exit::Wrong) };
    recovery.carry_out(journal)
}

/// All that one needs.
struct Recovery<'a> {
    arguments: &'a Arguments,
    source: &'a Source,
    snapshot: &'a Snapshot,
    /// Where its dumps are: in itself, or in an older one.
    dump: &'a Snapshot,
    notes: &'a Notes,
    survey: &'a Survey,
    /// Of the database, since the backup: where there is a copy of their journal.
    changes: Option<Changes>,
}

/// What was not as it should be, and did not end it.
#[derive(Default)]
struct Outcome {
    files: u64,
    bytes: u64,
    damaged: Vec<String>,
    failed: Vec<String>,
}

impl Recovery<'_> {
    fn preview(&self, here: &Here) -> String {
        let Self { source, snapshot, notes, survey, .. } = self;
        let mut lines = vec![format!(
            "{} as of {}, from {} (backup {})",
            notes.shop,
            here.moment_ago(snapshot.time.ms()),
            source.place.name,
            snapshot.id.short()
        )];
        let mut row = |what: &str, place: String| {
            lines.push(format!("  {what:14}{}", printable(&place)));
        };
        for piece in &survey.places {
            let name = piece.from.file_name().unwrap_or_default();
            match piece.is_file {
                true => row("file", piece.target.join(name).display().to_string()),
                false => row("folder", piece.target.display().to_string()),
            }
        }
        row("configuration", survey.configuration.display().to_string());
        row(
            "records",
            format!(
                "{} (people, incidents, changes, ledger, secrets, certificates)",
                survey.state.display()
            ),
        );
        for name in &survey.databases {
            row("database", self.preview_database(name));
        }
        if self.dump.id != snapshot.id && self.loads_database() {
            let (id, at) = (self.dump.id.short(), here.moment_ago(self.dump.time.ms()));
            row(
                "dump",
                format!("of {at} (backup {id}): what came after it is in the journal of changes"),
            );
        }
        match &self.changes {
            Some(changes) => row("changes", changes.preview()),
            None if self.needs_changes() => {
                row("changes", NOT_HAD.to_owned());
            }
            None => {}
        }
        if !survey.beside.is_empty() {
            let beside = survey.state.join(BESIDE);
            let what = "how that machine was set up, to look things up";
            row("beside", format!("{} ({what})", beside.display()));
        }
        lines.join("\n")
    }

    /// Sees whether it may begin, or go on. `None`: it may not, which was said.
    fn begin(&self) -> anyhow::Result<Option<Journal>> {
        let Self { arguments, source, snapshot, survey, .. } = self;
        if client::ask(&survey.state, "GET", "/api/v1/health").is_ok() {
            bail!(
                "Storewarden runs here with the state directory `{}`: end it first (`systemctl stop \
                 'storewarden*'`)",
                survey.state.display()
            );
        }
        let id = snapshot.id.to_string();
        if let Some(journal) = Journal::find(&survey.state, source.repository.id(), &id)? {
            say("It was begun before, and goes on.");
            return Ok(Some(journal));
        }
        let taken = survey.taken();
        if !taken.is_empty() && !arguments.overwrite {
            say("Nothing was written, for these are there already:");
            for path in &taken {
                say(&format!("  {}", path.display()));
            }
            say("Move them away, put everything elsewhere by --root DIR, or say --overwrite.");
            return Ok(None);
        }
        if let Some(into) = self.taken_database() {
            say(&format!("Nothing was written: {}", database::taken(&into)));
            return Ok(None);
        }
        if !arguments.yes {
            if !io::stdin().is_terminal() {
                bail!("nobody can be asked whether to begin: say --yes");
            }
            if !matches!(ask("Begin? (yes or no)")?.as_str(), "y" | "yes") {
                return Ok(None);
            }
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&survey.state);
        made.with_context(|| format!("make `{}`", survey.state.display()))?;
        let journal = Journal::begin(&survey.state, source.repository.id(), &id, now_ms())?;
        Ok(Some(journal))
    }

    fn carry_out(&self, mut journal: Journal) -> anyhow::Result<Exit> {
        let mut outcome = Outcome::default();
        for piece in self.survey.places.iter().chain(&self.survey.beside) {
            if !journal.has(&piece.step()) {
                self.bring(piece, &mut outcome)?;
                journal.did(&piece.step())?;
            }
        }
        if !journal.has(CONFIGURATION_STEP) {
            self.write_configuration()?;
            journal.did(CONFIGURATION_STEP)?;
        }
        if !journal.has(RECORDS_STEP) {
            match self.bring_records(&journal, &mut outcome) {
                Ok(()) => journal.did(RECORDS_STEP)?,
                Err(error) => outcome.failed.push(format!("our own records: {error:#}")),
            }
        }
        self.bring_changes(&mut journal, &mut outcome)?;
        // What is loaded without them never gets them.
        let has_changes = self.changes.is_none() || journal.has(CHANGES_STEP);
        if !self.arguments.without_database && has_changes {
            self.bring_databases(&mut journal, &mut outcome)?;
        }
        if let Some(changes) = self.changes.as_ref().filter(|_| outcome.failed.is_empty()) {
            changes.keep(&journal.folder().join(CHANGES_STEP), &self.survey.state)?;
        }
        // A copy that is there says itself what it lacks.
        if self.changes.is_none() && self.needs_changes() {
            journal.lacks(self.as_of_dump("there is no copy of their journal"))?;
        }
        let is_whole = outcome.failed.is_empty();
        let exit = self.conclude(&outcome, journal.lacking());
        if is_whole {
            journal.end()?;
        }
        Ok(exit)
    }

    fn bring_changes(&self, journal: &mut Journal, outcome: &mut Outcome) -> anyhow::Result<()> {
        let Some(changes) = &self.changes else { return Ok(()) };
        if journal.has(CHANGES_STEP) {
            return Ok(());
        }
        let folder = journal.folder().join(CHANGES_STEP);
        match changes.bring(self.dump.time.ms(), &folder) {
            Ok(lacks) => {
                for lack in lacks {
                    journal.lacks(format!("{lack}; what was changed after that is left out"))?;
                }
                journal.did(CHANGES_STEP)?;
            }
            Err(error) => outcome.failed.push(format!("the journal of changes: {error:#}")),
        }
        Ok(())
    }

    fn bring(&self, piece: &Piece, outcome: &mut Outcome) -> anyhow::Result<()> {
        let report = self.restore(&piece.from, &piece.target, &piece.from.display().to_string())?;
        outcome.files += report.files;
        outcome.bytes += report.bytes;
        let told = report.failures.iter().map(|failure| {
            format!("{}: {}", piece.target.join(&failure.path).display(), failure.why)
        });
        outcome.damaged.extend(told);
        Ok(())
    }

    fn restore(&self, from: &Path, target: &Path, what: &str) -> anyhow::Result<restore::Report> {
        let request = restore::Request {
            snapshot: self.snapshot.clone(),
            path: from.to_owned(),
            target: target.to_owned(),
            origin: vault::Origin::of_this_process(),
        };
        let line = Line::new(what);
        let watch = |progress: &vault::progress::Progress| {
            line.tell(progress.bytes, progress.total_bytes);
        };
        let report = restore::run(&self.source.reader, &request, &watch);
        let report = report.map_err(|error| self.source.told(error))?;
        let size = crate::backup::size(report.bytes);
        let damaged = match report.failures.len() {
            0 => String::new(),
            count => format!(", {count} NOT AS THEY WERE"),
        };
        let files = if report.files == 1 { "file" } else { "files" };
        line.end(&format!("{} {files}, {size}{damaged}", report.files));
        Ok(report)
    }

    /// As it was in force: the file on the disk of the other machine may have been of no use.
    fn write_configuration(&self) -> anyhow::Result<()> {
        let path = &self.survey.configuration;
        let bundle = Bundle::split(&self.notes.configuration);
        let folder = path.parent().unwrap_or(Path::new("/"));
        for (name, text) in bundle.files() {
            let file = match name {
                None => path.clone(),
                // One that was named whole lies where it was, below the root.
                Some(name) if name.is_absolute() => {
                    survey::below(self.arguments.root.as_deref().unwrap_or(Path::new("/")), name)
                }
                Some(name) => folder.join(name),
            };
            write_file(&file, text, CONFIGURATION_MODE)?;
        }
        say(&format!("  configuration: {}", path.display()));
        if !self.notes.environment.is_empty() {
            self.write_environment()?;
        }
        Ok(())
    }

    fn write_environment(&self) -> anyhow::Result<()> {
        let folder = self.survey.state.join(BESIDE);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let line = |(name, value): (&String, &String)| format!("{name}={value}\n");
        let text: String = self.notes.environment.iter().map(line).collect();
        write_file(&folder.join(ENVIRONMENT), &text, 0o600)
    }

    fn bring_records(&self, journal: &Journal, outcome: &mut Outcome) -> anyhow::Result<()> {
        let folder = journal.folder().join("records");
        records::clear(&folder)?;
        let report = self.restore(Path::new(RECORDS), &folder, "our own records")?;
        if let Some(first) = report.failures.first() {
            bail!("{}: {}", first.path.display(), first.why);
        }
        let origin = [
            ("snapshot", self.snapshot.id.to_string().into()),
            ("of_ms", self.snapshot.time.ms().into()),
            ("place", self.source.place.name.as_str().into()),
            ("host", self.snapshot.hostname.as_str().into()),
        ];
        let origin: Params =
            origin.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let found = records::prepare(&folder, origin)?;
        if let Some(aside) = records::set_aside(&self.survey.state)? {
            say(&format!("  what was in the state directory lies in {} now", aside.display()));
        }
        records::place(&folder, &self.survey.state)?;
        outcome.files += report.files;
        let records::Found { people, owners, ledger_records, left, runs } = found;
        say(&format!(
            "  our own records: {people} people, {owners} of them owners; {ledger_records} entries in the \
             ledger, which holds"
        ));
        say(&format!(
            "    left behind: {} sessions, {} links, {} messages, {runs} changes that were not over",
            left.sessions, left.links, left.notices
        ));
        Ok(())
    }

    /// The newest copy of the journal, among the places of the backup and of the configuration.
    fn find_changes(&self, snapshots: &[Snapshot]) -> Option<Changes> {
        if self.arguments.without_changes {
            return None;
        }
        let key = changes::key(&self.source.reader, snapshots)?;
        let copies = self.shop().and_then(|shop| shop.stream).map(|stream| stream.copies);
        let copies: Vec<_> = copies.unwrap_or_default().into_iter().map(|copy| copy.to).collect();
        changes::find(&self.notes.shop, key, Some(&self.source.place), &copies)
    }

    fn shop(&self) -> Option<ShopSettings> {
        let configuration = self.understand().ok()?;
        configuration.shops.into_iter().find(|shop| shop.id == self.notes.shop)
    }

    fn understand(&self) -> Result<Configuration, Mistakes> {
        let root = self.arguments.root.as_deref().unwrap_or(Path::new("/"));
        // Before anything was brought back, what the configuration refers to lies in the backup alone.
        understand(self.notes, root, &self.survey.configuration, &|path| self.in_backup(path))
    }

    fn in_backup(&self, path: &Path) -> Option<String> {
        let node = self.source.reader.node(self.snapshot, path).ok()?;
        let mut bytes = Vec::new();
        self.source.reader.copy_to(&node, &mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        Some(text.trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Whether what came after the dump is wanted, and can be in a journal alone.
    fn needs_changes(&self) -> bool {
        let is_older = self.dump.id != self.snapshot.id;
        is_older && self.loads_database() && !self.arguments.without_changes
    }

    /// What a database is that lacks what was changed since.
    fn as_of_dump(&self, why: &str) -> String {
        let at = Here::now().moment_ago(self.dump.time.ms());
        format!("the database is as of {at}, without what was changed since: {why}")
    }

    /// `lacking`: what could not be had at all. It is as far as it goes, and not whole.
    fn conclude(&self, outcome: &Outcome, lacking: &[String]) -> Exit {
        for told in outcome.damaged.iter().take(TOLD) {
            say(&format!("NOT AS IT WAS: {}", printable(told)));
        }
        if let Some(more) = outcome.damaged.len().checked_sub(TOLD).filter(|more| *more > 0) {
            say(&format!("and {more} more"));
        }
        for told in lacking {
            say(&format!("\nNOT THERE: {}", printable(told)));
        }
        for told in &outcome.failed {
            say(&format!("\nNOT DONE: {told}"));
        }
        if !outcome.failed.is_empty() {
            return Exit::Wrong;
        }
        let is_valid = match self.understand() {
            Ok(_) => true,
            Err(mistakes) => {
                say("\nThe configuration is not valid on this machine:");
                mistakes.details.iter().for_each(|line| say(&format!("  {}", printable(line))));
                false
            }
        };
        say(&self.next());
        if outcome.damaged.is_empty() && lacking.is_empty() && is_valid {
            Exit::Fine
        } else {
            Exit::Wrong
        }
    }

    fn next(&self) -> String {
        let Survey { configuration, state, beside, .. } = self.survey;
        let (file, state) = (configuration.display(), state.display());
        let mut text = "\nRecovered. What is left to do:\n".to_owned();
        if !self.notes.environment.is_empty() {
            text.push_str(&format!(
                "  - give Storewarden the variables in {state}/{BESIDE}/{ENVIRONMENT}, as by \
                 `EnvironmentFile=`\n"
            ));
        }
        if !beside.is_empty() {
            text.push_str(&format!(
                "  - see {state}/{BESIDE} for what else that machine was set up by: packages, units, \
                 cron, web server\n"
            ));
        }
        let servers = self.database_url().filter(|into| into.kind != DatabaseKind::Sqlite);
        if let Some(into) = servers.filter(|_| self.loads_database()) {
            text.push_str(&format!(
                "  - let the shop's accounts into the database: what is in {into} belongs to who brought \
                 it back, or to the owner of the database\n"
            ));
        }
        text.push_str(
            "  - make sure that the old machine stays away: take its keys of the storage back, and \
             point names here\n",
        );
        text.push_str(&format!(
            "  - start the shop's own servers, unless Storewarden does\n  - storewarden check {file}\n  \
             - storewarden up --config {file} --state {state}"
        ));
        text
    }
}

/// What the configuration of a backup means, with what it refers to below a root, or else elsewhere.
fn understand(
    notes: &Notes,
    root: &Path,
    path: &Path,
    elsewhere: &dyn Fn(&Path) -> Option<String>,
) -> Result<Configuration, Mistakes> {
    let reference = |name: &str| match name.strip_prefix("file:") {
        Some(file) => {
            let here = survey::below(root, Path::new(file));
            let here = configuration::reference(&format!("file:{}", here.display()));
            here.or_else(|| elsewhere(Path::new(file)))
        }
        None => configuration::reference(name).or_else(|| notes.environment.get(name).cloned()),
    };
    configuration::understand_by(&notes.configuration, path, &reference)
}
