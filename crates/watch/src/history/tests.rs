//! The history written, closed, opened again and read.

use super::*;
use crate::live::Live;
use std::path::Path;

const BEGIN_MS: i64 = 1_700_000_400_000;

fn lamps() -> ShopId {
    "lamps".parse().unwrap()
}

fn requests(at_ms: i64, value: f64) -> Measured {
    Measured::of_shop(&lamps(), Measurement::RequestsPerSecond, at_ms, value)
}

fn read(history: &History, asked: Asked) -> ShopHistory {
    chart::read(&history.series(BEGIN_MS).unwrap(), &lamps(), asked).unwrap()
}

fn series<'a>(found: &'a ShopHistory, name: &str) -> &'a HistorySeries {
    found.series.iter().find(|one| one.name == name).unwrap()
}

fn ten_minutes() -> Asked {
    Asked { from_ms: BEGIN_MS, until_ms: BEGIN_MS + 600_000, points: 60 }
}

/// Ten minutes in which the middle two were not seen.
fn fill(history: &History) {
    for step in (0..60).filter(|step| !(24..36).contains(step)) {
        let at_ms = BEGIN_MS + step * STEP_MS;
        let p95 = Measured::of_shop(&lamps(), Measurement::P95, at_ms, 120.0);
        let measured = [requests(at_ms, step as f64), p95];
        history.record(&measured, at_ms).unwrap();
    }
}

#[test]
fn a_history_opened_again_reads_the_same() {
    let folder = testkit::folder();
    let before = History::new(folder.path().join("series"), 1);
    fill(&before);
    let seen = read(&before, ten_minutes());
    // Nothing is said to the store: it ends as it would by kill -9, but for its lock.
    drop(before);
    let after = History::new(folder.path().join("series"), 1);
    assert_eq!(read(&after, ten_minutes()), seen);
    after.maintain(BEGIN_MS + 3_600_000).unwrap();
    assert_eq!(read(&after, ten_minutes()), seen);
}

#[test]
fn what_was_not_seen_is_a_gap_and_never_nothing() {
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    fill(&history);
    let found = read(&history, ten_minutes());
    assert_eq!((found.from_ms, found.step_ms), (BEGIN_MS, STEP_MS));
    let requests = &series(&found, "requests_per_second").points;
    let seen = |step| (!(24..36).contains(&step)).then_some(step as f64);
    let expect: Vec<_> = (0..60).map(seen).collect();
    assert_eq!((&requests.min, &requests.max, &requests.mean), (&expect, &expect, &expect));
    let p95 = series(&found, "p95_ms");
    assert_eq!((p95.unit, p95.points.mean[0]), (Unit::Ms, Some(120.0)));
    assert_eq!(series(&found, "orders").points.mean, [None; 60]);
    let each = |what: &Measurement| what.part().is_some() || *what == Measurement::DiskFree;
    let others = Measurement::ALL.iter().filter(|what| !each(what)).count();
    assert_eq!(found.series.len(), others, "no disk is known, and tables are in no chart");
}

#[test]
fn a_long_time_comes_in_few_steps_with_the_lowest_and_the_highest() {
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    fill(&history);
    let found = read(&history, Asked { points: 1, ..ten_minutes() });
    assert_eq!((found.from_ms, found.step_ms), (BEGIN_MS, 600_000));
    let HistoryPoints { min, max, mean } = &series(&found, "requests_per_second").points;
    assert_eq!((&min[..], &max[..]), (&[Some(0.0)][..], &[Some(59.0)][..]));
    // The mean of 0..24 and 36..60.
    assert_eq!(mean[..], [Some(29.5)]);
}

#[test]
fn shops_do_not_see_one_another_and_share_the_machine() {
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 2);
    let other = Measured { subject: "other".to_owned(), ..requests(BEGIN_MS, 7.0) };
    let of_machine = |what, subject: &str, value| {
        let (subject, part) = (subject.to_owned(), String::new());
        Measured { what, subject, part, at_ms: BEGIN_MS, value }
    };
    let cpu = of_machine(Measurement::CpuShare, "", 0.5);
    let disks = ["/srv", "/"].map(|path| of_machine(Measurement::DiskFree, path, 4_096.0));
    history.record(&[vec![other, cpu], disks.to_vec()].concat(), BEGIN_MS).unwrap();
    let found = read(&history, ten_minutes());
    assert!(series(&found, "requests_per_second").points.mean[0].is_none());
    assert_eq!(series(&found, "cpu_share").points.mean[0], Some(0.5));
    let disks: Vec<_> =
        found.series.iter().filter_map(|one| Some((one.subject.as_deref()?, one.unit))).collect();
    assert_eq!(disks, [("/", Unit::Bytes), ("/srv", Unit::Bytes)]);
}

