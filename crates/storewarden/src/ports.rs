//! Addresses of the configuration that are a web server's for now, or are being taken over from it:
//! docs/formats/ports.md. Control writes what is to be, the supervisor says what it made of it.

use crate::handover;
use kernel::config::Listen;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const WANTED: &str = "ports.json";
const SAID: &str = "ports-said.json";

/// What is to be with some addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// Another number for whatever is wanted next.
    pub(crate) number: u64,
    /// As the configuration writes them.
    pub(crate) listen: Vec<String>,
    /// The process from which they are taken over, by a copy of its sockets or as soon as they are
    /// free; `None`: they are left to whoever has them.
    pub(crate) holder: Option<u32>,
}

/// What the supervisor made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) number: u64,
    /// Those that it waits to become free.
    pub(crate) waits: Vec<String>,
}

impl Ports {
    pub(crate) fn has(&self, listen: Listen) -> bool {
        self.listen.iter().any(|name| handover::listen_of(name) == Some(listen))
    }
}

/// What is wanted; `None`: nothing out of the ordinary.
///
/// # Errors
/// When there is a file and it cannot be read: then nothing may be bound that could be somebody's.
pub(crate) fn wanted(state: &Path) -> io::Result<Option<Ports>> {
    read(&state.join(WANTED))
}

pub(crate) fn want(state: &Path, ports: &Ports) -> io::Result<()> {
    write(&state.join(WANTED), ports)
}

/// Whether copies of another program's sockets may be taken. Tests of programs with debug assertions
/// see to it that all works without.
pub(crate) fn may_copy() -> bool {
    !(cfg!(debug_assertions) && std::env::var_os("STOREWARDEN_COPIES_NO_SOCKETS").is_some())
}

/// From now on nothing is out of the ordinary.
pub(crate) fn forget(state: &Path) -> io::Result<()> {
    for name in [WANTED, SAID] {
        match fs::remove_file(state.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::File::open(state)?.sync_all()
}

pub(crate) fn said(state: &Path) -> io::Result<Option<Said>> {
    read(&state.join(SAID))
}

pub(crate) fn say(state: &Path, said: &Said) -> io::Result<()> {
    write(&state.join(SAID), said)
}

fn read<T: DeserializeOwned>(path: &PathBuf) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, what: &impl Serialize) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(what)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_again_and_forgotten() {
        let folder = testkit::folder();
        let state = folder.path();
        assert_eq!(wanted(state).unwrap(), None);
        let listen = vec!["http://0.0.0.0:80".to_owned()];
        let ports = Ports { number: 7, listen, holder: Some(12) };
        want(state, &ports).unwrap();
        assert_eq!(wanted(state).unwrap(), Some(ports.clone()));
        let at = |text: &str, tls| Listen { address: text.parse().unwrap(), tls };
        assert!(ports.has(at("0.0.0.0:80", false)) && !ports.has(at("0.0.0.0:80", true)));
        fs::write(state.join(WANTED), "half").unwrap();
        assert!(wanted(state).is_err(), "what cannot be read is not nothing");
        forget(state).unwrap();
        assert_eq!(wanted(state).unwrap(), None);
    }
}
