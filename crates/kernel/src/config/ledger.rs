//! Where the ledger's checkpoints go, and how often.

use super::Secret;
use std::path::PathBuf;

/// `[ledger]`: how what was done is kept beyond dispute.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerSettings {
    /// A checkpoint is made this long after the last one, when something is new.
    pub checkpoint_ms: u64,
    /// Every checkpoint goes to all of them.
    pub to: Vec<DestinationSettings>,
}

/// A place off this machine, or at least off its disk.
#[derive(Debug, Clone, PartialEq)]
pub enum DestinationSettings {
    /// A folder that is there: of another disk, or of a network.
    Folder(PathBuf),
    /// An address that takes a POST. It may hold a secret.
    Webhook(Secret),
    S3(S3Settings),
}

/// A bucket of something that speaks Amazon's S3.
#[derive(Debug, Clone, PartialEq)]
pub struct S3Settings {
    /// `https://s3.eu-central-1.amazonaws.com`; never with a slash at its end.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    /// Before every name; without slashes around it, empty for none.
    pub prefix: String,
    pub key_id: Secret,
    pub secret: Secret,
}