#[test]
fn tables_grow_from_the_oldest_size_of_a_week_to_the_newest() {
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    let hour_ms = 3_600_000;
    // Nine days of a table that grows by a megabyte an hour, and six hours of one that is new.
    for hour in 0..9 * 24_i64 {
        let at_ms = BEGIN_MS + hour * hour_ms;
        let size = |megabytes: i64| megabytes.unsigned_abs() << 20;
        let mut sizes = vec![
            Measured::of_table(&lamps(), "public.log", at_ms, size(100 + hour)),
            Measured::of_table(&"other".parse().unwrap(), "public.log", at_ms, size(1)),
        ];
        if hour >= 9 * 24 - 6 {
            sizes.push(Measured::of_table(&lamps(), "public.new", at_ms, size(1)));
        }
        history.record(&sizes, at_ms).unwrap();
    }
    let now_ms = BEGIN_MS + (9 * 24 - 1) * hour_ms;
    let read = || growth::read(&history.series(now_ms).unwrap(), &lamps(), now_ms).unwrap();
    let grown = read();
    let [log] = &grown[..] else { panic!("{grown:?}") };
    assert_eq!((log.table.as_str(), log.bytes), ("public.log", (100 + 9 * 24 - 1) << 20));
    let hours = (now_ms - log.since_ms + hour_ms / 2) / hour_ms;
    assert!((7 * 24..8 * 24).contains(&hours), "{hours}");
    assert_eq!(log.grown_bytes, hours << 20);
    history.maintain(now_ms).unwrap();
    assert_eq!(read(), grown, "the same of what was folded up");
    let chart = Asked { from_ms: BEGIN_MS, until_ms: now_ms, points: 10 };
    let chart = chart::read(&history.series(now_ms).unwrap(), &lamps(), chart).unwrap();
    assert!(chart.series.iter().all(|one| one.name != "table_bytes"), "a chart shows none of them");
}

#[test]
fn every_measurement_is_found_again_by_its_labels() {
    for what in Measurement::ALL {
        let (subject, part) = ("a".to_owned(), "b".to_owned());
        let measured = Measured { what, subject, part, at_ms: 0, value: 0.0 };
        assert_eq!(Measurement::of(&measured.labels().unwrap()), Some(what));
    }
}

#[test]
fn the_document_names_every_series() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/history.md");
    let text = std::fs::read_to_string(path).unwrap();
    for what in Measurement::ALL {
        let row = what.row();
        let mut labels = what.about().map_or(String::new(), |label| format!("{label}=\"…\""));
        if let Some(part) = what.part() {
            labels.push_str(&format!(",{part}=\"…\""));
        }
        if !row.quantile.is_empty() {
            labels.push_str(&format!(",quantile=\"{}\"", row.quantile));
        }
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let line = format!("| `{}` | `{}{labels}` |", row.name, row.metric);
        assert!(text.contains(&line), "docs/formats/history.md lacks: {line}");
    }
}

/// A store that another process holds, until it lets go.
#[tokio::test]
async fn a_store_that_cannot_be_written_is_told_and_tried_again() {
    let folder = testkit::folder();
    let holder = History::new(folder.path().to_owned(), 1);
    holder.maintain(BEGIN_MS).unwrap();
    let history = History::new(folder.path().to_owned(), 1);
    let watch = Watch::new(Live::new(BEGIN_MS));
    let findings = |now_ms| {
        watch.with(|live| {
            live.tick(now_ms);
            let findings = live.status("").findings;
            findings.into_iter().map(|found| found.code).collect::<Vec<_>>()
        })
    };
    let has_finding = |now_ms| findings(now_ms).iter().any(|code| code == "store_read_only");
    let write = |history: &History| history.record(&[requests(BEGIN_MS, 1.0)], BEGIN_MS);
    history.carry_out(Deed::Record, &watch, write).await;
    assert!(has_finding(BEGIN_MS), "{:?}", findings(BEGIN_MS));
    history.carry_out(Deed::Maintain, &watch, |history| history.maintain(BEGIN_MS)).await;
    drop(holder);
    history.carry_out(Deed::Record, &watch, write).await;
    assert!(has_finding(BEGIN_MS + 60_000), "maintenance has not succeeded since");
    history.carry_out(Deed::Maintain, &watch, |history| history.maintain(BEGIN_MS)).await;
    assert!(!has_finding(BEGIN_MS + 120_000), "{:?}", findings(BEGIN_MS + 120_000));
}

