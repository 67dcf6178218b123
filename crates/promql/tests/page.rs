//! Our own metrics as text, and read back.

use bolero::TypeGenerator;
use promql::wire::{
    Format, Kind, PageFault, WireError,
    text::{Buckets, Entry, Limits, Page, Reader},
};
use std::collections::BTreeMap;

fn shop() -> Page {
    let mut page = Page::new();
    let build = &[("version", "0.1.0")];
    page.family("storewarden_build", Kind::Info, "", "This program.")
        .unwrap()
        .add(build, 1.0)
        .unwrap();
    page.family("storewarden_orders", Kind::Counter, "", "Orders taken.")
        .unwrap()
        .add(&[("shop", "b"), ("door", "\"front\"\\\n")], 3.0)
        .unwrap()
        .add(&[("shop", "a"), ("door", "")], 1e21)
        .unwrap();
    page.family("storewarden_free_bytes", Kind::Gauge, "bytes", "Left \"over\",\nfor \\ us.")
        .unwrap()
        .add(&[], -0.5)
        .unwrap();
    let buckets = Buckets { bounds: &[0.005, 1.0], counts: &[2, 0, 1], sum: 7.25 };
    page.family("storewarden_wait_seconds", Kind::Histogram, "seconds", "Waited.")
        .unwrap()
        .add_buckets(&[("shop", "a")], buckets)
        .unwrap();
    page
}

#[test]
fn a_page_is_sorted_and_escaped_as_each_text_wants_it() {
    assert_eq!(
        shop().write(Format::Text),
        r#"# HELP storewarden_build_info This program.
# TYPE storewarden_build_info gauge
storewarden_build_info{version="0.1.0"} 1
# HELP storewarden_free_bytes Left "over",\nfor \\ us.
# TYPE storewarden_free_bytes gauge
storewarden_free_bytes -0.5
# HELP storewarden_orders_total Orders taken.
# TYPE storewarden_orders_total counter
storewarden_orders_total{door="\"front\"\\\n",shop="b"} 3
storewarden_orders_total{shop="a"} 1e21
# HELP storewarden_wait_seconds Waited.
# TYPE storewarden_wait_seconds histogram
storewarden_wait_seconds_bucket{shop="a",le="0.005"} 2
storewarden_wait_seconds_bucket{shop="a",le="1.0"} 2
storewarden_wait_seconds_bucket{shop="a",le="+Inf"} 3
storewarden_wait_seconds_sum{shop="a"} 7.25
storewarden_wait_seconds_count{shop="a"} 3
"#
    );
    assert_eq!(
        shop().write(Format::OpenMetrics),
        r#"# HELP storewarden_build This program.
# TYPE storewarden_build info
storewarden_build_info{version="0.1.0"} 1
# HELP storewarden_free_bytes Left \"over\",\nfor \\ us.
# TYPE storewarden_free_bytes gauge
# UNIT storewarden_free_bytes bytes
storewarden_free_bytes -0.5
# HELP storewarden_orders Orders taken.
# TYPE storewarden_orders counter
storewarden_orders_total{door="\"front\"\\\n",shop="b"} 3
storewarden_orders_total{shop="a"} 1e21
# HELP storewarden_wait_seconds Waited.
# TYPE storewarden_wait_seconds histogram
# UNIT storewarden_wait_seconds seconds
storewarden_wait_seconds_bucket{shop="a",le="0.005"} 2
storewarden_wait_seconds_bucket{shop="a",le="1.0"} 2
storewarden_wait_seconds_bucket{shop="a",le="+Inf"} 3
storewarden_wait_seconds_sum{shop="a"} 7.25
storewarden_wait_seconds_count{shop="a"} 3
# EOF
"#
    );
    assert_eq!(Page::new().write(Format::Text), "");
    assert_eq!(Page::new().write(Format::OpenMetrics), "# EOF\n");
}

