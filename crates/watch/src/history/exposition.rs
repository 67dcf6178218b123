//! What is measured now as metrics that Prometheus and whoever speaks its formats may fetch.

use super::{Measured, Measurement};
use promql::wire::{Format, Kind, WireError, text::Page};

/// The label of a share of what was measured, in hundredths: `quantile` is a summary's alone.
const PERCENTILE: &str = "percentile";

/// A page of those that are shown. What is not known now is not on it.
///
/// # Errors
/// When two of them have the same labels, which is our own fault.
pub fn page<'a>(
    measured: impl IntoIterator<Item = &'a Measured>,
    version: &str,
    format: Format,
) -> Result<String, WireError> {
    let mut page = Page::new();
    let about = "The Storewarden that answers.";
    page.family("storewarden_build", Kind::Info, "", about)?.add(&[("version", version)], 1.0)?;
    for one in measured {
        let (name, unit, help) = told(one.what);
        let about = one.what.about().map(|label| (label, one.subject.as_str()));
        let part = one.what.part().map(|label| (label, one.part.as_str()));
        let percentile = percentile(one.what).map(|value| (PERCENTILE, value));
        let labels: Vec<_> = about.into_iter().chain(part).chain(percentile).collect();
        page.family(name, Kind::Gauge, unit, help)?.add(&labels, one.value)?;
    }
    Ok(page.write(format))
}

fn percentile(what: Measurement) -> Option<&'static str> {
    match what {
        Measurement::P50 => Some("50"),
        Measurement::P95 => Some("95"),
        Measurement::P99 => Some("99"),
        _ => None,
    }
}

/// Name, unit as OpenMetrics has it, and what it is.
pub(super) fn told(what: Measurement) -> (&'static str, &'static str, &'static str) {
    let (unit, help) = match what {
        Measurement::RequestsPerSecond => ("", "Requests of visitors, mean of ten seconds."),
        Measurement::ErrorsPerSecond => ("", "Answers that say 500 to 599, mean of ten seconds."),
        Measurement::P50 | Measurement::P95 | Measurement::P99 => (
            "seconds",
            "Time to the first byte of an answer, within which so many hundredths had it.",
        ),
        Measurement::CacheShare => ("ratio", "Share of requests that the cache answered."),
        Measurement::Visitors => ("", "Visitors of the last five minutes."),
        Measurement::InFlight => ("", "Requests that wait for their answer."),
        Measurement::Held => ("", "Requests that wait for the shop to come back."),
        Measurement::Orders => ("", "Orders of the last whole minute."),
        Measurement::Revenue => (
            "",
            "What the orders of the last whole minute come to, in minor units of the currency.",
        ),
        Measurement::StreamLag => {
            ("seconds", "How far the journal of changes is behind the shop's database.")
        }
        Measurement::StreamCopyLag => {
            ("seconds", "How far the best copy of that journal elsewhere is behind the database.")
        }
        Measurement::ReplicaLag => {
            ("seconds", "How far the replica that is kept is behind the shop's database.")
        }
        Measurement::TableBytes => ("bytes", "What a table takes with its indexes."),
        Measurement::CpuShare => ("ratio", "Busy share of the machine's processors."),
        Measurement::MemoryShare => ("ratio", "Used share of the machine's memory."),
        Measurement::DiskFree => ("bytes", "What is free on a disk."),
    };
    (what.row().metric, unit, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_has_a_family() {
        let measured = Measurement::ALL.map(|what| Measured {
            what,
            subject: "lamps".to_owned(),
            part: "orders".to_owned(),
            at_ms: 0,
            value: 1.5,
        });
        let text = page(&measured, "1.2.3", Format::OpenMetrics).unwrap();
        let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line} in {text}");
        has(r#"storewarden_build_info{version="1.2.3"} 1"#);
        has(r#"storewarden_shop_last_minute_orders{shop="lamps"} 1.5"#);
        has(r#"storewarden_shop_table_bytes{shop="lamps",table="orders"} 1.5"#);
        has(r#"storewarden_shop_time_to_first_byte_seconds{percentile="95",shop="lamps"} 1.5"#);
        has("# UNIT storewarden_machine_cpu_ratio ratio");
        has("storewarden_machine_cpu_ratio 1.5");
        assert!(text.ends_with("# EOF\n"));
        // Each is told, and none twice.
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples, 1 + Measurement::ALL.len());
    }
}
