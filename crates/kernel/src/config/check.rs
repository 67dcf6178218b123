//! Checks from outside: what is tried now and then as a visitor would.

use super::Secret;
use crate::ShopId;
use std::{net::IpAddr, net::SocketAddr, ops::RangeInclusive, path::PathBuf};

/// `[[check]]`: one thing that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSettings {
    /// Unique among the checks.
    pub name: String,
    /// Whom it concerns; `None`: the machine.
    pub shop: Option<ShopId>,
    pub target: CheckTarget,
    pub every_ms: u64,
    /// One that takes longer has failed. Less than `every_ms`, or as long.
    pub within_ms: u64,
    /// So many in a row must fail before it is found; at least one.
    pub failures: u32,
    /// A root certificate (PEM) to trust besides the system's.
    pub root: Option<PathBuf>,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckTarget {
    Http(HttpTarget),
    Tcp(TcpTarget),
    /// A name, or an address.
    Ping {
        host: String,
    },
    Dns(DnsTarget),
    /// How long a domain is still registered.
    Domain {
        name: String,
        /// Fewer days left are a failure.
        days_left: u32,
    },
    Mail(MailTarget),
    Journey(JourneyTarget),
    /// Nothing is tried: a job has to report.
    Heartbeat(HeartbeatTarget),
}

/// An address that must answer in a certain way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// `http://` or `https://`, without a user.
    pub url: String,
    /// Any of these; empty: 200 to 299.
    pub status: Vec<RangeInclusive<u16>>,
    /// Texts that its body must have.
    pub contains: Vec<String>,
    /// Texts that its body must not have.
    pub lacks: Vec<String>,
    /// How many are followed; with none, a redirect is the answer.
    pub redirects: u32,
}

/// A port that must be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpTarget {
    /// A name or an address, the latter without brackets.
    pub host: String,
    pub port: u16,
    /// What must be said there first.
    pub banner: Option<String>,
}

/// Records that a name must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsTarget {
    pub name: String,
    pub record: DnsRecord,
    /// All of these; empty: any at all.
    pub expects: Vec<String>,
    /// `None`: those of this machine.
    pub server: Option<SocketAddr>,
}

/// A type of records (RFC 1035, 3596, 8659).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsRecord {
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Txt,
}

impl DnsRecord {
    pub const ALL: [(&'static str, Self); 7] = [
        ("A", Self::A),
        ("AAAA", Self::Aaaa),
        ("CAA", Self::Caa),
        ("CNAME", Self::Cname),
        ("MX", Self::Mx),
        ("NS", Self::Ns),
        ("TXT", Self::Txt),
    ];

    /// As in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, one)| *one == self);
        found.map_or("", |(word, _)| word)
    }
}

/// Whether a shop's mail can arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTarget {
    Spf { domain: String },
    Dkim { domain: String, selector: String },
    Dmarc { domain: String },
    Unlisted { address: IpAddr, list: String },
}

/// A checkout that is walked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyTarget {
    /// `http://` or `https://` with a host; its path stands before those of the script.
    pub base: String,
    /// Of a platform by its name, or a file of one's own by its path; `None`: of the shop's platform.
    pub script: Option<String>,
    /// What the script is told, by name.
    pub with: Vec<(String, String)>,
    /// `None`: it ends before an order is placed. Else it places one and cancels it, told this besides.
    pub place_with: Option<Vec<(String, Secret)>>,
}

/// A job that has to report that all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatTarget {
    /// From one success to the next.
    pub every_ms: u64,
    /// What it may be late, and how long a run may take that said that it began.
    pub grace_ms: u64,
}

impl CheckTarget {
    /// As in the file: the key that says what is tried.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Ping { .. } => "ping",
            Self::Dns(_) => "dns",
            Self::Domain { .. } => "domain",
            Self::Mail(MailTarget::Spf { .. }) => "spf",
            Self::Mail(MailTarget::Dkim { .. }) => "dkim",
            Self::Mail(MailTarget::Dmarc { .. }) => "dmarc",
            Self::Mail(MailTarget::Unlisted { .. }) => "unlisted",
            Self::Journey(_) => "journey",
            Self::Heartbeat(_) => "heartbeat",
        }
    }

    /// Where that is, without anything that may be secret.
    #[must_use]
    pub fn place(&self) -> String {
        let origin = |url: &str| {
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
        };
        match self {
            Self::Http(page) => origin(&page.url),
            Self::Journey(journey) => origin(&journey.base),
            Self::Tcp(port) if port.host.contains(':') => format!("[{}]:{}", port.host, port.port),
            Self::Tcp(port) => format!("{}:{}", port.host, port.port),
            Self::Ping { host } => host.clone(),
            Self::Dns(dns) => format!("{} {}", dns.name, dns.record.word()),
            Self::Domain { name, .. } => name.clone(),
            Self::Mail(MailTarget::Spf { domain } | MailTarget::Dmarc { domain }) => domain.clone(),
            Self::Mail(MailTarget::Dkim { domain, selector }) => format!("{selector}@{domain}"),
            Self::Mail(MailTarget::Unlisted { address, list }) => format!("{address} {list}"),
            Self::Heartbeat(_) => String::new(),
        }
    }
}
