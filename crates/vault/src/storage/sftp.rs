//! A folder of another machine, reached by the system's own `ssh`, laid out as restic's SFTP backend
//! does.
//!
//! A file is written under another name, brought to the disk where the server offers that, and then
//! given its own. Every call says all of what it wants, so that one that was cut off is made again, a
//! few times, ever later.

use super::{Fault, FileKind, FileName, Listed, Storage, too_short};
use crate::{VaultError, crypto, packer::locked};
use bytes::Bytes;
use error::SftpError;
use host::process::{Spawn, start_piped};
use session::Session;
use std::{
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use wire::status;

mod calls;
mod error;
mod session;
mod wire;

/// What a name that is being written has in it; restic passes over such files.
const UNFINISHED: &str = "-tmp-";
/// Waits before the second try and those after it.
const WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
];
const PARALLEL: usize = 3;

/// Where the folder is, and how we get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftpSettings {
    /// A name or address, or a name of ssh's own configuration.
    pub host: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// On the other machine; one that is not whole lies below the user's home.
    pub folder: String,
    pub host_key: HostKey,
    /// The private key to come in with; without one ssh takes what it takes: an agent's, the user's.
    pub identity: Option<PathBuf>,
    /// Instead of the user's and the system's configuration of ssh; `none` for neither.
    pub config: Option<PathBuf>,
    /// An answer that takes longer ends the connection; a minute unless told.
    pub answer_limit: Duration,
    /// For so long, altogether, is waited before what was cut off is tried again; half a minute unless
    /// told.
    pub patience: Duration,
}

/// By what the other machine is known. An unknown one is never trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKey {
    /// The user's and the system's own lists.
    Known,
    /// A file as `ssh-keyscan` makes it.
    KnownIn(PathBuf),
    /// One key as it stands in such a file and in the other machine's `/etc/ssh/*.pub`:
    /// `ssh-ed25519 AAAA…`.
    Pinned(String),
}

impl SftpSettings {
    #[must_use]
    pub fn new(host: impl Into<String>, folder: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            user: None,
            folder: folder.into(),
            host_key: HostKey::Known,
            identity: None,
            config: None,
            answer_limit: Duration::from_secs(60),
            patience: Duration::from_secs(30),
        }
    }
}

/// A folder behind SFTP as a repository's storage. One connection, made when it is needed.
pub struct Sftp {
    settings: SftpSettings,
    label: String,
    root: String,
    session: Mutex<Option<Arc<Session>>>,
    /// Holds the pinned key, for ssh to read.
    pinned: Option<PinnedKey>,
}

impl Sftp {
    /// Reaches nothing yet.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] for a host, folder or key that cannot be one; [`VaultError::File`]
    /// when the pinned key cannot be put where ssh reads it.
    pub fn new(settings: SftpSettings) -> Result<Self, VaultError> {
        let odd = |what, text: &str| Err(VaultError::Malformed { what, text: text.to_owned() });
        let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !is_plain(&settings.host) || settings.host.starts_with('-') {
            return odd("host", &settings.host);
        }
        if !is_plain(&settings.folder) {
            return odd("folder", &settings.folder);
        }
        let pinned = match &settings.host_key {
            HostKey::Pinned(key) if !is_plain(key) || key.split_whitespace().count() < 2 => {
                return odd("host key", key);
            }
            HostKey::Pinned(key) => Some(PinnedKey::keep(key)?),
            _ => None,
        };
        let root = match settings.folder.trim_end_matches('/') {
            "" => "/".to_owned(),
            folder => folder.to_owned(),
        };
        let user = settings.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = settings.port.map(|port| format!(":{port}")).unwrap_or_default();
        let slash = if root.starts_with('/') { "" } else { "/./" };
        let label = format!("sftp://{user}{}{port}{slash}{root}", settings.host);
        Ok(Self { settings, label, root, session: Mutex::default(), pinned })
    }

    fn path(&self, file: FileName) -> String {
        format!("{}/{}", self.root.trim_end_matches('/'), file.path())
    }

