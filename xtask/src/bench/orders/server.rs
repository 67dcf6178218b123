//! A PostgreSQL of our own with the generated shop in it, and its clients.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::process::{self, Running};

const USER: &str = "shop";
const DATABASE: &str = "shop";
const START: Duration = Duration::from_secs(60);
/// Whom it runs as where we are root, as whom it refuses to.
const SYSTEM_USER: &str = "postgres";

/// A server that does not run, or does.
#[derive(Debug)]
pub(super) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    /// As whom it runs.
    user: Option<(u32, u32)>,
    running: Option<Running>,
}

impl Server {
    /// Makes one in a folder that is not there yet.
    pub(super) fn make(folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let owner = std::fs::metadata(&folder).context("look at the server's folder")?.uid();
        let user = if owner == 0 { Some(system_user()?) } else { None };
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).context("give the server its folder")?;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        let port = listener.local_addr().context("read the free port")?.port();
        let server = Self { programs: programs()?, folder, port, user, running: None };
        let mut make = server.as_user("initdb");
        make.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        process::run(make.arg(server.data()).stdout(Stdio::null()))?;
        Ok(server)
    }

    /// Starts it, and makes the shop with so many orders in it, fast: nothing of it would survive a crash of the machine.
    pub(super) fn load(&mut self, shop: &Path, orders: u64) -> anyhow::Result<()> {
        let fast = ["wal_level=minimal", "max_wal_senders=0", "fsync=off", "max_wal_size=2GB"];
        self.start(&fast)?;
        process::run(self.client("createdb").arg(DATABASE))?;
        let mut load = self.client("psql");
        load.args(["-q", "-1", "-v", "ON_ERROR_STOP=1", "-v"]).arg(format!("orders={orders}"));
        process::run(load.arg("-f").arg(shop).arg(DATABASE).stdout(Stdio::null()))?;
        self.stop()
    }

    pub(super) fn start(&mut self, settings: &[&str]) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.folder.with_extension("log")).context("make a log")?;
        let mut command = self.as_user("postgres");
        command.arg("-D").arg(self.data()).arg("-c").arg(format!("port={}", self.port));
        let ours =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=256MB"];
        for setting in ours.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().context("share the log")?).stderr(log);
        let mut running = Running::start("PostgreSQL", &mut command)?;
        let is_ready = || {
            let mut ask = self.client("pg_isready");
            ask.arg("-q").status().is_ok_and(|status| status.success()).then_some(())
        };
        running.wait_until("its first answer", START, is_ready)?;
        self.running = Some(running);
        Ok(())
    }

    /// Waits for clients to leave.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.running.take().map_or(Ok(()), Running::stop)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// The answer to a statement: values with `|` between, rows with line feeds.
    pub(super) fn ask(&self, statement: &str) -> anyhow::Result<String> {
        let mut psql = self.client("psql");
        psql.args(["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", DATABASE]);
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("speak to psql")?;
        input.write_all(statement.as_bytes()).context("speak to psql")?;
        drop(input);
        let output = child.wait_with_output().context("wait for psql")?;
        ensure!(output.status.success(), "`{statement}`: psql ended with {}", output.status);
        Ok(String::from_utf8(output.stdout).context("read what psql printed")?.trim().to_owned())
    }

    pub(super) fn ask_number(&self, statement: &str) -> anyhow::Result<u64> {
        let answer = self.ask(statement)?;
        answer.parse().with_context(|| format!("`{statement}` gave `{answer}`"))
    }

    /// One of the server's programs, told where it is; the database's name is still to come.
    pub(super) fn client(&self, program: &str) -> Command {
        let mut command = process::command(self.programs.join(program), &["-h", "127.0.0.1"]);
        command.arg("-p").arg(self.port.to_string()).args(["-U", USER]);
        command
    }

    /// Makes customers buy by pgbench, whose script is `purchase`; gives how many did.
    pub(super) fn sell(&self, purchase: &Path, orders: u64, more: &[&str]) -> anyhow::Result<u64> {
        let mut bench = self.client("pgbench");
        bench.args(["-n", "-c", "4", "-j", "1", "--random-seed=7", "-D"]);
        bench.arg(format!("orders={orders}")).arg("-f").arg(purchase).args(more).arg(DATABASE);
        // What is measured is who follows, and not how fast this machine's disk is.
        bench.env("PGOPTIONS", "-c synchronous_commit=off");
        let said = process::output(&mut bench)?;
        let line = "number of transactions actually processed: ";
        let count = said.lines().find_map(|text| text.strip_prefix(line));
        let count = count.and_then(|text| text.split('/').next()?.trim().parse().ok());
        count.with_context(|| format!("read what pgbench said: {said}"))
    }

    /// The database's name, for programs that want it by itself.
    pub(super) fn database(&self) -> &'static str {
        DATABASE
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn as_user(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match self.user {
            None => process::command(program, &[]),
            Some((user, group)) => {
                let mut command = process::command("setpriv", &["--clear-groups"]);
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
                command.arg(program);
                command
            }
        };
        command.current_dir("/");
        command
    }
}

fn system_user() -> anyhow::Result<(u32, u32)> {
    let id = |what: &str| {
        let said = process::output(&mut process::command("id", &[what, SYSTEM_USER]))?;
        said.trim().parse().with_context(|| format!("read the id of {SYSTEM_USER}"))
    };
    Ok((id("-u")?, id("-g")?))
}

/// Debian's place; the newest version that is there.
fn programs() -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").context("look for PostgreSQL")?;
    let versions = entries.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    match versions.filter(|(_, path)| path.join("initdb").is_file()).max() {
        Some((_, path)) => Ok(path),
        None => bail!("there is no PostgreSQL below /usr/lib/postgresql"),
    }
}
