//! Metrics of our own, written as either text.

use crate::wire::{Format, Kind, PageFault, WireError};
use std::collections::{BTreeMap, btree_map::Entry};
use std::fmt::Write as _;

/// Endings that the formats give to samples of a family: a family that ended in one could stand for the sample of another.
const ENDINGS: [&str; 8] =
    ["_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum"];

/// Labels that the formats give to samples of a family.
const RESERVED: [&str; 3] = ["le", "quantile", "__name__"];

/// A page of metrics: families, each with its samples, sorted by name and labels whatever order they came in.
///
/// Families are named as in OpenMetrics, without an ending of their type: a counter `orders` is written as `orders_total`.
#[derive(Debug, Clone, Default)]
pub struct Page {
    families: BTreeMap<String, Family>,
}

#[derive(Debug, Clone)]
struct Family {
    kind: Kind,
    help: String,
    unit: String,
    /// By labels as they are written.
    points: BTreeMap<String, Point>,
}

#[derive(Debug, Clone)]
enum Point {
    Number(f64),
    Buckets { bounds: Vec<f64>, counts: Vec<u64>, sum: f64 },
}

/// How often something fell between which bounds.
#[derive(Debug, Clone, Copy)]
pub struct Buckets<'a> {
    /// Upper bounds, included in their bucket; ascending, finite, not negative.
    pub bounds: &'a [f64],
    /// For each bound what fell between it and the one before, and one more for what fell above all: not cumulative.
    pub counts: &'a [u64],
    /// The sum of all that fell, not negative.
    pub sum: f64,
}

/// A family to add samples to.
#[derive(Debug)]
pub struct FamilyOf<'p> {
    name: &'p str,
    family: &'p mut Family,
}

impl Page {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The family of this name, begun when it is new. `unit` is how the name ends, or empty. A family without samples is written too: it says
    /// what could be there.
    ///
    /// # Errors
    /// [`WireError::Page`], when the name is none or ends as a sample does, when the unit is not how it ends, when the kind is none that is
    /// written (counter, gauge, histogram, info), or when the family was begun as something else.
    pub fn family(
        &mut self,
        name: &'static str,
        kind: Kind,
        unit: &str,
        help: &str,
    ) -> Result<FamilyOf<'_>, WireError> {
        let fault = |what| WireError::Page { name: name.to_owned(), what };
        if !is_name(name, true) || ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            return Err(fault(PageFault::Name));
        }
        let ends = name.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
        if !unit.is_empty() && (!ends || kind == Kind::Info) {
            return Err(fault(PageFault::Unit));
        }
        if !matches!(kind, Kind::Counter | Kind::Gauge | Kind::Histogram | Kind::Info) {
            return Err(fault(PageFault::Kind));
        }
        let new =
            Family { kind, help: help.into(), unit: unit.into(), points: BTreeMap::default() };
        let family = match self.families.entry(name.to_owned()) {
            Entry::Vacant(vacant) => vacant.insert(new),
            Entry::Occupied(known) => {
                let known = known.into_mut();
                if (known.kind, &known.help, &known.unit) != (new.kind, &new.help, &new.unit) {
                    return Err(fault(PageFault::Again));
                }
                known
            }
        };
        Ok(FamilyOf { name, family })
    }

    /// The whole page.
    #[must_use]
    pub fn write(&self, format: Format) -> String {
        let mut page = String::new();
        for (name, family) in &self.families {
            family.write(name, format, &mut page);
        }
        if format == Format::OpenMetrics {
            page.push_str("# EOF\n");
        }
        page
    }
}