    /// How ssh is called (ssh(1), ssh_config(5) of OpenSSH 9.2). It asks nobody anything, trusts no key
    /// that is not known, and ends when the line is dead.
    fn program(&self) -> Spawn {
        let settings = &self.settings;
        let mut options = vec![
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "ConnectTimeout=20".to_owned(),
            "ServerAliveInterval=15".to_owned(),
            "ServerAliveCountMax=4".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "ForwardAgent=no".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            // A connection that somebody else has opened has looked at no key of ours.
            "ControlPath=none".to_owned(),
            "Compression=no".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ];
        let known = match &settings.host_key {
            HostKey::Known => None,
            HostKey::KnownIn(file) => Some(file),
            HostKey::Pinned(_) => self.pinned.as_ref().map(|pinned| &pinned.0),
        };
        if let Some(file) = known {
            // Percent signs begin words of ssh's own there.
            let file = file.display().to_string().replace('%', "%%");
            options.push(format!("UserKnownHostsFile=\"{file}\""));
            options.push("GlobalKnownHostsFile=/dev/null".to_owned());
        }
        if settings.identity.is_some() {
            options.push("IdentitiesOnly=yes".to_owned());
        }
        let mut ssh = Spawn::new("ssh").env("LC_ALL", "C");
        if let Some(config) = &settings.config {
            ssh = ssh.arg("-F").arg(config);
        }
        for option in options {
            ssh = ssh.args(["-o", &option]);
        }
        if let Some(identity) = &settings.identity {
            ssh = ssh.arg("-i").arg(identity);
        }
        if let Some(port) = settings.port {
            ssh = ssh.args(["-p", &port.to_string()]);
        }
        if let Some(user) = &settings.user {
            ssh = ssh.args(["-l", user]);
        }
        ssh.args(["-s", "--", &settings.host, "sftp"])
    }

    /// The session that there is, or a new one.
    fn session(&self) -> Result<Arc<Session>, SftpError> {
        let mut session = locked(&self.session);
        if let Some(session) = session.as_ref().filter(|session| !session.has_ended()) {
            return Ok(Arc::clone(session));
        }
        let (program, ends) =
            start_piped(self.program()).map_err(|error| SftpError::start(&error))?;
        let begun = Arc::new(Session::begin(program, ends, self.settings.answer_limit)?);
        *session = Some(Arc::clone(&begun));
        Ok(begun)
    }

    /// Tries until it is decided, or has been tried often enough.
    fn try_often<T>(
        &self,
        call: impl Fn(&Session) -> Result<T, SftpError>,
    ) -> Result<T, SftpError> {
        let mut waits = WAITS.iter();
        let mut left = self.settings.patience;
        loop {
            let error = match self.session().and_then(|session| call(&session)) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait =
                waits.next().filter(|wait| error.fault() == Fault::Unreachable && **wait <= left);
            let Some(wait) = wait else { return Err(error) };
            left -= *wait;
            tracing::warn!(%error, ?wait, "an SFTP server is asked again");
            thread::sleep(*wait);
        }
    }

    fn failed(
        &self,
        operation: &'static str,
        what: impl fmt::Display,
    ) -> impl FnOnce(SftpError) -> VaultError {
        move |error| VaultError::Storage {
            operation,
            file: what.to_string(),
            place: self.label.clone(),
            transient: error.fault() == Fault::Unreachable,
            fault: error.fault(),
            source: error.into(),
        }
    }

    /// As [`Sftp::failed`], of a file that should be there and as long as that.
    fn unread(&self, file: FileName, offset: u64, length: u32, error: SftpError) -> VaultError {
        match error {
            SftpError::Short => too_short(file, offset, length),
            error if error.is(status::NO_SUCH_FILE) => {
                VaultError::Missing { file, place: self.label.clone() }
            }
            error => self.failed("read", file)(error),
        }
    }

