//! Debian's `sshd` as an ordinary process: its own configuration and keys, SFTP and nothing else.

use crate::{folder, free_port, owned::Owned, wait_until};
use host::{
    process::{Signal, Spawn, run_to_end, signal},
    users,
};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";
/// Where one that is started by root wants an empty folder (Debian's build of it).
const EMPTY: &str = "/run/sshd";

/// A server on the loopback that lets this user in by one key. It ends with its value, and every
/// connection to it.
#[derive(Debug)]
pub struct Sshd {
    folder: TempDir,
    address: SocketAddr,
    process: Option<Owned>,
}

impl Sshd {
    /// Whether there is one to test with. In CI there must be.
    ///
    /// # Panics
    /// In CI without one.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "says in the test's output why nothing was tested")]
    pub fn is_installed() -> bool {
        let installed = Path::new(SSHD).exists();
        let needed = std::env::var_os("CI").is_some();
        assert!(installed || !needed, "CI needs Debian's package openssh-server");
        if !installed {
            println!("NOT TESTED: SFTP, for Debian's package openssh-server is not installed");
        }
        installed
    }

    /// `subsystem` is what serves SFTP: `internal-sftp`, with its own arguments (sftp-server(8)).
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(subsystem: &str) -> Self {
        let folder = folder();
        for name in ["host", "user", "stranger"] {
            let keygen = Spawn::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(folder.path().join(name));
            run_to_end(keygen, Duration::from_secs(30)).expect("make a key");
        }
        let address = free_port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             UsePAM no\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             MaxStartups 200\nMaxSessions 200\nSubsystem sftp {subsystem}\nLogLevel ERROR\n",
            at("host"),
            at("user.pub"),
        );
        fs::write(folder.path().join("config"), config).expect("write its configuration");
        if crate::is_root() {
            fs::create_dir_all(EMPTY).expect("make the folder that sshd wants");
        }
        let mut sshd = Self { folder, address, process: None };
        sshd.begin().await;
        sshd
    }

    /// Starts it again at the same address.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn begin(&mut self) {
        let spawn = Spawn::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(self.path("config"))
            .output_to(self.path("sshd.log"));
        self.process = Some(Owned(spawn.start().expect("start sshd")));
        let address = self.address;
        wait_until("sshd to listen", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(address).await.map(drop)
        })
        .await;
    }

    /// Kills it and every connection to it.
    pub async fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        self.signal_connections_of(process.0.pid(), Signal::Kill);
        // It may have ended by itself.
        let _gone = process.0.signal(Signal::Kill);
        let _gone = process.0.wait().await;
    }

    /// Sends a signal to every connection there is; to be stopped is to fall silent.
    pub fn signal_connections(&self, with: Signal) {
        if let Some(process) = &self.process {
            self.signal_connections_of(process.0.pid(), with);
        }
    }

    fn signal_connections_of(&self, pid: u32, with: Signal) {
        for child in children(pid) {
            self.signal_connections_of(child, with);
            // It may have ended since.
            let _gone = signal(child, with);
        }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Who is let in.
    #[must_use]
    pub fn user(&self) -> String {
        let uid = rustix::process::getuid().as_raw();
        users::name_of(uid).expect("a test's user has a name")
    }

    /// The private key that lets them in.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.path("user")
    }

    /// A private key that does not.
    #[must_use]
    pub fn strange_identity(&self) -> PathBuf {
        self.path("stranger")
    }

    /// Its public key, as a list of known hosts has it behind the name.
    #[must_use]
    pub fn host_key(&self) -> String {
        self.public("host")
    }

    /// A public key that is somebody else's.
    #[must_use]
    pub fn strange_key(&self) -> String {
        self.public("stranger")
    }

    fn public(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!("{name}.pub"))).expect("a public key");
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal_connections(Signal::Kill);
    }
}

/// By the kernel's own list (proc(5)); a process that has ended has none.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
