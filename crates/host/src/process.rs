//! The only starter of processes.
//!
//! A started process lives in a process group of its own, so that Ctrl-C in a terminal reaches the
//! program a person started and that program ends its children in order. A shell is never used:
//! arguments arrive as they were given.

mod identity;
mod piped;
mod search;
mod to_end;

use crate::{HostError, users};
use rustix::process::{Pid, kill_process, kill_process_group};
use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

pub use identity::{Identity, monotonic_ms, since_boot_ms};
pub use piped::{Ends, Piped, start_piped};
pub use search::{Found, Listener, by_command, listener, parent, with_environment, with_open};
pub use to_end::{Output, run_to_end};

/// What to start and how; nothing happens before [`Spawn::start`] or [`run_to_end`].
///
/// Without more said: the caller's environment, directory, user and outputs, and no input.
#[derive(Debug)]
pub struct Spawn {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    clear_env: bool,
    directory: Option<PathBuf>,
    user: Option<String>,
    stdin: Stdin,
    output: Option<PathBuf>,
    in_our_group: bool,
    tied: Option<Signal>,
}

/// What a process reads from its descriptor 0.
#[derive(Debug, Default)]
pub enum Stdin {
    #[default]
    Null,
    /// A socket or file; the caller's copy is closed with the start.
    Descriptor(OwnedFd),
}

/// The signals we send (signal(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Terminate,
    Kill,
    Hangup,
    Interrupt,
    Quit,
    User1,
    User2,
    Stop,
    Continue,
}

/// A process that we started. Dropping it neither ends nor waits for it.
#[derive(Debug)]
pub struct Process {
    child: tokio::process::Child,
    pid: u32,
}

impl Spawn {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            clear_env: false,
            directory: None,
            user: None,
            stdin: Stdin::Null,
            output: None,
            in_our_group: false,
            tied: None,
        }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts from an empty environment; what [`Spawn::env`] gives is all there is.
    #[must_use]
    pub fn clear_env(mut self) -> Self {
        self.clear_env = true;
        self
    }

    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs as another user of this machine, with that user's group and no others. Only root may.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Appends both outputs to a file, made when missing. [`run_to_end`] keeps them itself instead.
    #[must_use]
    pub fn output_to(mut self, path: impl Into<PathBuf>) -> Self {
        self.output = Some(path.into());
        self
    }

    /// Starts it in the caller's process group instead of one of its own: for programs that call
    /// [`begin_session`], which who leads a group may not.
    #[must_use]
    pub fn in_our_group(mut self) -> Self {
        self.in_our_group = true;
        self
    }

    /// Gets this signal when the thread that starts it ends, however it does: killed as well (prctl(2),
    /// PR_SET_PDEATHSIG), from when the program itself runs. By util-linux' `setpriv`, which every
    /// Debian has.
    #[must_use]
    pub fn tied_to_this_thread(mut self, signal: Signal) -> Self {
        self.tied = Some(signal);
        self
    }

    /// Starts the process and does not wait for it. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// When the program cannot be started, its user does not exist, or its output file cannot be
    /// opened; nothing runs then.
    pub fn start(self) -> Result<Process, HostError> {
        let program = self.display_program();
        let output = self.output.clone();
        let mut command = self.into_command()?;
        if let Some(path) = output {
            let open = || {
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                Ok((file.try_clone()?, file))
            };
            let (out, err) =
                open().map_err(|source| HostError::OpenOutput { path: path.clone(), source })?;
            command.stdout(out).stderr(err);
        }
        let child = tokio::process::Command::from(command)
            .spawn()
            .map_err(|source| HostError::Start { program, source })?;
        let pid = child.id().expect("invariant: a child that nobody waited for has its id");
        Ok(Process { child, pid })
    }

    fn display_program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// The command as a person would type it, for messages. Shows arguments, never the environment.
    fn display(&self) -> String {
        let args = self.args.iter().map(|arg| arg.to_string_lossy());
        std::iter::once(self.program.to_string_lossy()).chain(args).collect::<Vec<_>>().join(" ")
    }

    fn into_command(mut self) -> Result<Command, HostError> {
        if let Some(signal) = self.tied {
            let program = std::mem::replace(&mut self.program, OsString::from("setpriv"));
            let before = ["--pdeathsig", signal.name(), "--"].map(OsString::from);
            self.args.splice(0..0, before.into_iter().chain([program]));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that starts processes"
        )]
        let mut command = Command::new(self.program);
        command.args(self.args);
        if !self.in_our_group {
            command.process_group(0);
        }
        if self.clear_env {
            command.env_clear();
        }
        command.envs(self.env);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        if let Some(name) = self.user {
            let user = users::find(&name)?;
            command.uid(user.uid).gid(user.gid);
        }
        command.stdin(match self.stdin {
            Stdin::Null => Stdio::null(),
            Stdin::Descriptor(descriptor) => Stdio::from(descriptor),
        });
        Ok(command)
    }
}

