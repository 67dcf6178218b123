//! Prometheus' own files of queries and answers, held against the evaluator on the real store.
//!
//! They lie beside the checkout and not in it; without them the suite says that it was skipped.

use promql::query::{Answer, Query, QueryLimits, ResultRow, Source};
use series::{Labels, Limits, Sample, Series};
use std::{collections::BTreeMap, fs, path::PathBuf};

const FOLDER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/promqltest/testdata");
/// As near as Prometheus' own runner wants it.
const NEAR: f64 = 1e-6;

/// What became of the queries of a file.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Tally {
    passed: u32,
    /// About native histograms, which there are none of here.
    native: u32,
    /// Refused by name: experimental there.
    refused: u32,
    failed: u32,
}

struct World {
    _folder: tempfile::TempDir,
    store: Series,
    has_native: bool,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            window_ms: i64::MAX / 4,
            ahead_ms: i64::MAX / 4,
            head_bytes: 1 << 30,
            waiting_bytes: 1 << 30,
            ..Limits::default()
        };
        let store = Series::open(folder.path(), limits, 0).unwrap();
        Self { _folder: folder, store, has_native: false }
    }

    fn load(&mut self, step_ms: i64, line: &str) {
        let (labels, values) = series_of(line);
        let series = self.store.series(&Labels::from_pairs(labels).unwrap(), 0).unwrap();
        let mut samples = Vec::new();
        for (at, value) in (0..).zip(values) {
            let at_ms = at * step_ms;
            match value {
                Given::Nothing => {}
                Given::Native => self.has_native = true,
                Given::Stale => samples.push((series, Sample::stale(at_ms))),
                Given::Number(value) => samples.push((series, Sample { at_ms, value })),
            }
        }
        assert_eq!(self.store.append(&samples, 0).unwrap().refused.total(), 0, "{line}");
    }
}

fn pairs(row: &ResultRow) -> Vec<(String, String)> {
    row.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[derive(Debug, Clone, Copy)]
enum Given {
    Nothing,
    Stale,
    Native,
    Number(f64),
}

/// `name{label="value"} 1 2+3x4 _ stale`.
fn series_of(line: &str) -> (Vec<(String, String)>, Vec<Given>) {
    let line = line.trim();
    let mut labels = Vec::new();
    let end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    if end > 0 {
        labels.push(("__name__".to_owned(), line[..end].to_owned()));
    }
    let mut rest = &line[end..];
    if rest.starts_with('{') && !rest.starts_with("{{") {
        rest = &rest[1..];
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(behind) = rest.strip_prefix('}') {
                rest = behind;
                break;
            }
            let (name, value, behind) = pair(rest);
            labels.push((name, value));
            rest = behind;
        }
    }
    (labels, values_of(rest))
}

/// What stands between quotes, and where it ends.
fn quoted(text: &str) -> (String, usize) {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, at + 1),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c)) => value.push(c),
                None => {}
            },
            c => value.push(c),
        }
    }
    panic!("no end of {text}");
}

/// `name="value"`, or a name in quotes, which is the metric's without a value.
fn pair(text: &str) -> (String, String, &str) {
    let (name, behind) = if text.starts_with('"') {
        let (name, end) = quoted(text);
        (name, text[end..].trim_start())
    } else {
        let end = text.find('=').unwrap();
        (text[..end].trim().to_owned(), &text[end..])
    };
    match behind.strip_prefix('=') {
        Some(value) => {
            let value = value.trim_start();
            let (text, end) = quoted(value);
            (name, text, &value[end..])
        }
        None => ("__name__".to_owned(), name, behind),
    }
}

fn values_of(text: &str) -> Vec<Given> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // A native histogram has blanks in it, and may have another one added to it so many times.
        let mut end = 0;
        while let Some(at) = rest[end..].strip_prefix(['+', '-']).unwrap_or(&rest[end..]).find("}}")
        {
            let is_next = rest[end..].trim_start_matches(['+', '-']).starts_with("{{");
            if !is_next {
                break;
            }
            let sign = rest[end..].len() - rest[end..].trim_start_matches(['+', '-']).len();
            end += sign + at + 2;
        }
        let end = rest[end..].find(char::is_whitespace).map_or(rest.len(), |at| end + at);
        let (word, behind) = rest.split_at(end);
        rest = behind.trim_start();
        if word.starts_with("{{") {
            let times = word.rsplit_once("}}x").and_then(|(_, times)| times.parse::<u32>().ok());
            (0..=times.unwrap_or(0)).for_each(|_| values.push(Given::Native));
        } else {
            expand(word, &mut values);
        }
    }
    values
}

