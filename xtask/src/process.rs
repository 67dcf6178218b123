//! Running other programs: every exit code is looked at, every failure says which command it was.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// `program` with `arguments`, in the folder the workshop was called from.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// cargo, as the one that called us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command =
        command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments);
    // What cargo says of this package is not meant for those we build: some would be built anew after each build by hand.
    for (name, _) in std::env::vars_os() {
        let is_of_this_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_this_package) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs to its end with our terminal.
///
/// # Errors
/// When it cannot be started, or ends with anything but 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("start `{}`", spelled(command)))?;
    succeeded(command, status)
}

/// Runs to its end and gives back what it printed; its complaints go to our terminal.
///
/// # Errors
/// When it cannot be started, ends with anything but 0, or prints something that is not UTF-8.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("start `{}`", spelled(command)))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout)
        .with_context(|| format!("read what `{}` printed", spelled(command)))
}

/// Becomes the other program: signals reach it directly and its exit code is ours. Returns only to say why not.
pub(crate) fn become_program(command: &mut Command) -> anyhow::Error {
    let reason = command.exec();
    anyhow::Error::new(reason).context(format!("start `{}`", spelled(command)))
}

fn succeeded(command: &Command, status: ExitStatus) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", spelled(command))
}

/// The command as one would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A program found on the `PATH`, or in the folders Debian keeps for administrators.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// A process we started and will end: with a polite signal first, and on every way out.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
}

impl Running {
    pub(crate) fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child =
            command.spawn().with_context(|| format!("start {name}: `{}`", spelled(command)))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// What it prints, once, where its command asked for a pipe.
    pub(crate) fn printed(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// When the process ends first, or `limit` passes.
    pub(crate) fn wait_until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(status) =
                self.child.try_wait().with_context(|| format!("look after {}", self.name))?
            {
                bail!("{} ended with {status} before {what}", self.name);
            }
            if started.elapsed() > limit {
                bail!("{}: {what} took longer than {} s", self.name, limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Asks it to end, waits up to ten seconds, then insists.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait().with_context(|| format!("look after {}", self.name))?.is_some() {
            return Ok(());
        }
        run(&mut command("kill", &["-TERM", &self.pid().to_string()]))?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            if self.child.try_wait().with_context(|| format!("look after {}", self.name))?.is_some()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill().with_context(|| format!("end {}", self.name))?;
        self.child.wait().with_context(|| format!("wait for {}", self.name))?;
        bail!("{} did not end within ten seconds of being asked", self.name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}

/// A folder of our own that goes away with the value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("storewarden-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("remove {}: {error}", self.0.display());
        }
    }
}
