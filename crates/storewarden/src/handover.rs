//! How listening sockets go from process to process, and the few words that go with them:
//! docs/formats/handover.md. Both ends are in this program; this is what they agree on.

use kernel::config::Listen;
use std::path::{Path, PathBuf};

/// Supervisor's name for the socket of the API and the interface. Those of the edge are named by
/// their address, as `http://ADDRESS` or `https://ADDRESS`.
pub(crate) const CONTROL: &str = "control";
/// Child → supervisor: it serves.
pub(crate) const READY: &[u8] = b"ready\n";
/// New supervisor → orphaned edge: another edge serves, let running requests end and go.
pub(crate) const DRAIN: &[u8] = b"drain\n";
/// Sockets of one message; far more than a configuration has addresses.
pub(crate) const MAX_SOCKETS: usize = 200;

/// Where an edge whose supervisor is gone waits for the next one.
pub(crate) fn orphan_socket(state: &Path) -> PathBuf {
    state.join("edge").join("orphan.sock")
}

/// The address that a socket's name stands for; `None`: it is not one of the edge's.
pub(crate) fn listen_of(name: &str) -> Option<Listen> {
    let (scheme, address) = name.split_once("://")?;
    let tls = match scheme {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    Some(Listen { address: address.parse().ok()?, tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_where_and_how_it_listens() {
        let check = |name: &str, expect: Option<(&str, bool)>| {
            let expect = expect.map(|(at, tls)| Listen { address: at.parse().unwrap(), tls });
            assert_eq!(listen_of(name), expect, "{name}");
            if let Some(listen) = expect {
                assert_eq!(listen.to_string(), name);
            }
        };
        check("http://127.0.0.1:80", Some(("127.0.0.1:80", false)));
        check("https://[::1]:443", Some(("[::1]:443", true)));
        check("control", None);
        check("ftp://127.0.0.1:21", None);
        check("http://localhost:80", None);
    }
}
