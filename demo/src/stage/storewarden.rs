//! Storewarden as its user runs it: a configuration file, a program, pid files, an API with a token.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use host::process::{Process, Signal, Spawn, run_to_end, signal};
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

use super::{Instance, SHOP, instance::log_end, ports::free_ports};
use crate::customers::{Answer, Client};

const START_WAIT: Duration = Duration::from_secs(30);
const STOP_WAIT: Duration = Duration::from_secs(15);
const COMMAND_WAIT: Duration = Duration::from_secs(20);
/// How long a run of the demonstration may take.
const RUN_WAIT: Duration = Duration::from_secs(300);

/// What its configuration file says of the shop.
pub(super) struct Configuration<'a> {
    pub(super) platform: &'a str,
    /// What the shop calls itself.
    pub(super) title: &'a str,
    /// A page of the shop that answers 200 when all is well.
    pub(super) probe: &'static str,
    pub(super) database: &'a str,
    pub(super) instances: &'a [Instance],
    pub(super) edge_settings: &'a str,
    pub(super) shop_settings: &'a str,
    pub(super) more_settings: &'a str,
}

/// A Storewarden in front of the shop. Dropped, it is killed.
#[derive(Debug)]
pub struct Storewarden {
    program: PathBuf,
    file: PathBuf,
    state: PathBuf,
    log: PathBuf,
    edge: SocketAddr,
    control: SocketAddr,
    probe: &'static str,
    supervisor: Mutex<Option<Process>>,
}

/// Where a stage's Storewarden keeps what must outlive it.
pub(super) fn state(directory: &Path) -> PathBuf {
    directory.join("state")
}

impl Storewarden {
    pub(super) fn new(
        program: &Path,
        directory: &Path,
        configuration: &Configuration<'_>,
    ) -> Result<Self> {
        let ports = free_ports(2)?;
        let [edge, control] = [ports[0], ports[1]].map(|port| ([127, 0, 0, 1], port).into());
        let file = directory.join("storewarden.toml");
        let log = directory.join("access.log");
        std::fs::write(&file, write(configuration, (edge, control), &log))
            .with_context(|| format!("write {}", file.display()))?;
        Ok(Self {
            program: program.to_owned(),
            file,
            state: state(directory),
            log: directory.join("storewarden.log"),
            edge,
            control,
            probe: configuration.probe,
            supervisor: Mutex::new(None),
        })
    }

