//! The live state fed with frames and orders, second by second.

use super::*;
use crate::history::STEP_MS;
use kernel::{
    Histogram, Level, RouteClass,
    facts::{
        CacheFacts, ClassFacts, Health, HoldFacts, InstanceFacts, ShopFacts, Visitors,
        visitor_register,
    },
};

const START: i64 = 1_700_000_000_000;

fn site() -> Site {
    Site {
        id: "lamps".parse().unwrap(),
        name: "Lamps".into(),
        platform: "sample".into(),
        currency: "EUR".into(),
        time_zone: "UTC".into(),
        queue_waits_at_most_ms: 900_000,
        zone: TimeZone::UTC,
        hosts: vec!["lamps.example".into()],
        addresses: vec!["http://127.0.0.1:8080/".into()],
        instances: vec![site::SiteInstance {
            name: "app-1".parse().unwrap(),
            address: "127.0.0.1:3001".parse().unwrap(),
            weight: 1,
            limit: 64,
            drained: None,
        }],
        hold_limit: 2_000,
        hold_wait_ms: 30_000,
        orders: judgement::OrdersSource::Database,
        beside: None,
    }
}

fn live() -> Live {
    let mut live = Live::new(START);
    live.configure(vec![site()], 3);
    live
}

fn hello(edge_start: u64, started_at_ms: i64) -> Hello {
    Hello {
        protocol: 1,
        program: "test".into(),
        edge_start,
        started_at_ms,
        pid: 41,
        snapshot_version: 3,
    }
}

/// A frame in which so many product pages were answered, so many of them with 500.
fn facts(edge_start: u64, at_ms: i64, good: u64, bad: u64) -> Arc<Facts> {
    let mut first_byte = Histogram::default();
    first_byte.add(kernel::bucket_of(20_000), good + bad);
    let class = ClassFacts {
        class: RouteClass::Product,
        statuses: vec![(200, good), (500, bad)],
        failed_by_edge: 0,
        aborted: 0,
        response_bytes: 0,
        first_byte: first_byte.clone(),
        whole: first_byte.clone(),
        connect: Histogram::default(),
        cache: kernel::facts::CacheOutcomes::default(),
        left: 0,
    };
    let instance = InstanceFacts {
        name: "app-1".parse().unwrap(),
        health: Health::Up,
        health_since_ms: START,
        last_error: None,
        in_flight: 2,
        limit: 64,
        requests: good + bad,
        errors: bad,
        failures: 0,
        retries: 0,
        connects: 1,
        connect: Histogram::default(),
        first_byte,
    };
    let shop = ShopFacts {
        id: "lamps".parse().unwrap(),
        classes: vec![class],
        instances: vec![instance],
        hold: HoldFacts::default(),
        cache: CacheFacts { hits: good / 2, ..CacheFacts::default() },
        visitors: Visitors {
            minute: at_ms / 60_000,
            registers: vec![visitor_register(1), visitor_register(2)],
            before: vec![],
        },
    };
    Arc::new(Facts {
        edge_start,
        at_ms,
        snapshot_version: 3,
        connections: 5,
        connections_total: 9,
        refused: vec![],
        shops: vec![shop],
        ..Facts::default()
    })
}

fn rates(tick: &Tick) -> Option<(f64, f64)> {
    tick.point.map(|point| (point.requests_per_second, point.errors_per_second))
}