fn expand(word: &str, values: &mut Vec<Given>) {
    let (what, times) = match word.rsplit_once('x') {
        Some((what, times))
            if !what.is_empty()
                && !times.is_empty()
                && times.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (what, times.parse::<u32>().ok())
        }
        _ => (word, None),
    };
    match what {
        "_" => (0..times.unwrap_or(1)).for_each(|_| values.push(Given::Nothing)),
        "stale" => values.push(Given::Stale),
        what => {
            // A sign behind the first letter that is not an exponent's begins the step.
            let bytes = what.as_bytes();
            let sign = (1..what.len()).find(|at| {
                matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E')
            });
            let (begin, by) = sign.map_or((what, "0"), |at| what.split_at(at));
            let (begin, by) = (number(begin), number(by));
            for at in 0..=times.unwrap_or(0) {
                values.push(Given::Number(begin + by * f64::from(at)));
            }
        }
    }
}

fn number(text: &str) -> f64 {
    let text = text.trim_start_matches('+');
    match text.to_ascii_lowercase().as_str() {
        "inf" => f64::INFINITY,
        "-inf" => f64::NEG_INFINITY,
        "nan" => f64::NAN,
        hex if hex.starts_with("0x") => i64::from_str_radix(&hex[2..], 16).unwrap() as f64,
        other => other.replace('_', "").parse().unwrap_or_else(|_| panic!("{text} is no number")),
    }
}

/// `1h30m`, `50`, `-1m`: milliseconds.
fn duration(text: &str) -> i64 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    if let Ok(seconds) = text.parse::<f64>() {
        return sign * (seconds * 1000.0).round() as i64;
    }
    let scale = |unit: &str| match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3_600e3,
        "d" => 86_400e3,
        "w" => 604_800e3,
        "y" => 365.0 * 86_400e3,
        unit => panic!("{unit} is no unit of {text}"),
    };
    let (mut total, mut digits, mut unit) = (0.0, String::new(), String::new());
    for c in text.chars().chain(['0']) {
        if c.is_ascii_digit() || c == '.' {
            if !unit.is_empty() {
                total += digits.parse::<f64>().unwrap() * scale(&unit);
                digits.clear();
                unit.clear();
            }
            digits.push(c);
        } else {
            unit.push(c);
        }
    }
    sign * total as i64
}

/// One `eval` with what is expected of it.
#[derive(Debug, Default)]
struct Eval {
    at: Option<i64>,
    range: (i64, i64, i64),
    query: String,
    fails: bool,
    ordered: bool,
    text: Option<String>,
    rows: Vec<String>,
    scalar: Option<f64>,
    /// Of a range vector that an instant query comes to: begin, end and step.
    window: Option<(i64, i64, i64)>,
}

impl Eval {
    fn read(line: &str) -> Self {
        let (word, rest) = line.split_once(' ').unwrap();
        let (fails, ordered) = (word == "eval_fail", word == "eval_ordered");
        let mut eval = Self { fails, ordered, ..Self::default() };
        let rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("instant at ") {
            let (at, query) = rest.trim_start().split_once(char::is_whitespace).unwrap();
            (eval.at, eval.query) = (Some(duration(at)), query.trim().to_owned());
        } else {
            let rest = rest.strip_prefix("range from ").unwrap();
            let (range, query) = span(rest);
            (eval.range, eval.query) = (range, query.to_owned());
        }
        eval
    }

    fn expect(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("expect ") {
            match rest.split_whitespace().next().unwrap_or_default() {
                "fail" => self.fails = true,
                "ordered" => self.ordered = true,
                "string" => {
                    let text = rest.trim_start_matches("string").trim();
                    self.text = Some(match text.starts_with('`') {
                        true => text[1..text.len() - 1].to_owned(),
                        false => quoted(text).0,
                    });
                }
                "range" => {
                    self.window = Some(span(rest.trim_start_matches("range vector from ")).0);
                }
                _ => {}
            }
        } else if line.starts_with("expected_fail") {
            self.fails = true;
        } else if is_number(line) {
            self.scalar = Some(number(line));
        } else {
            self.rows.push(line.to_owned());
        }
    }

