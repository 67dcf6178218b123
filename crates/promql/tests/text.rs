//! Both texts as whole bodies: what is taken, what is refused and where, whatever the pieces they come in.

use promql::wire::{
    Fault, Format, Kind, WireError,
    text::{Entry, Limits, Reader, Taken},
};

/// What a body says, a line for each entry; or the error.
fn read(format: Format, limits: Limits, pieces: &[&[u8]]) -> Result<(String, Taken), WireError> {
    let mut said = String::new();
    let mut take = |entry: Entry<'_>| {
        let line = match entry {
            Entry::Help { family, text } => format!("help {family} {text:?}"),
            Entry::Type { family, kind } => format!("type {family} {}", kind.word()),
            Entry::Unit { family, unit } => format!("unit {family} {unit}"),
            Entry::Sample(sample) => {
                let labels: Vec<String> = sample
                    .series
                    .labels()
                    .map(|(name, value)| format!("{name}={value:?}"))
                    .collect();
                let at = sample.at_ms.map_or(String::new(), |at_ms| format!(" @{at_ms}"));
                format!("{} {:?}{at}", labels.join(","), sample.value)
            }
        };
        said.push_str(&line);
        said.push('\n');
    };
    let mut reader = Reader::new(format, limits);
    for piece in pieces {
        reader.feed(piece, &mut take)?;
    }
    let taken = reader.finish(&mut take)?;
    Ok((said, taken))
}

fn check(format: Format, body: &str, expect: &str) {
    match read(format, Limits::default(), &[body.as_bytes()]) {
        Ok((said, _)) => assert_eq!(said, expect, "{body}"),
        Err(error) => panic!("{body}: {error}"),
    }
}

fn refuse(format: Format, body: impl AsRef<[u8]>, line: u64, column: usize, fault: Fault) {
    let body = body.as_ref();
    let found = read(format, Limits::default(), &[body]).map(|(said, _)| said);
    let expect = Err(WireError::Text { line, column, fault });
    assert_eq!(found, expect, "{:?}", String::from_utf8_lossy(body));
}

