//! A Debian with its own systemd, in a container of systemd-nspawn(1), for tests of units
//! and of packages.
//!
//! Its root is made once with debootstrap(8) in a cache outside the source tree; the container
//! writes above it and leaves it as it is.

use crate::{is_root, wait_until};
use host::process::{Process, Signal, Spawn, run_to_end};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::{self, File},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::Duration,
};

const SUITE: &str = "bookworm";
const MAKE_LIMIT: Duration = Duration::from_secs(300);
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// A container that runs until it is dropped.
#[derive(Debug)]
pub struct Container {
    nspawn: Process,
    leader: u32,
}

/// The network of a container.
#[derive(Debug)]
pub struct Network(File);

impl Container {
    /// Boots one, with a network of its own that reaches nobody.
    ///
    /// # Errors
    /// Why that cannot be on this machine, in words.
    ///
    /// # Panics
    /// When everything is there for it and it does not come up all the same.
    pub async fn boot() -> Result<Self, String> {
        may_be()?;
        let root = root().await?;
        let log = root.with_extension("log");
        let nspawn = Spawn::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--register=no", "--keep-unit", "--volatile=overlay"])
            .args(["--console=pipe", "--private-network"])
            .arg(format!("--machine=storewarden-{}", std::process::id()))
            .arg(format!("--directory={}", root.display()))
            .output_to(&log)
            .start()
            .map_err(|error| error.to_string())?;
        let mut container = Self { nspawn, leader: 0 };
        wait_until("the container's systemd", BOOT_LIMIT, async || {
            container.leader = child_of(container.nspawn.pid()).ok_or("no process yet")?;
            let asked = container.run(&["systemctl", "is-system-running", "--wait"]);
            // Degraded is what a container without a network may well be.
            asked.map_or_else(
                |error| if error.contains("degraded") { Ok(()) } else { Err("not up yet") },
                |_| Ok(()),
            )
        })
        .await;
        Ok(container)
    }

    /// One with nothing in it but a Debian and these programs, each under the path that it gets there.
    /// It has our network, and no services.
    ///
    /// # Errors
    /// Why that cannot be on this machine, in words.
    ///
    /// # Panics
    /// When everything is there for it and it does not come up all the same.
    pub async fn bare(programs: &[(&Path, &str)]) -> Result<Self, String> {
        may_be()?;
        let root = root().await?;
        let bind = |(from, to): &(&Path, &str)| format!("--bind-ro={}:{to}", from.display());
        let nspawn = Spawn::new("systemd-nspawn")
            .args(["--quiet", "--register=no", "--keep-unit", "--volatile=overlay"])
            .args(["--console=pipe", "--as-pid2"])
            .arg(format!("--machine=bare-{}", std::process::id()))
            .arg(format!("--directory={}", root.display()))
            .args(programs.iter().map(bind))
            .args(["sleep", "infinity"])
            .output_to(root.with_extension("bare.log"))
            .start()
            .map_err(|error| error.to_string())?;
        let mut container = Self { nspawn, leader: 0 };
        wait_until("the container", BOOT_LIMIT, async || {
            container.leader = child_of(container.nspawn.pid()).ok_or("no process yet")?;
            // The first one only makes the root, and leaves.
            let space = |of: &str| fs::read_link(format!("/proc/{of}/ns/pid"));
            match (space(&container.leader.to_string()), space("self")) {
                (Ok(its), Ok(ours)) if its != ours => {}
                _ => return Err("it is not inside yet"),
            }
            let all_there = programs.iter().map(|(_, to)| container.run(&["test", "-x", to]));
            all_there.collect::<Result<Vec<_>, _>>().map_err(|_| "its programs are not there yet")
        })
        .await;
        Ok(container)
    }

    /// The words before a command that is to run inside.
    #[must_use]
    pub fn way_in(&self) -> Vec<String> {
        let leader = self.leader.to_string();
        ["nsenter", "--target", &leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a command inside and gives back what it printed.
    ///
    /// # Errors
    /// When it ends with anything but 0, with what it said.
    pub fn run(&self, command: &[&str]) -> Result<String, String> {
        let way = self.way_in();
        let spawn = Spawn::new(&way[0]).args(&way[1..]).args(command);
        let output = run_to_end(spawn, COMMAND_LIMIT).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The path by which we reach one that is meant inside.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        format!("/proc/{}/root/{}", self.leader, inside.trim_start_matches('/')).into()
    }

    /// Writes a file inside.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::write(&path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }

    /// The container's network, for threads that are to be inside.
    ///
    /// # Panics
    /// When the container has ended.
    #[must_use]
    pub fn network(&self) -> Network {
        let place = format!("/proc/{}/ns/net", self.leader);
        Network(File::open(&place).unwrap_or_else(|error| panic!("open {place}: {error}")))
    }
}

impl Network {
    /// The same network for another thread.
    ///
    /// # Panics
    /// When there is no descriptor left for it.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(self.0.try_clone().expect("a descriptor is left"))
    }

    /// Moves the calling thread in: sockets that it opens from now on are inside. For threads of
    /// one's own, which end with what they do there.
    ///
    /// # Panics
    /// When the kernel refuses it.
    pub fn enter(&self) {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("root may enter the network of a container");
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.nspawn.end_now(Signal::Terminate, Duration::from_secs(20));
    }
}

fn may_be() -> Result<(), String> {
    if !is_root() {
        return Err("containers need root".to_owned());
    }
    let programs = ["systemd-nspawn", "debootstrap", "nsenter"];
    let missing = programs.iter().find(|program| !is_installed(program));
    missing.map_or(Ok(()), |program| Err(format!("`{program}` is not installed")))
}

/// The root, made when it is not there yet. A half-made one is never taken for a whole one.
async fn root() -> Result<PathBuf, String> {
    let cache = cache_folder().join("storewarden");
    let root = cache.join(format!("debian-{SUITE}"));
    if root.join("sbin/init").exists() || root.join("usr/sbin/init").exists() {
        return Ok(root);
    }
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let fresh = cache.join(format!("debian-{SUITE}-{}", std::process::id()));
    let spawn = Spawn::new("debootstrap")
        .args(["--variant=minbase", "--include=systemd,systemd-sysv,dbus", SUITE])
        .arg(&fresh);
    let made = tokio::task::spawn_blocking(move || run_to_end(spawn, MAKE_LIMIT)).await;
    let made = made.map_err(|error| error.to_string())?;
    if let Err(error) = made {
        // What is half made is in nobody's way: the next one has another name.
        let _ = fs::remove_dir_all(&fresh);
        return Err(format!("no Debian could be made (is its archive reachable?): {error}"));
    }
    if fs::rename(&fresh, &root).is_err() {
        // Another run was faster.
        let _ = fs::remove_dir_all(&fresh);
    }
    Ok(root)
}

fn cache_folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(|| "/root".into());
    set("XDG_CACHE_HOME").unwrap_or_else(|| home().join(".cache"))
}

fn is_installed(program: &str) -> bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

/// The one child of a process (proc(5): `children`).
fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
