//! Requests made, series by series.

use super::{
    Metadata, Version, number_of, packed,
    protobuf::{put_bytes, put_double, put_number, put_varint},
};
use crate::wire::WireError;
use series::{Labels, Sample};
use std::collections::{HashMap, HashSet};

/// Gathers series until somebody sends them.
#[derive(Debug)]
pub struct Encoder {
    version: Version,
    /// Symbols of 2.0 as fields of the request; what was told of families in 1.0.
    head: Vec<u8>,
    /// The series as fields of the request.
    series: Vec<u8>,
    symbols: HashMap<String, u64>,
    families: HashSet<String>,
    samples: u64,
    /// Room for one series and for one message in it.
    one: Vec<u8>,
    part: Vec<u8>,
}

impl Encoder {
    #[must_use]
    pub fn new(version: Version) -> Self {
        let mut encoder = Self {
            version,
            head: Vec::new(),
            series: Vec::new(),
            symbols: HashMap::new(),
            families: HashSet::new(),
            samples: 0,
            one: Vec::new(),
            part: Vec::new(),
        };
        encoder.begin();
        encoder
    }

    fn begin(&mut self) {
        self.head.clear();
        self.series.clear();
        self.symbols.clear();
        self.families.clear();
        self.samples = 0;
        if self.version == Version::Two {
            // The first symbol is the empty text, by the specification.
            self.symbol("");
        }
    }

    /// Samples since the last [`Encoder::take`].
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Bytes since then, not packed yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + self.series.len()
    }

    /// Adds samples of a series, which are to be sorted by time. 1.0 tells each family once a request, 2.0 with each series.
    pub fn push(&mut self, labels: &Labels, samples: &[Sample], metadata: Option<&Metadata<'_>>) {
        let mut one = std::mem::take(&mut self.one);
        one.clear();
        match self.version {
            Version::One => self.push_one(&mut one, labels, samples, metadata),
            Version::Two => self.push_two(&mut one, labels, samples, metadata),
        }
        self.one = one;
        self.samples += samples.len() as u64;
    }

    fn push_one(
        &mut self,
        one: &mut Vec<u8>,
        labels: &Labels,
        samples: &[Sample],
        metadata: Option<&Metadata<'_>>,
    ) {
        for (name, value) in labels.iter() {
            self.part.clear();
            put_bytes(&mut self.part, 1, name.as_bytes());
            put_bytes(&mut self.part, 2, value.as_bytes());
            put_bytes(one, 1, &self.part);
        }
        self.put_samples(one, samples);
        put_bytes(&mut self.series, 1, one);
        let Some(metadata) = metadata else { return };
        if self.families.insert(metadata.family.to_owned()) {
            self.part.clear();
            put_number(&mut self.part, 1, number_of(metadata.kind));
            for (field, text) in [(2, metadata.family), (4, metadata.help), (5, metadata.unit)] {
                put_bytes(&mut self.part, field, text.as_bytes());
            }
            put_bytes(&mut self.head, 3, &self.part);
        }
    }

    fn push_two(
        &mut self,
        one: &mut Vec<u8>,
        labels: &Labels,
        samples: &[Sample],
        metadata: Option<&Metadata<'_>>,
    ) {
        let mut references = std::mem::take(&mut self.part);
        references.clear();
        for (name, value) in labels.iter() {
            put_varint(&mut references, self.symbol(name));
            put_varint(&mut references, self.symbol(value));
        }
        put_bytes(one, 1, &references);
        self.part = references;
        self.put_samples(one, samples);
        if let Some(metadata) = metadata {
            let (help, unit) = (self.symbol(metadata.help), self.symbol(metadata.unit));
            self.part.clear();
            put_number(&mut self.part, 1, number_of(metadata.kind));
            put_number(&mut self.part, 3, help);
            put_number(&mut self.part, 4, unit);
            put_bytes(one, 5, &self.part);
        }
        put_bytes(&mut self.series, 5, one);
    }

    fn put_samples(&mut self, one: &mut Vec<u8>, samples: &[Sample]) {
        for sample in samples {
            self.part.clear();
            put_double(&mut self.part, 1, sample.value);
            put_number(&mut self.part, 2, sample.at_ms.cast_unsigned());
            put_bytes(one, 2, &self.part);
        }
    }

    fn symbol(&mut self, text: &str) -> u64 {
        if let Some(number) = self.symbols.get(text) {
            return *number;
        }
        let number = self.symbols.len() as u64;
        self.symbols.insert(text.to_owned(), number);
        put_bytes(&mut self.head, 4, text.as_bytes());
        number
    }

    /// The body of a request with everything that was added; then it is empty again.
    ///
    /// # Errors
    /// [`WireError::Pack`], when it is longer than a block can be (4 GiB).
    pub fn take(&mut self) -> Result<Vec<u8>, WireError> {
        // A list that was left out and one that is empty are the same to protobuf; the order of fields is free.
        self.head.extend_from_slice(&self.series);
        let packed = packed::pack(&self.head);
        self.begin();
        packed
    }
}