/// What a query finds at a moment, as `labels value`.
pub(super) fn found(history: &History, query: &str, at_ms: i64) -> Vec<String> {
    use promql::query::{Answer, Query, QueryLimits, Source};
    let store = history.series(at_ms).unwrap();
    let query = Query::parse(query).unwrap();
    let answer = query.instant(&Source::of(&store), at_ms, &QueryLimits::default()).unwrap();
    let Answer::Vector(rows) = answer else { panic!("{answer:?}") };
    let row = |row: promql::query::ResultRow| {
        let labels: Vec<String> =
            row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}", labels.join(","), row.points[0].1)
    };
    rows.into_iter().map(row).collect()
}

#[test]
fn what_collectors_read_is_there_and_what_they_read_no_more_is_unknown_at_once() {
    let folder = testkit::folder();
    let proc = folder.path().join("proc");
    std::fs::create_dir_all(&proc).unwrap();
    std::fs::write(proc.join("loadavg"), "1.50 2.50 3.50 1/2 3\n").unwrap();
    let history = History::new(folder.path().join("series"), 1);
    let mut pulse = Pulse::new(HostPulse::at(&proc, Path::new("/nowhere")));
    // Every second, beside what is read every ten.
    let mut beat = |second: i64| {
        let at_ms = BEGIN_MS + second * 1_000;
        pulse.beat(&history, (at_ms, at_ms)).unwrap();
        at_ms
    };
    let at_ms = beat(0);
    let mut collected = Collected::new(HostReadings::at(&proc, Path::new("/nowhere")));
    collected.round(&history, &crate::services::Round::default(), (at_ms, at_ms)).unwrap();
    let load = found(&history, "node_load5", at_ms);
    assert_eq!(load.len(), 1, "{load:?}");
    assert!(load[0].contains("job=node") && load[0].ends_with(" 2.5"), "{load:?}");
    let name = &found(&history, "node_uname_info", at_ms)[0];
    let value = |label: &str, of: &str| {
        let found = of.split(',').find_map(|pair| pair.strip_prefix(label)).unwrap();
        found.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(value("instance=", name), value("nodename=", name));
    assert!(load[0].contains(&format!("instance={}", value("nodename=", name))), "{load:?}");
    std::fs::write(proc.join("loadavg"), "").unwrap();
    let at_ms = beat(1);
    assert!(found(&history, "node_load5", at_ms).is_empty(), "its last value is told again");
    let success = found(&history, r#"node_scrape_collector_success{collector="loadavg"}"#, at_ms);
    assert!(success[0].ends_with(" 0"), "{success:?}");
    assert_eq!(found(&history, "node_uname_info", at_ms).len(), 1, "a pulse ends what is no pulse");
}

#[test]
fn whatever_others_send_our_own_series_have_room() {
    use promql::wire::remote_write::{Encoder, Version};
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    let mut encoder = Encoder::new(Version::Two);
    for number in 0..=MOST_OF_OTHERS {
        let labels = Labels::new("flood", [("number", number.to_string())]).unwrap();
        encoder.push(&labels, &[Sample { at_ms: now_ms(), value: 1.0 }], None);
    }
    let body = encoder.take().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let taken = runtime.block_on(history.take_in("flooder", Version::Two, body)).unwrap();
    assert_eq!(taken.samples, MOST_OF_OTHERS as u64);
    let complaint = taken.complaint.unwrap();
    assert!(complaint.starts_with("1 new series were refused"), "{complaint}");
    history.record(&[requests(now_ms(), 7.0)], now_ms()).unwrap();
    let times = (now_ms(), now_ms());
    let mut collected = Collected::new(HostReadings::default());
    collected.round(&history, &crate::services::Round::default(), times).unwrap();
    Pulse::new(HostPulse::default()).beat(&history, times).unwrap();
    assert_eq!(found(&history, "node_uname_info", now_ms()).len(), 1);
    assert_eq!(found(&history, "node_load5", now_ms()).len(), 1);
}
