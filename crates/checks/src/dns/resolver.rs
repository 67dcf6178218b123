//! Asking a server for the records of a name: by datagram, and over a connection what does not fit into one.

use super::message::{Data, Message, RecordType, parse, question};
use crate::{
    connection::{AddressFamily, addresses, unconnected},
    outcome::{Conclusion, DnsSeen, Phase, Reason},
    trace::Trace,
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Datagrams get lost: as often is one sent to a server, and so long is waited each time. glibc waits five seconds twice.
const ATTEMPTS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(2);
/// For a whole exchange over a connection.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);
/// As many servers are asked, one after the other: glibc's MAXNS.
const MOST_SERVERS: usize = 3;
/// As many aliases of aliases are followed.
const MOST_ALIASES: usize = 16;
/// Far more than is asked for.
const DATAGRAM_LIMIT_BYTES: usize = 4096;
/// Of an answer, as many are told, and of each as many characters.
const MOST_TOLD: usize = 100;
const TOLD_CHARS: usize = 500;

const OWN_SETTINGS: &str = "/etc/resolv.conf";
const NO_SUCH_NAME: u8 = 3;
const BAD_FORM: u8 = 1;

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsServer {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// 53 as a rule.
    pub port: u16,
}

/// What there is of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// At least one.
    Records(Vec<Data>),
    /// The name is there, without such records.
    NoRecords,
    NoName,
}

/// Those who are asked, one after the other.
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
    /// Whether they are this machine's own: then their silence says nothing of the name.
    is_own: bool,
}

/// Why a server said nothing that helps.
enum Failure {
    Unreachable(io::Error),
    Silent,
    Malformed(&'static str),
    /// RFC 1035, 4.1.1.
    Refused(u8),
    /// It knows of an alias, and nothing of what that leads to.
    AliasElsewhere(String),
    /// It knows others who may know.
    NotResponsible,
}

impl Resolver {
    pub(crate) async fn choose(
        server: Option<&DnsServer>,
        name: &str,
        trace: &mut Trace,
    ) -> Result<Self, Conclusion> {
        trace.enter(Phase::Resolve);
        if let Some(DnsServer { host, port }) = server {
            let mut servers = addresses(host, *port, AddressFamily::Any).await?;
            servers.truncate(MOST_SERVERS);
            return Ok(Self { servers, is_own: false });
        }
        let settings = std::fs::read_to_string(OWN_SETTINGS).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(String::new()),
            _ => Err(error),
        });
        let settings = settings.map_err(|error| {
            let said = format!("{OWN_SETTINGS}: {error}");
            Conclusion::Unknown(
                Reason::new("resolver_failed").with("host", name).with("said", said),
            )
        })?;
        Ok(Self { servers: own_servers(&settings), is_own: true })
    }

    /// The records of a name, aliases followed.
    pub(crate) async fn ask(
        &self,
        name: &str,
        record_type: RecordType,
        trace: &mut Trace,
    ) -> Result<Found, Conclusion> {
        if question(0, name, record_type, true).is_none() {
            return Err(Conclusion::Unknown(Reason::new("name_invalid").with("name", name)));
        }
        // Cut off here, our own resolver's silence is unknown as well.
        trace.enter(if self.is_own { Phase::Resolve } else { Phase::Processing });
        let mut first = None;
        for server in &self.servers {
            trace.seen.address = Some(server.ip());
            let answered = exchange(*server, name, record_type).await;
            let found = match answered {
                Ok((message, over_tcp)) => {
                    let found = interpret(&message, name, record_type);
                    trace.seen.dns = Some(seen(&message, found.as_ref().ok(), over_tcp));
                    found
                }
                Err(failure) => Err(failure),
            };
            match found {
                Ok(found) => {
                    trace.leave();
                    return Ok(found);
                }
                Err(failure) => {
                    first.get_or_insert((*server, failure));
                }
            }
        }
        let (server, failure) = first.expect("invariant: at least one server was asked");
        trace.seen.address = Some(server.ip());
        Err(self.failed(server, name, failure))
    }

    fn failed(&self, server: SocketAddr, name: &str, failure: Failure) -> Conclusion {
        let reason =
            |code| Reason::new(code).with("name", name).with("server", server.to_string().as_str());
        let reason = match failure {
            Failure::Unreachable(error) => match unconnected(server, &error) {
                Conclusion::Failed(reason) => reason,
                other => return other,
            },
            Failure::Silent => reason("dns_silent"),
            Failure::Malformed(said) => reason("dns_malformed").with("said", said),
            Failure::Refused(code) => {
                reason("dns_server_failed").with("response_code", code_word(code))
            }
            Failure::NotResponsible => reason("dns_not_responsible"),
            Failure::AliasElsewhere(to) => {
                let reason = reason("dns_alias_elsewhere").with("to", to);
                return Conclusion::Unknown(reason);
            }
        };
        if self.is_own { Conclusion::Unknown(reason) } else { Conclusion::Failed(reason) }
    }
}

