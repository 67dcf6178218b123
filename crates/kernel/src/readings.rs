//! What collectors measure: samples of named metrics, all of one moment.
//!
//! One buffer that is filled again each time, so that a collector that reads once a second asks for no memory. It says nothing of what is
//! not known: a reading that is missing is unknown, and never the one before.

use std::fmt;

/// What a metric is, for whoever reads its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// As in Prometheus' data model, with the unit in it (`_seconds`, `_bytes`), and `_total` at the end of a counter.
    pub name: &'static str,
    pub kind: FamilyKind,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only grows, and begins again at zero.
    Counter,
    Gauge,
}

impl FamilyKind {
    /// The word of Prometheus' formats.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One sample.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    pub name: &'a str,
    /// Sorted by name, as they were put.
    pub labels: &'a [(&'a str, &'a str)],
    pub value: f64,
}

/// The samples of one moment.
#[derive(Clone, Default)]
pub struct Readings {
    /// Names and values of labels, one after another.
    text: String,
    /// Where each of them ends: the metric's name, then names and values of labels by turns.
    ends: Vec<u32>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// The first of its texts.
    first: u32,
    labels: u16,
    value: f64,
}

impl Readings {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the samples and keeps the room.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.rows.clear();
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds one. Labels in any order, each name once; those with an empty value are left out, as in Prometheus.
    pub fn put(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let first = u32::try_from(self.ends.len()).expect("invariant: a moment has fewer texts");
        self.push(name);
        let mut count = 0;
        let mut previous: Option<&str> = None;
        // A handful of labels: looking for the next one each time is cheaper than a list to sort.
        while let Some((label, value)) = labels
            .iter()
            .filter(|(label, _)| previous.is_none_or(|previous| *label > previous))
            .min_by_key(|(label, _)| *label)
        {
            previous = Some(label);
            if !value.is_empty() {
                self.push(label);
                self.push(value);
                count += 1;
            }
        }
        self.rows.push(Row { first, labels: count, value });
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).expect("invariant: a moment is short"));
    }

    /// Each of them in the order they were put.
    pub fn each(&self, mut take: impl FnMut(Reading<'_>)) {
        let mut labels: Vec<(&str, &str)> = Vec::new();
        for row in &self.rows {
            let first = row.first as usize;
            labels.clear();
            labels.extend((0..usize::from(row.labels)).map(|label| {
                let at = first + 1 + 2 * label;
                (self.text_at(at), self.text_at(at + 1))
            }));
            take(Reading { name: self.text_at(first), labels: &labels, value: row.value });
        }
    }

    /// The value of one, if it is there: for whoever needs a few of many.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = None;
        self.each(|reading| {
            let is_same = reading.name == name
                && reading.labels.len() == labels.len()
                && reading.labels.iter().all(|label| labels.contains(label));
            if is_same {
                found = Some(reading.value);
            }
        });
        found
    }

    fn text_at(&self, at: usize) -> &str {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.text[begin..self.ends[at] as usize]
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        self.each(|reading| {
            list.entry(&reading);
        });
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_comes_back_with_its_labels_in_order() {
        let mut readings = Readings::new();
        for round in 0..2 {
            readings.clear();
            assert!(readings.is_empty());
            readings.put("up", &[], 1.0);
            readings.put("cpu_seconds_total", &[("mode", "idle"), ("cpu", "0")], 2.5);
            readings.put("disk_bytes", &[("path", ""), ("device", "vda")], f64::from(round));
            let mut seen = Vec::new();
            readings.each(|one| seen.push(format!("{} {:?} {}", one.name, one.labels, one.value)));
            let expected = [
                "up [] 1".to_owned(),
                r#"cpu_seconds_total [("cpu", "0"), ("mode", "idle")] 2.5"#.to_owned(),
                format!(r#"disk_bytes [("device", "vda")] {round}"#),
            ];
            assert_eq!(seen, expected);
        }
        assert_eq!(readings.len(), 3);
        let value = readings.value("cpu_seconds_total", &[("mode", "idle"), ("cpu", "0")]);
        assert_eq!(value, Some(2.5));
        assert_eq!(readings.value("cpu_seconds_total", &[("mode", "idle")]), None);
    }
}
