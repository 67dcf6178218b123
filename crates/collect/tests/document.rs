//! What is told stands in docs/formats/service-readings.md, and what stands there is told.

use kernel::readings::Readings;
use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

static ROWS: LazyLock<BTreeMap<String, [String; 3]>> = LazyLock::new(|| {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/service-readings.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
        let [name, kind, labels, help] = cells[..] else { panic!("{line}") };
        Some((name.trim_end_matches('`').to_owned(), [kind, labels, help].map(str::to_owned)))
    });
    rows.collect()
});

#[test]
fn every_metric_is_documented_as_it_is() {
    let families = collect::families();
    let mut missing = Vec::new();
    for family in &families {
        let row = ROWS.get(family.name);
        if row.is_none_or(|[kind, _, help]| kind != family.kind.word() || help != family.help) {
            missing.push(format!(
                "| `{}` | {} |  | {} |",
                family.name,
                family.kind.word(),
                family.help
            ));
        }
    }
    assert!(missing.is_empty(), "rows for the document:\n{}", missing.join("\n"));
    let strange: Vec<_> =
        ROWS.keys().filter(|name| families.iter().all(|family| family.name != **name)).collect();
    assert!(strange.is_empty(), "documented, and never told: {strange:?}");
    let mut names: Vec<_> = families.iter().map(|family| family.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), families.len(), "a metric is there twice");
}

/// Each with labels that the document names.
pub(crate) fn check_readings(readings: &Readings) {
    readings.each(|reading| {
        let [_, labels, _] = ROWS.get(reading.name).unwrap_or_else(|| panic!("{reading:?}"));
        for (label, _) in reading.labels.iter().filter(|(label, _)| *label != "instance") {
            assert!(labels.contains(&format!("`{label}`")), "{reading:?} has the label {label}");
        }
        assert!(reading.value.is_finite(), "{reading:?}");
    });
}