/// resolv.conf(5): without any, the one on this very machine.
fn own_servers(settings: &str) -> Vec<SocketAddr> {
    let named = settings.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        Some(SocketAddr::new(address.parse().ok()?, 53))
    });
    let mut servers: Vec<SocketAddr> = named.take(MOST_SERVERS).collect();
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, 53).into());
    }
    servers
}

/// The answer, and whether it came over a connection.
async fn exchange(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
) -> Result<(Message, bool), Failure> {
    let mut last = None;
    // Servers of long ago refuse the extension (RFC 6891, 7).
    for is_extended in [true, false] {
        let id = rand::random();
        let bytes = question(id, name, record_type, is_extended)
            .expect("invariant: the name was tried before");
        let asked = Asked { id, name, record_type, bytes };
        let answered = asked.by_datagram(server).await?;
        let answered = match answered.is_truncated {
            true => (asked.over_connection(server).await?, true),
            false => (answered, false),
        };
        if answered.0.code != BAD_FORM {
            return Ok(answered);
        }
        last = Some(answered);
    }
    last.ok_or(Failure::Silent)
}

struct Asked<'a> {
    id: u16,
    name: &'a str,
    record_type: RecordType,
    bytes: Vec<u8>,
}

impl Asked<'_> {
    async fn by_datagram(&self, server: SocketAddr) -> Result<Message, Failure> {
        let own: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0)).await.map_err(Failure::Unreachable)?;
        // So that nobody else's datagrams arrive at all.
        socket.connect(server).await.map_err(Failure::Unreachable)?;
        for _ in 0..ATTEMPTS {
            socket.send(&self.bytes).await.map_err(Failure::Unreachable)?;
            if let Ok(answered) = timeout(PATIENCE, self.next_datagram(&socket)).await {
                return answered;
            }
        }
        Err(Failure::Silent)
    }

    async fn next_datagram(&self, socket: &UdpSocket) -> Result<Message, Failure> {
        let mut bytes = vec![0; DATAGRAM_LIMIT_BYTES];
        loop {
            let length = socket.recv(&mut bytes).await.map_err(Failure::Unreachable)?;
            let bytes = &bytes[..length];
            // Whoever does not know the number has not seen the question: the true answer may still come.
            if bytes.get(..2) != Some(self.id.to_be_bytes().as_slice()) {
                continue;
            }
            let message = parse(bytes).map_err(Failure::Malformed)?;
            if message.answers_to(self.id, self.name, self.record_type) {
                return Ok(message);
            }
        }
    }

    async fn over_connection(&self, server: SocketAddr) -> Result<Message, Failure> {
        let exchange = async {
            let mut stream = TcpStream::connect(server).await.map_err(Failure::Unreachable)?;
            let length = (self.bytes.len() as u16).to_be_bytes();
            let whole = [length.as_slice(), &self.bytes].concat();
            let broken = |_| Failure::Malformed("the connection ended early");
            stream.write_all(&whole).await.map_err(broken)?;
            let length = stream.read_u16().await.map_err(broken)?;
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.map_err(broken)?;
            let message = parse(&bytes).map_err(Failure::Malformed)?;
            if !message.answers_to(self.id, self.name, self.record_type) {
                return Err(Failure::Malformed("it answers another question"));
            }
            if message.is_truncated {
                return Err(Failure::Malformed("it is cut off though there is room"));
            }
            Ok(message)
        };
        timeout(CONNECTION_PATIENCE, exchange).await.unwrap_or(Err(Failure::Silent))
    }
}

