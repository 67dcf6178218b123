//! From a name to a connection: the machine's resolver, then one address after the other.

use crate::{
    outcome::{Conclusion, Phase, Reason},
    trace::Trace,
};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::net::{TcpStream, lookup_host};

/// Of a name, no more are tried.
const MOST_ADDRESSES: usize = 8;
/// For one address while there are others; the check's own deadline holds besides.
const PATIENCE: Duration = Duration::from_secs(3);

/// Over which protocol of the internet something is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// In the order in which the machine's resolver tells them (RFC 6724).
    #[default]
    Any,
    V4,
    V6,
}

impl AddressFamily {
    fn has(self, address: SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

/// `host` is a name or an address, the latter without brackets.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    family: AddressFamily,
    trace: &mut Trace,
) -> Result<TcpStream, Conclusion> {
    trace.enter(Phase::Resolve);
    let addresses = addresses(host, port, family).await?;
    trace.enter(Phase::Connect);
    let mut last = None;
    for (index, address) in addresses.iter().enumerate() {
        let others = addresses.len() - index - 1;
        trace.seen.address = Some(address.ip());
        match connect_one(*address, others > 0).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                // One that refuses says more than one for which we have no way.
                if last.as_ref().is_none_or(|(_, known)| is_ours(known)) || !is_ours(&error) {
                    last = Some((*address, error));
                }
            }
        }
    }
    let (address, error) = last.expect("invariant: at least one address was tried");
    trace.seen.address = Some(address.ip());
    Err(unconnected(address, &error))
}

/// At least one, by the machine's resolver.
pub(crate) async fn addresses(
    host: &str,
    port: u16,
    family: AddressFamily,
) -> Result<Vec<SocketAddr>, Conclusion> {
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|error| unresolved(host, &error))?;
    let addresses: Vec<SocketAddr> =
        found.filter(|address| family.has(*address)).take(MOST_ADDRESSES).collect();
    if addresses.is_empty() {
        let reason = Reason::new("address_missing").with("host", host);
        return Err(Conclusion::Failed(reason.with("family", family.word())));
    }
    Ok(addresses)
}

async fn connect_one(address: SocketAddr, has_others: bool) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let stream = if has_others {
        let since = Instant::now();
        tokio::time::timeout(PATIENCE, connecting).await.map_err(|_| {
            let waited_ms = since.elapsed().as_millis();
            io::Error::new(ErrorKind::TimedOut, format!("no answer in {waited_ms} ms"))
        })??
    } else {
        connecting.await?
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn unresolved(host: &str, error: &io::Error) -> Conclusion {
    let said = error.to_string();
    let reason = |code| Reason::new(code).with("host", host).with("said", said.as_str());
    // getaddrinfo tells its errors by text alone here: EAI_NONAME and EAI_NODATA of glibc, then of musl.
    let is_certain = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
    ];
    if is_certain.iter().any(|text| said.contains(text)) {
        Conclusion::Failed(reason("name_not_found"))
    } else {
        Conclusion::Unknown(reason("resolver_failed"))
    }
}

pub(crate) fn unconnected(address: SocketAddr, error: &io::Error) -> Conclusion {
    let reason = |code| Reason::new(code).with("address", address.to_string());
    match error.kind() {
        ErrorKind::ConnectionRefused => Conclusion::Failed(reason("connection_refused")),
        ErrorKind::TimedOut => Conclusion::Failed(reason("connection_timed_out")),
        _ if is_ours(error) => {
            Conclusion::Unknown(reason("no_way").with("said", error.to_string()))
        }
        _ => Conclusion::Failed(reason("connection_failed").with("said", error.to_string())),
    }
}

/// Whether it says something of this machine only: no network of this family, no descriptors, no ports left.
fn is_ours(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let kind = error.kind();
    let is_network = matches!(
        kind,
        ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied
            | ErrorKind::OutOfMemory
    );
    is_network || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_with_us_is_unknown() {
        let address: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let check = |kind: ErrorKind, code: &str, is_unknown: bool| {
            let conclusion = unconnected(address, &io::Error::from(kind));
            let (reason, is) = match conclusion {
                Conclusion::Unknown(reason) => (reason, true),
                Conclusion::Failed(reason) => (reason, false),
                Conclusion::Passed => panic!("nothing was connected"),
            };
            assert_eq!((reason.code, is), (code, is_unknown), "{kind}");
        };
        check(ErrorKind::ConnectionRefused, "connection_refused", false);
        check(ErrorKind::TimedOut, "connection_timed_out", false);
        check(ErrorKind::HostUnreachable, "connection_failed", false);
        check(ErrorKind::NetworkUnreachable, "no_way", true);
        assert!(is_ours(&io::Error::from_raw_os_error(24)));
    }

    #[test]
    fn a_resolver_that_fails_says_nothing_of_the_name() {
        let check = |said: &str, is_unknown: bool| {
            let conclusion = unresolved("shop.example", &io::Error::other(said.to_owned()));
            assert_eq!(matches!(conclusion, Conclusion::Unknown(_)), is_unknown, "{said}");
        };
        check("failed to lookup address information: Name or service not known", false);
        check("failed to lookup address information: Temporary failure in name resolution", true);
        check("failed to lookup address information: System error", true);
    }
}
