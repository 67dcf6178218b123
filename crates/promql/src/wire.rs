//! Prometheus' wire formats: metrics as text, and remote write.
//!
//! Owns how the bytes are read and written, and where they are refused. It knows no socket and no store: whoever reads a body hands it
//! over in pieces and gets values back. What is taken and what is refused is docs/formats/exposition.md.

mod error;
mod format;
mod known;
pub mod remote_write;
pub mod text;

pub use error::{Fault, Malformed, PageFault, WireError};
pub use format::{ACCEPT, Format};
pub use known::{Key, Known, Seen};

/// What a family of metrics measures (OpenMetrics 1.0, "Metric Types"). Text of version 0.0.4 calls `Unknown` `untyped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

impl Kind {
    /// The word of the formats, `untyped` among them; `None` for any other.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }

    /// The word of OpenMetrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}