/// Only what belongs to the name, or to what it is an alias of, counts: anything may be sent along.
fn interpret(message: &Message, name: &str, record_type: RecordType) -> Result<Found, Failure> {
    match message.code {
        0 => {}
        NO_SUCH_NAME => return Ok(Found::NoName),
        code => return Err(Failure::Refused(code)),
    }
    let mut owner = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let of = |owner: &str, record_type: RecordType| -> Vec<Data> {
        let records = message.answers.iter().filter(|record| record.owner == owner);
        records.map(|record| &record.data).filter(|data| data.is(record_type)).cloned().collect()
    };
    let mut is_alias = false;
    for _ in 0..=MOST_ALIASES {
        let found = of(&owner, record_type);
        if !found.is_empty() {
            return Ok(Found::Records(found));
        }
        let Some(Data::Cname(to)) = of(&owner, RecordType::Cname).into_iter().next() else {
            return nothing(message, owner, is_alias);
        };
        owner = to;
        is_alias = true;
    }
    Err(Failure::Malformed("its aliases do not end"))
}

/// RFC 2308, 2.2: that there is nothing says who is responsible; without that, and without recursion, it sends on to others.
fn nothing(message: &Message, owner: String, is_alias: bool) -> Result<Found, Failure> {
    let is_denied = message.authority.iter().any(|record| record.data.begins_a_zone());
    if message.offers_recursion || is_denied {
        return Ok(Found::NoRecords);
    }
    if is_alias {
        return Err(Failure::AliasElsewhere(owner));
    }
    if message.is_authoritative { Ok(Found::NoRecords) } else { Err(Failure::NotResponsible) }
}

fn seen(message: &Message, found: Option<&Found>, over_tcp: bool) -> DnsSeen {
    let records = match found {
        Some(Found::Records(records)) => records.as_slice(),
        _ => &[],
    };
    let told = |data: &Data| data.to_string().chars().take(TOLD_CHARS).collect();
    DnsSeen {
        response_code: code_word(message.code),
        answers: message.answers.len() as u64,
        authority: message.authority.len() as u64,
        additional: message.additional as u64,
        shortest_ttl_seconds: message.answers.iter().map(|record| record.ttl_seconds).min(),
        over_tcp,
        records: records.iter().take(MOST_TOLD).map(told).collect(),
    }
}

/// As of the registry of response codes (iana.org/assignments/dns-parameters).
fn code_word(code: u8) -> &'static str {
    match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        9 => "NOTAUTH",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_servers_are_those_of_its_settings() {
        let check = |settings: &str, expect: &[&str]| {
            let servers = own_servers(settings);
            let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
            assert_eq!(servers, expect, "{settings}");
        };
        check("", &["127.0.0.1:53"]);
        check("# nameserver 192.0.2.9\nsearch example\n", &["127.0.0.1:53"]);
        check(
            "nameserver 192.0.2.1\n\tnameserver\t2001:db8::1 # second\n",
            &["192.0.2.1:53", "[2001:db8::1]:53"],
        );
        check("nameserver\nnameserver here\nnameservers 192.0.2.1", &["127.0.0.1:53"]);
        check(&"nameserver 192.0.2.1\n".repeat(5), &["192.0.2.1:53"; 3]);
    }
}