#[test]
fn what_no_reader_would_understand_is_not_written() {
    let begin = |name: &'static str, kind: Kind, unit: &str, expect: Option<PageFault>| {
        let mut page = Page::new();
        let begun = page.family(name, kind, unit, "").map(|_| ()).err();
        assert_eq!(begun, expect.map(|what| WireError::Page { name: name.to_owned(), what }));
    };
    begin("a:b_1", Kind::Gauge, "", None);
    begin("1a", Kind::Gauge, "", Some(PageFault::Name));
    begin("", Kind::Gauge, "", Some(PageFault::Name));
    begin("a.b", Kind::Gauge, "", Some(PageFault::Name));
    begin("orders_total", Kind::Counter, "", Some(PageFault::Name));
    begin("a_count", Kind::Gauge, "", Some(PageFault::Name));
    begin("a_bytes", Kind::Gauge, "seconds", Some(PageFault::Unit));
    begin("seconds", Kind::Gauge, "seconds", Some(PageFault::Unit));
    begin("a", Kind::Summary, "", Some(PageFault::Kind));
    let mut page = shop();
    let again = page.family("storewarden_orders", Kind::Gauge, "", "Orders taken.").map(|_| ());
    let name = "storewarden_orders".to_owned();
    assert_eq!(again, Err(WireError::Page { name, what: PageFault::Again }));
    let mut add = |kind: Kind, labels: &[(&str, &str)], value: f64| {
        let name = match kind {
            Kind::Counter => "storewarden_orders",
            _ => "storewarden_wait_seconds",
        };
        let (unit, help) =
            if kind == Kind::Counter { ("", "Orders taken.") } else { ("seconds", "Waited.") };
        let mut family = page.family(name, kind, unit, help).unwrap();
        match family.add(labels, value) {
            Err(WireError::Page { what, .. }) => Some(what),
            other => {
                assert!(other.is_ok());
                None
            }
        }
    };
    assert_eq!(add(Kind::Counter, &[("shop", "c")], 0.0), None);
    assert_eq!(add(Kind::Counter, &[("shop", "c")], 0.0), Some(PageFault::Twice));
    assert_eq!(add(Kind::Counter, &[("shop", "d")], -1.0), Some(PageFault::Value));
    assert_eq!(add(Kind::Counter, &[("shop", "d")], f64::NAN), Some(PageFault::Value));
    assert_eq!(add(Kind::Counter, &[("a:b", "d")], 1.0), Some(PageFault::Label));
    assert_eq!(add(Kind::Counter, &[("le", "d")], 1.0), Some(PageFault::Label));
    assert_eq!(add(Kind::Counter, &[("a", "d"), ("a", "e")], 1.0), Some(PageFault::Label));
    assert_eq!(add(Kind::Histogram, &[], 1.0), Some(PageFault::Value));
    let mut family =
        page.family("storewarden_wait_seconds", Kind::Histogram, "seconds", "Waited.").unwrap();
    for (bounds, counts, sum) in [
        (vec![1.0], vec![1], 1.0),
        (vec![1.0, 1.0], vec![1, 1, 1], 1.0),
        (vec![f64::INFINITY], vec![1, 1], 1.0),
        (vec![-1.0], vec![1, 1], 1.0),
        (vec![1.0], vec![1, 1], f64::NAN),
    ] {
        let added = family.add_buckets(&[], Buckets { bounds: &bounds, counts: &counts, sum });
        assert!(matches!(added, Err(WireError::Page { what: PageFault::Value, .. })), "{bounds:?}");
    }
}

#[derive(Debug, TypeGenerator)]
struct Given {
    family: u8,
    help: String,
    /// Names are few, so that some come twice.
    labels: Vec<(u8, String)>,
    bits: u64,
    counts: (u32, u32, u32),
}

