//! Remote write 1.0 and 2.0: protobuf packed as a snappy block, in and out.
//!
//! Sources: prometheus.io, "Prometheus Remote-Write 1.0 specification" and "2.0"; `prompb/remote.proto`, `prompb/types.proto` and
//! `prompb/io/prometheus/write/v2/types.proto` of Prometheus. The few messages are read by hand: no text of them is copied.

mod encoder;
mod message;
mod packed;
mod protobuf;
mod receiver;

pub use encoder::Encoder;
pub use message::Entry;
pub use receiver::{Limits, Received, Receiver, written_headers};

use super::{Kind, WireError};

/// The message that a request holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    One,
    /// `io.prometheus.write.v2.Request`.
    Two,
}

/// Names of headers, as a sender has to set them beside `Content-Type` and `Content-Encoding`.
pub const VERSION_HEADER: &str = "X-Prometheus-Remote-Write-Version";

/// What a receiver of 2.0 tells it has written (specification 2.0, "Required Written Response Headers").
pub const WRITTEN_HEADERS: [&str; 3] = [
    "X-Prometheus-Remote-Write-Samples-Written",
    "X-Prometheus-Remote-Write-Histograms-Written",
    "X-Prometheus-Remote-Write-Exemplars-Written",
];

/// The `Content-Encoding` of every request.
pub const CONTENT_ENCODING: &str = "snappy";

impl Version {
    /// What a request with these headers holds. Without `proto` it is 1.0, and without a `Content-Encoding` it is taken for packed, as
    /// senders before 1.0 left it out.
    ///
    /// # Errors
    /// [`WireError::WriteType`], when it is neither, or packed in another way.
    pub fn of_headers(
        content_type: Option<&str>,
        content_encoding: Option<&str>,
    ) -> Result<Self, WireError> {
        let encoding = content_encoding.unwrap_or(CONTENT_ENCODING).trim();
        let refuse =
            |found: &str| Err(WireError::WriteType { found: found.chars().take(100).collect() });
        if !encoding.eq_ignore_ascii_case(CONTENT_ENCODING) {
            return refuse(encoding);
        }
        let Some(content_type) = content_type else { return Ok(Self::One) };
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        if !essence.eq_ignore_ascii_case("application/x-protobuf") {
            return refuse(content_type);
        }
        let proto = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
        });
        match proto {
            None | Some("prometheus.WriteRequest") => Ok(Self::One),
            Some("io.prometheus.write.v2.Request") => Ok(Self::Two),
            Some(_) => refuse(content_type),
        }
    }

    /// The `Content-Type` to send.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::One => "application/x-protobuf",
            Self::Two => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The value of [`VERSION_HEADER`] to send.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::One => "0.1.0",
            Self::Two => "2.0.0",
        }
    }
}

/// What to do after an answer to a request that was sent (specification 2.0, "Retries & Backoff").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// All of it was written.
    Written,
    /// To be sent again later, the same bytes.
    Again,
    /// The receiver does not know the version: to be sent as 1.0.
    OtherVersion,
    /// Never to be sent again: something in it is not to the receiver's taste, the rest of it may have been written.
    Refused,
}

impl Answer {
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Written,
            429 | 500..=599 => Self::Again,
            415 => Self::OtherVersion,
            _ => Self::Refused,
        }
    }
}

/// What is known of a family of metrics. Empty texts: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// In 1.0 the family's name; in 2.0, which tells it with each series, the name of the series' metric, endings included.
    pub family: &'a str,
    pub kind: Kind,
    pub help: &'a str,
    pub unit: &'a str,
}

/// Numbers of both versions for the types of metrics, in the order of the enumeration.
const KINDS: [Kind; 8] = [
    Kind::Unknown,
    Kind::Counter,
    Kind::Gauge,
    Kind::Histogram,
    Kind::GaugeHistogram,
    Kind::Summary,
    Kind::Info,
    Kind::StateSet,
];

fn kind_of(number: u64) -> Kind {
    // A number that is newer than we are is a type that we do not know.
    usize::try_from(number).ok().and_then(|number| KINDS.get(number)).copied().unwrap_or_default()
}

fn number_of(kind: Kind) -> u64 {
    KINDS.iter().position(|known| *known == kind).map_or(0, |number| number as u64)
}
