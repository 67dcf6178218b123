//! How it stands with a stream: a file beside the journal, replaced as a whole, that control reads
//! (docs/formats/journal.md).

use crate::{VaultError, journal::Place};
use databases::changes::{Obstacle, ObstacleKind};
use kernel::config::StreamCopySettings;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Of the file.
const EXTENSION: &str = "json";
/// The file in a journal's folder that was put aside.
const COVERED: &str = "covered.json";

/// How it stands. Times are Unix milliseconds by this machine's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// When it was written: one that is old is nobody's.
    pub at_ms: i64,
    pub state: State,
    /// Since when every change is in the journal.
    pub begun_ms: Option<i64>,
    /// All that was committed by then is in the journal, on disk.
    pub current_ms: Option<i64>,
    /// When the last change was committed.
    pub last_ms: Option<i64>,
    /// Where the journal ends in the server's log.
    pub position: Option<String>,
    /// Of the server's log, still to come; `None`: the server does not say.
    pub behind_bytes: Option<u64>,
    /// Bytes of the journal's files.
    pub journal_bytes: u64,
    /// What of them the server's log as it came takes, as far as it is packed; `None`: it is not kept.
    pub raw_bytes: Option<u64>,
    /// What no segment holds yet.
    pub tail: Option<Tail>,
    pub obstacles: Vec<Hindrance>,
    /// Why changes are not followed at the moment.
    pub trouble: Option<Trouble>,
    /// Changes that are in no journal; only a backup that begins after `until_ms` makes up for them.
    pub gap: Option<Gap>,
    /// Grows whenever rows of orders may have been deleted: whoever wants to know which reads the journal.
    pub orders_deleted: u64,
    /// Elsewhere, in the order of the configuration.
    pub copies: Vec<CopyStanding>,
}

/// From when to when a journal has every change, whether or not something was changed then. Unix milliseconds
/// by this machine's clock; `None`: nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Covered {
    pub begun_ms: Option<i64>,
    pub current_ms: Option<i64>,
}

/// How far a copy of the journal is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyStanding {
    /// The place, for people: holds no secret.
    pub to: String,
    /// How often it gets what came.
    pub every_ms: u64,
    /// What a bucket counts where the database changes all the time; `None`: nobody counts.
    pub requests_a_month: Option<u64>,
    /// All that was committed by then is there; `None`: it is not known of any time.
    pub current_ms: Option<i64>,
    /// When it got something last.
    pub sent_ms: Option<i64>,
    /// How long that took, from being on this machine's disk to being there.
    pub delay_ms: Option<u64>,
    /// What this shop's journals take there.
    pub bytes: Option<u64>,
    /// It lets nothing go: somebody else must see to what is too old.
    pub keeps_all: bool,
    /// Why it does not get what came, at the moment.
    pub trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Starting,
    Following,
    /// The database, or the journal's disk, does not answer; it is tried again.
    Away,
    /// The database does not allow it so far.
    Refused,
    /// Something came that is not understood.
    Stopped,
    /// It was told to end.
    Ended,
}

/// The newest file of the journal, as far as nothing of it changes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    pub number: u64,
    pub durable_bytes: u64,
}

/// What stands in the way, or makes the stream tell less than it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hindrance {
    pub code: String,
    pub subject: String,
    pub mend: String,
    /// Whether nothing is begun before it is out of the way.
    pub refuses: bool,
}

/// What went wrong, as a code and in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub code: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// `None`: there was no journal before.
    pub from_ms: Option<i64>,
    pub until_ms: i64,
    pub reason: String,
}

impl Standing {
    /// What was said last; `None`: nobody ever followed this shop's database.
    ///
    /// # Errors
    /// When it cannot be read, or is not understood.
    pub fn read(place: &Place) -> Result<Option<Self>, VaultError> {
        let path = place.beside(EXTENSION);
        let failed = |operation, source| VaultError::File { operation, path: path.clone(), source };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| failed("read", error))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| failed("understand", error.into()))
    }

    /// Replaces what was said before. It need not outlive a loss of power: it is said anew each second.
    pub(super) fn write(&self, place: &Place) -> Result<(), VaultError> {
        let (path, new) = (place.beside(EXTENSION), place.beside("json.new"));
        let bytes = serde_json::to_vec(self).expect("invariant: our own types are JSON");
        let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| VaultError::File { operation: "write", path, source })
    }
}

impl Covered {
    /// What a journal that was put aside has; of one that an older program put aside, nothing is known.
    ///
    /// # Errors
    /// When it cannot be read, or is not understood.
    pub fn read(folder: &Path) -> Result<Self, VaultError> {
        let path = folder.join(COVERED);
        let failed = |operation, source| VaultError::File { operation, path: path.clone(), source };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            bytes => bytes.map_err(|error| failed("read", error))?,
        };
        serde_json::from_slice(&bytes).map_err(|error| failed("understand", error.into()))
    }

    /// Durable, as the journal is.
    pub(super) fn write(self, folder: &Path) -> Result<(), VaultError> {
        let (path, new) = (folder.join(COVERED), folder.join(format!("{COVERED}.new")));
        let bytes = serde_json::to_vec(&self).expect("invariant: our own types are JSON");
        let write = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|source| VaultError::File {
            operation: "write",
            path: path.clone(),
            source,
        })
    }
}

impl CopyStanding {
    /// Before anything was sent by this process.
    pub(crate) fn begin(copy: &StreamCopySettings, before: &[Self]) -> Self {
        let to = copy.to.to_string();
        let before = before.iter().find(|one| one.to == to).cloned();
        Self {
            every_ms: copy.every_ms,
            requests_a_month: copy.requests_a_month(),
            trouble: None,
            to,
            ..before.unwrap_or_default()
        }
    }
}

impl Hindrance {
    pub(crate) fn of(obstacle: &Obstacle) -> Self {
        let Obstacle { kind, subject, mend } = obstacle;
        Self {
            code: code(*kind).to_owned(),
            subject: subject.clone(),
            mend: mend.clone(),
            refuses: obstacle.refuses(),
        }
    }
}

impl Trouble {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn of_obstacle(obstacle: &Obstacle) -> Self {
        let message = format!("`{}` stands in the way: {}", obstacle.subject, obstacle.mend);
        Self::new(&format!("stream_{}", code(obstacle.kind)), message)
    }
}

fn code(kind: ObstacleKind) -> &'static str {
    match kind {
        ObstacleKind::Setting => "setting",
        ObstacleKind::Rights => "rights",
        ObstacleKind::Uncapped => "uncapped",
        ObstacleKind::NoIdentity => "no_identity",
        ObstacleKind::KeysOnly => "keys_only",
        ObstacleKind::NotFollowed => "not_followed",
        ObstacleKind::Unreadable => "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_program_wrote_is_understood() {
        let folder = testkit::folder();
        let place = Place::of(folder.path(), &"lamps".parse().unwrap());
        place.make_key().unwrap();
        assert_eq!(Standing::read(&place).unwrap(), None);
        fs::write(place.beside(EXTENSION), "{\"state\": \"following\", \"other\": 1}").unwrap();
        let read = Standing::read(&place).unwrap().unwrap();
        assert_eq!(read, Standing { state: State::Following, ..Standing::default() });
        let gap = Gap { from_ms: None, until_ms: 7, reason: "x".into() };
        let standing = Standing { gap: Some(gap), ..read };
        standing.write(&place).unwrap();
        assert_eq!(Standing::read(&place).unwrap(), Some(standing));
        fs::write(place.beside(EXTENSION), "{").unwrap();
        assert!(Standing::read(&place).is_err());
    }
}
