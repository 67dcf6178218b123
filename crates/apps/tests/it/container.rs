//! A Debian with its own systemd, in a container of systemd-nspawn(1), for tests of units.
//!
//! Its root is made once with debootstrap(8) in a cache outside the source tree; the container
//! writes above it and leaves it as it is.

use host::process::{Process, Signal, Spawn, run_to_end};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use testkit::{is_root, wait_until};

const SUITE: &str = "bookworm";
const MAKE_LIMIT: Duration = Duration::from_secs(300);
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// A container that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Container {
    nspawn: Process,
    leader: u32,
}

impl Container {
    /// Boots one; says why not where that cannot be.
    ///
    /// # Panics
    /// When everything is there for it and it does not come up all the same.
    pub(crate) async fn boot() -> Result<Self, String> {
        if !is_root() {
            return Err("containers need root".to_owned());
        }
        for program in ["systemd-nspawn", "debootstrap", "nsenter"] {
            if !is_installed(program) {
                return Err(format!("`{program}` is not installed"));
            }
        }
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

    /// The words before a command that is to run inside.
    pub(crate) fn way_in(&self) -> Vec<String> {
        let leader = self.leader.to_string();
        ["nsenter", "--target", &leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
            .map(str::to_owned)
            .to_vec()
    }

    pub(crate) fn run(&self, command: &[&str]) -> Result<String, String> {
        let way = self.way_in();
        let spawn = Spawn::new(&way[0]).args(&way[1..]).args(command);
        let output = run_to_end(spawn, BOOT_LIMIT).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Writes a file below the container's root.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let inside = format!("/proc/{}/root/{}", self.leader, path.trim_start_matches('/'));
        fs::write(&inside, text).unwrap_or_else(|error| panic!("write {inside}: {error}"));
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.nspawn.end_now(Signal::Terminate, Duration::from_secs(20));
    }
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