impl Signal {
    /// As kill(1) takes it.
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::Hangup => "HUP",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::User1 => "USR1",
            Self::User2 => "USR2",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

impl Process {
    /// The process id; after its end another process may bear it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// # Errors
    /// [`HostError::Ended`] when it was waited for already: its id may be another's by now.
    pub fn signal(&self, signal: Signal) -> Result<(), HostError> {
        let pid = self.child.id().ok_or(HostError::Ended(self.pid))?;
        kill_process(as_pid(pid), signal.into()).map_err(|source| HostError::Signal { pid, source })
    }

    /// Waits until it ends. May be dropped and called again; after the end it answers at once.
    ///
    /// # Errors
    /// Only when the kernel does not know the process as ours.
    pub async fn wait(&mut self) -> Result<ExitStatus, HostError> {
        let pid = self.pid;
        self.child.wait().await.map_err(|source| HostError::Wait { pid, source })
    }

    /// Asks it to end, gives it `grace`, then kills it and every process of its group.
    ///
    /// # Errors
    /// As of [`Process::wait`] and [`Process::signal`]; one that has ended already is no error.
    pub async fn stop(&mut self, grace: Duration) -> Result<ExitStatus, HostError> {
        self.stop_with(Signal::Terminate, grace).await
    }

    /// As [`Process::stop`], for programs that want another signal first.
    ///
    /// # Errors
    /// As of [`Process::stop`].
    pub async fn stop_with(
        &mut self,
        first: Signal,
        grace: Duration,
    ) -> Result<ExitStatus, HostError> {
        match self.signal(first) {
            Ok(()) | Err(HostError::Ended(_)) => {}
            Err(error) => return Err(error),
        }
        // One that was stopped hears nothing until it goes on (systemd.kill(5) does the same). It may
        // have ended by now.
        let _ = self.signal(Signal::Continue);
        if let Ok(ended) = tokio::time::timeout(grace, self.wait()).await {
            return ended;
        }
        self.kill_group()?;
        self.wait().await
    }

    /// As [`Process::stop_with`], but blocks its thread: for `Drop`, where nothing can be awaited.
    /// Gives up after `grace` and five seconds more.
    pub fn end_now(&mut self, first: Signal, grace: Duration) {
        // It may have ended by itself; of anything else there is nobody left to tell.
        let _ = self.signal(first);
        if !self.ends_within(grace) {
            // As above.
            let _ = self.kill_group();
            self.ends_within(Duration::from_secs(5));
        }
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let ends = Instant::now() + limit;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= ends {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    fn kill_group(&self) -> Result<(), HostError> {
        let Some(pid) = self.child.id() else { return Ok(()) };
        kill_process_group(as_pid(pid), rustix::process::Signal::KILL)
            .map_err(|source| HostError::Signal { pid, source })
    }
}

/// Sends a signal to a process that is not our child, such as one named by a pid file.
///
/// # Errors
/// When there is no such process, or it is not ours to signal.
pub fn signal(pid: u32, signal: Signal) -> Result<(), HostError> {
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(HostError::Ended(pid))?;
    kill_process(target, signal.into()).map_err(|source| match source {
        rustix::io::Errno::SRCH => HostError::Ended(pid),
        source => HostError::Signal { pid, source },
    })
}

/// Makes this process the leader of a session of its own, which the end of a terminal does not reach
/// (setsid(2)).
///
/// # Errors
/// When it leads a process group already: see [`Spawn::in_our_group`].
pub fn begin_session() -> Result<(), HostError> {
    let pid = std::process::id();
    rustix::process::setsid().map(drop).map_err(|source| HostError::Session { pid, source })
}

/// Whether a process of this id exists, ours or not. A zombie still does.
#[must_use]
pub fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Whether a process of this id runs, ours or not. A zombie has ended: it waits for somebody to ask how
/// (proc_pid_stat(5), the third field).
#[must_use]
pub fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    // The name stands in parentheses, and may hold some itself.
    let state = stat.ok().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

fn as_pid(pid: u32) -> Pid {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("invariant: the kernel's process ids are positive and below 2^31")
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Terminate => Self::TERM,
            Signal::Kill => Self::KILL,
            Signal::Hangup => Self::HUP,
            Signal::Interrupt => Self::INT,
            Signal::Quit => Self::QUIT,
            Signal::User1 => Self::USR1,
            Signal::User2 => Self::USR2,
            Signal::Stop => Self::STOP,
            Signal::Continue => Self::CONT,
        }
    }
}
