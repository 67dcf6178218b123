//! The text forms of `/proc` (proc(5), Linux 6.1): text in, numbers or `None` out. No file is read
//! here.

/// Times of all processors together since boot, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTimes {
    pub(crate) busy: u64,
    pub(crate) total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) used_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// Bytes over all interfaces but the loopback since they came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkBytes {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl CpuTimes {
    /// The busy share since an earlier reading; `None` when no time has passed or a counter fell.
    pub(crate) fn share_since(self, before: Self) -> Option<f64> {
        let total = self.total.checked_sub(before.total)?;
        let busy = self.busy.checked_sub(before.busy)?;
        (total > 0).then(|| (busy as f64 / total as f64).min(1.0))
    }
}

impl NetworkBytes {
    /// Received and sent a second; `None` when no time has passed or an interface went away.
    pub(crate) fn per_second_since(self, before: Self, passed_ms: i64) -> Option<(f64, f64)> {
        let received = self.received.checked_sub(before.received)?;
        let sent = self.sent.checked_sub(before.sent)?;
        let seconds = passed_ms as f64 / 1_000.0;
        (passed_ms > 0).then(|| (received as f64 / seconds, sent as f64 / seconds))
    }
}

/// The line `cpu` of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. Guest
/// times, which follow, are within user and nice already.
pub(crate) fn cpu_times(stat: &str) -> Option<CpuTimes> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let mut times = [0_u64; 8];
    let mut known = 0;
    for (slot, field) in times.iter_mut().zip(line.split_ascii_whitespace()) {
        *slot = field.parse().ok()?;
        known += 1;
    }
    // Without the fourth, idle, nothing can be said.
    if known < 4 {
        return None;
    }
    let total = times.iter().try_fold(0_u64, |sum, time| sum.checked_add(*time))?;
    let resting = times[3].checked_add(times[4])?;
    Some(CpuTimes { busy: total - resting, total })
}

/// `MemTotal` and `MemAvailable` of `/proc/meminfo`.
pub(crate) fn memory(meminfo: &str) -> Option<Memory> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let number = line.strip_prefix(':')?.trim().strip_suffix(" kB")?;
        number.trim_end().parse::<u64>().ok()?.checked_mul(1024)
    };
    let total_bytes = kibibytes("MemTotal")?;
    let used_bytes = total_bytes.checked_sub(kibibytes("MemAvailable")?)?;
    Some(Memory { used_bytes, total_bytes })
}

/// `/proc/net/dev`: two lines of head, then an interface a line, received bytes first, sent ninth.
/// An interface that cannot be read makes the whole unknown: a sum without it would be too small.
pub(crate) fn network_bytes(dev: &str) -> Option<NetworkBytes> {
    let mut sum = NetworkBytes { received: 0, sent: 0 };
    for line in dev.lines().skip(2) {
        let (name, counters) = line.split_once(':')?;
        if name.trim() == "lo" {
            continue;
        }
        let mut fields = counters.split_ascii_whitespace();
        let received: u64 = fields.next()?.parse().ok()?;
        let sent: u64 = fields.nth(7)?.parse().ok()?;
        sum.received = sum.received.checked_add(received)?;
        sum.sent = sum.sent.checked_add(sent)?;
    }
    dev.contains('|').then_some(sum)
}

/// The first number of `/proc/loadavg`.
pub(crate) fn load_1(loadavg: &str) -> Option<f64> {
    let load: f64 = loadavg.split_ascii_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_are_busy_but_for_idle_and_iowait() {
        let check = |stat: &str, expect: Option<(u64, u64)>| {
            assert_eq!(cpu_times(stat).map(|times| (times.busy, times.total)), expect, "{stat:?}");
        };
        check("cpu  100 1 50 800 40 2 3 4 99 99\ncpu0 1 1 1 1\n", Some((160, 1000)));
        check("cpu  1 2 3 4\n", Some((6, 10)));
        check("cpu  1 2 3\n", None);
        check("cpu  1 2 x 4\n", None);
        check("cpu0 1 2 3 4\n", None);
        check(&format!("cpu  {0} {0} 1 1\n", u64::MAX), None);
        check("", None);
    }

    #[test]
    fn a_share_wants_time_to_pass_and_counters_to_grow() {
        let times = |busy, total| CpuTimes { busy, total };
        assert_eq!(times(15, 110).share_since(times(10, 100)), Some(0.5));
        assert_eq!(times(10, 100).share_since(times(10, 100)), None);
        assert_eq!(times(9, 110).share_since(times(10, 100)), None);
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let check = |text: &str, expect: Option<(u64, u64)>| {
            let found = memory(text).map(|memory| (memory.used_bytes, memory.total_bytes));
            assert_eq!(found, expect, "{text:?}");
        };
        check(
            "MemTotal:       1000 kB\nMemFree:   10 kB\nMemAvailable:    400 kB\n",
            Some((600 * 1024, 1000 * 1024)),
        );
        check("MemTotal:       1000 kB\nMemFree:   10 kB\n", None);
        check("MemTotal: 1 kB\nMemAvailable: 2 kB\n", None);
        check("MemTotal: 1000\nMemAvailable: 2 kB\n", None);
    }

    #[test]
    fn the_network_is_all_but_the_loopback() {
        let head = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n";
        let check = |lines: &str, expect: Option<(u64, u64)>| {
            let found = network_bytes(&format!("{head}{lines}"));
            assert_eq!(found.map(|bytes| (bytes.received, bytes.sent)), expect, "{lines:?}");
        };
        let eth0 = "  eth0: 700 1 0 0 0 0 0 0 300 2 0 0 0 0 0 0\n";
        check(&format!("    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n{eth0}"), Some((700, 300)));
        check(&format!("{eth0} wlan0:10 1 0 0 0 0 0 0 20 2 0\n"), Some((710, 320)));
        check("", Some((0, 0)));
        check(&format!("{eth0} eth1: 1 2 3\n"), None);
        assert_eq!(network_bytes(""), None);
    }

    #[test]
    fn rates_want_time_to_pass_and_counters_to_grow() {
        let bytes = |received, sent| NetworkBytes { received, sent };
        let check = |passed_ms, now, expect| {
            assert_eq!(
                bytes(100, 100).per_second_since(bytes(50, 100), passed_ms).is_some(),
                expect
            );
            assert_eq!(now, bytes(100, 100));
        };
        check(2_000, bytes(100, 100), true);
        check(0, bytes(100, 100), false);
        check(-5, bytes(100, 100), false);
        assert_eq!(bytes(1, 1).per_second_since(bytes(2, 1), 1_000), None);
        assert_eq!(bytes(60, 20).per_second_since(bytes(10, 10), 500), Some((100.0, 20.0)));
    }

    #[test]
    fn load_is_the_first_number() {
        assert_eq!(load_1("0.34 0.40 0.41 1/200 999\n"), Some(0.34));
        for bad in ["", "x", "-1", "inf", "NaN"] {
            assert_eq!(load_1(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn no_text_makes_them_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            cpu_times(text);
            cpu_times(&format!("cpu {text}"));
            memory(text);
            memory(&format!("MemTotal:{text} kB\nMemAvailable: 1 kB"));
            network_bytes(text);
            network_bytes(&format!("|\n|\neth0:{text}"));
            load_1(text);
        });
    }
}
