//! Tables of what a service calls its numbers, and the metrics that they become.

use kernel::readings::{Family, FamilyKind, Readings};

/// A number of a service, as it names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) from: &'static str,
    pub(crate) family: Family,
    /// What one of the service's units is in the metric's.
    pub(crate) unit: f64,
}

impl Field {
    pub(crate) const fn counter(
        from: &'static str,
        name: &'static str,
        help: &'static str,
    ) -> Self {
        Self { from, family: counter(name, help), unit: 1.0 }
    }

    pub(crate) const fn gauge(from: &'static str, name: &'static str, help: &'static str) -> Self {
        Self { from, family: gauge(name, help), unit: 1.0 }
    }

    pub(crate) const fn in_units(mut self, unit: f64) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn put(&self, readings: &mut Readings, labels: &[(&str, &str)], value: f64) {
        readings.put(self.family.name, labels, value * self.unit);
    }
}

pub(crate) const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: FamilyKind::Counter, help }
}

pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: FamilyKind::Gauge, help }
}

/// A finite number; what is none is not known.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}