const FAMILIES: [(&str, Kind, &str); 5] = [
    ("orders", Kind::Counter, ""),
    ("free_bytes", Kind::Gauge, "bytes"),
    ("wait_seconds", Kind::Histogram, "seconds"),
    ("build", Kind::Info, ""),
    ("a:level", Kind::Gauge, ""),
];

/// Samples by name and labels, the name with its ending; values as bits, every NaN the same.
type Samples = BTreeMap<(String, BTreeMap<String, String>), u64>;

fn bits_of(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Adds what is given to the page, and what of it was taken to what is expected.
fn add(page: &mut Page, given: &Given, expect: &mut Samples) {
    let (name, kind, unit) = FAMILIES[usize::from(given.family) % FAMILIES.len()];
    let Ok(mut family) = page.family(name, kind, unit, &given.help) else { return };
    let names: Vec<String> = given.labels.iter().map(|(name, _)| format!("l{name}")).collect();
    let labels: Vec<(&str, &str)> = names
        .iter()
        .zip(&given.labels)
        .map(|(name, (_, value))| (name.as_str(), value.as_str()))
        .collect();
    let kept: BTreeMap<String, String> = labels
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut is_expected = |ending: &str, le: Option<&str>, value: f64| {
        let mut labels = kept.clone();
        labels.extend(le.map(|le| ("le".to_owned(), le.to_owned())));
        assert_eq!(expect.insert((format!("{name}{ending}"), labels), bits_of(value)), None);
    };
    let value = f64::from_bits(given.bits);
    match kind {
        Kind::Histogram => {
            let (a, b, c) = given.counts;
            let counts = [a, b, c].map(u64::from);
            let sum = value.abs();
            let buckets = Buckets { bounds: &[0.25, 10.0], counts: &counts, sum };
            if family.add_buckets(&labels, buckets).is_ok() {
                is_expected("_bucket", Some("0.25"), counts[0] as f64);
                is_expected("_bucket", Some("10.0"), (counts[0] + counts[1]) as f64);
                let all = counts.iter().sum::<u64>() as f64;
                is_expected("_bucket", Some("+Inf"), all);
                is_expected("_count", None, all);
                is_expected("_sum", None, sum);
            }
        }
        _ => {
            let (ending, value) = match kind {
                Kind::Counter => ("_total", value.abs()),
                Kind::Info => ("_info", 1.0),
                _ => ("", value),
            };
            if family.add(&labels, value).is_ok() {
                is_expected(ending, None, value);
            }
        }
    }
}

#[test]
fn what_was_written_reads_the_same_in_both_texts() {
    bolero::check!().with_type::<Vec<Given>>().for_each(|given| {
        let mut page = Page::new();
        let mut expect = Samples::new();
        for given in given {
            add(&mut page, given, &mut expect);
        }
        for format in [Format::Text, Format::OpenMetrics] {
            let written = page.write(format);
            let mut samples = Samples::new();
            let limits = Limits { labels: 300, value_bytes: 100_000, ..Limits::default() };
            let mut reader = Reader::new(format, limits);
            let mut families = Vec::new();
            let mut take = |entry: Entry<'_>| match entry {
                Entry::Sample(sample) => {
                    let mut labels: BTreeMap<String, String> = BTreeMap::new();
                    for (name, value) in sample.series.labels() {
                        assert_eq!(labels.insert(name.into_owned(), value.into_owned()), None);
                    }
                    let name = labels.remove("__name__").unwrap();
                    assert_eq!(samples.insert((name, labels), bits_of(sample.value)), None);
                }
                Entry::Type { family, .. } => families.push(family.into_owned()),
                Entry::Help { .. } | Entry::Unit { .. } => {}
            };
            reader.feed(written.as_bytes(), &mut take).unwrap();
            let taken = reader.finish(&mut take).unwrap();
            assert_eq!((taken.oversized, taken.created), (0, 0));
            assert_eq!(samples, expect, "{written}");
            assert!(families.is_sorted(), "{families:?}");
        }
    });
}
