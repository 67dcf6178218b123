//! A running API with one shop, and a client that sees every byte.

use super::handyman::{Handyman, clean_up};
use ::plan::{Calendar, Engine, Moments, Settings};
use api::{
    ApiState, Command, Entrance, InForce, Previews, Refusal, Rejected, Stream, Token, Wished,
};
use kernel::{Drains, calendar::Window, config::parse, plan::Plan};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use store::Store;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch::Sender},
};
use watch::{
    Watch,
    backups::{RecoverySheet, SnapshotFolder, Snapshots},
    desk::Desk,
    history::History,
    live::{Live, Site},
};

pub(crate) const TOKEN: &str = "a-token-for-tests";

const CONFIGURATION: &str = r#"
version = 1

[edge]
listen = ["http://127.0.0.1:8080"]

[shop.lamps]
platform = "sample"
hosts = ["lamps.example"]
app = [{ address = "127.0.0.1:3001", name = "app-1" }, { address = "127.0.0.1:3002", name = "app-2" }]
"#;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) state: ApiState,
    folder: TempDir,
    _stop: Sender<bool>,
}

/// An engine whose acts leave a file behind, or fail.
async fn engine(store: Store, folder: &Path) -> Engine {
    let settings = Settings {
        logs: folder.join("runs"),
        at_once: 4,
        calendar: Calendar::new(vec![nightly(now_ms())], Vec::new()).unwrap(),
        clock: Arc::new(now_ms),
        look_again: Settings::LOOK_AGAIN,
        moments: Moments::default(),
    };
    let performer = Arc::new(Handyman { file: folder.join("done") });
    let engine = Engine::open(store, vec![performer], settings).await.unwrap();
    engine.resume_all().await;
    engine
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error has a code").to_owned()
    }

    /// The code of an error; of a page, nothing.
    pub(crate) fn code_or_nothing(&self) -> String {
        let body: Option<serde_json::Value> = serde_json::from_str(&self.body).ok();
        let code = body.and_then(|body| body["error"]["code"].as_str().map(ToOwned::to_owned));
        code.unwrap_or_default()
    }
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(Entrance::default()).await
    }

    pub(crate) async fn start_demanding_second_factors() -> Self {
        Self::start_with(Entrance::new(true)).await
    }

    async fn start_with(entrance: Entrance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let nothing = |_: &str| None;
        let configuration = parse(CONFIGURATION, shops::known(&nothing)).unwrap();
        let mut live = Live::new(now_ms());
        live.configure(Site::all(&configuration, &Drains::new()), 1);
        let (commands, asked) = mpsc::channel(4);
        let engine = engine(store.clone(), folder.path()).await;
        let watch = Watch::new(live);
        let (desk, _) = Desk::open(watch.clone(), store.clone(), &configuration).await.unwrap();
        let state = ApiState {
            peers: ::watch::peers::Peers::default(),
            checks: ::watch::checks::Checks::default(),
            services: ::watch::services::Services::default(),
            backups: ::watch::backups::Backups::default(),
            databases: ::watch::databases::Databases::default(),
            watch,
            store,
            history: History::new(folder.path().join("series"), 1),
            desk,
            stream: Arc::new(Stream::default()),
            engine,
            previews: Previews::default(),
            commands,
            token: Token::of(TOKEN),
            names: Arc::from(["warden.example".to_owned()]),
            entrance: Arc::new(entrance),
        };
        tokio::spawn(control(asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(api::serve(listener, api::router(state.clone()), stopped));
        Self { address, state, folder, _stop: stop }
    }

    /// The file that the tests' plans remove.
    pub(crate) fn done_file(&self) -> PathBuf {
        self.folder.path().join("done")
    }

    pub(crate) fn series_folder(&self) -> PathBuf {
        self.folder.path().join("series")
    }

    /// Moves the picture on by a tick and publishes it, as control's clock does.
    pub(crate) fn tick(&self) -> u64 {
        self.state.watch.with(|live| {
            let ticks = live.tick(now_ms());
            self.state.stream.publish(&ticks);
            ticks[0].now.sequence
        })
    }

    /// Sends a request with these headers and reads the whole answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        whole(self.send(method, path, headers).await).await
    }

    /// As [`Running::ask`], but of an answer that is no error only the head is read: it may have no
    /// end.
    pub(crate) async fn ask_until_head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut stream = BufReader::new(self.send(method, path, headers).await);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).await.unwrap() > 0, "cut off: {head}");
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = String::new();
        if status >= 400 {
            stream.read_to_string(&mut body).await.unwrap();
        }
        Answer { status, head, body }
    }

    /// Sends JSON.
    pub(crate) async fn tell(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Answer {
        let all = [&[("content-type", "application/json")], headers].concat();
        self.hand_in(method, path, &all, body.to_string().as_bytes()).await
    }

    /// Sends any body.
    pub(crate) async fn hand_in(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let length = body.len().to_string();
        let all = [&[("content-length", length.as_str())], headers].concat();
        let mut stream = self.send(method, path, &all).await;
        stream.write_all(body).await.unwrap();
        whole(stream).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.0\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Asks as the command line does.
    pub(crate) async fn ask_as_machine(&self, method: &str, path: &str) -> Answer {
        self.ask(method, path, &[("authorization", &format!("Bearer {TOKEN}"))]).await
    }

    /// Signs a browser in; answers its cookie.
    pub(crate) async fn sign_in(&self) -> String {
        let link = self.ask_as_machine("POST", "/api/v1/sign-in-links").await;
        let url = link.json()["url"].as_str().unwrap().to_owned();
        let path = url.strip_prefix(&format!("http://{}", self.address)).unwrap().to_owned();
        let signed_in = self.ask("GET", &path, &[]).await;
        assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/")));
        let cookie = signed_in.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

async fn whole(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A control that refuses every configuration and drains every instance.
async fn control(mut asked: mpsc::Receiver<Command>) {
    while let Some(command) = asked.recv().await {
        match command {
            Command::Reload { answer } => {
                let details =
                    vec!["shop.toml:3:5: unknown key `hots`; did you mean `hosts`?".into()];
                let message = "one mistake in the configuration".into();
                answer.send(Err(Rejected { message, details })).unwrap();
            }
            Command::Drain { answer, .. } => answer.send(Ok(())).unwrap(),
            Command::Plan { wish: Wished::CleanUp, answer } => {
                answer.send(Ok(clean_up(now_ms()))).unwrap();
            }
            // As if a rule of the configuration named the window.
            Command::Plan { wish: Wished::RollingRestart { .. }, answer } => {
                let window = Some("nightly".parse().unwrap());
                answer.send(Ok(Plan { window, ..clean_up(now_ms()) })).unwrap();
            }
            Command::Plan { wish: Wished::ApplyConfiguration { .. }, answer } => {
                let details = vec!["shop.toml:1:1: that is no configuration".to_owned()];
                let message = "one mistake in the configuration".to_owned();
                answer.send(Err(Refusal { message, details, reason: None })).unwrap();
            }
            Command::Plan { wish: Wished::TakeOverFile, answer } => {
                let (message, details) = ("it is not valid".to_owned(), Vec::new());
                answer.send(Err(Refusal { message, details, reason: None })).unwrap();
            }
            Command::InForce { answer } => {
                let (file, text) = ("/etc/shop.toml".into(), CONFIGURATION.to_owned());
                answer.send(InForce { file, text, version: 1 }).unwrap();
            }
            Command::Snapshots { answer, .. } => answer.send(Ok(Snapshots::default())).unwrap(),
            Command::RecoverySheet { shop, answer } => {
                let phrase = "0Z0ZA-HJMVW".to_owned();
                let sheet = RecoverySheet { shop, made_ms: 1, phrase, places: Vec::new() };
                answer.send(Ok(sheet)).unwrap();
            }
            Command::Browse { path, answer, .. } => {
                answer.send(Ok(SnapshotFolder { path, ..Default::default() })).unwrap();
            }
            other => panic!("nobody asks this control for {other:?}"),
        }
    }
}

/// A window that opens in about twelve hours.
fn nightly(now_ms: i64) -> Window {
    let hour = (now_ms / 3_600_000 + 12) % 24;
    let when = format!("{hour:02}:00-{:02}:00", (hour + 2) % 24);
    Window::read("nightly".parse().unwrap(), &when).unwrap()
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
