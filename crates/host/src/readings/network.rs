//! Interfaces, sockets and protocols.

use super::{number, text};
use kernel::readings::Readings;
use std::path::Path;

/// A machine with more has containers, whose interfaces come and go.
const MOST_INTERFACES: usize = 64;
const COUNTED: [&str; 18] = [
    "Tcp_ActiveOpens",
    "Tcp_PassiveOpens",
    "Tcp_CurrEstab",
    "Tcp_InSegs",
    "Tcp_OutSegs",
    "Tcp_RetransSegs",
    "Tcp_InErrs",
    "Tcp_OutRsts",
    "Udp_InDatagrams",
    "Udp_OutDatagrams",
    "Udp_InErrors",
    "Udp_NoPorts",
    "Udp_RcvbufErrors",
    "TcpExt_ListenOverflows",
    "TcpExt_ListenDrops",
    "TcpExt_SyncookiesSent",
    "TcpExt_TCPSynRetrans",
    "TcpExt_TCPTimeouts",
];

pub(super) fn interfaces(dev: &str, sys: &Path, into: &mut Readings) -> Option<()> {
    for line in dev.lines().skip(2).take(MOST_INTERFACES) {
        let (device, rest) = line.split_once(':')?;
        let device = device.trim();
        let mut numbers = [0.0; 12];
        let mut fields = rest.split_ascii_whitespace();
        for number in &mut numbers {
            *number = fields.next()?.parse().ok()?;
        }
        let mut put = |metric: &str, value| into.put(metric, &[("device", device)], value);
        for (way, own) in [("receive", &numbers[..4]), ("transmit", &numbers[8..])] {
            for (what, value) in ["bytes", "packets", "errs", "drop"].iter().zip(own) {
                put(&format!("node_network_{way}_{what}_total"), *value);
            }
        }
        let about = sys.join("class/net").join(device);
        if let Some(state) = text(&about.join("operstate")).filter(|state| state != "unknown") {
            put("node_network_up", f64::from(u8::from(state == "up")));
        }
        // Megabits; less than nothing where nobody knows.
        if let Some(speed) = number(&about.join("speed")).filter(|speed| *speed > 0.0) {
            put("node_network_speed_bytes", speed * 125_000.0);
        }
    }
    Some(())
}

/// `TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1`.
pub(super) fn sockets(sockstat: &str, into: &mut Readings) -> Option<()> {
    for line in sockstat.lines() {
        let (protocol, rest) = line.split_once(':')?;
        if !["sockets", "TCP", "UDP"].contains(&protocol) {
            continue;
        }
        let mut fields = rest.split_ascii_whitespace();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            // Memory is in pages there, which are of any size.
            if name != "mem" {
                let metric = format!("node_sockstat_{protocol}_{name}");
                into.put(&metric, &[], value.parse().ok()?);
            }
        }
    }
    Some(())
}

/// Two lines for each protocol: names, and numbers in their order.
pub(super) fn protocols(told: &str, into: &mut Readings) -> Option<()> {
    let mut lines = told.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (protocol, names) = names.split_once(':')?;
        let (same, values) = values.split_once(':')?;
        if protocol != same {
            return None;
        }
        for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
            let counted = COUNTED.iter().find(|counted| {
                counted.strip_prefix(protocol).and_then(|rest| rest.strip_prefix('_')) == Some(name)
            });
            if let Some(counted) = counted {
                into.put(&format!("node_netstat_{counted}"), &[], value.parse().ok()?);
            }
        }
    }
    Some(())
}

/// Connections that the firewall keeps in mind, where it does.
pub(super) fn connections(proc: &Path, into: &mut Readings) {
    let folder = proc.join("sys/net/netfilter");
    for (file, metric) in [
        ("nf_conntrack_count", "node_nf_conntrack_entries"),
        ("nf_conntrack_max", "node_nf_conntrack_entries_limit"),
    ] {
        if let Some(value) = number(&folder.join(file)) {
            into.put(metric, &[], value);
        }
    }
}
