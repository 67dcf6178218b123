//! Statements for a server's figures as tables: which columns are labels, and which metrics the others become.

use crate::{CollectError, field::number};
use databases::statistics::{Answer, Statistics};
use kernel::readings::{Family, Readings};

/// One statement. Its first columns are the labels, the others the values, each in the order given here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    /// The first version that has it, as [`Statistics::version`].
    pub(crate) since: u32,
    /// The first version that has it no more.
    pub(crate) before: u32,
    pub(crate) text: &'static str,
    pub(crate) labels: &'static [&'static str],
    pub(crate) values: &'static [Family],
}

impl Statement {
    pub(crate) const fn of(
        text: &'static str,
        labels: &'static [&'static str],
        values: &'static [Family],
    ) -> Self {
        Self { since: 0, before: u32::MAX, text, labels, values }
    }

    pub(crate) const fn since(mut self, version: u32) -> Self {
        self.since = version;
        self
    }

    pub(crate) const fn before(mut self, version: u32) -> Self {
        self.before = version;
        self
    }

    /// Asks, unless the server's version does not have it. What this user may not see is left out.
    pub(crate) async fn ask(
        &self,
        place: &str,
        statistics: &mut Statistics,
        readings: &mut Readings,
    ) -> Result<(), CollectError> {
        if !(self.since..self.before).contains(&statistics.version()) {
            return Ok(());
        }
        let Some(figures) = ask(place, statistics, self.text).await? else { return Ok(()) };
        let width = self.labels.len() + self.values.len();
        for row in &figures.rows {
            if row.len() != width {
                let reason = format!("{} columns, not {width}", row.len());
                return Err(CollectError::odd(&place, reason));
            }
            let (names, values) = row.split_at(self.labels.len());
            let labels = self.labels.iter().zip(names);
            let labels: Vec<_> =
                labels.map(|(label, name)| (*label, name.as_deref().unwrap_or_default())).collect();
            for (family, value) in self.values.iter().zip(values) {
                // What is NULL is not known.
                if let Some(value) = value.as_deref().and_then(number) {
                    readings.put(family.name, &labels, value);
                }
            }
        }
        Ok(())
    }
}

/// `None`: this user may not see it.
pub(crate) async fn ask(
    place: &str,
    statistics: &mut Statistics,
    statement: &str,
) -> Result<Option<Answer>, CollectError> {
    let answer = statistics.ask(statement).await;
    answer.map_err(|source| CollectError::Database { place: place.to_owned(), source })
}
