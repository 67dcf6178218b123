//! A log played on a server of our own, by the programs that belong to the server: they know how each version
//! of it writes rows and settings.

use super::Scene;
use crate::{DatabaseError, private::MariaDb};
use host::process::{Signal, Spawn, Stdin, run_to_end, start_piped};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

const READER: &str = "/usr/bin/mariadb-binlog";
/// The log is played from somewhere in its middle; what is missing was looked for before.
const PART: &str = "--loose-gtid-strict-mode=0";
const CLIENT: &str = "/usr/bin/mariadb";
/// A month of changes takes hours.
const PLAY_WITHIN: Duration = Duration::from_hours(24);
/// So much of what a program complains about is told.
const SAID_BYTES: usize = 4_000;

/// Whether server and programs are here.
///
/// # Errors
/// [`DatabaseError::NotInstalled`] names the package that has them.
pub fn is_possible() -> Result<(), DatabaseError> {
    let mend = "install it, on Debian with `apt install mariadb-server mariadb-client`";
    if MariaDb::find().is_none() {
        return Err(DatabaseError::NotInstalled { what: "MariaDB", mend });
    }
    for (program, what) in [(READER, "mariadb-binlog"), (CLIENT, "mariadb")] {
        if !Path::new(program).is_file() {
            return Err(DatabaseError::NotInstalled { what, mend });
        }
    }
    Ok(())
}

/// Plays files of a log, in their order, to the end. Blocks its thread, which the programs end with.
///
/// # Errors
/// [`DatabaseError::NotReplayed`] with what the server said to the first statement that it did not take;
/// [`DatabaseError::NotInstalled`]; when the programs cannot be started.
pub fn play(scene: &Scene, files: &[PathBuf]) -> Result<(), DatabaseError> {
    is_possible()?;
    if files.is_empty() {
        return Ok(());
    }
    let options = scene.folder.join("client.cnf");
    keep(&options, &scene.server.options_of_client())?;
    let failed = |source| DatabaseError::Run { what: "MariaDB", source };
    let reader = Spawn::new(READER)
        .args(["--no-defaults", "--disable-log-bin", "--verify-binlog-checksum", PART])
        .args(files)
        .env("TMPDIR", &scene.folder)
        .tied_to_this_thread(Signal::Kill);
    let (mut reader, ends) = start_piped(reader).map_err(failed)?;
    drop(ends.input);
    let complaints = heard(ends.errors);
    let client = Spawn::new(CLIENT)
        .arg(format!("--defaults-file={}", options.display()))
        .args(["--binary-mode", "--batch", "--init-command=SET SQL_LOG_BIN=0"])
        .stdin(Stdin::Descriptor(ends.output))
        .tied_to_this_thread(Signal::Kill);
    match run_to_end(client, PLAY_WITHIN) {
        Ok(_) => {}
        Err(host::HostError::Failed { stderr_tail, .. }) => return Err(not_played(&stderr_tail)),
        Err(source) => return Err(failed(source)),
    }
    let status = reader.wait().map_err(failed)?;
    let said = complaints.join().expect("invariant: reading does not panic");
    if status.success() { Ok(()) } else { Err(not_played(&said)) }
}

/// The end of what it says, so that it never waits for somebody who listens.
fn heard(errors: OwnedFd) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut errors = File::from(errors);
        let mut said = Vec::new();
        let mut more = [0; 4096];
        // What was said before a failure is told all the same.
        while let Ok(bytes @ 1..) = errors.read(&mut more) {
            if said.len() < SAID_BYTES {
                said.extend_from_slice(&more[..bytes]);
            }
        }
        String::from_utf8_lossy(&said).trim().to_owned()
    })
}

fn keep(path: &Path, text: &str) -> Result<(), DatabaseError> {
    let write = || {
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|source| DatabaseError::Prepare { path: path.to_owned(), source })
}

fn not_played(said: &str) -> DatabaseError {
    let why = format!("the server's log was not played to its end: {}", said.trim());
    DatabaseError::NotReplayed { table: String::new(), why }
}
