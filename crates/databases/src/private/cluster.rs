//! A whole PostgreSQL cluster out of a base backup, which replays its log up to a moment.
//!
//! What the cluster was set up to do where it comes from, it does not do here: it archives nothing, follows
//! nobody, loads no library, and is reached by a Unix socket in a closed folder alone.

use super::{
    Installation,
    folder::Folder,
    server::{Server, as_user},
};
use crate::DatabaseError;
use host::{
    process::{Signal, Spawn, run_to_end, start_piped},
    users,
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, chown},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_postgres::NoTls;

const WHAT: &str = "PostgreSQL that replays its log";
/// The list of all files with their sums (PostgreSQL manual, 77).
const MANIFEST: &str = "backup_manifest";
/// A Unix socket's address has room for so many bytes (unix(7)); the socket's own name takes some.
const MAX_SOCKET_FOLDER: usize = 80;
/// No port of it is listened on; its socket is named by it.
const PORT: u16 = 5432;
const VERIFY_WITHIN: Duration = Duration::from_hours(12);
/// What PostgreSQL 13 and later end with when the log has nothing of after the moment.
const NOT_REACHED: &str = "recovery ended before configured recovery target was reached";
const READ_BYTES: usize = 1 << 18;

/// The files of a cluster in a folder, before it runs.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    installation: Installation,
}

/// How it is to run.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// What was committed then is the last, as PostgreSQL reads moments: `2026-01-31 09:30:15.250999+00`.
    /// `None`: all there is.
    pub until: Option<String>,
    /// Who may do everything in it.
    pub superuser: String,
    pub within: Duration,
    /// It ends with the thread that starts it, even when that one is killed.
    pub tied: bool,
    /// Nobody loses anything by it when the machine fails: it is thrown away then.
    pub is_passing: bool,
}

/// What became of it.
#[derive(Debug)]
pub enum Recovered {
    /// As it was at the moment; it takes writes.
    There(Box<RecoveredCluster>),
    /// All of its log lies before the moment.
    NotReached,
}

/// A running cluster. Dropped, it ends at once.
#[derive(Debug)]
pub struct RecoveredCluster {
    server: Server,
    folder: PathBuf,
    superuser: String,
}

impl Cluster {
    /// Makes the folder, with what of this major version is installed here. A folder that has a cluster
    /// already keeps it.
    ///
    /// # Errors
    /// When that version is not installed, or the folder is out of reach for the user it runs as.
    pub fn prepare(directory: &Path, version: u32) -> Result<Self, DatabaseError> {
        let installation = Installation::of_version(version)?;
        let folder = Folder::prepare(directory, &["postgres", "nobody"])?;
        folder.close()?;
        Ok(Self { folder, installation })
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path.join("data")
    }

    /// Unpacks the archive of a base backup, and holds every file against the list in it.
    ///
    /// # Errors
    /// When it cannot be read or written, or a file is another than it was.
    pub fn unpack(&self, archive: &mut dyn Read) -> Result<(), DatabaseError> {
        let data = self.data();
        // PostgreSQL takes no folder that others look into.
        DirBuilder::new().mode(0o700).create(&data).map_err(self.failed(&data))?;
        self.hand_over(&data)?;
        let spawn = Spawn::new("tar")
            .args(["--extract", "--file=-", "--no-same-owner", "--same-permissions", "--directory"])
            .arg(&data)
            .env("LC_ALL", "C");
        let spawn = as_user(spawn, &self.folder);
        let failed = |source| DatabaseError::Run { what: "tar", source };
        let (mut tar, ends) = start_piped(spawn).map_err(failed)?;
        let fed = feed(archive, File::from(ends.input));
        // It says little, and ends with its input.
        let mut said = String::new();
        File::from(ends.errors).read_to_string(&mut said).map_err(self.failed(&data))?;
        let status = tar.wait().map_err(failed)?;
        fed.map_err(self.failed(&data))?;
        if !status.success() {
            return Err(DatabaseError::Ended { what: "tar", status, log_tail: said });
        }
        self.verify()?;
        self.make_ours()
    }

    fn verify(&self) -> Result<(), DatabaseError> {
        let data = self.data();
        let manifest = data.join(MANIFEST);
        fs::metadata(&manifest).map_err(self.failed(&manifest))?;
        let verify = Spawn::new(self.installation.programs.join("pg_verifybackup"))
            // The log comes later, and from elsewhere.
            .args(["--no-parse-wal", "--exit-on-error", "--quiet"])
            .arg(&data)
            .env("LC_ALL", "C");
        run_to_end(as_user(verify, &self.folder), VERIFY_WITHIN)
            .map(|_| ())
            .map_err(|source| DatabaseError::Run { what: "pg_verifybackup", source })
    }

