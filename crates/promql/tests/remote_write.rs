//! Remote write from outside: bodies of real senders, what is refused, and what was encoded read again.

use bolero::TypeGenerator;
use promql::wire::{
    Kind, Malformed, WireError,
    remote_write::{
        Answer, Encoder, Entry, Limits, Metadata, Received, Receiver, Version, written_headers,
    },
};
use series::{Labels, STALE_BITS, Sample};
use std::fmt::Write as _;

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

/// What a body says, as the files of tests/data have it.
fn read(limits: Limits, version: Version, body: &[u8]) -> Result<(String, Received), WireError> {
    let mut said = String::new();
    let received = Receiver::new(limits).read(version, body, |entry| say(&mut said, entry))?;
    Ok((said, received))
}

fn say(said: &mut String, entry: Entry<'_>) {
    match entry {
        Entry::Series { labels, samples } => {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            said.push_str(&labels.join(","));
            for sample in samples {
                write!(said, " {:016x}@{}", sample.value.to_bits(), sample.at_ms).unwrap();
            }
        }
        Entry::Metadata(Metadata { family, kind, help, unit }) => {
            let kind = KINDS.iter().position(|known| *known == kind).unwrap();
            write!(said, "metadata {family} {kind} {help} [{unit}]").unwrap();
        }
    }
    said.push('\n');
}

fn check(version: Version, body: &[u8], expect: &str, counts: [u64; 5]) -> Received {
    let (said, received) = read(Limits::default(), version, body).unwrap();
    for (line, expect) in said.lines().zip(expect.lines()) {
        assert_eq!(line, expect);
    }
    assert_eq!(said.lines().count(), expect.lines().count());
    let Received { series, samples, metadata, exemplars, histograms, .. } = received;
    assert_eq!([series, samples, metadata, exemplars, histograms], counts);
    received
}

#[test]
fn bodies_of_prometheus_say_what_they_say_to_protoc() {
    let samples = include_bytes!("data/prometheus-samples.write");
    let expect = include_str!("data/prometheus-samples.expect");
    let received = check(Version::One, samples, expect, [60, 60, 0, 0, 0]);
    assert_eq!(received.complaint(), None);
    assert_eq!(expect.matches(&format!("{STALE_BITS:016x}")).count(), 36, "staleness markers");
    let metadata = include_bytes!("data/prometheus-metadata.write");
    let expect = include_str!("data/prometheus-metadata.expect");
    check(Version::One, metadata, expect, [0, 0, 9, 0, 0]);
}

#[test]
fn native_histograms_are_refused_by_name_and_the_samples_beside_them_taken() {
    let one = include_bytes!("data/histograms-1.write");
    let expect = include_str!("data/histograms-1.expect");
    let received = check(Version::One, one, expect, [2, 2, 0, 1, 2]);
    let complaint = received.complaint().unwrap();
    assert!(
        complaint.contains("2 native histograms") && complaint.contains("`http_seconds`"),
        "{complaint}"
    );
    let two = include_bytes!("data/histograms-2.write");
    let expect = include_str!("data/histograms-2.expect");
    let received = check(Version::Two, two, expect, [2, 3, 2, 1, 2]);
    assert_eq!(received.first_histogram.as_deref(), Some("http_seconds"));
    let [samples, histograms, exemplars] = written_headers(received.samples);
    assert_eq!(samples, ("X-Prometheus-Remote-Write-Samples-Written", "3".to_owned()));
    assert_eq!(histograms, ("X-Prometheus-Remote-Write-Histograms-Written", "0".to_owned()));
    assert_eq!(exemplars, ("X-Prometheus-Remote-Write-Exemplars-Written", "0".to_owned()));
}

#[test]
fn a_message_of_the_other_version_is_told_from_an_empty_one() {
    let one = include_bytes!("data/prometheus-samples.write");
    let two = include_bytes!("data/histograms-2.write");
    for (version, body) in [(Version::Two, one.as_slice()), (Version::One, two)] {
        let error = read(Limits::default(), version, body).unwrap_err();
        assert!(matches!(error, WireError::Write { what: Malformed::OtherVersion, .. }), "{error}");
    }
}