#[test]
fn rates_are_differences_and_a_frame_more_or_less_changes_nothing() {
    let mut live = live();
    live.edge_connected(&hello(1, START - 50_000));
    live.edge_facts(&facts(1, START, 1_000, 10), START);
    assert_eq!(rates(&live.tick(START + 100)[0]), Some((0.0, 0.0)), "counts from before us");
    live.edge_facts(&facts(1, START + 1_000, 1_030, 12), START + 1_000);
    assert_eq!(rates(&live.tick(START + 1_100)[0]), Some((32.0, 2.0)));
    assert_eq!(rates(&live.tick(START + 2_000)[0]), Some((32.0, 2.0)), "between two frames");
    live.edge_facts(&facts(1, START + 2_000, 1_050, 12), START + 2_000);
    live.edge_facts(&facts(1, START + 3_000, 1_070, 12), START + 3_000);
    assert_eq!(rates(&live.tick(START + 3_100)[0]), Some((20.0, 0.0)), "two frames in a tick");
    live.edge_facts(&facts(1, START + 2_500, 1_060, 12), START + 3_150);
    live.edge_facts(&facts(1, START + 5_000, 1_110, 12), START + 5_000);
    let tick = &live.tick(START + 5_100)[0];
    assert_eq!(rates(tick), Some((20.0, 0.0)), "a lost frame costs resolution only");
    let requests: u64 = tick.minutes.iter().filter_map(|minute| minute.requests).sum();
    assert_eq!(requests, 1_110 + 12 - 1_010);
    assert_eq!(tick.now.instances[0].requests_total, Some(1_122));
}

#[test]
fn a_clock_that_is_set_back_or_on_blinds_nobody() {
    for jump in [-3_600_000, 86_400_000] {
        let mut live = live();
        live.edge_connected(&hello(1, START - 50_000));
        for second in 0..20_u64 {
            let at = START + second as i64 * 1_000;
            live.edge_facts(&facts(1, at, second * 100, 0), at);
            live.tick(at + 100);
        }
        let begins = START + 20_000 + jump;
        let mut last = None;
        for second in 0..20_u64 {
            let at = begins + second as i64 * 1_000;
            live.edge_facts(&facts(1, at, 2_000 + second * 100, second * 10), at);
            last = live.tick(at + 100).first().and_then(|tick| tick.point);
        }
        let last = last.unwrap();
        assert_eq!((last.requests_per_second, last.errors_per_second), (110.0, 10.0), "{jump}");
        let state = live.state(&"lamps".parse().unwrap()).unwrap();
        let times: Vec<i64> = state.points.iter().map(|point| point.at_ms).collect();
        assert!(times.is_sorted() && times.last() == Some(&(begins + 19_100)), "{jump}: {times:?}");
    }
}

#[test]
fn an_edge_born_under_our_eyes_counts_from_zero() {
    let mut live = live();
    live.edge_connected(&hello(1, START + 500));
    live.edge_facts(&facts(1, START + 1_500, 7, 0), START + 1_500);
    assert_eq!(rates(&live.tick(START + 1_600)[0]), Some((7.0, 0.0)));
}

#[test]
fn two_edges_at_once_are_summed() {
    let mut live = live();
    live.edge_connected(&hello(1, START - 1));
    live.edge_connected(&hello(2, START + 10));
    live.edge_facts(&facts(1, START, 100, 0), START);
    live.edge_facts(&facts(2, START + 10, 0, 0), START + 10);
    live.tick(START + 20);
    live.edge_facts(&facts(1, START + 1_000, 110, 0), START + 1_000);
    live.edge_facts(&facts(2, START + 1_010, 30, 0), START + 1_010);
    let tick = &live.tick(START + 1_020)[0];
    assert_eq!(rates(tick), Some((40.0, 0.0)));
    let point = tick.point.unwrap();
    assert_eq!((point.in_flight, point.visitors), (Some(4), Some(2)));
    assert_eq!((tick.now.edge.connections, tick.now.edge.pids.len()), (Some(10), 2));
}

#[test]
fn stale_facts_are_unknown_and_never_good() {
    let mut live = live();
    live.edge_connected(&hello(1, START));
    live.edge_facts(&facts(1, START + 1_000, 5, 0), START + 1_000);
    assert!(live.tick(START + 4_000)[0].point.is_some());
    let tick = live.tick(START + 4_001).remove(0);
    assert_eq!((tick.point, tick.now.edge.connected), (None, false));
    assert_eq!(
        (tick.now.verdict.level, tick.now.verdict.code.as_str()),
        (Level::Unknown, "edge_away")
    );
    assert_eq!(tick.now.findings[0].code, "edge_away");
    assert_eq!(tick.now.instances[0].health, Health::Unknown);
    let cache = tick.now.cache.expect("a shop that the edge is before");
    assert_eq!((tick.now.edge.connections, cache.entries), (None, None));
    assert_eq!(tick.now.edge.facts_at_ms, Some(START + 1_000));
    live.edge_facts(&facts(1, START + 9_000, 85, 0), START + 9_000);
    assert_eq!(rates(&live.tick(START + 9_100)[0]), Some((10.0, 0.0)), "the gap is caught up");
}

