//! What comes out of a check: values alone.

use kernel::{Params, Value};
use std::net::IpAddr;

/// What came of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// As the caller gave it, unix milliseconds.
    pub at_ms: i64,
    pub conclusion: Conclusion,
    /// From the first deed to the last, seconds.
    pub took_seconds: f64,
    /// Those that were begun, in their order, each once, in seconds; with redirects, the sum over all requests.
    pub phases: Vec<(Phase, f64)>,
    pub seen: Seen,
}

impl Outcome {
    /// Of a check that could not even begin: certificates or a script that it needs cannot be read (`code`), and why (`said`).
    #[must_use]
    pub fn untried(at_ms: i64, code: &'static str, said: String) -> Self {
        Self {
            at_ms,
            conclusion: Conclusion::Unknown(Reason::new(code).with("said", said)),
            took_seconds: 0.0,
            phases: Vec::new(),
            seen: Seen::default(),
        }
    }
}

/// Whether it was as it should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion {
    Passed,
    Failed(Reason),
    /// Nothing can be said: it lies with us, or it could not be tried. It is no kind of passed.
    Unknown(Reason),
}

/// Why, as a code with parameters: the words are for pages and mails to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// snake_case; docs/checks.md lists them.
    pub code: &'static str,
    pub params: Params,
}

impl Reason {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, params: Params::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

/// What a check does, one after the other; the words are those of `blackbox_exporter`
/// (github.com/prometheus/blackbox_exporter, `prober/http.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// From the name to its addresses.
    Resolve,
    Connect,
    Tls,
    /// From the request to the head of its answer.
    Processing,
    /// Until the answer is whole.
    Transfer,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] =
        [Self::Resolve, Self::Connect, Self::Tls, Self::Processing, Self::Transfer];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
        }
    }
}

/// What the other side showed, as far as it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// The one that was connected to last.
    pub address: Option<IpAddr>,
    /// Of the last connection, also when it was not believed.
    pub tls: Option<TlsSeen>,
    /// Of the last request that was answered.
    pub http: Option<HttpSeen>,
    /// Redirects that were followed.
    pub redirects: u64,
    /// The last answer of a server for names.
    pub dns: Option<DnsSeen>,
    /// Until when a domain is registered, unix milliseconds.
    pub domain_expiry_ms: Option<i64>,
    pub ping: Option<PingSeen>,
    /// From a mail's being taken to its being found, seconds.
    pub mail_arrived_after_seconds: Option<f64>,
}

/// Echoes that were sent, and those that came back.
#[derive(Debug, Clone, PartialEq)]
pub struct PingSeen {
    pub sent: u64,
    /// Of each that came back, in seconds.
    pub round_trips_seconds: Vec<f64>,
}

impl PingSeen {
    /// `None`: none came back.
    #[must_use]
    pub fn mean_seconds(&self) -> Option<f64> {
        let count = self.round_trips_seconds.len();
        (count > 0).then(|| self.round_trips_seconds.iter().sum::<f64>() / count as f64)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSeen {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` and so on.
    pub response_code: &'static str,
    /// How many records it had in each section.
    pub answers: u64,
    pub authority: u64,
    pub additional: u64,
    /// Of the answers, in seconds.
    pub shortest_ttl_seconds: Option<u32>,
    /// Whether it did not fit into a datagram.
    pub over_tcp: bool,
    /// The values that were asked for, a hundred at most, each the beginning.
    pub records: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HttpSeen {
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: &'static str,
    /// As its head says.
    pub content_length: Option<u64>,
    /// Of its body, as far as it was read.
    pub body_bytes: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TlsSeen {
    /// `1.2` or `1.3`; `None` where no connection came of it.
    pub version: Option<&'static str>,
    /// As they were sent, that of the host first; those that are none are left out.
    pub certificates: Vec<CertificateSeen>,
}

impl TlsSeen {
    /// When the first of them ends, unix milliseconds.
    #[must_use]
    pub fn earliest_expiry_ms(&self) -> Option<i64> {
        self.certificates.iter().map(|certificate| certificate.not_after_ms).min()
    }
}

/// What a certificate says of itself, whether it is believed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSeen {
    /// As RFC 4514 writes it, the beginning.
    pub subject: String,
    pub issuer: String,
    /// Lower-case DNS names and addresses, a hundred at most.
    pub names: Vec<String>,
    /// Unix milliseconds.
    pub not_before_ms: i64,
    /// Unix milliseconds.
    pub not_after_ms: i64,
    /// Whether it names itself as its issuer.
    pub names_itself: bool,
}