    fn is_native(&self) -> bool {
        self.rows.iter().any(|row| row.contains("{{"))
    }

    /// `Err` says why it is not as expected.
    fn run(&self, world: &World) -> Result<(), String> {
        let limits = QueryLimits::default();
        let answer = Query::parse(&self.query).map_err(|error| error.to_string());
        let answer = answer.and_then(|query| {
            let answer = match self.at {
                Some(at) => query.instant(&Source::of(&world.store), at, &limits),
                None => query.range(&Source::of(&world.store), self.range, &limits),
            };
            answer.map_err(|error| error.to_string())
        });
        match (answer, self.fails) {
            (Err(error), _) if error.contains("is experimental") => Err(error),
            (Err(_), true) => Ok(()),
            (Err(error), false) => Err(error),
            (Ok(_), true) => Err("it did not fail".to_owned()),
            (Ok(answer), false) => self.compare(answer),
        }
    }

    fn times(&self) -> Vec<i64> {
        let steps = |(from, to, step): (i64, i64, i64)| {
            (0..).map(|at| from + at * step).take_while(|at| *at <= to).collect()
        };
        match (self.window, self.at) {
            (Some(window), _) => steps(window),
            (None, Some(at)) => vec![at],
            (None, None) => steps(self.range),
        }
    }

    fn compare(&self, answer: Answer) -> Result<(), String> {
        let rows = match answer {
            Answer::Text(text) => {
                return same(self.text.as_deref() == Some(&text), || format!("it is {text:?}"));
            }
            Answer::Scalar((_, value)) => {
                let is_it = self.scalar.is_some_and(|expect| is_near(expect, value));
                return same(is_it, || format!("it is {value}, not {:?}", self.scalar));
            }
            Answer::Vector(rows) | Answer::Matrix(rows) => rows,
        };
        let expect: Vec<_> = match self.scalar {
            Some(value) => vec![(Vec::new(), vec![Given::Number(value)])],
            None => self.rows.iter().map(|row| series_of(row)).collect(),
        };
        let mut found: BTreeMap<Vec<(String, String)>, &ResultRow> = BTreeMap::new();
        for row in &rows {
            found.insert(pairs(row), row);
        }
        same(found.len() == rows.len(), || "labels come twice".to_owned())?;
        let times = self.times();
        for (place, (mut labels, values)) in expect.into_iter().enumerate() {
            labels.sort();
            labels.retain(|(_, value)| !value.is_empty());
            let row = found.remove(&labels).ok_or_else(|| format!("no {labels:?} in {rows:?}"))?;
            if self.ordered {
                same(pairs(&rows[place]) == labels, || format!("{labels:?} is not at {place}"))?;
            }
            let values = values.into_iter().chain(std::iter::repeat(Given::Nothing));
            for (at, value) in times.iter().zip(values) {
                let own = row.points.iter().find(|point| point.0 == *at).map(|point| point.1);
                let is_it = match (value, own) {
                    (Given::Number(expect), Some(own)) => is_near(expect, own),
                    (Given::Nothing | Given::Stale, None) => true,
                    _ => false,
                };
                same(is_it, || format!("{labels:?} is {own:?} at {at}, not {value:?}"))?;
            }
        }
        same(found.is_empty(), || format!("{:?} was not expected", found.keys().next()))
    }
}

/// `0 to 10m step 1m rest`: begin, end, step, and what is behind.
fn span(text: &str) -> ((i64, i64, i64), &str) {
    let (from, rest) = text.split_once(" to ").unwrap();
    let (to, rest) = rest.split_once(" step ").unwrap();
    let (step, rest) =
        rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    ((duration(from.trim()), duration(to.trim()), duration(step)), rest.trim())
}

fn is_number(line: &str) -> bool {
    let bare = line.trim_start_matches(['-', '+']);
    line.split_whitespace().count() == 1
        && (bare.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            || matches!(bare, "Inf" | "NaN" | "inf" | "nan"))
}

