//! Who listens on this machine, as far as we may see: addresses, and what is known of each process
//! behind them. Knows nothing of what the processes are for.
//!
//! Reads a tree such as `/proc` (proc(5)). What may not be looked into stays `None`: unknown is
//! never filled in.

mod sockets;

use crate::HostError;
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The longest command line or environment that is read.
const LONGEST_BYTES: usize = 256 * 1024;

/// All listening TCP sockets of one moment, in the order of their ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub listening: Vec<Listening>,
}

/// One listening socket, or several that share an address and a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    pub address: SocketAddr,
    /// Of several processes that share the socket, the one that started first. `None`: we may not
    /// see whose it is.
    pub owner: Option<Owner>,
}

/// A process that listens.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    pub pid: u32,
    /// The kernel's name for it, up to 15 characters.
    pub name: Option<String>,
    /// The file that runs.
    pub program: Option<PathBuf>,
    /// As it was started, its program first. May hold secrets: never shown by `Debug` nor written
    /// as JSON.
    #[serde(skip)]
    pub command: Option<Vec<String>>,
    /// Its working directory.
    pub directory: Option<PathBuf>,
    /// By name; by number where the machine has no name for it.
    pub user: Option<String>,
    /// The service of the system's manager that it belongs to, such as `shop@3001.service`.
    pub unit: Option<String>,
}

impl Survey {
    /// How many sockets are somebody's whom we may not see.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.listening.iter().filter(|listening| listening.owner.is_none()).count()
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner")
            .field("pid", &self.pid)
            .field("name", &self.name)
            .field("directory", &self.directory)
            .field("user", &self.user)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// Looks at a tree such as `/proc`, with the users' names of a file such as `/etc/passwd`.
///
/// # Errors
/// When the tree has no table of sockets or cannot be listed: then nothing is known.
pub fn survey(proc: &Path, passwd: &Path) -> Result<Survey, HostError> {
    let sockets = listening_now(proc)?;
    let owners = owners(proc)?;
    // Without names there are numbers.
    let users = fs::read_to_string(passwd).unwrap_or_default();
    let mut described: HashMap<u32, Owner> = HashMap::new();
    let mut listening: Vec<Listening> = Vec::new();
    for (address, inode) in sockets {
        let owner = owners.get(&inode).map(|first| {
            let describe = || owner(proc, first.pid, &users);
            described.entry(first.pid).or_insert_with(describe).clone()
        });
        let found = Listening { address, owner };
        if !listening.contains(&found) {
            listening.push(found);
        }
    }
    listening.sort_by_key(|found| (found.address.port(), found.address.ip()));
    Ok(Survey { listening })
}

/// Every listening TCP socket with its number.
///
/// # Errors
/// When the tree has no table of sockets.
pub(crate) fn listening_now(proc: &Path) -> Result<Vec<(SocketAddr, u64)>, HostError> {
    let mut sockets = sockets::listening(&read(&proc.join("net/tcp"))?);
    // A machine without IPv6 has no such table.
    let six = fs::read_to_string(proc.join("net/tcp6")).unwrap_or_default();
    sockets.extend(sockets::listening(&six));
    Ok(sockets)
}

/// How many connections wait to be accepted from a listening socket; `None`: there is none of this
/// number.
///
/// # Errors
/// When the tree has no table of sockets.
pub(crate) fn waiting_now(proc: &Path, inode: u64) -> Result<Option<u32>, HostError> {
    let four = sockets::waiting(&read(&proc.join("net/tcp"))?, inode);
    let six = || fs::read_to_string(proc.join("net/tcp6")).unwrap_or_default();
    Ok(four.or_else(|| sockets::waiting(&six(), inode)))
}

/// Both ends of each connection to a port that is being opened.
///
/// # Errors
/// When the tree has no table of sockets.
pub(crate) fn greeting_now(proc: &Path, port: u16) -> Result<Vec<String>, HostError> {
    let mut greeting = sockets::greeting(&read(&proc.join("net/tcp"))?, port);
    let six = fs::read_to_string(proc.join("net/tcp6")).unwrap_or_default();
    greeting.extend(sockets::greeting(&six, port));
    Ok(greeting)
}

/// The values of these variables in the environment that a process was started with; `None` when we
/// may not look. Others are not kept.
#[must_use]
pub fn variables(proc: &Path, pid: u32, names: &[&str]) -> Option<BTreeMap<String, String>> {
    let bytes = fs::read(proc.join(pid.to_string()).join("environ")).ok()?;
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        names.contains(&name).then(|| (name.to_owned(), value.to_owned()))
    });
    Some(pairs.collect())
}

/// The first of those that have a socket open.
struct First {
    pid: u32,
    started_ticks: u64,
}

/// Of each socket's number the process that holds it, of those we may look into.
fn owners(proc: &Path) -> Result<HashMap<u64, First>, HostError> {
    let failed = |source: io::Error| HostError::Read { path: proc.to_owned(), source };
    let mut owners: HashMap<u64, First> = HashMap::new();
    for entry in fs::read_dir(proc).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // What is another's, or ended meanwhile, is not seen.
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let started_ticks = started_ticks(&stat).unwrap_or(u64::MAX);
        for descriptor in descriptors.filter_map(Result::ok) {
            let Some(inode) = fs::read_link(descriptor.path()).ok().and_then(|to| socket(&to))
            else {
                continue;
            };
            let first = owners.entry(inode).or_insert(First { pid, started_ticks });
            if (started_ticks, pid) < (first.started_ticks, first.pid) {
                *first = First { pid, started_ticks };
            }
        }
    }
    Ok(owners)
}

/// The number in `socket:[4711]`.
fn socket(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Field 22; the second one is a name that may hold anything, brackets too.
fn started_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn owner(proc: &Path, pid: u32, users: &str) -> Owner {
    let folder = proc.join(pid.to_string());
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let status = text("status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next());
    Owner {
        pid,
        name: text("comm").map(|name| name.trim_end_matches('\n').to_owned()),
        program: fs::read_link(folder.join("exe")).ok(),
        command: fs::read(folder.join("cmdline")).ok().map(|bytes| command(&bytes)),
        directory: fs::read_link(folder.join("cwd")).ok(),
        user: uid.map(|uid| user_name(users, uid).unwrap_or(uid).to_owned()),
        unit: text("cgroup").and_then(|groups| unit(&groups)),
    }
}

fn command(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_BYTES)]);
    // Programs that give themselves a title leave the rest of their space empty.
    text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
}

fn user_name<'a>(passwd: &'a str, uid: &str) -> Option<&'a str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    })
}

/// The system's service that a process is in (systemd.slice(5)); what belongs to a person's own
/// manager or session is none.
fn unit(groups: &str) -> Option<String> {
    let path = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        matches!(controllers, "" | "name=systemd").then_some(path)
    })?;
    let parts: Vec<&str> = path.split('/').collect();
    if parts.contains(&"user.slice") {
        return None;
    }
    let service = parts.iter().rfind(|part| part.ends_with(".service"))?;
    Some((*service).to_owned())
}

fn read(path: &Path) -> Result<String, HostError> {
    fs::read_to_string(path).map_err(|source| HostError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