#[test]
fn a_disk_that_the_edge_cannot_write_to_is_told_of_until_it_can() {
    let mut live = live();
    live.edge_connected(&hello(1, START));
    let mut at = |second: i64, dropped, error: Option<&str>| {
        let at_ms = START + second * 1_000;
        let mut frame = facts(1, at_ms, 5, 0);
        let seen = Arc::make_mut(&mut frame);
        (seen.log_lines_dropped, seen.snapshot_error) = (dropped, error.map(str::to_owned));
        live.edge_facts(&frame, at_ms);
        let tick = live.tick(at_ms).remove(0);
        let mut said: Vec<_> = tick.now.findings.iter().map(|found| found.code.clone()).collect();
        said.sort();
        let lossy = tick.now.findings.iter().find(|found| found.code == "access_log_lossy");
        (said.join(" "), lossy.and_then(|found| found.params.get("dropped").cloned()))
    };
    assert_eq!(at(1, 0, None), (String::new(), None));
    assert_eq!(at(2, 3, None), ("access_log_lossy".into(), Some(3_i64.into())));
    let both = "access_log_lossy store_read_only";
    assert_eq!(at(30, 7, Some("disk full")), (both.into(), Some(7_i64.into())));
    assert_eq!(at(62, 7, None), ("access_log_lossy".into(), Some(4_i64.into())));
    assert_eq!(at(90, 7, None), (String::new(), None));
}

#[test]
fn before_the_first_frame_nothing_is_known() {
    let mut live = live();
    let tick = live.tick(START + 1_000).remove(0);
    assert_eq!(tick.now.verdict.code, "edge_away");
    assert_eq!(tick.now.orders, crate::state::Orders::default());
    assert_eq!(tick.minutes.iter().find_map(|minute| minute.requests), None);
}

#[test]
fn orders_make_the_hour_and_an_error_makes_it_unknown() {
    let mut live = live();
    let shop = site().id;
    live.edge_connected(&hello(1, START));
    let minutes = (0..26 * 60).map(|n| (minute_of(START) - n * MINUTE_MS, 1, 250)).collect();
    let reading = OrdersReading {
        at_ms: START,
        minutes,
        last_minute: Some(1),
        last_order_ms: Some(START - 5_000),
        error: None,
    };
    live.orders_read(&shop, &reading);
    live.edge_facts(&facts(1, START + 900, 5, 0), START + 900);
    let tick = live.tick(START + 1_000).remove(0);
    assert_eq!(tick.now.orders.last_hour, Some(60));
    assert_eq!(tick.now.orders.revenue_last_hour_minor, Some(15_000));
    // START is 22:13:20 UTC.
    assert_eq!(tick.now.orders.today, Some(22 * 60 + 14));
    assert_eq!(tick.now.verdict.code, "selling");
    let failed = OrdersReading { error: Some("refused".into()), ..OrdersReading::default() };
    live.orders_read(&shop, &failed);
    live.edge_facts(&facts(1, START + 170_000, 5, 0), START + 170_000);
    let tick = live.tick(START + 170_000).remove(0);
    assert_eq!((tick.now.orders.last_minute, tick.now.orders.last_hour), (None, None));
    assert_eq!(tick.now.verdict.code, "orders_unknown");
    assert_eq!(tick.minutes.last().unwrap().orders, None, "no order seen is not no order");
}

