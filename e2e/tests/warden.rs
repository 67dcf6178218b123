//! A Storewarden before a shop that only says hello, for plays that are about Storewarden itself.

use crate::trade::{LONG, program};
use anyhow::{Context, Result, ensure};
use demo::customers::{Answer, Client};
use serde_json::Value;
use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};
use testkit::{
    free_port,
    process::{Process, Signal, Spawn, signal},
    self_signed, wait_until,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

/// One of them, with its files in a folder of its own.
pub(crate) struct Warden {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    control: SocketAddr,
    folder: tempfile::TempDir,
    /// What stands at the end of its configuration.
    more: String,
    /// What stands in its shop's table.
    pub(crate) shop: String,
    setting: Setting,
    supervisor: Option<Process>,
    _instance: JoinSet<()>,
    instance: SocketAddr,
}

/// What is around it: nothing, unless somebody wants it otherwise.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    /// The beginning of a command line that its own is put behind.
    pub(crate) wrapper: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// A shop that does more than say hello.
    pub(crate) app: Option<SocketAddr>,
}

impl Warden {
    /// Starts one whose shop has these lines more. `FOLDER` in them stands for its folder, where
    /// `chain.pem` and `key.pem` are a certificate for this machine that signs itself.
    pub(crate) async fn start(shop: &str, more: &str) -> Result<Self> {
        Self::start_in(Setting::default(), shop, more).await
    }

    /// As [`Warden::start`], in a setting of its own.
    pub(crate) async fn start_in(setting: Setting, shop: &str, more: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let instance = setting.app.map_or_else(|| listener.local_addr(), Ok)?;
        let mut serving = JoinSet::new();
        serving.spawn(say_hello(listener));
        let folder = testkit::folder();
        self_signed(folder.path(), &["127.0.0.1", "localhost"]);
        let mut warden = Self {
            http: free_port(),
            https: free_port(),
            control: free_port(),
            shop: shop.replace("FOLDER", &folder.path().display().to_string()),
            more: more.to_owned(),
            folder,
            setting,
            supervisor: None,
            _instance: serving,
            instance,
        };
        warden.write()?;
        warden.up().await?;
        Ok(warden)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self) -> Result<()> {
        let Self { http, https, control, instance, shop, more, .. } = self;
        let is_told = shop.lines().any(|line| line.starts_with("platform = "));
        let platform = if is_told { "" } else { "platform = \"generic\"\n" };
        let text = format!(
            "version = 1\n[edge]\nlisten = [\"http://{http}\", \"https://{https}\"]\nworkers = 1\n\
             drain = \"1s\"\n[control]\nlisten = \"{control}\"\n[shop.lamps]\n\
             {platform}app = \"{instance}\"\nforce_https = false\n{shop}\n{more}\n"
        );
        Ok(fs::write(self.path("storewarden.toml"), text)?)
    }

    /// Starts it, and waits until its control answers.
    pub(crate) async fn up(&mut self) -> Result<()> {
        let program = program("storewarden")?;
        let spawn = match self.setting.wrapper.split_first() {
            Some((wrapper, rest)) => Spawn::new(wrapper).args(rest).arg(program),
            None => Spawn::new(program),
        };
        let spawn = spawn.args(["up", "--config"]).arg(self.path("storewarden.toml"));
        let spawn = spawn.arg("--state").arg(self.path("state"));
        let mut spawn = spawn.env("STOREWARDEN_RESTART_AT_ONCE", "1");
        for (name, value) in &self.setting.environment {
            spawn = spawn.env(name, value);
        }
        self.supervisor = Some(spawn.output_to(self.path("log")).start()?);
        wait_until("control to answer", LONG, async || match self.get("/status").await {
            Ok(status) => Ok(status),
            Err(error) => Err(format!("{error:#}; its log ends with\n{}", self.log_end())),
        })
        .await;
        Ok(())
    }

    /// The last lines that it wrote, or why they cannot be read.
    fn log_end(&self) -> String {
        let text = fs::read_to_string(self.path("log")).unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Its command line, in the same setting, for it goes by the same clock.
    pub(crate) fn command(&self, words: &[&str]) -> Result<Spawn> {
        let spawn = Spawn::new(program("storewarden")?).args(words);
        let spawn = spawn.arg("--state").arg(self.path("state"));
        let environment = self.setting.environment.iter();
        Ok(environment.fold(spawn, |spawn, (name, value)| spawn.env(name, value)))
    }

    /// Other lines at the end of its configuration, read at once.
    pub(crate) async fn change(&mut self, more: String) -> Result<()> {
        self.more = more;
        self.write()?;
        self.ask("POST", "/reload", None).await.map(drop)
    }

    /// The machine is gone: every process of it, at once.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        // The supervisor first: it would start the others again.
        if let Some(mut supervisor) = self.supervisor.take() {
            supervisor.signal(Signal::Kill)?;
            supervisor.wait().await?;
        }
        for name in ["edge", "control"] {
            // It may have ended with its supervisor.
            let _gone = signal(self.pid(name)?, Signal::Kill);
        }
        Ok(())
    }

    pub(crate) fn pid(&self, name: &str) -> Result<u32> {
        let path = self.path("state").join(format!("{name}.pid"));
        let text = fs::read_to_string(&path).with_context(|| format!("read {path:?}"))?;
        Ok(text.trim().parse()?)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, None).await
    }

    /// A good answer of the API; anything else is an error.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let token = fs::read_to_string(self.path("state").join("api-token"))?;
        let mut client = Client::new(self.control, &self.control.to_string());
        client.always_send("authorization", &format!("Bearer {}", token.trim()));
        let (path, body) = (format!("/api/v1{path}"), body.map(Value::to_string));
        let answer: Answer = client.request_once(method, &path, body.as_deref()).await?;
        ensure!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Waits until an answer is as wanted.
    pub(crate) async fn until(&self, what: &str, path: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_until(what, LONG, async || match self.get(path).await {
            Ok(answer) if is(&answer) => Ok(answer),
            Ok(answer) => Err(format!("{answer:#}")),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }

    /// Ends it in order.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if let Some(mut supervisor) = self.supervisor.take() {
            supervisor.stop(Duration::from_secs(20)).await?;
        }
        Ok(())
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        if let Some(process) = &mut self.supervisor {
            process.end_now(Signal::Terminate, Duration::from_secs(5));
        }
    }
}

async fn say_hello(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut head = Vec::new();
            while let Ok(1..) = stream.read_buf(&mut head).await {
                if !head.ends_with(b"\r\n\r\n") {
                    continue;
                }
                head.clear();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
        });
    }
}
