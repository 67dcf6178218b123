//! A whole Storewarden with the generated shop, what its command line says, and what its workers need for that.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::process::{self, Running};
use crate::workspace::Workspace;

pub(super) const SHOP: &str = "lamps";
/// Of the repository, for restic as well.
pub(super) const PASSWORD: &str = "a password for a measurement";
const START: Duration = Duration::from_secs(60);
/// How often it is looked for workers, and at them.
const LOOK: Duration = Duration::from_millis(2);

/// Storewarden, up.
#[derive(Debug)]
pub(super) struct Warden {
    program: PathBuf,
    folder: PathBuf,
    running: Running,
}

/// What an answer took.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// From the start of the command line to its end.
    pub(super) seconds: f64,
    pub(super) answer: Value,
}

/// What the worker took that an answer needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// The most at once.
    pub(super) memory_bytes: u64,
    /// Read from files, whether they were in the machine's memory or not.
    pub(super) read_bytes: u64,
}

impl Warden {
    /// Starts it in a folder that may have been one's before; `shop` has further lines of the shop's settings.
    pub(super) fn start(
        workspace: &Workspace,
        folder: &Path,
        database: &str,
        shop: &str,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).context("write the repository's password")?;
        let (edge, control) = (free_port()?, free_port()?);
        let text = format!(
            "version = 1\n[edge]\nlisten = [\"http://127.0.0.1:{edge}\"]\nworkers = 1\n\
             [control]\nlisten = \"127.0.0.1:{control}\"\n\
             # Backups are not tried here: that would be measured along.\n\
             [[plan.window]]\nname = \"never\"\nrule = \"FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1\"\n\
             since = \"2026-01-01\"\nfrom = \"00:00\"\nfor = \"1h\"\ntime_zone = \"UTC\"\n\
             [[plan.rule]]\nkinds = [\"drill_backup\"]\nwindow = \"never\"\n\
             [shop.{SHOP}]\nplatform = \"vendure\"\nhosts = [\"lamps.example\"]\n\
             app = \"127.0.0.1:1\"\nforce_https = false\ndatabase = \"{database}\"\n\
             backup = {{ to = [{:?}], every = \"30d\", password = \"${{file:{}}}\" }}\n{shop}\n",
            folder.join("repository"),
            password.display(),
        );
        let file = folder.join("storewarden.toml");
        std::fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
        let log = log.context("make a log")?;
        let program = workspace.program("release", "storewarden");
        let mut command = process::command(&program, &["up", "--config"]);
        command.arg(&file).arg("--state").arg(folder.join("state"));
        command.stdout(log.try_clone().context("share the log")?).stderr(log);
        let running = Running::start("storewarden", &mut command)?;
        let mut warden = Self { program, folder: folder.to_owned(), running };
        let mut status = warden.command(&["status", "--json"]);
        let answers = || status.output().ok().filter(|told| !told.stdout.is_empty()).map(drop);
        warden.running.wait_until("its first answer", START, answers)?;
        Ok(warden)
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.running.stop()
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// Its command line.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = process::command(&self.program, words);
        command.arg("--state").arg(self.state());
        command
    }

    /// What the command line says to this, as JSON.
    pub(super) fn ask(&self, words: &[&str]) -> anyhow::Result<Asked> {
        let mut command = self.command(words);
        let begun = Instant::now();
        let output = command.arg("--json").output().context("start the command line")?;
        let seconds = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        let answer = serde_json::from_slice(&output.stdout);
        let answer = answer.with_context(|| format!("`{}`: {said}", words.join(" ")))?;
        Ok(Asked { seconds, answer })
    }

    /// As [`Warden::ask`], and what the worker needed. To look for it takes time as well: it is not told.
    pub(super) fn look_after(&self, words: &[&str]) -> anyhow::Result<(Value, Needed)> {
        let control = self.pid("control")?;
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| watch(control, &is_over));
            let asked = self.ask(words);
            is_over.store(true, Ordering::Relaxed);
            let needed =
                watching.join().expect("invariant: looking at processes does not panic")?;
            ensure!(needed.memory_bytes > 0, "no worker was seen");
            Ok((asked?.answer, needed))
        })
    }

    pub(super) fn pid(&self, name: &str) -> anyhow::Result<u32> {
        let path = self.state().join(format!("{name}.pid"));
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        text.trim().parse().with_context(|| format!("understand {}", path.display()))
    }

    /// How the stream of changes stands (docs/formats/journal.md); nothing before it has said so.
    pub(super) fn standing(&self) -> Value {
        let text = std::fs::read(self.state().join(format!("journal/{SHOP}.json")));
        text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Waits until the stream stands as wanted.
    pub(super) fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        is: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        let path = self.state().join(format!("journal/{SHOP}.json"));
        self.running.wait_until(what, limit, || {
            let standing = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
            is(&standing)
        })
    }
}

/// Looks at the children of a process until it is told to end.
fn watch(parent: u32, is_over: &AtomicBool) -> anyhow::Result<Needed> {
    let (mut known, mut children) = (BTreeSet::new(), Vec::new());
    let mut needed = Needed::default();
    while !is_over.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").context("list /proc")? {
            let name = entry.context("list /proc")?.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
            // A process is looked at when it is new: it keeps its parent.
            if let Some(pid) = pid.filter(|pid| known.insert(*pid))
                && value(pid, "status", "PPid:") == Some(u64::from(parent))
            {
                children.push(pid);
            }
        }
        for pid in children.iter().filter(|pid| is_worker(**pid)) {
            // One that has ended says nothing more.
            let memory = value(*pid, "status", "VmHWM:").unwrap_or(0) * 1024;
            let read = value(*pid, "io", "rchar:").unwrap_or(0);
            needed.memory_bytes = needed.memory_bytes.max(memory);
            needed.read_bytes = needed.read_bytes.max(read);
        }
        std::thread::sleep(LOOK);
    }
    Ok(needed)
}

/// Whether it looks for orders: a child is control for a moment, before it becomes what it was made for, and others do
/// other things.
fn is_worker(pid: u32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = words.split(|byte| *byte == 0);
    words.any(|word| word == b"backup-worker") && words.next() == Some(b"orders")
}

/// A number in a file that the kernel has of a process (proc(5)).
fn value(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr().context("read the free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_has_of_a_process_is_found() {
        let pid = std::process::id();
        assert!(value(pid, "status", "VmHWM:").is_some_and(|kilobytes| kilobytes > 100));
        assert_eq!(value(pid, "status", "Pid:"), Some(u64::from(pid)));
        assert_eq!(value(pid, "status", "None:"), None);
    }
}
