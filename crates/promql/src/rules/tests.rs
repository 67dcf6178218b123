//! Files that are read and refused, texts that are filled, and groups that are evaluated over a store.

use super::template::Filling;
use super::*;
use crate::query::{QueryLimits, Source};
use series::{Labels, Limits, Sample, Series};

const BEGIN_MS: i64 = 1_700_000_400_000;

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = RuleFile::read(text).expect_err("a file that is refused");
    mistakes.iter().map(ToString::to_string).collect()
}

fn filled(text: &str, value: f64) -> String {
    let labels = [("instance", "shop-1:9100"), ("job", "node")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Template::read(text).unwrap().fill(&Filling { labels: &labels, value })
}

#[test]
fn what_a_file_says_is_read() {
    let file = RuleFile::read(
        r#"groups:
  - name: machine
    interval: 15s
    query_offset: 1m
    limit: 50
    labels: {team: shop}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      # as they are shared
      - alert: DiskFull
        expr: |
          node_filesystem_avail_bytes / node_filesystem_size_bytes
            < 0.1
        for: 1h30m
        keep_firing_for: 5m
        labels:
          severity: 1
        annotations:
          summary: "Disk of {{ $labels.instance }} is full"
  - name: empty
"#,
    )
    .unwrap();
    let [machine, empty] = &file.groups[..] else { panic!("two groups") };
    assert_eq!((machine.name.as_str(), machine.interval_ms), ("machine", Some(15_000)));
    assert_eq!((machine.query_offset_ms, machine.limit), (60_000, 50));
    assert_eq!((empty.rules.len(), empty.interval_ms), (0, None));
    let [recording, alerting] = &machine.rules[..] else { panic!("two rules") };
    assert_eq!((recording.line, recording.name.as_str()), (8, "job:up:sum"));
    assert!(matches!(recording.kind, RuleKind::Recording));
    assert_eq!(recording.labels.keys().collect::<Vec<_>>(), ["team"]);
    assert_eq!((alerting.line, alerting.name.as_str()), (11, "DiskFull"));
    let RuleKind::Alerting { for_ms, keep_firing_for_ms, annotations } = &alerting.kind else {
        panic!("an alert")
    };
    assert_eq!((*for_ms, *keep_firing_for_ms), (5_400_000, 300_000));
    assert_eq!(alerting.labels["severity"], Template::read("1").unwrap());
    assert!(!annotations["summary"].is_plain());
    assert!(RuleFile::read("").unwrap().groups.is_empty());
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    let found = mistakes(
        r#"groups:
  - name: a
    intervall: 15s
    rules:
      - alert: Down
        expr: up ==
        for: soon
      - record: 1up
        expr: up
        for: 1m
      - expr: up
      - alert: NoQuery
  - name: a
    rules: all
  - rules: []
"#,
    );
    let starts = [
        "3:5: a group has no `intervall`",
        "6:15: `up ==` is no query",
        "7:14: `for: soon` is no time",
        "8:17: \"1up\" is no name of a series",
        "10:14: `for` is for alerts",
        "11:9: a rule has `record: SERIES` or `alert: NAME`",
        "12:9: the rule \"NoQuery\" has no query",
        "14:12: `rules` is expected to be a list",
        "15:5: a group without a name",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found} instead of {start}");
    }
    let one = |text: &str| mistakes(text).join("; ");
    assert!(one("groups:\n- name: a\n- name: a\n").starts_with("3:3: a second group \"a\""));
    assert!(one("groups: [\n").starts_with("2:1: no YAML"));
    assert!(one("groups: []\ngroups: []\n").contains("duplicated key"));
    let text = "groups: [{name: a, rules: [{alert: A, expr: up, annotations: {x: '{{ query \"up\" }}'}}]}]";
    assert!(one(text).contains("`query` is not supported in texts of rules"), "{}", one(text));
    let text = "groups: [{name: a, rules: [{record: a, expr: up, labels: {x: '{{ $value }}'}}]}]";
    assert!(one(text).contains("labels of a recorded series are plain text"));
}