    /// What the server where it comes from was told beyond its configuration is not told here.
    fn make_ours(&self) -> Result<(), DatabaseError> {
        let data = self.data();
        for name in ["postgresql.auto.conf", "recovery.signal"] {
            let path = data.join(name);
            fs::write(&path, "").map_err(self.failed(&path))?;
            self.hand_over(&path)?;
        }
        let standby = data.join("standby.signal");
        match fs::remove_file(&standby) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed(&standby)(error))
            }
            _ => Ok(()),
        }
    }

    /// Takes a file of the log, by its name; one that is there is replaced.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take_log(&self, name: &str, bytes: &[u8]) -> Result<(), DatabaseError> {
        let path = self.data().join("pg_wal").join(name);
        let write = || File::create(&path)?.write_all(bytes);
        write().map_err(self.failed(&path))?;
        self.hand_over(&path)
    }

    /// Replays the log up to the moment, and takes writes from then on. After [`Recovered::NotReached`] it may
    /// be given more of the log and called again.
    ///
    /// # Errors
    /// When it ends for another reason, with the end of its log, or takes longer than it may.
    pub async fn recover(&self, recovery: &Recovery) -> Result<Recovered, DatabaseError> {
        let folder = &self.folder.path;
        if folder.as_os_str().len() > MAX_SOCKET_FOLDER {
            let source = io::Error::new(
                io::ErrorKind::InvalidFilename,
                "a Unix socket in it would have too long a name; choose a shorter state directory",
            );
            return Err(DatabaseError::Prepare { path: folder.clone(), source });
        }
        let hba = "local all all trust\n";
        let [config, hba, ident] =
            [("server.conf", &*settings(folder, recovery)), ("hba.conf", hba), ("ident.conf", "")]
                .map(|(name, text)| self.folder.write(name, text));
        let (config, hba, ident) = (config?, hba?, ident?);
        for path in [&config, &hba, &ident] {
            self.hand_over(path)?;
        }
        let log = folder.join("server.log");
        match fs::remove_file(&log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(self.failed(&log)(error));
            }
            _ => {}
        }
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let spawn = Spawn::new(self.installation.programs.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .arg(option("config_file", &config))
            .arg(option("hba_file", &hba))
            .arg(option("ident_file", &ident))
            .env("LC_ALL", "C");
        // SIGINT is a fast shutdown, SIGQUIT an immediate one (PostgreSQL manual, 19.5).
        let spawn = if recovery.tied { spawn.tied_to_this_thread(Signal::Quit) } else { spawn };
        let signals = (Signal::Interrupt, Signal::Quit);
        let server = Server::start(WHAT, spawn, &self.folder, signals)?;
        let superuser = recovery.superuser.clone();
        let mut cluster = RecoveredCluster { server, folder: folder.clone(), superuser };
        let url = cluster.url("postgres").secret;
        match cluster.server.until_ready_within(recovery.within, async || answers(&url).await).await
        {
            Ok(()) => Ok(Recovered::There(Box::new(cluster))),
            Err(DatabaseError::Ended { log_tail, .. }) if log_tail.contains(NOT_REACHED) => {
                Ok(Recovered::NotReached)
            }
            Err(error) => Err(error),
        }
    }

    /// Where in the log the last replay ended: there its timeline was left (PostgreSQL manual, 26.3.5).
    ///
    /// # Errors
    /// When it has not become one of its own.
    pub fn replayed(&self) -> Result<u64, DatabaseError> {
        let folder = self.data().join("pg_wal");
        let mut newest = None;
        for entry in fs::read_dir(&folder).map_err(self.failed(&folder))? {
            let name = entry.map_err(self.failed(&folder))?.file_name();
            let name = name.to_string_lossy().into_owned();
            newest = newest.max(name.ends_with(".history").then_some(name));
        }
        let odd = |reason: String| DatabaseError::Answer { what: "a timeline's history", reason };
        let path = folder.join(newest.ok_or_else(|| odd("there is none".to_owned()))?);
        let text = fs::read_to_string(&path).map_err(self.failed(&path))?;
        left_at(&text).ok_or_else(|| odd(text.clone()))
    }

    fn hand_over(&self, path: &Path) -> Result<(), DatabaseError> {
        let Some(user) = self.folder.user else { return Ok(()) };
        let user = users::find(user).map_err(|source| DatabaseError::Run { what: WHAT, source })?;
        chown(path, Some(user.uid), Some(user.gid)).map_err(self.failed(path))
    }

    #[expect(clippy::unused_self, reason = "what fails is this cluster's")]
    fn failed<'a>(&self, path: &'a Path) -> impl Fn(io::Error) -> DatabaseError + use<'a> {
        move |source| DatabaseError::Prepare { path: path.to_owned(), source }
    }
}

