//! Whether a machine answers an echo, how fast, and how often not: RFC 792, RFC 4443.
//!
//! By the datagram sockets that Linux has for it (`ping_group_range`, icmp(7)), so that no privilege is needed. Where the kernel does not
//! let us, nothing is known.

use crate::{
    connection::{AddressFamily, addresses, unconnected},
    outcome::{Conclusion, Phase, PingSeen, Reason},
    trace::Trace,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, time::timeout_at};

/// However many a check wants.
const MOST_PACKETS: u16 = 20;
/// For one echo; what comes later is lost.
const PATIENCE: Duration = Duration::from_secs(1);
const TOKEN_BYTES: usize = 16;
const HEAD_BYTES: usize = 8;

#[derive(Debug, Clone)]
pub struct PingCheck {
    /// A name or an address, the latter without brackets; of several addresses, the first.
    pub host: String,
    pub family: AddressFamily,
    /// One after the other, 1 to 20.
    pub packets: u16,
    /// With more of them lost it is failed.
    pub lost_allowed: u16,
    /// On the mean of those that came back. `None`: however long it takes.
    pub within: Option<Duration>,
}

impl PingCheck {
    pub(crate) async fn attempt(&self, trace: &mut Trace) -> Result<(), Conclusion> {
        trace.enter(Phase::Resolve);
        let found = addresses(&self.host, 0, self.family).await?;
        let address = *found.first().expect("invariant: there is at least one address");
        trace.seen.address = Some(address.ip());
        trace.enter(Phase::Processing);
        let socket = open(address).map_err(|error| forbidden(address, &error))?;
        let lost = |error: io::Error| unconnected(address, &error);
        socket.connect(address).await.map_err(lost)?;
        let token: [u8; TOKEN_BYTES] = rand::random();
        let mut seen = PingSeen { sent: 0, round_trips_seconds: Vec::new() };
        for number in 0..self.packets.clamp(1, MOST_PACKETS) {
            let echo = Echo { is_v6: address.is_ipv6(), number, token };
            seen.sent += 1;
            trace.seen.ping = Some(seen.clone());
            if let Some(took) = exchange(&socket, &echo).await.map_err(lost)? {
                seen.round_trips_seconds.push(took.as_secs_f64());
                trace.seen.ping = Some(seen.clone());
            }
        }
        self.judge(address, &seen).map_err(Conclusion::Failed)
    }

    fn judge(&self, address: SocketAddr, seen: &PingSeen) -> Result<(), Reason> {
        let received = seen.round_trips_seconds.len() as u64;
        let reason = |code| {
            let reason = Reason::new(code).with("address", address.ip().to_string());
            reason.with("sent", seen.sent).with("received", received)
        };
        let Some(mean_seconds) = seen.mean_seconds() else {
            return Err(reason("ping_unanswered"));
        };
        if seen.sent - received > u64::from(self.lost_allowed) {
            return Err(reason("ping_lossy"));
        }
        match self.within {
            Some(within) if mean_seconds > within.as_secs_f64() => {
                let limit_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                let reason = reason("ping_slow").with("mean_ms", mean_seconds * 1000.0);
                Err(reason.with("limit_ms", limit_ms))
            }
            _ => Ok(()),
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    // To the kernel it is a socket for datagrams like any other.
    UdpSocket::from_std(socket.into())
}

fn forbidden(address: SocketAddr, error: &io::Error) -> Conclusion {
    let reason = Reason::new(match error.kind() {
        ErrorKind::PermissionDenied => "ping_forbidden",
        _ => "no_way",
    });
    let reason = reason.with("address", address.ip().to_string());
    Conclusion::Unknown(reason.with("said", error.to_string()))
}

/// `None`: it did not come back in time.
async fn exchange(socket: &UdpSocket, echo: &Echo) -> io::Result<Option<Duration>> {
    let begun = Instant::now();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    socket.send(&echo.request()).await?;
    let mut bytes = [0; 128];
    loop {
        let Ok(received) = timeout_at(deadline, socket.recv(&mut bytes)).await else {
            return Ok(None);
        };
        if echo.is_answered_by(&bytes[..received?]) {
            return Ok(Some(begun.elapsed()));
        }
    }
}

/// One echo. Checksum and identifier are the kernel's to write.
struct Echo {
    is_v6: bool,
    number: u16,
    /// By which ours are known.
    token: [u8; TOKEN_BYTES],
}

impl Echo {
    fn request(&self) -> Vec<u8> {
        let mut bytes = vec![if self.is_v6 { 128 } else { 8 }, 0, 0, 0, 0, 0];
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.token);
        bytes
    }

    fn is_answered_by(&self, bytes: &[u8]) -> bool {
        let kind = if self.is_v6 { 129 } else { 0 };
        bytes.len() == HEAD_BYTES + TOKEN_BYTES
            && bytes[..2] == [kind, 0]
            && bytes[6..HEAD_BYTES] == self.number.to_be_bytes()
            && bytes[HEAD_BYTES..] == self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_echo_is_an_answer() {
        for (is_v6, kind) in [(false, 0), (true, 129)] {
            let echo = Echo { is_v6, number: 258, token: [7; TOKEN_BYTES] };
            let request = echo.request();
            assert!(!echo.is_answered_by(&request));
            let mut answer = request;
            answer[0] = kind;
            // The kernel's: checksum and identifier.
            answer[2..6].copy_from_slice(&[1, 2, 3, 4]);
            assert!(echo.is_answered_by(&answer));
            assert!(!echo.is_answered_by(&answer[..answer.len() - 1]));
            for place in [0, 1, 6, 7, 8, 23] {
                let mut other = answer.clone();
                other[place] ^= 1;
                assert!(!echo.is_answered_by(&other), "{place}");
            }
        }
    }

    #[test]
    fn losses_and_slowness_are_judged() {
        let check = |round_trips_seconds: &[f64], code: Option<&str>| {
            let ping = PingCheck {
                host: String::new(),
                family: AddressFamily::Any,
                packets: 3,
                lost_allowed: 1,
                within: Some(Duration::from_millis(100)),
            };
            let seen = PingSeen { sent: 3, round_trips_seconds: round_trips_seconds.to_vec() };
            let judged = ping.judge("192.0.2.1:0".parse().unwrap(), &seen);
            assert_eq!(judged.err().map(|reason| reason.code), code, "{round_trips_seconds:?}");
        };
        check(&[0.01, 0.01, 0.01], None);
        check(&[0.01, 0.15], None);
        check(&[0.01], Some("ping_lossy"));
        check(&[], Some("ping_unanswered"));
        check(&[0.1, 0.1, 0.2], Some("ping_slow"));
    }

    #[test]
    fn a_kernel_that_forbids_it_leaves_it_unknown() {
        let address = "192.0.2.1:0".parse().unwrap();
        let check = |kind: ErrorKind, code: &str| {
            let Conclusion::Unknown(reason) = forbidden(address, &io::Error::from(kind)) else {
                panic!("{kind} says nothing of the other side");
            };
            assert_eq!(reason.code, code);
        };
        check(ErrorKind::PermissionDenied, "ping_forbidden");
        check(ErrorKind::Unsupported, "no_way");
    }
}