#[test]
fn text_is_read_as_prometheus_reads_it() {
    let check = |body, expect| check(Format::Text, body, expect);
    check("", "");
    check("up 1", "__name__=\"up\" 1.0\n");
    check(
        "\n  \n# anything\n#TYPE x y\n# HELP\n\tup\t1  \t123123 \n",
        "__name__=\"up\" 1.0 @123123\n",
    );
    check(
        "# \tTYPE a:b_1 summary\n# HELP a:b_1 what\\nit \\\\ \\\"is\n# HELP none\n",
        concat!(
            "type a:b_1 summary\n",
            "help a:b_1 \"what\\nit \\\\ \\\\\\\"is\"\n",
            "help none \"\"\n",
        ),
    );
    check("# TYPE a untyped\n# UNIT a seconds\na{} 1\n", "type a unknown\n__name__=\"a\" 1.0\n");
    let same = "__name__=\"a\",q=\"1\",b=\"c\" 8.5\n";
    for line in [
        r#"a{q="1",b="c"} 8.5"#,
        r#"a{q="1",b="c",} 8.5"#,
        r#"a { q = "1" , b= "c" , } 8.5"#,
        r#"a{q="1" b="c"}8.5"#,
        r#"{"a",q="1",b="c"} 8.5"#,
        r#"{ "a", "q"="1", b="c" } 8.5"#,
    ] {
        check(line, same);
    }
    check(r#"a{b="\\ \" \n \x é"} NaN -5"#, "__name__=\"a\",b=\"\\\\ \\\" \\n \\\\x é\" NaN @-5\n");
    check(
        "{q=\"x\",\"http.status \\\"10€\\\"\",\"a\\nb\"=\"6\"} +Inf",
        "q=\"x\",__name__=\"http.status \\\"10€\\\"\",a\nb=\"6\" inf\n",
    );
    check("# TYPE \"go.gc\" gauge\n", "type go.gc gauge\n");
    check("a{b=\"x\0y\"} 1", "__name__=\"a\",b=\"x\\0y\" 1.0\n");
    // The order of lines says nothing: neither a type after its samples nor the same series twice is refused.
    check("a 1\n# TYPE a gauge\na 2\n", "__name__=\"a\" 1.0\ntype a gauge\n__name__=\"a\" 2.0\n");
}

#[test]
fn what_is_wrong_in_a_text_is_refused_with_its_place() {
    let refuse_text =
        |body: &str, line, column, fault| refuse(Format::Text, body, line, column, fault);
    refuse_text("up 1\na\n", 2, 2, Fault::NoValue);
    refuse_text("a ", 1, 3, Fault::NoValue);
    refuse_text("a{b='c'} 1", 1, 5, Fault::LabelValue);
    refuse_text("a{b=\n\"c\"} 1", 1, 5, Fault::LabelValue);
    refuse_text("a{b=\"c\n\"} 1", 1, 5, Fault::Unclosed);
    refuse_text("a{b=\"c\\", 1, 5, Fault::Unclosed);
    refuse_text("a{=\"c\"} 1", 1, 3, Fault::Label);
    refuse_text("a{,b=\"c\"} 1", 1, 3, Fault::Label);
    refuse_text("a{b=\"c\",,} 1", 1, 9, Fault::Label);
    refuse_text("a{b=\"c\"", 1, 8, Fault::Label);
    refuse_text("a{b\0=\"c\"} 1", 1, 4, Fault::Equals);
    refuse_text("a true", 1, 3, Fault::Value);
    refuse_text("a 1_2", 1, 3, Fault::Value);
    refuse_text("a 0x1p-3", 1, 3, Fault::Value);
    refuse_text("a 0 1_2", 1, 5, Fault::Time);
    refuse_text("a 0 1.5", 1, 5, Fault::Time);
    refuse_text("a 0 1 2", 1, 7, Fault::Trailing);
    refuse_text("a 0 # {b=\"c\"} 1", 1, 5, Fault::ExemplarInText);
    refuse_text("{a=\"ok\"} 1", 1, 1, Fault::NoMetric);
    refuse_text("a{\"b\"} 1", 1, 1, Fault::SecondMetric);
    refuse_text("9a 1", 1, 1, Fault::Metric);
    refuse_text("-a 1", 1, 1, Fault::Metric);
    refuse_text("<html>", 1, 1, Fault::Metric);
    refuse_text("a-b 1", 1, 2, Fault::NoValue);
    refuse_text("h.5", 1, 2, Fault::NoValue);
    refuse_text("# HELP a=x", 1, 9, Fault::Metric);
    refuse_text("\x001", 1, 1, Fault::Metric);
    refuse_text("# TYPE #\n", 1, 8, Fault::Metric);
    refuse_text("# TYPE a\n", 1, 9, Fault::Type);
    refuse_text("# TYPE a number\n", 1, 10, Fault::Type);
    refuse_text("a 1\r\n", 1, 4, Fault::CarriageReturn);
    refuse(Format::Text, b"a{b=\"\xff\"} 1", 1, 6, Fault::Utf8);
    refuse(Format::Text, b"# HELP a \xff", 1, 10, Fault::Utf8);
    // A comment may be of any bytes.
    assert!(read(Format::Text, Limits::default(), &[b"# \xff\na 1"]).is_ok());
}

#[test]
fn openmetrics_is_read_as_prometheus_reads_it() {
    check(
        Format::OpenMetrics,
        concat!(
            "# HELP a what\\nit \\\"is\\\"\n",
            "# TYPE a_seconds histogram\n",
            "# UNIT a_seconds seconds\n",
            "# UNIT none \n",
            "a_seconds_bucket{le=\"+Inf\"} 1 # {id=\"x\",\"a b\"=\"y\"} 4 123.123\n",
            "a_seconds_count 1 123.321 # {} 4\n",
            "# TYPE ss stateset\n",
            "ss{A=\"a\",} 0\n",
            "{\"http.status\",q=\"0.9\"} 8e-05 1520879607.789\n",
            "# EOF\n",
        ),
        concat!(
            "help a \"what\\nit \\\"is\\\"\"\n",
            "type a_seconds histogram\n",
            "unit a_seconds seconds\n",
            "unit none \n",
            "__name__=\"a_seconds_bucket\",le=\"+Inf\" 1.0\n",
            "__name__=\"a_seconds_count\" 1.0 @123321\n",
            "type ss stateset\n",
            "__name__=\"ss\",A=\"a\" 0.0\n",
            "__name__=\"http.status\",q=\"0.9\" 8e-5 @1520879607789\n",
        ),
    );
    check(Format::OpenMetrics, "# EOF", "");
}

#[test]
fn times_of_begin_are_left_out_and_counted() {
    let body = concat!(
        "# TYPE foo counter\n",
        "foo_total{a=\"b\"} 17.0\n",
        "foo_created{a=\"b\"} 1520872607.123\n",
        "other_created 1\n",
        "# TYPE \"bar.x\" histogram\n",
        "{\"bar.x_created\"} 1\n",
        "# TYPE fizz_created gauge\n",
        "fizz_created 17\n",
        "# EOF\n",
    );
    let (said, taken) = read(Format::OpenMetrics, Limits::default(), &[body.as_bytes()]).unwrap();
    assert_eq!((taken.samples, taken.created), (3, 2));
    assert!(said.contains("other_created") && said.contains("\"fizz_created\" 17.0"), "{said}");
    assert!(!said.contains("foo_created") && !said.contains("bar.x_created"), "{said}");
    // In text it is a metric like others: clients write it as a gauge of its own.
    check(
        Format::Text,
        "# TYPE foo counter\nfoo_created 1",
        concat!("type foo counter\n", "__name__=\"foo_created\" 1.0\n",),
    );
}

#[test]
fn what_is_wrong_in_openmetrics_is_refused_with_its_place() {
    let refuse_open = |body: &str, line, column, fault| {
        refuse(Format::OpenMetrics, format!("{body}\n# EOF\n"), line, column, fault);
    };
    refuse_open("a 1\n\nb 1", 2, 1, Fault::Blank);
    refuse_open("# something", 1, 3, Fault::Comment);
    refuse_open("#HELP a b", 1, 1, Fault::Comment);
    refuse_open(" a 1", 1, 1, Fault::Metric);
    refuse_open("a  1", 1, 3, Fault::Value);
    refuse_open("a\t1", 1, 2, Fault::NoValue);
    refuse_open("a{b=\"c\" } 1", 1, 8, Fault::CommaOrBrace);
    refuse_open("a{b=\"c\" d=\"e\"} 1", 1, 8, Fault::CommaOrBrace);
    refuse_open("a{b=\"c\"}1", 1, 9, Fault::NoValue);
    refuse_open("a 1 ", 1, 5, Fault::Trailing);
    refuse_open("a 1 2 3", 1, 7, Fault::Trailing);
    refuse_open("a 1 NaN", 1, 5, Fault::Time);
    refuse_open("a 1 # {", 1, 8, Fault::Label);
    refuse_open("a 1 # {\"b\"} 1", 1, 5, Fault::Exemplar);
    refuse_open("a 1 # {b=\"c\"}", 1, 5, Fault::Exemplar);
    refuse_open("a 1 # {b=\"c\"} x", 1, 5, Fault::Exemplar);
    refuse_open("a 1 # {b=\"c\"} 1 NaN", 1, 5, Fault::Exemplar);
    refuse_open("a 1 # {b=\"c\"} 1 2 3", 1, 18, Fault::Trailing);
    refuse_open("# UNIT a_seconds bytes", 1, 18, Fault::Unit);
    refuse_open("# UNIT seconds seconds", 1, 16, Fault::Unit);
    refuse_open("# TYPE a untypical", 1, 10, Fault::Type);
    refuse_open("# EOF\na 1", 2, 1, Fault::AfterEnd);
    let cut = read(Format::OpenMetrics, Limits::default(), &[b"a 1\n"]);
    assert_eq!(cut.map(|(said, _)| said), Err(WireError::NoEnd));
}

#[test]
fn an_exporter_without_an_end_is_cut_off() {
    let limits = Limits { body_bytes: 1_000, line_bytes: 100, samples: 50, ..Limits::default() };
    let endless = |line: &[u8]| {
        let mut reader = Reader::new(Format::Text, limits.clone());
        let mut fed = 0;
        let error = loop {
            match reader.feed(line, |_| ()) {
                Ok(()) => fed += 1,
                Err(error) => break error,
            }
            assert!(fed < 10_000, "it never said no");
        };
        assert_eq!(reader.feed(b"up 1\n", |_| ()), Err(error.clone()), "it says so again");
        assert_eq!(reader.finish(|_| ()), Err(error.clone()));
        error
    };
    assert_eq!(endless(b"# comment\n"), WireError::BodyTooLong { limit: 1_000 });
    assert_eq!(endless(b"a 1\n"), WireError::TooManySamples { limit: 50 });
    let too_long = WireError::Text { line: 1, column: 101, fault: Fault::LineTooLong };
    assert_eq!(endless(b"a"), too_long);
    let line = [b"a 1\na{b=\"".as_slice(), &[b'x'; 200], b"\"} 1\n"].concat();
    let too_long = WireError::Text { line: 2, column: 101, fault: Fault::LineTooLong };
    assert_eq!(endless(&line), too_long);
}

#[test]
fn series_beyond_the_limits_are_left_out_and_counted() {
    let limits = Limits { labels: 3, name_bytes: 5, value_bytes: 4, ..Limits::default() };
    let body = concat!(
        "a{b=\"1234\",c=\"\\\"\\\"\\\"\\\"\"} 1\n",
        "a{b=\"12345\"} 2\n",
        "a{b=\"1\",c=\"2\",d=\"3\"} 3\n",
        "a{label6=\"1\"} 4\n",
        "metric 5\n",
        "{\"metric\"} 6\n",
        "name5 7\n",
    );
    let (said, taken) = read(Format::Text, limits, &[body.as_bytes()]).unwrap();
    assert_eq!((taken.samples, taken.oversized), (2, 5));
    assert_eq!(taken.first_oversized.as_deref(), Some("a{b=\"12345\"}"));
    assert_eq!(said.lines().count(), 2, "{said}");
}

/// Lines that come near to what the formats are, so that generated bodies get beyond the first byte.
const SHAPES: [&str; 12] = [
    "a 1\n",
    "a{b=\"c\"} 1.5\n",
    "# TYPE a counter\n",
    "# HELP a x\\ny\n",
    "a_created 1\n",
    "{\"a.b\",\"c d\"=\"\\\\\"} NaN 5\n",
    "a{b=\"é\\",
    "\"}",
    "# EOF\n",
    " # {x=\"y\"} 1 2",
    "\n",
    "# UNIT a_b b\n",
];

fn body_of(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let shaped = |(shape, bytes): &(u8, Vec<u8>)| {
        let shape = SHAPES[usize::from(*shape) % SHAPES.len()].as_bytes();
        [shape, bytes.get(..bytes.len() % 4).unwrap_or_default()].concat()
    };
    parts.iter().flat_map(shaped).collect()
}

#[test]
fn any_bytes_in_any_pieces_read_the_same() {
    let check = |body: &[u8], cut: usize| {
        for format in [Format::Text, Format::OpenMetrics] {
            let whole = read(format, Limits::default(), &[body]);
            let cut = cut.min(body.len());
            let (before, after) = body.split_at(cut);
            assert_eq!(read(format, Limits::default(), &[before, after]), whole);
            let single: Vec<&[u8]> = body.chunks(1).collect();
            assert_eq!(read(format, Limits::default(), &single), whole);
        }
    };
    bolero::check!().with_type::<(Vec<(u8, Vec<u8>)>, u16)>().for_each(|(parts, cut)| {
        check(&body_of(parts), usize::from(*cut));
    });
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| check(bytes, 3));
}

