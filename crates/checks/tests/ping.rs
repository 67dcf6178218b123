//! Echoes of this very machine, where the kernel lets us.

use crate::stand::{NOW_MS, PLENTY, failed, unknown};
use checks::{AddressFamily, Check, Conclusion, Outcome, PingCheck, readings, run};
use kernel::readings::Readings;
use std::{fs, time::Duration};

/// As icmp(7) says it: a group of this process is in the range, for both protocols.
fn is_allowed() -> bool {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap();
    let ends: Vec<u64> = range.split_whitespace().map(|end| end.parse().unwrap()).collect();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    // The effective one is the second of `Gid:`.
    let own = status.lines().find_map(|line| line.strip_prefix("Gid:")).unwrap();
    let own = own.split_whitespace().nth(1).unwrap();
    let more = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
    let mut groups = more.split_whitespace().chain([own]).map(|group| group.parse().unwrap());
    groups.any(|group: u64| (ends[0]..=ends[1]).contains(&group))
}

fn check(host: &str, within: Option<Duration>) -> Check {
    let host = host.to_owned();
    let family = AddressFamily::Any;
    Check::Ping(PingCheck { host, family, packets: 3, lost_allowed: 0, within })
}

async fn ping(host: &str, within: Option<Duration>) -> Outcome {
    run(&check(host, within), NOW_MS, PLENTY).await
}

#[tokio::test]
async fn this_machine_answers_or_the_kernel_forbids_to_ask() {
    let outcome = ping("127.0.0.1", None).await;
    if !is_allowed() {
        assert_eq!(unknown(&outcome).code, "ping_forbidden");
        assert_eq!(outcome.seen.ping, None);
        return;
    }
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    let seen = outcome.seen.ping.as_ref().unwrap();
    assert_eq!((seen.sent, seen.round_trips_seconds.len()), (3, 3));
    let mut told = Readings::new();
    readings(&check("127.0.0.1", None), &outcome, &[], &mut told);
    assert_eq!(told.value("probe_icmp_loss_ratio", &[]), Some(0.0));
    assert!(told.value("probe_icmp_duration_seconds", &[("phase", "rtt")]).unwrap() > 0.0);
    let slow = ping("127.0.0.1", Some(Duration::ZERO)).await;
    assert_eq!(failed(&slow).code, "ping_slow");
}

#[tokio::test]
async fn the_sixth_version_is_spoken_as_well() {
    let has_v6 = fs::read_to_string("/proc/net/if_inet6")
        .is_ok_and(|list| list.contains("00000000000000000000000000000001"));
    let outcome = ping("::1", None).await;
    match (has_v6, is_allowed()) {
        (true, true) => assert_eq!(outcome.conclusion, Conclusion::Passed),
        (true, false) => assert_eq!(unknown(&outcome).code, "ping_forbidden"),
        // Without the protocol, one or the other is found missing first.
        (false, _) => assert!(matches!(unknown(&outcome).code, "no_way" | "ping_forbidden")),
    }
}