impl FamilyOf<'_> {
    /// Adds the sample of a counter or gauge with these labels; an info's value is 1.
    ///
    /// # Errors
    /// [`WireError::Page`], when a label has no name as it should or comes twice, when a sample has the same labels, when a counter is
    /// negative or no number, or when the family is a histogram.
    pub fn add(&mut self, labels: &[(&str, &str)], value: f64) -> Result<&mut Self, WireError> {
        let is_taken = match self.family.kind {
            Kind::Counter => value >= 0.0 && value.is_finite(),
            Kind::Info => value == 1.0,
            kind => kind == Kind::Gauge,
        };
        if !is_taken {
            return Err(self.fault(PageFault::Value));
        }
        self.put(labels, Point::Number(value))
    }

    /// Adds a histogram with these labels.
    ///
    /// # Errors
    /// As [`FamilyOf::add`], and when bounds and counts are not as [`Buckets`] says or the family is no histogram.
    pub fn add_buckets(
        &mut self,
        labels: &[(&str, &str)],
        buckets: Buckets<'_>,
    ) -> Result<&mut Self, WireError> {
        let Buckets { bounds, counts, sum } = buckets;
        let is_taken = self.family.kind == Kind::Histogram
            && counts.len() == bounds.len() + 1
            && bounds.iter().all(|bound| *bound >= 0.0 && bound.is_finite())
            && bounds.windows(2).all(|two| two[0] < two[1])
            && sum >= 0.0
            && sum.is_finite();
        if !is_taken {
            return Err(self.fault(PageFault::Value));
        }
        self.put(labels, Point::Buckets { bounds: bounds.into(), counts: counts.into(), sum })
    }

    fn put(&mut self, labels: &[(&str, &str)], point: Point) -> Result<&mut Self, WireError> {
        let mut labels: Vec<(&str, &str)> = labels.to_vec();
        labels.sort_unstable();
        let is_wrong = |name: &str| !is_name(name, false) || RESERVED.contains(&name);
        let is_twice = labels.windows(2).any(|two| two[0].0 == two[1].0);
        if is_twice || labels.iter().any(|(name, _)| is_wrong(name)) {
            return Err(self.fault(PageFault::Label));
        }
        // An empty value is the same as no label.
        labels.retain(|(_, value)| !value.is_empty());
        let mut written = String::new();
        for (name, value) in labels {
            let comma = if written.is_empty() { "" } else { "," };
            written.push_str(comma);
            written.push_str(name);
            written.push_str("=\"");
            escape(value, true, &mut written);
            written.push('"');
        }
        let Entry::Vacant(vacant) = self.family.points.entry(written) else {
            return Err(self.fault(PageFault::Twice));
        };
        vacant.insert(point);
        Ok(self)
    }

    fn fault(&self, what: PageFault) -> WireError {
        WireError::Page { name: self.name.to_owned(), what }
    }
}

impl Family {
    fn write(&self, name: &str, format: Format, page: &mut String) {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            _ => "",
        };
        let is_open = format == Format::OpenMetrics;
        // Text tells of samples by their whole name, and has no infos.
        let told = if is_open { name.to_owned() } else { format!("{name}{ending}") };
        let word = if !is_open && self.kind == Kind::Info { "gauge" } else { self.kind.word() };
        put(page, format_args!("# HELP {told} "));
        escape(&self.help, is_open, page);
        put(page, format_args!("\n# TYPE {told} {word}\n"));
        if is_open && !self.unit.is_empty() {
            put(page, format_args!("# UNIT {told} {}\n", self.unit));
        }
        for (labels, point) in &self.points {
            match point {
                Point::Number(value) => sample(page, name, ending, labels, "", *value),
                Point::Buckets { bounds, counts, sum } => {
                    let mut total = 0_u64;
                    for (index, count) in counts.iter().enumerate() {
                        total = total.saturating_add(*count);
                        let bound = bounds.get(index).copied().unwrap_or(f64::INFINITY);
                        sample(page, name, "_bucket", labels, &le(bound), total as f64);
                    }
                    sample(page, name, "_sum", labels, "", *sum);
                    sample(page, name, "_count", labels, "", total as f64);
                }
            }
        }
    }
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("invariant: a string takes whatever is written");
}

fn sample(page: &mut String, name: &str, ending: &str, labels: &str, more: &str, value: f64) {
    page.push_str(name);
    page.push_str(ending);
    if !labels.is_empty() || !more.is_empty() {
        let comma = if labels.is_empty() || more.is_empty() { "" } else { "," };
        put(page, format_args!("{{{labels}{comma}{more}}}"));
    }
    put(page, format_args!(" {}\n", number(value)));
}

/// The bound of a bucket as OpenMetrics has it ("Considerations: Canonical Numbers"), in text as well, so that a bucket is one series
/// whichever is asked for.
fn le(bound: f64) -> String {
    let mut bound = number(bound);
    if bound.bytes().all(|byte| byte.is_ascii_digit()) {
        bound.push_str(".0");
    }
    format!("le=\"{bound}\"")
}

/// The shortest decimal that reads as the same double; long ones with an exponent.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else if value == 0.0 || (1e-5..1e17).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

fn escape(text: &str, with_quotes: bool, to: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '"' if with_quotes => to.push_str("\\\""),
            _ => to.push(letter),
        }
    }
}

fn is_name(name: &str, may_have_colons: bool) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' && may_have_colons;
    name.bytes().all(is_allowed) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}