#[test]
fn labels_of_the_metrics_store_take_what_the_limits_let_through() {
    bolero::check!().with_type::<Vec<(u8, Vec<u8>)>>().for_each(|parts| {
        let mut reader = Reader::new(Format::Text, Limits::default());
        let fed = reader.feed(&body_of(parts), |entry| {
            let Entry::Sample(sample) = entry else { return };
            let pairs: Vec<(String, String)> = sample
                .series
                .labels()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            assert_eq!(pairs.iter().filter(|(name, _)| name == "__name__").count(), 1);
            let is_plain = !sample.series.raw().contains("\"a.b\"");
            if is_plain {
                assert!(series::Labels::from_pairs(pairs).is_ok(), "{}", sample.series.raw());
            }
        });
        assert!(matches!(fed, Ok(()) | Err(WireError::Text { .. })), "{fed:?}");
    });
}

#[test]
fn every_type_has_its_word() {
    for word in [
        "unknown",
        "counter",
        "gauge",
        "histogram",
        "gaugehistogram",
        "summary",
        "info",
        "stateset",
    ] {
        assert_eq!(Kind::of_word(word).map(Kind::word), Some(word));
    }
    assert_eq!(Kind::of_word("untyped"), Some(Kind::Unknown));
    assert_eq!(Kind::of_word("Counter"), None);
}