/// What Prometheus 2.42 makes of the same texts.
#[test]
fn texts_are_filled_as_prometheus_does() {
    let cases = [
        ("{{ $labels.instance }} of {{ .Labels.job }}", 0.0, "shop-1:9100 of node"),
        (
            "VALUE = {{ $value }}\n LABELS = {{ $labels }}",
            0.1,
            "VALUE = 0.1\n LABELS = map[instance:shop-1:9100 job:node]",
        ),
        ("{{ $value }}", 1e21, "1e+21"),
        ("{{ $value }}", 0.000_01, "1e-05"),
        ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
        ("{{ humanize $value }}", 0.0021, "2.1m"),
        ("{{ $value | humanize1024 }}B", 1_610_612_736.0, "1.5GiB"),
        ("{{ $value | humanizePercentage }}", 0.123_456, "12.35%"),
        ("{{ $value | humanizeDuration }}", 90_061.0, "1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", 0.0421, "42.1ms"),
        ("{{ $value | humanizeDuration }}", 12.5, "12.5s"),
        ("{{ printf \"%.2f\" $value }}%", 91.456, "91.46%"),
        ("{{ $value | printf \"%.1f of %v\" 3.0 }}", 2.0, "3.0 of 2"),
        (
            "{{ $labels.job | toUpper }} {{ $labels.instance | stripPort | title }}",
            0.0,
            "NODE Shop-1",
        ),
        ("a {{- \" b\" -}} c{{/* nothing */}}", 0.0, "a bc"),
        ("{{ $labels.absent }}{{ \"}}\" }}", 0.0, "}}"),
        ("{{ $value | humanizeDuration }}", -7_265.5, "-2h 1m 5s"),
        ("{{ $value | humanize }}", 100_000.0, "100k"),
        ("{{ $value | humanizePercentage }}", 123.456, "1.235e+04%"),
        ("{{ printf \"%.3g\" $value }}", 1_234_567.0, "1.23e+06"),
        ("{{ $value }}", f64::INFINITY, "+Inf"),
    ];
    for (text, value, wanted) in cases {
        assert_eq!(filled(text, value), wanted, "{text}");
    }
    let refused = |text: &str| Template::read(text).expect_err(text).to_string();
    assert_eq!(refused("{{ $value"), "`{{` without `}}`");
    for text in
        ["{{ if $value }}", "{{ range query \"up\" }}", "{{ $externalLabels.a }}", "{{ first 1 }}"]
    {
        assert!(refused(text).contains("is not supported"), "{}", refused(text));
    }
    assert!(refused("{{ printf \"%.2f\" }}").contains("as many values"));
    assert!(refused("{{ printf \"%x\" $value }}").contains("does not know `%x`"));
    assert!(refused("{{ $value $value }}").contains("is not understood"));
    assert!(refused("{{ humanize }}").contains("takes one value"));
}

/// A store, and what rules see and write in it step by step.
struct Bench {
    _folder: tempfile::TempDir,
    store: Series,
    group: RuleGroup,
    state: GroupState,
    now_ms: i64,
}

impl Bench {
    fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Series::open(folder.path(), Limits::default(), BEGIN_MS).unwrap();
        let file = RuleFile::read(rules).unwrap();
        let group = file.groups.into_iter().next().unwrap();
        Self { _folder: folder, store, group, state: GroupState::default(), now_ms: BEGIN_MS }
    }

    fn write(store: &Series, samples: &[(Labels, Sample)], now_ms: i64) {
        let mut batch: Vec<_> = samples
            .iter()
            .map(|(labels, sample)| (store.series(labels, now_ms).unwrap(), *sample))
            .collect();
        batch.sort_by_key(|(series, _)| *series);
        let appended = store.append(&batch, now_ms).unwrap();
        store.commit(appended.ticket).unwrap();
    }

    /// A minute on, with these shops' queues.
    fn step(&mut self, queues: &[(&str, f64)]) -> Vec<(usize, RuleError)> {
        let now_ms = self.now_ms + 60_000;
        self.now_ms = now_ms;
        let sample = |(shop, value): &(&str, f64)| {
            (
                Labels::new("queue", [("shop", *shop)]).unwrap(),
                Sample { at_ms: now_ms, value: *value },
            )
        };
        let samples: Vec<_> = queues.iter().map(sample).collect();
        Self::write(&self.store, &samples, now_ms);
        let (store, source) = (&self.store, Source::of(&self.store));
        self.group.evaluate(
            &mut self.state,
            &source,
            now_ms,
            &QueryLimits::default(),
            |now, ended| {
                let now = now.iter().map(|(labels, value)| {
                    (labels.clone(), Sample { at_ms: now_ms, value: *value })
                });
                let ended = ended.iter().map(|labels| (labels.clone(), Sample::stale(now_ms)));
                Self::write(store, &now.chain(ended).collect::<Vec<_>>(), now_ms);
            },
        )
    }

    /// Shop, state and text of each, by shop.
    fn alerts(&self) -> Vec<String> {
        let told = |(_, alert): (usize, &Alert)| {
            let text = alert.annotations.get("text").map_or("", String::as_str);
            format!("{} {} {text}", alert.labels["shop"], alert.state.name())
        };
        self.state.alerts().map(told).collect()
    }

    fn asked(&self, query: &str) -> Vec<f64> {
        let source = Source::of(&self.store);
        let query = Query::parse(query).unwrap();
        match query.instant(&source, self.now_ms, &QueryLimits::default()).unwrap() {
            crate::query::Answer::Vector(rows) => rows.iter().map(|row| row.points[0].1).collect(),
            other => panic!("{other:?} is no vector"),
        }
    }
}

