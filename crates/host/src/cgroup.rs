//! Control groups (cgroups(7), version 2): what a process starts, together, so that all of it can
//! be ended. Where we may not make one, there is none, and that is no error.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::time::sleep;

mod limits;

pub use limits::GroupLimits;

/// A group of our own below the one we are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
    parent: PathBuf,
}

impl Cgroup {
    /// Makes the group `name` below ours, or takes it when it is there; `None` where we may not, or
    /// the machine has no such groups.
    #[must_use]
    pub fn make(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parent = own_folder(&mounts, &own)?;
        let group = Self { path: parent.join(name), parent };
        match fs::create_dir(&group.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        // What can be made need not be open to us: only who may move in has a group.
        group.enter().ok()?;
        group.leave().ok()?;
        Some(group)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The group at a path that [`Cgroup::path`] gave before; `None` when it is gone.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let parent = path.parent()?.to_owned();
        path.join("cgroup.procs").exists().then(|| Self { path: path.to_owned(), parent })
    }

    /// Moves this process into the group: what it starts until [`Cgroup::leave`] is born there.
    ///
    /// # Errors
    /// When the kernel refuses, as when the group was removed; this process stays where it is.
    pub fn enter(&self) -> io::Result<()> {
        self.join_with(&self.path)
    }

    /// Moves this process out again.
    ///
    /// # Errors
    /// When the kernel refuses; [`Cgroup::kill`] would then meet this process too.
    pub fn leave(&self) -> io::Result<()> {
        self.join_with(&self.parent)
    }

    /// Kills whatever is in it. On a kernel before 5.14 nothing is killed.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&self) -> io::Result<()> {
        match fs::write(self.path.join("cgroup.kill"), "1") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Kills whatever is in it and removes it, once all of that is gone; gives up after `limit`.
    ///
    /// # Errors
    /// As of [`Cgroup::kill`] and [`Cgroup::remove`]. One that is gone already is no error.
    pub async fn end(&self, limit: Duration) -> io::Result<()> {
        const EVERY: Duration = Duration::from_millis(5);
        let ends = Instant::now() + limit;
        if self.path.exists() {
            self.kill()?;
        }
        loop {
            match self.remove() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if Instant::now() >= ends => return Err(error),
                // Killed processes are in it until their parents have heard of it.
                Err(_) => sleep(EVERY).await,
            }
        }
    }

    /// Removes it, when nothing is left in it.
    ///
    /// # Errors
    /// When there is, or it is gone already.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_dir(&self.path)
    }

    fn join_with(&self, group: &Path) -> io::Result<()> {
        fs::write(group.join("cgroup.procs"), "0")
    }
}

/// The folder of the group that a process is in, of its `/proc/PID/mounts` and `/proc/PID/cgroup`.
fn own_folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let mounted = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (place, kind) = (fields.nth(1)?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(place))
    })?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(mounted.join(own.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_group_is_found_on_machines_old_and_new() {
        let check = |mounts: &str, own: &str, expect: Option<&str>| {
            assert_eq!(own_folder(mounts, own), expect.map(PathBuf::from), "{mounts}");
        };
        let new = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        check(new, "0::/system.slice/a.service\n", Some("/sys/fs/cgroup/system.slice/a.service"));
        let both = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                    cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        check(both, "8:pids:/a\n0::/\n", Some("/sys/fs/cgroup/unified/"));
        check("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", "1:cpu:/\n", None);
    }
}