#[test]
fn what_happened_is_noted_once_and_handed_to_the_store() {
    let mut live = live();
    live.edge_connected(&hello(1, START));
    live.edge_connected(&hello(1, START));
    let mut down = facts(1, START + 1_000, 1, 0);
    let instance = &mut Arc::make_mut(&mut down).shops[0].instances[0];
    (instance.health, instance.health_since_ms) = (Health::Down, START + 800);
    live.edge_facts(&down, START + 1_000);
    live.tick(START + 1_001);
    live.tick(START + 1_900);
    let unsaved = live.take_unsaved(true);
    let kinds: Vec<_> = unsaved.marks.iter().map(|(_, mark)| mark.kind).collect();
    assert_eq!(kinds, [MarkKind::EdgeStarted, MarkKind::InstanceDown]);
    assert_eq!(unsaved.minutes.len(), 1);
    assert_eq!(live.take_unsaved(true), Unsaved::default());
    let again = unsaved.minutes[0].1[0].at_ms;
    live.put_back(unsaved);
    let retried = live.take_unsaved(true);
    assert_eq!((retried.marks.len(), retried.minutes[0].1[0].at_ms), (2, again));
    live.edge_facts(&facts(1, START + 2_000, 1, 0), START + 2_000);
    let tick = live.tick(START + 2_001).remove(0);
    let kinds: Vec<_> = tick.now.marks.iter().map(|mark| mark.kind).collect();
    assert!(kinds.contains(&MarkKind::InstanceUp), "{kinds:?}");
}

#[test]
fn rings_are_bounded_and_a_reload_keeps_them() {
    let mut live = live();
    live.edge_connected(&hello(1, START));
    for n in 1..=700 {
        let at_ms = START + n * 1_000;
        live.edge_facts(&facts(1, at_ms, n.unsigned_abs(), 0), at_ms);
        live.tick(at_ms);
    }
    live.configure(vec![site()], 4);
    let state = live.state(&site().id).unwrap();
    assert_eq!((state.points.len(), state.now.edge.wanted_version), (600, 4));
    assert!(state.minutes.len() <= 180);
    assert_eq!(state.now.sequence, START.unsigned_abs() / 1_000 + 700);
    assert_eq!(live.state(&"other".parse().unwrap()), None);
}

#[test]
fn what_is_measured_is_the_mean_of_ten_seconds_and_unknown_is_left_out() {
    use crate::history::Measurement::{self, Orders, P95, RequestsPerSecond, Revenue, Visitors};
    let values = |live: &Live, at_ms| -> Vec<(Measurement, f64)> {
        live.measured(at_ms).into_iter().map(|one| (one.what, one.value)).collect()
    };
    let mut live = live();
    live.tick(START);
    assert_eq!(values(&live, START), [], "nobody has seen anything");
    live.edge_connected(&hello(1, START));
    live.edge_facts(&facts(1, START + 1_000, 10, 0), START + 1_000);
    live.tick(START + 1_000);
    live.edge_facts(&facts(1, START + 2_000, 40, 0), START + 2_000);
    live.tick(START + 2_000);
    let reading = OrdersReading {
        at_ms: START + 2_000,
        minutes: vec![(minute_of(START) - MINUTE_MS, 4, 12_345)],
        last_minute: Some(4),
        last_order_ms: None,
        error: None,
    };
    live.orders_read(&"lamps".parse().unwrap(), &reading);
    // Ten seconds into a minute, the one before is over for long enough.
    let at_ms = (START + STEP_MS).div_euclid(STEP_MS) * STEP_MS;
    let measured = values(&live, at_ms);
    let of = |what| measured.iter().find(|one| one.0 == what).map(|one| one.1);
    assert_eq!(of(RequestsPerSecond), Some(20.0));
    assert_eq!((of(Visitors), of(Orders), of(Revenue)), (Some(2.0), Some(4.0), Some(12_345.0)));
    let p95 = of(P95).expect("there were answers");
    assert!((0.01..0.04).contains(&p95), "20 ms are kept in seconds: {p95}");
    assert_eq!(of(Measurement::CpuShare), None);
    assert_eq!(values(&live, at_ms + 60_000), [], "the picture stands still");
}