fn same(is: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(why()) }
}

fn is_near(one: f64, other: f64) -> bool {
    if one.is_nan() || other.is_nan() {
        return one.is_nan() && other.is_nan();
    }
    let apart = (one - other).abs();
    one == other || apart <= NEAR * one.abs().max(other.abs()) || apart < f64::MIN_POSITIVE
}

fn run(text: &str, file: &str) -> Tally {
    let (mut world, mut tally) = (World::new(), Tally::default());
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let mut below = Vec::new();
        while let Some((_, next)) = lines.peek() {
            let is_below = next.starts_with([' ', '\t']) && !next.trim().is_empty();
            if !is_below && !next.starts_with('#') {
                break;
            }
            let next = lines.next().unwrap().1.trim();
            if !next.starts_with('#') {
                below.push(next);
            }
        }
        if bare == "clear" {
            world = World::new();
        } else if bare.starts_with("load") {
            let step = duration(bare.split_whitespace().nth(1).unwrap());
            world.has_native |= bare.starts_with("load_with_nhcb");
            below.iter().for_each(|line| world.load(step, line));
        } else if bare.starts_with("eval") {
            let mut eval = Eval::read(bare);
            below.iter().for_each(|line| eval.expect(line));
            if eval.is_native() {
                tally.native += 1;
                continue;
            }
            match eval.run(&world) {
                Ok(()) => tally.passed += 1,
                Err(why) if why.contains("is experimental") => tally.refused += 1,
                Err(_) if world.has_native => tally.native += 1,
                Err(why) => {
                    tally.failed += 1;
                    let why: String = why.chars().take(260).collect();
                    println!("{file}:{}: {}: {why}", number + 1, eval.query);
                }
            }
        } else {
            panic!("{file}:{}: {bare}", number + 1);
        }
    }
    tally
}

#[test]
fn prometheus_own_files_are_answered() {
    let folder = PathBuf::from(FOLDER);
    if !folder.is_dir() {
        println!("SKIPPED: {} is not there", folder.display());
        return;
    }
    // Passed, about native histograms, refused as experimental. Nothing else is otherwise than in Prometheus.
    let expect = [
        ("aggregators", (152, 6, 2)),
        ("at_modifier", (77, 0, 1)),
        ("collision", (2, 0, 0)),
        ("functions", (314, 37, 80)),
        ("histograms", (82, 85, 18)),
        ("limit", (0, 6, 31)),
        ("literals", (25, 0, 0)),
        ("name_label_dropping", (30, 0, 0)),
        ("operators", (207, 7, 0)),
        ("range_queries", (15, 1, 2)),
        ("selectors", (31, 0, 0)),
        ("staleness", (17, 0, 0)),
        ("subquery", (32, 2, 0)),
        ("trig_functions", (19, 0, 0)),
    ];
    for (file, (passed, native, refused)) in expect {
        let text = fs::read_to_string(folder.join(format!("{file}.test"))).unwrap();
        let tally = run(&text, file);
        assert_eq!(tally, Tally { passed, native, refused, failed: 0 }, "{file}");
    }
}

#[test]
fn what_would_hurt_or_is_experimental_is_refused_by_name() {
    let world = World::new();
    let check = |query: &str, expect: &str| {
        let limits = QueryLimits::default();
        let answer = Query::parse(query).map_err(|error| error.to_string());
        let answer = answer.and_then(|query| {
            query.instant(&Source::of(&world.store), 0, &limits).map_err(|error| error.to_string())
        });
        let error = answer.expect_err(query);
        assert!(error.contains(expect), "{error}");
    };
    check(&"(".repeat(60_000), "longer than");
    check(&vec!["a"; 5_000].join("+"), "longer than");
    check("vector(1)[100y:1ms]", "steps are more than");
    check("up offset 9000y", "1000 years");
    check("limitk(1, up)", "`limitk` is experimental");
    check("mad_over_time(up[1m])", "`mad_over_time()` is experimental");
    check("up + fill(0) up", "fill");
    check("{a=\"x\" or b=\"y\"}", "experimental");
    check("rate(up)", "up");
    check("sum(", "is no query");
}
