//! What a program costs: processor time and memory of a process with all that it started, read from /proc.

use std::time::Duration;

use anyhow::Context;

/// The processes of one program: a process and all its descendants.
#[derive(Debug)]
pub(super) struct Family {
    pids: Vec<u32>,
}

impl Family {
    /// As it is now; processes that start later are not in it.
    pub(super) fn of(root: u32) -> anyhow::Result<Self> {
        let mut parents = Vec::new();
        for entry in std::fs::read_dir("/proc").context("list /proc")? {
            let entry = entry.context("list /proc")?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            // A process may end between being listed and being read; it is then nobody's child.
            if let Ok(stat) = Stat::read(pid) {
                parents.push((pid, stat.parent));
            }
        }
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&parent) = pids.get(next) {
            pids.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        Ok(Self { pids })
    }

    pub(super) fn len(&self) -> usize {
        self.pids.len()
    }

    /// Processor time so far, of all threads and of children that ended. What a descendant spent before it ended
    /// stands with its parent, which waited for it.
    pub(super) fn processor_time(&self) -> anyhow::Result<Duration> {
        let root = self.pids[0];
        let mut ticks = Stat::read(root)
            .with_context(|| format!("process {root} ended while it was measured"))?
            .ticks;
        ticks += self.pids[1..]
            .iter()
            .filter_map(|pid| Stat::read(*pid).ok())
            .map(|stat| stat.ticks)
            .sum::<u64>();
        // USER_HZ is 100 on every Linux this runs on (proc_pid_stat(5)).
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Proportional set size: memory, with what processes share divided among them.
    pub(super) fn memory_bytes(&self) -> anyhow::Result<u64> {
        self.pids.iter().filter(|pid| Stat::read(**pid).is_ok()).map(|pid| pss_bytes(*pid)).sum()
    }
}

/// The fields of /proc/PID/stat that matter here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        Self::parse(&text).with_context(|| format!("understand {path}"))
    }

    /// The name in parentheses may hold anything, parentheses too: fields are counted from the last one.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // utime, stime, cutime, cstime are the fields 14 to 17 of proc_pid_stat(5); the state, field 3, is the first here.
        let ticks = fields
            .get(11..15)?
            .iter()
            .map(|field| field.parse::<u64>().ok())
            .sum::<Option<u64>>()?;
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks })
    }
}

fn pss_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("find Pss in {path}"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 3 4 20 0 1 0 100 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, ticks: 40 }));
        assert_eq!(Stat::parse("42 (a) S 7"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_test_is_a_family_that_costs_something() {
        let family = Family::of(std::process::id()).unwrap();
        assert!(family.len() >= 1);
        assert!(family.memory_bytes().unwrap() > 100_000);
    }
}
