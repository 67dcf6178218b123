//! The files of a start: the configuration, its last accepted text, and what tells others of us.

use crate::{
    client::ADDRESS_FILE,
    configuration::{Mistakes, load, understand},
};
use anyhow::bail;
use api::Rejected;
use kernel::config::Configuration;
use std::{
    fs, io,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use store::{KEY_FILE, SealKeys, StoreError};

/// The text of the configuration that was last in force: what a restart goes on from while the file
/// is not valid. Mode 0600, for the file may hold a password.
pub(crate) const ACCEPTED_FILE: &str = "accepted.toml";

/// Is there while several files of the configuration are being changed. Who finds it begins with
/// what was in force: on disk some are as they were and some as they are to be.
const CUT_OFF_FILE: &str = "configuration-changing";

/// The name of the credential that holds the keys for secrets.
const CREDENTIAL: &str = "storewarden.key";

/// Where a control reads and writes its files.
#[derive(Debug)]
pub(super) struct Start {
    file: PathBuf,
    state: PathBuf,
}

/// What a control begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Of the configuration that is in force.
    pub(super) text: String,
    pub(super) configuration: Configuration,
    /// What is wrong with the file, when it is not the one in force.
    pub(super) mistakes: Option<String>,
}

impl Start {
    pub(super) fn new(file: &Path, state: &Path) -> Self {
        Self { file: file.to_owned(), state: state.to_owned() }
    }

    /// The configuration file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The state directory.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// The configuration to begin with and its text: the file's, else the last one that was in
    /// force together with what is wrong with the file.
    pub(super) fn configuration(&self) -> anyhow::Result<Beginning> {
        let mistakes = match self.read() {
            Ok(_) if self.cut_off().exists() && self.accepted().is_some() => Rejected {
                message: "a change of several files was cut off, and goes on".to_owned(),
                details: Vec::new(),
            },
            Ok((text, configuration)) => {
                self.keep(&text);
                return Ok(Beginning { text, configuration, mistakes: None });
            }
            Err(rejected) => rejected,
        };
        let lines = match mistakes.details.as_slice() {
            [] => mistakes.message,
            details => details.join("\n"),
        };
        let Some((text, configuration)) = self.accepted() else { bail!("{lines}") };
        tracing::warn!(%lines, "the configuration is not valid; the one before is in force");
        Ok(Beginning { text, configuration, mistakes: Some(lines) })
    }

    /// What was in force last.
    fn accepted(&self) -> Option<(String, Configuration)> {
        let path = self.state.join(ACCEPTED_FILE);
        let text = fs::read_to_string(&path).ok()?;
        understand(&text, &path).ok().map(|means| (text, means))
    }

    /// The file that is there while a change of several files is under way.
    pub(super) fn cut_off(&self) -> PathBuf {
        self.state.join(CUT_OFF_FILE)
    }

    /// Reads the file: its text and what it means.
    pub(super) fn read(&self) -> Result<(String, Configuration), Rejected> {
        let unread = |error| Rejected { message: format!("{error:#}"), details: Vec::new() };
        let loaded = load(&self.file).map_err(unread)?;
        let invalid = |Mistakes { message, details }| Rejected { message, details };
        Ok((loaded.text, loaded.meaning.map_err(invalid)?))
    }

    /// Keeps the text of what is in force now. Where that fails, as on a full disk, control goes on.
    pub(super) fn keep(&self, text: &str) {
        if let Err(error) = write_private(&self.state.join(ACCEPTED_FILE), text) {
            tracing::warn!(%error, "the configuration was not kept for the next start");
            return;
        }
        if let Err(error) = fs::remove_file(self.cut_off())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a change of the configuration counts as cut off");
        }
    }

    /// Tells the command line where the API is. On a full disk what was told before stays.
    pub(super) fn tell_address(&self, address: SocketAddr) {
        let path = self.state.join(ADDRESS_FILE);
        let text = format!("{address}\n");
        if fs::read_to_string(&path).is_ok_and(|told| told == text) {
            return;
        }
        if let Err(error) = write_private(&path, &text) {
            tracing::error!(%error, "the command line does not know where the API is");
        }
    }

    /// Paths on the file systems to look at: the machine's, and ours when it is another.
    pub(super) fn disks(&self) -> Vec<PathBuf> {
        let root = PathBuf::from("/");
        let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
        if device(&root) == device(&self.state) {
            return vec![root];
        }
        vec![root, self.state.clone()]
    }
}

/// The keys that seal secrets: systemd's credential of this name (systemd.exec(5), `LoadCredential=`),
/// else a file of ours in the state directory.
pub(super) fn seal_keys(state: &Path) -> Result<SealKeys, StoreError> {
    let (path, own) = (seal_keys_file(state), state.join(KEY_FILE));
    if path == own { SealKeys::open(&own) } else { SealKeys::read(&path) }
}

/// Where those keys lie.
pub(super) fn seal_keys_file(state: &Path) -> PathBuf {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let given = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|path| path.exists());
    given.unwrap_or_else(|| state.join(KEY_FILE))
}

/// Whether a change must be carried out by the supervisor too: it holds the sockets, starts the edge, and
/// the stream of changes where a shop asks for one.
pub(super) fn concerns_supervisor(before: &Configuration, now: &Configuration) -> bool {
    let told = |configuration: &Configuration| {
        let edge = &configuration.edge;
        let started = (edge.listen.clone(), edge.workers, edge.access_log.clone(), edge.drain_ms);
        let follows = configuration.shops.iter().any(|shop| shop.stream.is_some());
        (started, configuration.control.listen, follows)
    };
    told(before) != told(now)
}

/// Beside the file and then in its place, so that nobody reads half of it. What stands there
/// already is not written again, which even a full disk allows.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(new, path)
}
