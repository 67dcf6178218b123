//! Processes that nobody wrote down, found by what they do or were given.

use super::identity::{Identity, read_if_there};
use crate::HostError;
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// Who listens at an address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listener {
    Nobody,
    /// Of several that share the socket, the one that started first.
    Process {
        identity: Identity,
        /// As it was started, its program first.
        command: Vec<String>,
    },
    /// Somebody does, but we may not see who.
    Hidden,
}

/// Finds who would take a connection to an address.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn listener(address: SocketAddr) -> Result<Listener, HostError> {
    let mut sockets = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = read_if_there(path)?.unwrap_or_default();
        sockets.extend(listening_sockets(&text, address));
    }
    if sockets.is_empty() {
        return Ok(Listener::Nobody);
    }
    let links: Vec<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    match first_started(|pid| has_open(pid, &links))? {
        Some(identity) => Ok(Listener::Process { command: command_of(identity.pid)?, identity }),
        None => Ok(Listener::Hidden),
    }
}

/// Finds the process that was given this variable at its start, and not by its parent only: of
/// several the one that started first. Processes of other users are not seen, save by root.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn with_environment(name: &str, value: &str) -> Result<Option<Identity>, HostError> {
    let wanted = format!("{name}={value}");
    first_started(|pid| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == wanted.as_bytes()))
    })
}

/// A process that was found by its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub identity: Identity,
    /// As it was started, its program first; the title of a program that gives itself one.
    pub command: Vec<String>,
    /// The file that runs; `None`: we may not see it, or it is there no longer.
    pub program: Option<PathBuf>,
}

/// Finds the process of this name whose command fits: of several the one that started first.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn by_command(
    name: &str,
    fits: impl Fn(&[String]) -> bool,
) -> Result<Option<Found>, HostError> {
    let found = first_started(|pid| {
        let is_named = fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|found| found.trim_end() == name);
        is_named && command_of(pid).is_ok_and(|command| fits(&command))
    })?;
    let Some(identity) = found else { return Ok(None) };
    let program = fs::read_link(format!("/proc/{}/exe", identity.pid)).ok();
    let program = program.filter(|program| program.exists());
    Ok(Some(Found { command: command_of(identity.pid)?, identity, program }))
}

/// The processes that have this file open, those that we may look into; ourselves and who started us
/// are not among them.
///
/// # Errors
/// When `/proc` or the file cannot be read.
pub fn with_open(path: &Path) -> Result<Vec<u32>, HostError> {
    let whole = path.canonicalize();
    let whole = whole.map_err(|source| HostError::Read { path: path.to_owned(), source })?;
    let ours = [Some(std::process::id()), parent(std::process::id())];
    let link = [whole.display().to_string()];
    let failed = |source: io::Error| HostError::Read { path: "/proc".into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if !ours.contains(&Some(pid)) && has_open(pid, &link) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The process that started another; `None`: it has ended, or we may not see it.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn first_started(fits: impl Fn(u32) -> bool) -> Result<Option<Identity>, HostError> {
    let failed = |source: io::Error| HostError::Read { path: "/proc".into(), source };
    let mut first: Option<Identity> = None;
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        if !fits(pid) {
            continue;
        }
        let Some(found) = Identity::of(pid)? else { continue };
        if first.as_ref().is_none_or(|first| found.started_ticks < first.started_ticks) {
            first = Some(found);
        }
    }
    Ok(first)
}

fn has_open(pid: u32, links: &[String]) -> bool {
    // What we may not look into, or what ended meanwhile, has nothing open that we could name.
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.filter_map(Result::ok).any(|descriptor| {
        fs::read_link(descriptor.path())
            .is_ok_and(|target| links.iter().any(|link| target == Path::new(link)))
    })
}

fn command_of(pid: u32) -> Result<Vec<String>, HostError> {
    let text = read_if_there(&format!("/proc/{pid}/cmdline"))?.unwrap_or_default();
    Ok(text.split_terminator('\0').map(str::to_owned).collect())
}

/// The inodes of sockets that listen where a connection to `address` would arrive (proc(5):
/// `/proc/net/tcp`).
fn listening_sockets(table: &str, address: SocketAddr) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (ip, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let arrives = *state == LISTEN && port == address.port() && takes(parse_ip(ip)?, address);
        arrives.then(|| inode.parse().ok()).flatten()
    };
    table.lines().skip(1).filter_map(socket).collect()
}

fn takes(listens: IpAddr, address: SocketAddr) -> bool {
    let wanted = address.ip().to_canonical();
    let everywhere = listens.is_unspecified() && (listens.is_ipv6() || wanted.is_ipv4());
    listens.to_canonical() == wanted || everywhere
}

/// Words of four bytes in the order of the machine, in hexadecimal digits.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_command_and_has_a_parent() {
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let ours: Vec<String> = std::env::args().collect();
        let found = by_command(own.trim_end(), |command| command == ours).unwrap();
        let found = found.expect("this test runs");
        assert!(found.program.is_some_and(|program| program.is_absolute()));
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
        assert_eq!(by_command("nobody-is-called-so", |_| true).unwrap(), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_are_found_where_a_connection_would_arrive() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n\
            1: 0100007F:0BB9 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 12 1\n\
            2: 00000000:0BBA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1\n\
            3: 00000000000000000000000000000000:0BBB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1\n\
            4: 00000000000000000000000001000000:0BBC 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15 1\n\
            broken\n";
        let check = |address: &str, expect: &[u64]| {
            assert_eq!(listening_sockets(table, address.parse().unwrap()), expect, "{address}");
        };
        check("127.0.0.1:3001", &[11]);
        check("127.0.0.2:3001", &[]);
        check("10.0.0.1:3002", &[13]);
        check("[::1]:3002", &[]);
        check("127.0.0.1:3003", &[14]);
        check("[::1]:3004", &[15]);
        check("127.0.0.1:80", &[]);
    }

    #[test]
    fn no_table_makes_it_panic() {
        let address = "127.0.0.1:80".parse().unwrap();
        bolero::check!().with_type::<String>().for_each(|text| {
            listening_sockets(text, address);
        });
    }
}
