//! What is backed up and is no file: dumps of databases, and the list of packages.

use super::{Database, Trouble, Voice, job::Event};
use databases::dump::{Dump, DumpFile, Options};
use host::process::{Spawn, run_to_end};
use std::{io::Cursor, path::Path, time::Duration};
use vault::backup::Stream;

/// Where dumps of databases lie in a snapshot, a folder each.
pub(super) const DATABASES: &str = "/databases";
/// Where the list of packages lies in a snapshot.
const PACKAGES: &str = "/packages/dpkg.txt";
const PACKAGES_LIMIT: Duration = Duration::from_secs(60);
/// dpkg-query(1): name, version, architecture and state of each.
const PACKAGES_FORMAT: &str =
    "${binary:Package}\\t${Version}\\t${Architecture}\\t${db:Status-Status}\\n";

/// Begins the dump of a database: one moment of it is held until the last of these is read.
///
/// # Errors
/// When it cannot be dumped whole.
pub(super) fn of_database(
    database: &Database,
    now_ms: i64,
    voice: &Voice,
) -> Result<Vec<Stream>, Box<Trouble>> {
    let name = &database.name;
    let dump = Dump::begin(&database.url(), Options::new(now_ms))
        .map_err(|error| Trouble::of_database(&error, name))?;
    let about = dump.approximate_bytes().map(|bytes| format!(", about {bytes} bytes"));
    voice.say(&Event::Line(format!("database {name}{}", about.unwrap_or_default())));
    let folder = Path::new(DATABASES).join(name);
    let stream = |DumpFile { name, content, is_whole }: DumpFile| Stream {
        path: folder.join(name),
        content,
        is_whole,
    };
    Ok(dump.into_files().into_iter().map(stream).collect())
}

/// What is installed, so that another machine can be given the same; `None` on machines that do not
/// know dpkg.
///
/// # Errors
/// When it cannot be told.
pub(super) fn packages() -> Result<Option<Stream>, Box<Trouble>> {
    if !Path::new("/var/lib/dpkg/status").exists() {
        return Ok(None);
    }
    let query = Spawn::new("dpkg-query").arg("-W").arg("-f").arg(PACKAGES_FORMAT);
    let output = run_to_end(query, PACKAGES_LIMIT)
        .map_err(|error| Trouble::of_host(&error, "list the packages"))?;
    Ok(Some(Stream {
        path: PACKAGES.into(),
        content: Box::new(Cursor::new(output.stdout)),
        is_whole: Box::new(|_| Ok(())),
    }))
}
