//! Groups with limits on memory and processors, for a process and all that it starts.
//!
//! The kernel limits only groups whose parent has no process of its own in it. systemd sees to that where
//! a service has `Delegate=` and `DelegateSubgroup=`: we live in a subgroup, and our groups lie beside it.

use super::{Cgroup, own_folder};
use crate::HostError;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The subgroup that the service's own processes are in (packaging/systemd).
const OURS: &str = "control";
/// What the limits need, in the order in which they are given back.
const CONTROLLERS: [&str; 2] = ["memory", "cpu"];
/// The time that a share of processors is counted over, in microseconds; the kernel's own default.
const PERIOD_US: u64 = 100_000;

/// What all processes of a group may take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Swapping does not help: it would slow down what else runs here.
    pub memory_bytes: u64,
    /// Hundredths of one processor; `None`: all of them.
    pub cpu_percent: Option<u32>,
}

impl Cgroup {
    /// Makes a group with limits beside the one that we are in. Empty ones of the same kind, which were
    /// left behind, are removed: those whose names begin as this one's, up to its first dot.
    ///
    /// # Errors
    /// [`HostError::NoGroup`] where the machine or its systemd does not let us.
    pub fn limited(name: &str, limits: GroupLimits) -> Result<Self, HostError> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| no_group(&path, &error));
        let (mounts, own) = (read("/proc/self/mounts")?, read("/proc/self/cgroup")?);
        let own = own_folder(&mounts, &own)
            .ok_or_else(|| HostError::NoGroup("this machine has no version 2 of them".into()))?;
        // Elsewhere others may live by limits that are not ours to switch on or off.
        let is_ours = own.file_name().is_some_and(|name| name == OURS);
        let parent = own.parent().filter(|_| is_ours).ok_or_else(|| {
            HostError::NoGroup(format!("{} is not divided by `DelegateSubgroup=`", own.display()))
        })?;
        Self::limited_below(parent.to_owned(), name, limits)
    }

    fn limited_below(parent: PathBuf, name: &str, limits: GroupLimits) -> Result<Self, HostError> {
        let _alone = alone();
        for left in siblings(&parent, name).map_err(|error| no_group(&parent.display(), &error))? {
            // The kernel keeps those that have processes in them.
            fs::remove_dir(left).ok();
        }
        let known = fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
        let lacks = |wanted: &&&str| !known.split_whitespace().any(|known| known == **wanted);
        if let Some(lacking) = CONTROLLERS.iter().find(lacks) {
            let at = parent.display();
            return Err(HostError::NoGroup(format!("`{lacking}` is not ours to limit at {at}")));
        }
        let wanted = CONTROLLERS.map(|controller| format!("+{controller}")).join(" ");
        let switch = parent.join("cgroup.subtree_control");
        fs::write(&switch, wanted).map_err(|error| no_group(&switch.display(), &error))?;
        let group = Self { path: parent.join(name), parent };
        let made = fs::create_dir(&group.path).and_then(|()| group.limit(limits));
        made.map_err(|error| no_group(&group.path.display(), &error))?;
        Ok(group)
    }

    fn limit(&self, limits: GroupLimits) -> io::Result<()> {
        let set = |name: &str, value: String| fs::write(self.path.join(name), value);
        set("memory.max", limits.memory_bytes.to_string())?;
        // One of them killed and the others left would be half a run.
        set("memory.oom.group", "1".to_owned())?;
        match set("memory.swap.max", "0".to_owned()) {
            // A kernel that does not count swap.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        let Some(percent) = limits.cpu_percent else { return Ok(()) };
        let share_us = u64::from(percent) * PERIOD_US / 100;
        set("cpu.max", format!("{share_us} {PERIOD_US}"))
    }

    /// Whether the kernel has ended processes of it for want of memory.
    #[must_use]
    pub fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        kills(&events) > 0
    }

    /// Kills what is left in it, and removes it as far as that goes at once; what does not go is swept by
    /// the next. What it was limited by is given back when no other one is left: a service that is started
    /// anew wants it so.
    ///
    /// # Errors
    /// When processes are still on their way out of it, or the kernel refuses.
    pub fn leave_no_trace(&self) -> io::Result<()> {
        let _alone = alone();
        if self.path.exists() {
            self.kill()?;
            self.remove()?;
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if siblings(&self.parent, &name)?.is_empty() {
            let back = CONTROLLERS.map(|controller| format!("-{controller}")).join(" ");
            fs::write(self.parent.join("cgroup.subtree_control"), back)?;
        }
        Ok(())
    }
}

/// Of two threads, one that gives the limits back would take the other's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Groups that were made for the same.
fn siblings(parent: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let kind = name.split_inclusive('.').next().unwrap_or(name);
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(kind) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn no_group(place: &dyn std::fmt::Display, error: &io::Error) -> HostError {
    HostError::NoGroup(format!("{place}: {error}"))
}

/// Of `memory.events` (Documentation/admin-guide/cgroup-v2.rst of Linux) how many were killed.
fn kills(events: &str) -> u64 {
    let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Signal, Spawn};
    use std::{process, time::Duration};

    const LIMITS: GroupLimits = GroupLimits { memory_bytes: 64 << 20, cpu_percent: Some(50) };

    #[test]
    fn limits_are_written_as_the_kernel_reads_them() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        fs::create_dir(at("backup.left")).unwrap();
        let make = || Cgroup::limited_below(parent.path().to_owned(), "backup.1", LIMITS);
        let refused = make().unwrap_err().to_string();
        assert!(refused.contains("`memory` is not ours to limit"), "{refused}");
        fs::write(at("cgroup.controllers"), "cpu io memory\n").unwrap();
        let group = make().unwrap();
        assert!(!at("backup.left").exists());
        let read = |name: &str| fs::read_to_string(group.path().join(name)).unwrap();
        assert_eq!(fs::read_to_string(at("cgroup.subtree_control")).unwrap(), "+memory +cpu");
        let bytes = (64 << 20).to_string();
        let all = ["memory.max", "memory.oom.group", "memory.swap.max", "cpu.max"].map(read);
        assert_eq!(all, [bytes.as_str(), "1", "0", "50000 100000"]);
    }

    #[test]
    fn who_was_killed_for_memory_is_counted() {
        let check = |events: &str, expect| assert_eq!(kills(events), expect, "{events}");
        check("low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n", 2);
        check("oom 1\noom_kill 0\n", 0);
        check("", 0);
    }

    /// Only where the machine has such groups and we are root; says so where it is passed over.
    #[tokio::test]
    async fn who_takes_more_than_its_group_may_have_is_ended_by_the_kernel() {
        let root = fs::read_to_string("/proc/self/mounts")
            .ok()
            .and_then(|mounts| own_folder(&mounts, "0::/"));
        let made = root.ok_or_else(|| HostError::NoGroup("there are none here".into()));
        let name = format!("storewarden-test.{}", process::id());
        let made = made.and_then(|root| Cgroup::limited_below(root, &name, LIMITS));
        let group = match made {
            Ok(group) => group,
            Err(error) => return eprintln!("passed over: {error}"),
        };
        // It keeps the last line in memory, and there never is an end of one.
        let mut hungry = Spawn::new("tail").arg("/dev/zero").start().unwrap();
        let moved = fs::write(group.path().join("cgroup.procs"), hungry.pid().to_string());
        if moved.is_err() {
            hungry.end_now(Signal::Kill, Duration::from_secs(5));
        }
        moved.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), hungry.wait()).await;
        assert!(!ended.unwrap().unwrap().success());
        assert!(group.ran_out_of_memory());
        group.end(Duration::from_secs(10)).await.unwrap();
    }
}