    /// Every folder that files of a kind may lie in.
    fn folders(&self, kind: FileKind) -> Vec<String> {
        let folder = format!("{}/{}", self.root.trim_end_matches('/'), kind.folder());
        match kind {
            FileKind::Pack => (0..=255_u8).map(|first| format!("{folder}/{first:02x}")).collect(),
            _ => vec![folder],
        }
    }
}

impl Storage for Sftp {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn read(&self, file: FileName) -> Result<Bytes, VaultError> {
        let path = self.path(file);
        let read = self.try_often(|session| calls::read(session, &path, None));
        read.map(Bytes::from).map_err(|error| self.unread(file, 0, 0, error))
    }

    fn read_range(&self, file: FileName, offset: u64, length: u32) -> Result<Bytes, VaultError> {
        let path = self.path(file);
        let read = self.try_often(|session| calls::read(session, &path, Some((offset, length))));
        read.map(Bytes::from).map_err(|error| self.unread(file, offset, length, error))
    }

    fn size(&self, file: FileName) -> Result<Option<u64>, VaultError> {
        let path = self.path(file);
        let size = self.try_often(|session| calls::size(session, &path));
        size.map_err(self.failed("look at", file))
    }

    fn list(&self, kind: FileKind) -> Result<Vec<Listed>, VaultError> {
        let folders = self.folders(kind);
        let all = format!("all {}", kind.folder());
        let entries = self.try_often(|session| {
            // A disk that is not mounted must not look like an empty repository.
            calls::size(session, &self.root)?.ok_or(SftpError::NoPlace)?;
            calls::list(session, &folders)
        });
        let entries = entries.map_err(self.failed("list", all))?;
        let listed = entries.into_iter().filter_map(|(_, entry)| {
            let id = std::str::from_utf8(&entry.name).ok()?.parse().ok()?;
            Some(Listed { id, size_bytes: entry.size? })
        });
        Ok(listed.collect())
    }

    fn write(&self, file: FileName, bytes: Bytes) -> Result<(), VaultError> {
        let path = self.path(file);
        let written = self.try_often(|session| {
            // Another one for every try: the one before may still be open on the other side.
            let number = u64::from_le_bytes(crypto::random());
            calls::write(session, &path, &format!("{path}{UNFINISHED}{number:016x}"), &bytes)
        });
        written.map_err(self.failed("write", file))
    }

    fn remove(&self, file: FileName) -> Result<(), VaultError> {
        let path = self.path(file);
        let removed = self.try_often(|session| calls::remove(session, &path));
        removed.map_err(self.failed("remove", file))
    }

    fn remove_unfinished(&self) -> Result<(), VaultError> {
        let mut folders = vec![self.root.clone()];
        let kinds = FileKind::NAMED.into_iter().chain(FileKind::OF_JOURNALS);
        folders.extend(kinds.flat_map(|kind| self.folders(kind)));
        let removed = self.try_often(|session| {
            for (folder, entry) in calls::list(session, &folders)? {
                let name = String::from_utf8_lossy(&entry.name);
                if name.contains(UNFINISHED) {
                    calls::remove(session, &format!("{}/{name}", folders[folder]))?;
                }
            }
            Ok(())
        });
        removed.map_err(self.failed("remove", "unfinished files"))
    }

    fn parallel(&self) -> usize {
        PARALLEL
    }
}

impl fmt::Debug for Sftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sftp").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A file with one known host, for as long as somebody may have to be asked by it.
#[derive(Debug)]
struct PinnedKey(PathBuf);

impl PinnedKey {
    fn keep(key: &str) -> Result<Self, VaultError> {
        let name = format!("storewarden-host-{:016x}", u64::from_le_bytes(crypto::random()));
        let path = std::env::temp_dir().join(name);
        let keep = || -> io::Result<()> {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
            // Whatever the host is called: it is known by nothing but this key.
            writeln!(file, "* {key}")
        };
        match keep() {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(VaultError::File { operation: "keep a host key in", path, source }),
        }
    }
}

impl Drop for PinnedKey {
    fn drop(&mut self) {
        // Somebody may have tidied up; there is no secret in it.
        let _ = fs::remove_file(&self.0);
    }
}
