//! The labels that name a series.

use crate::error::SeriesError;
use std::{fmt, sync::Arc};

/// The label that holds the name of the metric.
pub const METRIC: &str = "__name__";

const MOST_LABELS: usize = 40;
const MOST_NAME_BYTES: usize = 200;
const MOST_VALUE_BYTES: usize = 2_048;

/// A set of labels, sorted by name, none twice, none empty. The name of the metric is the label [`METRIC`].
///
/// Names are as Prometheus has them: letters, digits and underscores, the first no digit; the metric's may hold colons (Prometheus, "Data
/// model"). Values are any UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Labels of a metric. An empty value is the same as no label, as in Prometheus.
    ///
    /// # Errors
    /// [`SeriesError::Label`], when a name is not one or comes twice, when something is too long or too many, or when no label is left.
    pub fn new<N: Into<String>, V: Into<String>>(
        metric: &str,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SeriesError> {
        let metric = (METRIC.to_owned(), metric.to_owned());
        let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self::from_pairs(std::iter::once(metric).chain(labels).collect())
    }

    /// As [`Labels::new`], with the metric's name among the labels, or without one.
    ///
    /// # Errors
    /// As [`Labels::new`].
    pub fn from_pairs(mut pairs: Vec<(String, String)>) -> Result<Self, SeriesError> {
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.sort();
        let refuse = |reason: String| Err(SeriesError::Label { reason });
        if pairs.is_empty() {
            return refuse("it has no labels".to_owned());
        }
        if pairs.len() > MOST_LABELS {
            return refuse(format!("{} labels, of {MOST_LABELS} at most", pairs.len()));
        }
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return refuse(format!("the label `{}` comes twice", twice[0].0));
        }
        for (name, value) in &pairs {
            if name.len() > MOST_NAME_BYTES || !is_name(name, false) {
                return refuse(format!("`{}` is no name of a label", cut(name)));
            }
            if value.len() > MOST_VALUE_BYTES {
                return refuse(format!(
                    "the value of `{name}` is longer than {MOST_VALUE_BYTES} bytes"
                ));
            }
            if name == METRIC && (value.len() > MOST_NAME_BYTES || !is_name(value, true)) {
                return refuse(format!("`{}` is no name of a metric", cut(value)));
            }
        }
        Ok(Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    /// The value of a label; empty when there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        found.map_or("", |index| &self.0[index].1)
    }

    /// The name of the metric; empty when there is none.
    #[must_use]
    pub fn metric(&self) -> &str {
        self.get(METRIC)
    }

    /// All labels by name, the metric's among them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The labels themselves, shared with the store that they came from.
    #[must_use]
    pub fn shared(self) -> Arc<[(Arc<str>, Arc<str>)]> {
        self.0
    }

    /// Labels that were checked when they came in.
    pub(crate) fn known(pairs: Arc<[(Arc<str>, Arc<str>)]>) -> Self {
        Self(pairs)
    }
}

fn is_name(name: &str, may_have_colons: bool) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' && may_have_colons;
    name.bytes().all(is_allowed) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// So much of a text that a message stays readable.
fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// As in the text format of Prometheus: `metric{name="value"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric())?;
        let others: Vec<String> = self
            .iter()
            .filter(|(name, _)| *name != METRIC)
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        if others.is_empty() { Ok(()) } else { write!(f, "{{{}}}", others.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(metric: &str, labels: &[(&str, &str)], expect: Result<&str, &str>) {
        let found = Labels::new(metric, labels.iter().copied());
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found.to_string(), expect),
            (Err(SeriesError::Label { reason }), Err(expect)) => {
                assert!(reason.contains(expect), "{reason}");
            }
            (found, expect) => panic!("{found:?} where {expect:?} was expected"),
        }
    }

    #[test]
    fn labels_are_sorted_and_those_without_a_value_left_out() {
        check("up", &[], Ok("up"));
        check(
            "a:b_1",
            &[("zone", "é \"1\""), ("host", "x"), ("gone", "")],
            Ok(r#"a:b_1{host="x",zone="é \"1\""}"#),
        );
        check("", &[("host", "x")], Ok(r#"{host="x"}"#));
    }

    #[test]
    fn what_prometheus_would_not_take_is_refused() {
        check("", &[], Err("no labels"));
        check("1up", &[], Err("no name of a metric"));
        check("up", &[("a:b", "x")], Err("`a:b` is no name of a label"));
        check("up", &[("", "x")], Err("no name of a label"));
        check("up", &[("a", "x"), ("a", "y")], Err("`a` comes twice"));
        check("up", &[("a", &"x".repeat(3_000))], Err("longer than"));
        let many: Vec<(String, String)> = (0..41).map(|n| (format!("l{n}"), "x".into())).collect();
        assert!(Labels::from_pairs(many).is_err());
    }
}