fn pack(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

fn refuse(version: Version, message: &[u8], offset: usize, what: Malformed) {
    let found = read(Limits::default(), version, &pack(message)).map(|(said, _)| said);
    assert_eq!(found, Err(WireError::Write { offset, what }), "{message:x?}");
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    refuse(Version::One, &[0x0a, 5, 0], 2, Malformed::Short);
    refuse(Version::One, &[0x0a], 1, Malformed::Short);
    refuse(Version::One, &[0xff; 11], 0, Malformed::Varint);
    refuse(Version::One, &[0x0b], 1, Malformed::Tag);
    refuse(Version::One, &[0x02, 0], 2, Malformed::Tag);
    refuse(Version::One, &[0x08, 1], 2, Malformed::Type);
    refuse(Version::One, &[0x0a, 5, 0x0a, 3, 0x0a, 1, 0xff], 6, Malformed::Utf8);
    refuse(Version::One, &[0x0a, 4, 0x12, 2, 0x08, 1], 6, Malformed::Type);
    refuse(Version::Two, &[0x22, 1, b'a'], 3, Malformed::FirstSymbol);
    refuse(Version::Two, &[0x22, 0, 0x2a, 3, 0x0a, 1, 0], 7, Malformed::OddReferences);
    refuse(Version::Two, &[0x22, 0, 0x2a, 4, 0x0a, 2, 0, 1], 8, Malformed::Symbol);
    refuse(Version::Two, &[0x22, 0, 0x2a, 4, 0x2a, 2, 0x18, 1], 8, Malformed::Symbol);
    // What is not known is passed over: later versions add fields.
    let unknown = [0x0a, 7, 0x50, 1, 0x7d, 0, 0, 0, 0, 0x50, 1];
    let (said, received) = read(Limits::default(), Version::One, &pack(&unknown)).unwrap();
    assert_eq!((said.as_str(), received.series), ("\n", 1), "a series without labels");
    let (said, received) = read(Limits::default(), Version::One, &pack(&[0x50, 1])).unwrap();
    assert_eq!((said.as_str(), received), ("", Received::default()));
}

#[test]
fn references_need_not_be_packed_nor_symbols_come_first() {
    let message = [0x2a, 4, 0x08, 1, 0x08, 2, 0x22, 0, 0x22, 1, b'a', 0x22, 1, b'b'];
    let (said, _) = read(Limits::default(), Version::Two, &pack(&message)).unwrap();
    assert_eq!(said, "a=b\n");
}

#[test]
fn what_is_too_long_is_refused_before_it_is_unpacked() {
    let limits = || Limits { bytes: 1_000, ..Limits::default() };
    let packed = pack(&vec![0; 1_001]);
    assert!(packed.len() < 100, "{}", packed.len());
    let error = read(limits(), Version::One, &packed).unwrap_err();
    assert_eq!(error, WireError::WriteTooLong { found: 1_001, limit: 1_000 });
    let error = read(limits(), Version::One, &[0; 1_001]).unwrap_err();
    assert_eq!(error, WireError::WriteTooLong { found: 1_001, limit: 1_000 });
    // A block of six bytes that says it is 30 MB.
    let mut room = Receiver::new(Limits::default());
    let lie = [0x80, 0x80, 0xa8, 0x0e, 0, 0];
    let error = room.read(Version::One, &lie, |_| ()).unwrap_err();
    let (expected_len, got_len) = (30_015_488, 6 * 22);
    let mismatch = snap::Error::HeaderMismatch { expected_len, got_len };
    assert_eq!(error, WireError::Unpack(mismatch), "before room was made for it");
    // The densest block there is, of which nothing is a lie, is unpacked: what it holds is no message.
    let dense = pack(&vec![0; 30_000_000]);
    assert!(dense.len() < 30_000_000 / 20, "{}", dense.len());
    let error = room.read(Version::One, &dense, |_| ()).unwrap_err();
    assert_eq!(error, WireError::Write { offset: 2, what: Malformed::Tag });
    let error = read(limits(), Version::One, b"no block").unwrap_err();
    assert!(matches!(error, WireError::Unpack(_)), "{error}");
}

#[test]
fn a_request_holds_so_many_samples_and_symbols_and_a_series_so_many_labels() {
    let one = include_bytes!("data/prometheus-samples.write");
    let limits = Limits { samples: 59, ..Limits::default() };
    let error = read(limits, Version::One, one).unwrap_err();
    assert!(matches!(error, WireError::Write { what: Malformed::TooManySamples, .. }), "{error}");
    assert!(read(Limits { samples: 60, ..Limits::default() }, Version::One, one).is_ok());
    let two = include_bytes!("data/histograms-2.write");
    let limits = Limits { symbols: 10, ..Limits::default() };
    let error = read(limits, Version::Two, two).unwrap_err();
    assert!(matches!(error, WireError::Write { what: Malformed::TooManySymbols, .. }), "{error}");
    for limits in [
        Limits { labels: 1, ..Limits::default() },
        Limits { value_bytes: 4, ..Limits::default() },
        Limits { name_bytes: 8, ..Limits::default() },
    ] {
        let (said, received) = read(limits, Version::Two, two).unwrap();
        assert_eq!(said.lines().last(), Some("__name__=up 0000000000000000@-5"));
        assert!(received.oversized >= 1, "{received:?}");
        assert_eq!(received.first_oversized.as_deref(), Some("orders_total"));
        assert!(received.complaint().unwrap().contains("too long, the first of `orders_total`"));
    }
}

#[test]
fn headers_say_the_version_and_answers_what_to_do() {
    let of = |content_type, encoding| Version::of_headers(content_type, encoding).ok();
    let proto = "application/x-protobuf";
    assert_eq!(of(Some(proto), Some("snappy")), Some(Version::One));
    assert_eq!(of(None, None), Some(Version::One));
    for version in [Version::One, Version::Two] {
        assert_eq!(of(Some(version.content_type()), Some("snappy")), Some(version));
    }
    assert_eq!(
        of(Some("application/x-protobuf; proto=prometheus.WriteRequest"), None),
        Some(Version::One)
    );
    assert_eq!(of(Some("application/x-protobuf; proto=x"), None), None);
    assert_eq!(of(Some("application/json"), None), None);
    assert_eq!(of(Some(proto), Some("gzip")), None);
    let answers = [200, 204, 400, 415, 429, 503].map(Answer::of_status);
    let [ok, none, bad, other, many, down] = answers;
    assert_eq!([ok, none], [Answer::Written; 2]);
    assert_eq!([bad, other], [Answer::Refused, Answer::OtherVersion]);
    assert_eq!([many, down], [Answer::Again; 2]);
}

/// A series as it is generated: labels, bits and times.
#[derive(Debug, TypeGenerator)]
struct Given {
    metric: u8,
    labels: Vec<(u8, String)>,
    samples: Vec<(u64, i64)>,
    kind: Option<u8>,
}

impl Given {
    fn labels(&self) -> Labels {
        let mut pairs: Vec<(String, String)> = self
            .labels
            .iter()
            .take(20)
            .map(|(name, value)| (format!("l{name}"), value.chars().take(300).collect()))
            .collect();
        pairs.sort();
        pairs.dedup_by(|later, first| later.0 == first.0);
        Labels::new(&format!("m{}", self.metric), pairs).unwrap()
    }

    fn samples(&self) -> Vec<Sample> {
        let sample = |&(bits, at_ms): &(u64, i64)| Sample { at_ms, value: f64::from_bits(bits) };
        self.samples.iter().map(sample).collect()
    }

    fn expect(&self, said: &mut String) {
        let labels = self.labels();
        let labels: Vec<(&str, &str)> = labels.iter().collect();
        say(said, Entry::Series { labels: &labels, samples: &self.samples() });
    }
}

#[test]
fn what_was_encoded_reads_the_same_bit_for_bit() {
    bolero::check!().with_type::<Vec<Given>>().for_each(|given| {
        for version in [Version::One, Version::Two] {
            let mut encoder = Encoder::new(version);
            let mut receiver = Receiver::new(Limits::default());
            // Twice: what was taken is gone.
            for _ in 0..2 {
                let mut expect = String::new();
                for series in given {
                    let labels = series.labels();
                    let metadata = series.kind.map(|kind| Metadata {
                        family: labels.metric(),
                        kind: KINDS[usize::from(kind) % KINDS.len()],
                        help: "what it is",
                        unit: "",
                    });
                    encoder.push(&labels, &series.samples(), metadata.as_ref());
                    series.expect(&mut expect);
                }
                let mut said = String::new();
                let mut families = 0;
                let body = encoder.take().unwrap();
                let read = receiver.read(version, &body, |entry| match entry {
                    Entry::Series { .. } => say(&mut said, entry),
                    Entry::Metadata(metadata) => {
                        assert_eq!(metadata.help, "what it is");
                        families += 1;
                    }
                });
                assert_eq!(said, expect);
                let received = read.unwrap();
                assert_eq!(received.metadata, families);
                assert_eq!(received.oversized, 0);
            }
        }
    });
}

#[test]
fn a_family_is_told_once_a_request_in_1_0_and_with_each_series_in_2_0() {
    let metadata = Metadata { family: "up", kind: Kind::Gauge, help: "", unit: "" };
    for (version, expect) in [(Version::One, 1), (Version::Two, 2)] {
        let mut encoder = Encoder::new(version);
        for _ in 0..2 {
            for host in ["a", "b"] {
                let labels = Labels::new("up", [("host", host)]).unwrap();
                encoder.push(&labels, &[Sample { at_ms: 1, value: 1.0 }], Some(&metadata));
            }
            assert_eq!(encoder.samples(), 2);
            let (bytes, body) = (encoder.bytes(), encoder.take().unwrap());
            let (said, received) = read(Limits::default(), version, &body).unwrap();
            assert_eq!((received.metadata, received.series), (expect, 2), "{said}");
            assert_eq!(snap::raw::decompress_len(&body).unwrap(), bytes);
            assert!(said.contains("metadata up 2  []"), "{said}");
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let check = |message: &[u8]| {
        for version in [Version::One, Version::Two] {
            for body in [message, &pack(message)] {
                if let Ok((said, received)) = read(Limits::default(), version, body) {
                    let entries = received.series + received.metadata;
                    assert!(said.lines().count() as u64 >= entries);
                }
            }
        }
    };
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| check(bytes));
    // Near to real ones: a byte of a body changed.
    let mut unpack = snap::raw::Decoder::new();
    let one = unpack.decompress_vec(include_bytes!("data/histograms-1.write")).unwrap();
    let two = unpack.decompress_vec(include_bytes!("data/histograms-2.write")).unwrap();
    for message in [one, two] {
        for at in 0..message.len() {
            for change in [1, 2, 4, 8, 0x40, 0x80, 0xff] {
                let mut message = message.clone();
                message[at] ^= change;
                check(&message);
            }
            check(&message[..at]);
        }
    }
}
