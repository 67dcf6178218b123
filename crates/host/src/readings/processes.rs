//! Processes by service: by the unit that systemd started them in, else by name.

use super::system::TICKS;
use kernel::readings::Readings;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

/// Groups that are told apart; what comes beyond is `other`.
const MOST_GROUPS: usize = 60;
const OTHER: &str = "other";
/// The kernel's own threads, of which there are hundreds: proc_pid_stat(5), `flags`, PF_KTHREAD.
const KERNEL: &str = "kernel";
const IS_KERNEL: u64 = 0x0020_0000;
/// Letters of proc_pid_stat(5), and what process-exporter calls them.
const STATES: [(char, &str); 5] =
    [('R', "Running"), ('S', "Sleeping"), ('D', "Waiting"), ('Z', "Zombie"), ('I', "Sleeping")];

/// What counts on: a process that ended has used its time all the same.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// By process id.
    known: HashMap<u32, Known>,
    /// Seconds of user and of system by group.
    spent: BTreeMap<String, [f64; 2]>,
}

#[derive(Debug, Clone)]
struct Known {
    /// When it began, which tells it from a later one of the same id.
    begun: u64,
    group: String,
    ticks: [u64; 2],
}

#[derive(Debug, Default)]
struct Group {
    processes: u64,
    threads: u64,
    resident: u64,
    handles: u64,
    states: BTreeMap<&'static str, u64>,
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Debug, PartialEq, Eq)]
struct Stat<'a> {
    name: &'a str,
    state: char,
    flags: u64,
    ticks: [u64; 2],
    threads: u64,
    begun: u64,
    resident_pages: u64,
}

impl Processes {
    pub(super) fn read(&mut self, proc: &Path, into: &mut Readings) -> Option<()> {
        let page_bytes = rustix::param::page_size() as u64;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut seen: HashMap<u32, Known> = HashMap::with_capacity(self.known.len());
        for entry in fs::read_dir(proc).ok()? {
            let Ok(entry) = entry else { continue };
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            let folder = entry.path();
            // It may have ended meanwhile; then it is not there.
            let Ok(text) = fs::read_to_string(folder.join("stat")) else { continue };
            let Some(stat) = stat(&text) else { continue };
            let known = self.meet(pid, &stat, &folder);
            let group = groups.entry(known.group.clone()).or_default();
            group.processes += 1;
            group.threads += stat.threads;
            group.resident += stat.resident_pages * page_bytes;
            let state = STATES.iter().find(|(letter, _)| *letter == stat.state);
            *group.states.entry(state.map_or("Other", |(_, name)| name)).or_default() += 1;
            // Only our own and, as root, all.
            group.handles += fs::read_dir(folder.join("fd")).map_or(0, |all| all.count() as u64);
            seen.insert(pid, known);
        }
        self.known = seen;
        groups.iter().for_each(|(name, group)| self.put(name, group, into));
        Some(())
    }

    /// The process as it is known from now on; what it has used since it was seen last goes to its group.
    fn meet(&mut self, pid: u32, stat: &Stat<'_>, folder: &Path) -> Known {
        let before = self.known.get(&pid).filter(|known| known.begun == stat.begun);
        let (group, used) = match before {
            Some(known) => (known.group.clone(), known.ticks),
            // What it has used before it was first seen is not known to be of the time that is looked at.
            None => (self.group(stat, folder), stat.ticks),
        };
        let spent = self.spent.entry(group.clone()).or_default();
        for ((spent, now), before) in spent.iter_mut().zip(stat.ticks).zip(used) {
            *spent += now.saturating_sub(before) as f64 / TICKS;
        }
        Known { begun: stat.begun, group, ticks: stat.ticks }
    }

    fn group(&self, stat: &Stat<'_>, folder: &Path) -> String {
        if stat.flags & IS_KERNEL != 0 {
            return KERNEL.to_owned();
        }
        let cgroup = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
        let group = unit(&cgroup).unwrap_or(stat.name);
        if self.spent.contains_key(group) || self.spent.len() < MOST_GROUPS {
            group.to_owned()
        } else {
            OTHER.to_owned()
        }
    }

    fn put(&self, name: &str, group: &Group, into: &mut Readings) {
        let own = ("groupname", name);
        into.put("namedprocess_namegroup_num_procs", &[own], group.processes as f64);
        into.put("namedprocess_namegroup_num_threads", &[own], group.threads as f64);
        into.put("namedprocess_namegroup_open_filedesc", &[own], group.handles as f64);
        let labels = [own, ("memtype", "resident")];
        into.put("namedprocess_namegroup_memory_bytes", &labels, group.resident as f64);
        for (state, count) in &group.states {
            into.put("namedprocess_namegroup_states", &[own, ("state", state)], *count as f64);
        }
        let spent = self.spent.get(name).copied().unwrap_or_default();
        for (mode, seconds) in ["user", "system"].iter().zip(spent) {
            let labels = [own, ("mode", mode)];
            into.put("namedprocess_namegroup_cpu_seconds_total", &labels, seconds);
        }
    }
}

/// `0::/system.slice/nginx.service`: the service, of whichever hierarchy says one.
fn unit(cgroup: &str) -> Option<&str> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths
        .filter_map(|path| path.split('/').rev().find_map(|part| part.strip_suffix(".service")))
        .next()
}

/// The name in parentheses may hold anything, parentheses too: fields are counted from the last one.
fn stat(text: &str) -> Option<Stat<'_>> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // The state is field 3 of proc_pid_stat(5), and the first here.
    Some(Stat {
        name,
        state: fields.first()?.chars().next()?,
        flags: number(6)?,
        ticks: [number(11)?, number(12)?],
        threads: number(17)?,
        begun: number(19)?,
        resident_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_of_its_service_or_has_its_own_name() {
        assert_eq!(unit("0::/system.slice/nginx.service\n"), Some("nginx"));
        assert_eq!(
            unit("12:pids:/user.slice\n1:name=systemd:/system.slice/php8.2-fpm.service\n"),
            Some("php8.2-fpm")
        );
        assert_eq!(unit("0::/user.slice/user-0.slice/session-3.scope\n"), None);
        let line = "42 (a) (b) S 1 42 42 0 -1 4194560 9 0 0 0 11 22 0 0 20 0 3 0 777 1000 55 0";
        let found = stat(line).unwrap();
        assert_eq!((found.name, found.state, found.ticks), ("a) (b", 'S', [11, 22]));
        assert_eq!((found.threads, found.begun, found.resident_pages), (3, 777, 55));
        assert_eq!((found.flags, found.flags & IS_KERNEL), (4_194_560, 0));
        assert_eq!(stat("42 (a) S 1"), None);
    }
}