impl RecoveredCluster {
    /// The address of one of its databases, for somebody who may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> DatabaseUrl {
        let [user, folder, database] =
            [&*self.superuser, &self.folder.to_string_lossy(), database].map(encoded);
        let secret = format!("postgres://{user}@{folder}:{PORT}/{database}");
        DatabaseUrl { kind: DatabaseKind::Postgres, secret }
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it did not end well.
    pub async fn stop(self) -> Result<(), DatabaseError> {
        self.server.stop().await
    }
}

/// Where the timeline before was left, by a timeline's history: `1\t0/1545848\twhy`, a line each, the last
/// one counts.
fn left_at(history: &str) -> Option<u64> {
    let line = history.lines().rfind(|line| !line.trim().is_empty())?;
    let (high, low) = line.split('\t').nth(1)?.trim().split_once('/')?;
    let part = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(part(high)? << 32 | part(low)?)
}

/// Nobody is let in before the log is replayed.
async fn answers(url: &str) -> bool {
    let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await else { return false };
    let driver = tokio::spawn(connection);
    let is_there = client.simple_query("SELECT 1").await.is_ok();
    drop(client);
    // It has answered, or has not; how the connection ended tells nothing more.
    let _ = driver.await;
    is_there
}

fn feed(archive: &mut dyn Read, mut tar: File) -> io::Result<()> {
    let mut piece = vec![0; READ_BYTES];
    loop {
        match archive.read(&mut piece)? {
            0 => return Ok(()),
            read => match tar.write_all(&piece[..read]) {
                // It has ended, and says itself why.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written?,
            },
        }
    }
}

fn settings(folder: &Path, recovery: &Recovery) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let until = recovery.until.as_ref().map(|until| ("recovery_target_time", quoted(until)));
    let durable = if recovery.is_passing { "off" } else { "on" };
    let ours = [
        ("listen_addresses", quoted("")),
        ("unix_socket_directories", quoted(&folder.to_string_lossy())),
        ("unix_socket_permissions", "0700".to_owned()),
        ("port", PORT.to_string()),
        ("shared_buffers", "64MB".to_owned()),
        ("max_connections", "20".to_owned()),
        // The log may hold such as were open, and they are nobody's.
        ("max_prepared_transactions", "512".to_owned()),
        ("fsync", durable.to_owned()),
        ("full_page_writes", durable.to_owned()),
        ("autovacuum", "off".to_owned()),
        ("logging_collector", "off".to_owned()),
        // The log lies in the cluster itself: nothing is fetched from anywhere.
        ("restore_command", quoted("false")),
        ("recovery_target_action", quoted("promote")),
        ("hot_standby", "off".to_owned()),
    ];
    let all = ours.into_iter().chain(until);
    all.map(|(name, value)| format!("{name} = {value}\n")).collect()
}

/// For an address (RFC 3986).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_was_left_where_its_history_says() {
        let history = "1\t0/3000000\tno recovery target specified\n\n2\t1/1545848\tbefore 2026\n";
        assert_eq!(left_at(history), Some(1 << 32 | 0x154_5848));
        assert_eq!(left_at("1\tx"), None);
        assert_eq!(left_at(""), None);
    }

    #[test]
    fn a_cluster_is_reached_by_its_socket_alone() {
        let recovery = Recovery {
            until: Some("2026-11-22 12:00:00.007999+00".to_owned()),
            superuser: "shop".to_owned(),
            within: Duration::from_secs(1),
            tied: true,
            is_passing: true,
        };
        let text = settings(Path::new("/a'b"), &recovery);
        for line in [
            "listen_addresses = ''\n",
            "unix_socket_directories = '/a''b'\n",
            "recovery_target_time = '2026-11-22 12:00:00.007999+00'\n",
            "fsync = off\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let all = settings(Path::new("/a"), &Recovery { until: None, ..recovery });
        assert!(!all.contains("recovery_target_time"), "{all}");
    }
}
