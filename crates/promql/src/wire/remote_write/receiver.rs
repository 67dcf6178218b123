//! Requests taken in, one after another.

use super::{Version, WRITTEN_HEADERS, message, message::Entry, packed};
use crate::wire::WireError;

/// How much is taken of a request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request, packed as well as unpacked; what a block says of its length is held against it before anything is unpacked.
    pub bytes: usize,
    /// Symbols of a request of 2.0.
    pub symbols: usize,
    /// Samples of a request.
    pub samples: u64,
    /// Labels of a series, the name of the metric among them.
    pub labels: usize,
    /// Bytes of the name of a metric or label.
    pub name_bytes: usize,
    /// Bytes of the value of a label.
    pub value_bytes: usize,
}

/// Far above what Prometheus (2,000 samples) and vmagent (10,000) put into a request; of a series, what the metrics store keeps.
impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            symbols: 500_000,
            samples: 500_000,
            labels: 40,
            name_bytes: 200,
            value_bytes: 2_048,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Series that were handed on.
    pub series: u64,
    /// Samples that were handed on.
    pub samples: u64,
    /// What was told of families.
    pub metadata: u64,
    /// Exemplars that were read over: nothing here keeps them.
    pub exemplars: u64,
    /// Native histograms, which are refused; samples beside them were handed on.
    pub histograms: u64,
    /// The metric of the first of them.
    pub first_histogram: Option<String>,
    /// Series that were left out because their labels are too many or too long.
    pub oversized: u64,
    /// The metric of the first of them.
    pub first_oversized: Option<String>,
}

impl Received {
    /// What to tell the sender was not taken and why; nothing when all was.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let mut said = Vec::new();
        if let Some(metric) = &self.first_histogram {
            said.push(format!(
                "{} native histograms were refused, the first of `{metric}`: send them as classic histograms",
                self.histograms
            ));
        }
        if let Some(metric) = &self.first_oversized {
            said.push(format!(
                "{} series were refused because their labels are too many or too long, the first of `{metric}`",
                self.oversized
            ));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The headers that a receiver of 2.0 answers with, however the answer ends; `samples` counts those that were really written.
#[must_use]
pub fn written_headers(samples: u64) -> [(&'static str, String); 3] {
    let [of_samples, of_histograms, of_exemplars] = WRITTEN_HEADERS;
    [
        (of_samples, samples.to_string()),
        (of_histograms, "0".to_owned()),
        (of_exemplars, "0".to_owned()),
    ]
}

/// Reads requests, in room that it uses again.
#[derive(Debug)]
pub struct Receiver {
    limits: Limits,
    room: Vec<u8>,
}

impl Receiver {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, room: Vec::new() }
    }

    /// Reads a body and hands on what it says, in its order. No text is copied.
    ///
    /// # Errors
    /// [`WireError`], when the body is too long or no such message. What was handed on before is right as far as it goes; the sender is
    /// to be told that the request is wrong, so that it does not come again.
    pub fn read(
        &mut self,
        version: Version,
        body: &[u8],
        take: impl FnMut(Entry<'_>),
    ) -> Result<Received, WireError> {
        let message = packed::unpack(body, self.limits.bytes, &mut self.room)?;
        let read = match version {
            Version::One => message::read_one(message, &self.limits, take),
            Version::Two => message::read_two(message, &self.limits, take),
        };
        read.map_err(|wrong| wrong.of(message))
    }
}