    /// Starts it, unless it runs, and waits until the shop answers through it.
    ///
    /// # Errors
    /// When it ends, or nothing is served through it in time; the end of its log is in the message.
    pub async fn start(&self) -> Result<()> {
        let mut supervisor = self.supervisor.lock().await;
        let process = match &mut *supervisor {
            Some(process) => process,
            empty => {
                let spawn = Spawn::new(&self.program).arg("up").arg("--config").arg(&self.file);
                let spawn = spawn.arg("--state").arg(&self.state).output_to(&self.log);
                let spawn = spawn.env("STOREWARDEN_RESTART_AT_ONCE", "1");
                empty.insert(spawn.start().context("start Storewarden")?)
            }
        };
        let deadline = Instant::now() + START_WAIT;
        while !answers(self.edge, self.probe).await
            || !answers(self.control, "/api/v1/health").await
        {
            let has_ended = timeout(Duration::ZERO, process.wait()).await.is_ok();
            if has_ended || Instant::now() > deadline {
                let why = if has_ended { "ended" } else { "does not serve the shop" };
                bail!("Storewarden {why} after its start:\n{}", log_end(&self.log));
            }
            sleep(Duration::from_millis(40)).await;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub async fn stop(&self) -> Result<()> {
        let is_there = self.supervisor.lock().await.is_some();
        let ended = if is_there { self.end_replica().await } else { Ok(()) };
        if let Some(mut process) = self.supervisor.lock().await.take() {
            process.stop(STOP_WAIT).await.context("end Storewarden")?;
        }
        ended
    }

    /// Where customers come in.
    #[must_use]
    pub fn edge(&self) -> SocketAddr {
        self.edge
    }

    /// Where its API and its user interface are.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// The configuration file; after a change to it, [`Storewarden::reload`].
    #[must_use]
    pub fn configuration_file(&self) -> &Path {
        &self.file
    }

    /// Adds lines to the shop's table of the configuration file.
    pub(super) fn add_to_shop(&self, lines: &str) -> Result<()> {
        let text = std::fs::read_to_string(&self.file)?;
        let table = format!("[shop.{SHOP}]\n");
        ensure!(text.contains(&table), "find the shop in {}", self.file.display());
        std::fs::write(&self.file, text.replacen(&table, &format!("{table}{lines}"), 1))
            .with_context(|| format!("write {}", self.file.display()))
    }

    /// Has the configuration read, and waits until the changes of the shop's database are followed.
    pub(super) async fn follows(&self) -> Result<()> {
        self.reload().await?;
        let deadline = Instant::now() + START_WAIT;
        while !self.is_followed().await? {
            ensure!(Instant::now() < deadline, "the changes of the database are not followed");
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Where it keeps what must outlive it.
    #[must_use]
    pub fn state_directory(&self) -> &Path {
        &self.state
    }

    /// The process that a pid file of its state folder names: `supervisor`, `edge`, `control` or `stream`.
    ///
    /// # Errors
    /// When there is no such file, or no number in it.
    pub fn pid(&self, name: &str) -> Result<u32> {
        let path = self.state.join(format!("{name}.pid"));
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        text.trim().parse().with_context(|| format!("read a number in {}", path.display()))
    }

    /// Kills the control process, as a bug or the out-of-memory killer would.
    ///
    /// # Errors
    /// When its pid is not known or can't be signalled.
    pub fn kill_control(&self) -> Result<()> {
        Ok(signal(self.pid("control")?, Signal::Kill)?)
    }

    /// Kills the process that follows the changes of the shop's database, likewise.
    ///
    /// # Errors
    /// When there is none, or it can't be signalled.
    pub fn kill_stream(&self) -> Result<()> {
        Ok(signal(self.pid("stream")?, Signal::Kill)?)
    }

    /// Has the edge replaced by a new process, as an upgrade does.
    ///
    /// # Errors
    /// When the supervisor's pid is not known or can't be signalled.
    pub fn replace_edge(&self) -> Result<()> {
        Ok(signal(self.pid("supervisor")?, Signal::User2)?)
    }

    /// Has the configuration read again, as `systemctl reload` does.
    ///
    /// # Errors
    /// When the supervisor's pid is not known or can't be signalled.
    pub fn hang_up(&self) -> Result<()> {
        Ok(signal(self.pid("supervisor")?, Signal::Hangup)?)
    }

    /// A link that signs one browser in, once.
    ///
    /// # Errors
    /// When the program gives none.
    pub async fn sign_in_link(&self) -> Result<String> {
        let spawn = Spawn::new(&self.program).arg("sign-in").arg("--state").arg(&self.state);
        let output = spawn_blocking(move || run_to_end(spawn, COMMAND_WAIT)).await??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.split_whitespace()
            .find(|word| word.starts_with("http"))
            .map(str::to_owned)
            .with_context(|| format!("find a link in what `storewarden sign-in` says: {said}"))
    }

    /// Asks the API something, as whoever holds its token.
    ///
    /// # Errors
    /// When the token can't be read or no whole answer comes. An answer of any status is an answer.
    pub async fn api(&self, method: &str, path: &str) -> Result<Answer> {
        // An empty JSON object rather than no body: the API takes JSON only.
        self.api_with(method, path, (method == "POST").then_some("{}")).await
    }

    /// The same with a body of JSON.
    ///
    /// # Errors
    /// As [`Storewarden::api`].
    pub async fn api_with(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        self.send(method, &format!("/api/v1{path}"), body).await
    }

    /// What a query of PromQL comes to now; its text as an address has it.
    ///
    /// # Errors
    /// As [`Storewarden::api`].
    pub async fn query(&self, query: &str) -> Result<Answer> {
        self.send("GET", &format!("/prometheus/api/v1/query?query={query}"), None).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        let file = self.state.join("api-token");
        let token =
            std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let mut client = Client::new(self.control, &self.control.to_string());
        client.always_send("authorization", &format!("Bearer {}", token.trim()));
        Ok(client.request_once(method, path, body).await?)
    }

    /// Has the configuration file read again.
    ///
    /// # Errors
    /// When it is refused; what is wrong is in the message.
    pub async fn reload(&self) -> Result<()> {
        let answer = self.api("POST", "/reload").await?;
        ensure!(answer.status == 200, "reload the configuration: {}", answer.text());
        Ok(())
    }

    /// Begins to redeploy all instances, one after the other; the run's id.
    ///
    /// # Errors
    /// When it is refused, or does not begin as things are.
    pub async fn begin_redeploy(&self) -> Result<String> {
        self.begin(&json!({ "kind": "rolling_restart", "shop": SHOP })).await
    }

    /// Proposes a configuration with an address for help; the id of the run, which waits for a yes.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn propose_contact(&self) -> Result<String> {
        let now = self.ask("GET", "/configuration", None).await?;
        let text = now["text"].as_str().context("the configuration has no text")?;
        let more = "contact = \"help@lampenladen.example\"\nplatform = ";
        ensure!(!text.contains("\ncontact = "), "it has one already: take that change back first");
        let text = text.replacen("platform = ", more, 1);
        self.begin(&json!({ "kind": "apply_configuration", "text": text })).await
    }

    /// Begins to make a replica of the shop's database; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`], and where there is one or can be none.
    pub async fn begin_replica(&self) -> Result<String> {
        let folder = self.file.with_file_name("replica");
        self.begin(&json!({ "kind": "add_replica", "shop": SHOP, "target": folder })).await
    }

    /// Begins to remove it; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`], and where there is none.
    pub async fn begin_removing_replica(&self) -> Result<String> {
        self.begin(&json!({ "kind": "remove_replica", "shop": SHOP })).await
    }

    /// Its server would outlive the folder.
    async fn end_replica(&self) -> Result<()> {
        let text = std::fs::read_to_string(&self.file)?;
        if !text.contains("\nreplica = {") {
            return Ok(());
        }
        let run = self.begin_removing_replica().await?;
        let is_over =
            |run: &Value| !matches!(run["state"].as_str(), Some("waiting" | "running" | "undoing"));
        self.run_reaches(&run, is_over).await.map(drop)
    }

    /// Begins to back the shop up; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_backup(&self) -> Result<String> {
        self.begin(&json!({ "kind": "back_up", "shop": SHOP })).await
    }

    /// Whether the changes of the shop's database are followed.
    ///
    /// # Errors
    /// When control does not answer.
    pub async fn is_followed(&self) -> Result<bool> {
        let backups = self.ask("GET", "/backups", None).await?;
        Ok(backups["shops"][0]["stream"]["state"] == "following")
    }

    /// Begins to restore a folder of the newest backup into another; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_restore(&self, path: &Path, target: &Path) -> Result<String> {
        self.begin(&json!({
            "kind": "restore_backup", "shop": SHOP, "path": path, "target": target,
        }))
        .await
    }

    /// Begins to put the database of the newest backup in the place of the shop's own, with the orders that
    /// are newer; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_going_back(&self) -> Result<String> {
        self.begin(&json!({
            "kind": "restore_database", "shop": SHOP, "in_place": true, "keep_newer_orders": true,
        }))
        .await
    }

