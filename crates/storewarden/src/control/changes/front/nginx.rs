//! The nginx of this machine, by its first configuration file: found, asked whether its files are
//! valid, told to read them again. Everything here blocks.

use host::{
    HostError,
    process::{Found, Identity, Signal, Spawn, by_command, parent, run_to_end},
    sharing::{all_listening_on, copy_of, holders},
};
use kernel::plan::Failed;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How nginx names its first process.
const MASTER: &str = "nginx: master process ";
/// Where packages put the configuration.
const USUAL: [&str; 2] = ["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf"];
/// Reading files and names takes far less.
const TEST_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(1);

#[derive(Debug, Clone)]
pub(super) struct Nginx {
    pub(super) identity: Identity,
    program: PathBuf,
    main: PathBuf,
    prefix: Option<String>,
}

impl Nginx {
    /// The one that runs with this configuration.
    pub(super) fn find(main: &Path) -> Result<Self, Failed> {
        let is_it = |command: &[String]| {
            Words::of(command).is_some_and(|words| words.main().as_deref() == Some(main))
        };
        let found =
            by_command("nginx", is_it).map_err(|error| Failed::for_now(error.to_string()))?;
        let file = main.display().to_string();
        let gone = || {
            Failed::new(format!("no nginx runs with `{file}`"))
                .because("web_server_gone", [("file", file.as_str().into())])
        };
        let Found { identity, command, program } = found.ok_or_else(gone)?;
        let words = Words::of(&command).ok_or_else(gone)?;
        let program = program.unwrap_or_else(|| PathBuf::from(&words.0[0]));
        let prefix = words.told("-p").map(str::to_owned);
        Ok(Self { identity, program, main: main.to_owned(), prefix })
    }

    /// Whether it finds its files valid as they are.
    pub(super) fn test(&self) -> Result<(), Failed> {
        let mut spawn = Spawn::new(&self.program).args(["-t", "-q", "-c"]).arg(&self.main);
        if let Some(prefix) = &self.prefix {
            spawn = spawn.args(["-p", prefix]);
        }
        run_to_end(spawn, TEST_WITHIN).map(drop).map_err(|error| {
            let said = match &error {
                HostError::Failed { stderr_tail, .. } => stderr_tail.trim().to_owned(),
                other => other.to_string(),
            };
            Failed::new(format!("nginx does not take its configuration: {said}"))
                .because("web_server_refuses", [("error", said.into())])
        })
    }

    pub(super) fn reload(&self) -> Result<(), Failed> {
        self.identity.signal(Signal::Hangup).map_err(|error| {
            Failed::new(format!("nginx cannot be told to read its files again: {error}"))
                .because("web_server_not_told", [("error", error.to_string().into())])
        })
    }

    /// The sockets by which its processes listen there; what cannot be seen is none of them.
    pub(super) fn sockets_at(&self, address: SocketAddr) -> Vec<u64> {
        let mut inodes = all_listening_on(address).unwrap_or_default();
        inodes.retain(|inode| {
            let pids = holders(*inode).unwrap_or_default();
            let master = self.identity.pid;
            pids.iter().any(|pid| *pid == master || parent(*pid) == Some(master))
        });
        inodes
    }

    pub(super) fn listens_on(&self, address: SocketAddr) -> bool {
        !self.sockets_at(address).is_empty()
    }

    /// A copy of one of its sockets there.
    pub(super) fn copy_at(&self, address: SocketAddr) -> Result<TcpListener, HostError> {
        let pid = self.identity.pid;
        let gone = || HostError::Share { pid, address, source: io::ErrorKind::NotFound.into() };
        let inode = *self.sockets_at(address).first().ok_or_else(gone)?;
        copy_of(pid, inode, address)
    }

    /// Waits until it listens there, or does not.
    pub(super) fn await_listening(
        &self,
        addresses: &[SocketAddr],
        listens: bool,
        within: Duration,
    ) -> Result<(), Failed> {
        let what = if listens { "listens" } else { "has let go" };
        wait(within, || addresses.iter().all(|at| self.listens_on(*at) == listens)).map_err(|()| {
            let at = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let code = if listens { "web_server_not_listening" } else { "web_server_holds_on" };
            Failed::new(format!("it is not seen that nginx {what} on {at}"))
                .because(code, [("listen", at.into())])
        })
    }
}

/// Waits until these sockets are closed by everybody.
pub(super) fn await_closed(sockets: &[(SocketAddr, u64)], within: Duration) -> Result<(), Failed> {
    let is_closed = |(at, inode): &(SocketAddr, u64)| {
        all_listening_on(*at).is_ok_and(|found| !found.contains(inode))
    };
    wait(within, || sockets.iter().all(is_closed)).map_err(|()| {
        let at = sockets.iter().map(|(at, _)| at.to_string()).collect::<Vec<_>>().join(", ");
        Failed::for_now(format!("somebody listens on {at} still"))
            .because("ports_not_free", [("listen", at.into())])
    })
}

pub(super) fn wait(within: Duration, mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    let ends = Instant::now() + within;
    loop {
        if holds() {
            return Ok(());
        }
        if Instant::now() > ends {
            return Err(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What nginx was started with: its program first.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    /// Of a first process's title.
    fn of(command: &'a [String]) -> Option<Self> {
        let title = command.first()?.strip_prefix(MASTER)?;
        let words: Vec<&str> = title.split(' ').filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    fn told(&self, option: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|word| *word == option)?;
        self.0.get(at + 1).copied()
    }

    fn main(&self) -> Option<PathBuf> {
        let Some(told) = self.told("-c") else {
            return USUAL.iter().map(PathBuf::from).find(|usual| usual.exists());
        };
        Some(self.told("-p").map_or_else(|| PathBuf::from(told), |from| Path::new(from).join(told)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_with_which_files_it_runs() {
        let check = |title: &str, expect: Option<&str>| {
            let command = [title.to_owned()];
            let main = Words::of(&command).and_then(|words| words.main());
            assert_eq!(main, expect.map(PathBuf::from), "{title}");
        };
        check("nginx: master process /usr/sbin/nginx -c /x/nginx.conf", Some("/x/nginx.conf"));
        check(
            "nginx: master process nginx -p /x -c conf/n.conf -g daemon off;",
            Some("/x/conf/n.conf"),
        );
        check("nginx: worker process", None);
        check("/usr/sbin/nginx -c /x", None);
    }
}