const QUEUES: &str = r#"
groups:
  - name: queues
    rules:
      - {record: "queue:sum", expr: sum(queue), labels: {of: all, shop: ""}}
      - alert: Queue
        expr: queue > 10
        for: 2m
        keep_firing_for: 2m
        labels: {severity: critical}
        annotations: {text: "{{ $value }}"}
      - {record: "queue:alerts", expr: 'count(ALERTS{alertstate="firing"})'}
"#;

#[test]
fn alerts_are_pending_fire_and_end_after_their_times() {
    let mut bench = Bench::new(QUEUES);
    assert_eq!(bench.step(&[("lamps", 5.0), ("chairs", 20.0)]), []);
    assert_eq!(bench.alerts(), ["chairs pending 20"]);
    assert_eq!(bench.asked("queue:sum{of=\"all\"}"), [25.0]);
    // What is pending and gone was nothing, and begins anew.
    bench.step(&[("lamps", 11.0), ("chairs", 0.0)]);
    assert_eq!(bench.alerts(), ["lamps pending 11"]);
    bench.step(&[("lamps", 12.0)]);
    assert_eq!(bench.alerts(), ["lamps pending 12"]);
    assert_eq!(bench.asked("ALERTS{alertstate=\"pending\",severity=\"critical\"}"), [1.0]);
    bench.step(&[("lamps", 13.0)]);
    assert_eq!(bench.alerts(), ["lamps firing 13"]);
    // A rule reads what those before it in its group came to, and what is pending no more has ended.
    assert_eq!(bench.asked("queue:alerts"), [1.0]);
    assert_eq!(bench.asked("ALERTS{alertstate=\"pending\"}"), []);
    // It goes on for two minutes after it was found last.
    for _ in 0..2 {
        bench.step(&[("lamps", 1.0)]);
        assert_eq!(bench.alerts(), ["lamps firing 13"]);
    }
    bench.step(&[("lamps", 1.0)]);
    assert!(bench.alerts().is_empty());
    assert_eq!(bench.asked("ALERTS"), []);
}

#[test]
fn a_rule_that_fails_keeps_no_other_back_and_forgets_nothing() {
    let mut bench = Bench::new(
        r#"
groups:
  - name: queues
    limit: 1
    rules:
      - {record: "queue:same", expr: queue, labels: {shop: ""}}
      - {alert: Queue, expr: queue > 10}
      - {record: "queue:sum", expr: sum(queue)}
      - {record: "queue:text", expr: '"a text"'}
"#,
    );
    let failed = bench.step(&[("lamps", 12.0)]);
    assert_eq!(failed, [(3, RuleError::Kind("a text"))]);
    assert_eq!(bench.alerts(), ["lamps firing "]);
    let failed = bench.step(&[("lamps", 1.0), ("chairs", 2.0)]);
    assert_eq!(failed[0], (0, RuleError::Limit { found: 2, most: 1 }));
    assert_eq!(bench.asked("queue:sum"), [3.0]);
    assert!(bench.alerts().is_empty());
    bench.group.limit = 0;
    let failed = bench.step(&[("lamps", 1.0), ("chairs", 2.0)]);
    assert!(matches!(failed[0], (0, RuleError::SameLabels(_))), "{failed:?}");
    // The last that it came to well is older, and stands.
    assert_eq!(bench.asked("queue:same"), [12.0]);
}