    /// Begins to restore the database beside the shop's own as it was at a moment (Unix ms), when the journal
    /// has all that was committed by then; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`], and when changes are not followed.
    pub async fn begin_going_to(&self, moment_ms: i64) -> Result<String> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            let backups = self.ask("GET", "/backups", None).await?;
            let stream = &backups["shops"][0]["stream"];
            if stream["current_ms"].as_i64().is_some_and(|current_ms| current_ms > moment_ms) {
                break;
            }
            ensure!(Instant::now() < deadline, "the journal is not at that moment: {stream}");
            sleep(Duration::from_millis(200)).await;
        }
        let wish = json!({ "kind": "restore_database", "shop": SHOP, "as_of_ms": moment_ms });
        self.begin(&wish).await
    }

    /// Begins to restore the newest backup whole: files into a folder, the database beside the shop's
    /// own under this name; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_restore_whole(&self, target: &Path, name: &str) -> Result<String> {
        self.begin(&json!({
            "kind": "restore_whole", "shop": SHOP, "target": target, "name": name,
        }))
        .await
    }

    /// Begins to read every byte of the backups again; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_verification(&self) -> Result<String> {
        self.begin(&json!({ "kind": "verify_backup", "shop": SHOP, "all": true })).await
    }

    /// Begins to try the newest backup by restoring it; the run's id.
    ///
    /// # Errors
    /// As [`Storewarden::begin_redeploy`].
    pub async fn begin_drill(&self) -> Result<String> {
        self.begin(&json!({ "kind": "drill_backup", "shop": SHOP })).await
    }

    /// Previews a plan and starts it; the run's id.
    async fn begin(&self, wish: &Value) -> Result<String> {
        let preview = self.ask("POST", "/plans", Some(wish)).await?;
        ensure!(preview["may_start"] == true, "it cannot begin as things are: {}", preview["text"]);
        let body = json!({ "preview": preview["id"] });
        let run = self.ask("POST", "/runs", Some(&body)).await?;
        run["id"].as_str().map(str::to_owned).context("a run has no id")
    }

    /// Waits until a run is as wanted, over a restart of control; the run.
    ///
    /// # Errors
    /// When it is not within five minutes.
    pub async fn run_reaches(&self, run: &str, is_there: impl Fn(&Value) -> bool) -> Result<Value> {
        let path = format!("/runs/{run}");
        let deadline = Instant::now() + RUN_WAIT;
        loop {
            match self.ask("GET", &path, None).await {
                Ok(run) if is_there(&run) => return Ok(run),
                other if Instant::now() > deadline => {
                    bail!("run {run} does not come to its end: {other:?}")
                }
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string);
        let answer = self.api_with(method, path, body.as_deref()).await?;
        ensure!(answer.status == 200, "{method} {path}: {}", answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

impl Drop for Storewarden {
    fn drop(&mut self) {
        if let Some(process) = self.supervisor.get_mut() {
            // Asked first: only the supervisor knows its children.
            process.end_now(Signal::Terminate, Duration::from_secs(5));
        }
    }
}

fn write(
    configuration: &Configuration<'_>,
    (edge, control): (SocketAddr, SocketAddr),
    access_log: &Path,
) -> String {
    let access_log = access_log.display();
    let apps: Vec<String> = configuration
        .instances
        .iter()
        .map(|instance| {
            let (name, address) = (instance.name(), instance.address());
            format!("    {{ name = \"{name}\", address = \"{address}\", {} }},\n", launch(instance))
        })
        .collect();
    let Configuration {
        platform,
        title,
        database,
        edge_settings,
        shop_settings,
        more_settings,
        ..
    } = configuration;
    let more_settings = more_settings.replace("SHOP", SHOP).replace("EDGE", &edge.to_string());
    format!(
        "# Written by the demonstration, which takes it away again.\n\
         version = 1\n\n\
         [edge]\nlisten = [\"http://{edge}\"]\naccess_log = \"{access_log}\"\n{edge_settings}\n\n\
         [control]\nlisten = \"{control}\"\n\n\
         [shop.{SHOP}]\nname = \"{title}\"\nplatform = \"{platform}\"\ntime_zone = \"Europe/Berlin\"\nhosts = [\"127.0.0.1\", \"localhost\"]\n\
         app = [\n{}]\ndatabase = \"{database}\"\n{shop_settings}\n{more_settings}\n",
        apps.concat()
    )
}

/// How Storewarden starts an instance, in its own words.
fn launch(instance: &Instance) -> String {
    let settings = instance.settings();
    let words: Vec<String> = settings.command.iter().map(|word| format!("{word:?}")).collect();
    let mut text = format!("command = [{}]", words.join(", "));
    if let Some(directory) = &settings.directory {
        text.push_str(&format!(", directory = {directory:?}"));
    }
    if let Some(file) = &settings.environment_file {
        text.push_str(&format!(", environment_file = {file:?}"));
    }
    text.push_str(&format!(", stop_grace = \"{}s\"", settings.stop_grace_ms / 1000));
    text
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    let mut client = Client::new(address, &address.to_string());
    let answer = timeout(Duration::from_secs(5), client.request_once("GET", path, None)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status == 200)
}
