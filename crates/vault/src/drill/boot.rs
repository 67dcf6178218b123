//! The shop itself, started from what was restored and asked over HTTP whether it lives.
//!
//! It gets the environment that the configuration gives it and no other, runs as an ordinary user where
//! we are root, and ends with whoever drills. What it reads from its own restored files, and whom it
//! calls by what stands there, is not ours to know.

use super::{Check, CheckKind, Outcome, check, milliseconds, scratch::Scratch};
use host::{
    HostError,
    process::{Identity, Process, Signal, Spawn, with_environment},
    users,
};
use kernel::{
    Value,
    config::{DatabaseUrl, Secret},
};
use outbound::http::{Client, ClientOptions, HeaderMap, Method, Request, header};
use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Marks the environment of a shop that is started here with its drill's folder, so that the next
/// drill finds what has outlived this one.
const MARK: &str = "STOREWARDEN_DRILL";
/// Debian's (login.defs(5)), for whoever has no other.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Who owns nothing.
const NOBODY: &str = "nobody";
/// One question may take so long; a shop that has just started is slow.
const ANSWER: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);
const END_GRACE: Duration = Duration::from_secs(5);
/// Of what it said so much is told.
const SAID_BYTES: u64 = 600;
/// Processes of a shop that are ended one by one.
const LEFTOVERS: usize = 256;
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// How the shop is started, and by what it is seen to live. Placeholders are
/// [`kernel::config::BOOT_PLACEHOLDERS`].
#[derive(Debug, Clone)]
pub struct Boot {
    /// A program and its arguments, placeholders in them. Never empty.
    pub command: Vec<String>,
    /// By its path in the snapshot; `None`: in an empty folder.
    pub directory: Option<PathBuf>,
    /// Whom it runs as when we are root; `None`: whose the directory is, if not root's, else `nobody`.
    pub user: Option<String>,
    /// Names and values, placeholders in them.
    pub environment: Vec<(String, Secret)>,
    /// The host that it is asked for.
    pub host: String,
    /// Begins with `/`.
    pub path: String,
    /// The lowest and the highest status of a good answer.
    pub status: (u16, u16),
    /// What a good answer has in it.
    pub body: Option<String>,
    pub within: Duration,
}

/// What was found.
pub(super) struct Booted {
    pub(super) took: Duration,
    pub(super) check: Check,
}

impl Booted {
    pub(super) fn not(outcome: Outcome, code: &str) -> Self {
        Self { took: Duration::ZERO, check: check(CheckKind::Boot, outcome, code, []) }
    }
}

/// How a start ended.
enum End {
    Answered(u16),
    /// It ended by itself.
    Ended(ExitStatus),
    /// Its time was over; what it answered last.
    Late(Option<Answer>),
}

/// Not the one that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(u16),
    /// The body lacks what a good answer has in it.
    Body(u16),
}

/// Starts the shop, asks it until it answers well or its time is over, and ends it. The server of the
/// database must be there meanwhile.
pub(super) async fn boot(
    wanted: &Boot,
    scratch: &Scratch,
    database: Option<&DatabaseUrl>,
) -> Booted {
    let begun = Instant::now();
    let untried = |error: String| {
        let said = [("error", Value::from(error))];
        let check = check(CheckKind::Boot, Outcome::Unknown, "boot_untried", said);
        Booted { took: Duration::ZERO, check }
    };
    let mut started = match Started::begin(wanted, scratch, database) {
        Ok(started) => started,
        Err(why) => return untried(why),
    };
    let end = started.until_it_lives(wanted).await;
    let took = begun.elapsed();
    started.end(scratch).await;
    match end {
        Ok(end) => Booted { took, check: judged(wanted, &end, took, &tail(&scratch.boot_log())) },
        Err(error) => untried(error.to_string()),
    }
}

fn judged(wanted: &Boot, end: &End, took: Duration, said: &str) -> Check {
    let path = || ("path", Value::from(wanted.path.as_str()));
    let said = || ("said", Value::from(said));
    let status = |status: u16| ("status", Value::from(u64::from(status)));
    let within = || ("within_ms", Value::from(milliseconds(wanted.within)));
    let failed = |code, params: Vec<(&'static str, Value)>| {
        check(CheckKind::Boot, Outcome::Failed, code, params)
    };
    match end {
        End::Answered(found) => {
            let after = ("after_ms", Value::from(milliseconds(took)));
            check(CheckKind::Boot, Outcome::Passed, "boot_answers", [path(), status(*found), after])
        }
        End::Ended(how) => {
            failed("boot_ended", vec![("how", Value::from(how.to_string())), said()])
        }
        End::Late(None) => failed("boot_silent", vec![within(), said()]),
        End::Late(Some(Answer::Status(found))) => {
            failed("boot_answers_wrong", vec![path(), status(*found), within(), said()])
        }
        End::Late(Some(Answer::Body(found))) => {
            failed("boot_lacks_text", vec![path(), status(*found), within(), said()])
        }
    }
}

/// A shop that runs.
struct Started {
    process: Process,
    port: u16,
}

impl Started {
    /// # Errors
    /// What keeps it from being tried, for people: it says nothing about the backup.
    fn begin(
        wanted: &Boot,
        scratch: &Scratch,
        database: Option<&DatabaseUrl>,
    ) -> Result<Self, String> {
        let said = |error: io::Error| error.to_string();
        let files = scratch.files();
        let directory = wanted.directory.as_deref().map(|path| below(&files, path));
        let user = match users::is_root() {
            true => Some(whom(wanted, directory.as_deref())?),
            false => None,
        };
        let home = scratch.home();
        fs::create_dir(&home).map_err(said)?;
        hand(&home, user.as_ref()).map_err(said)?;
        // Whoever it runs as passes through; what lies below has owners and modes of its own.
        hand(&files, user.as_ref()).map_err(said)?;
        if let Some(path) = database.and_then(file_of) {
            hand_file(path, user.as_ref()).map_err(said)?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let port = port.map_err(said)?.port();
        let fill = |text: &str| filled(text, port, (&files, &home), database);
        let program = fill(&wanted.command[0]);
        let is_of_backup = wanted.command[0].starts_with("{files}/");
        if !is_of_backup && program.starts_with('/') && !Path::new(&program).exists() {
            return Err(format!("{program} is not on this machine"));
        }
        let mut spawn = Spawn::new(program)
            .args(wanted.command[1..].iter().map(|text| fill(text)))
            .clear_env()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env(MARK, scratch.path())
            .directory(directory.unwrap_or(home.clone()))
            .output_to(scratch.boot_log())
            .tied_to_this_thread(Signal::Kill);
        for (name, value) in &wanted.environment {
            spawn = spawn.env(name, fill(value.reveal()));
        }
        if let Some((name, _)) = user {
            spawn = spawn.user(name);
        }
        let process = spawn.start().map_err(|error| match error {
            HostError::Start { program, source } => format!("{program}: {source}"),
            error => error.to_string(),
        })?;
        Ok(Self { process, port })
    }

    async fn until_it_lives(&mut self, wanted: &Boot) -> Result<End, HostError> {
        let client = Client::new(&ClientOptions::default())
            .expect("invariant: there are no roots of our own that could be wrong");
        let ends = Instant::now() + wanted.within;
        let mut last = None;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(End::Late(last));
            }
            let question = question(wanted, self.port, left.min(ANSWER));
            let answer = tokio::select! {
                ended = self.process.wait() => return ended.map(End::Ended),
                answer = client.send(question) => answer,
            };
            match answer.map(|answer| judge(wanted, answer.status.as_u16(), &answer.body)) {
                Ok(Ok(status)) => return Ok(End::Answered(status)),
                Ok(Err(other)) => last = Some(other),
                // Nobody listens yet, or who does is not done with its answer.
                Err(_) => {}
            }
            if let Ok(ended) = timeout(AGAIN.min(left), self.process.wait()).await {
                return ended.map(End::Ended);
            }
        }
    }

    async fn end(mut self, scratch: &Scratch) {
        if let Err(error) = self.process.stop(END_GRACE).await {
            tracing::warn!(%error, "a shop of a drill did not end well");
        }
        // What it started may have groups of its own.
        end_leftovers(scratch.path());
    }
}

/// Whether an answer is the one that was wanted: its status.
fn judge(wanted: &Boot, status: u16, body: &[u8]) -> Result<u16, Answer> {
    let (low, high) = wanted.status;
    if !(low..=high).contains(&status) {
        return Err(Answer::Status(status));
    }
    let has = |text: &String| {
        text.is_empty() || body.windows(text.len()).any(|piece| piece == text.as_bytes())
    };
    if wanted.body.as_ref().is_some_and(|text| !has(text)) {
        return Err(Answer::Body(status));
    }
    Ok(status)
}

fn question(wanted: &Boot, port: u16, deadline: Duration) -> Request {
    let mut headers = HeaderMap::new();
    if let Ok(host) = wanted.host.parse() {
        headers.insert(header::HOST, host);
    }
    Request {
        method: Method::GET,
        url: format!("http://127.0.0.1:{port}{}", wanted.path),
        headers,
        body: bytes::Bytes::new(),
        deadline,
    }
}

/// Where a path of the snapshot lies now.
fn below(files: &Path, path: &Path) -> PathBuf {
    files.join(path.strip_prefix("/").unwrap_or(path))
}

type Named = (String, users::User);

/// The user that it runs as: the one that was named, else the owner of where it is started.
fn whom(wanted: &Boot, directory: Option<&Path>) -> Result<Named, String> {
    let owner = || {
        let found = fs::metadata(directory?).ok()?;
        users::name_of(found.uid()).filter(|_| found.uid() != 0)
    };
    let name = wanted.user.clone().or_else(owner).unwrap_or_else(|| NOBODY.to_owned());
    let user = users::find(&name).map_err(|error| error.to_string())?;
    Ok((name, user))
}

/// Makes a folder this user's alone; we pass as root, or are the user.
fn hand(folder: &Path, user: Option<&Named>) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    match user {
        Some((_, user)) => chown(folder, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}

/// A database that is a file, with the folder that its journal goes into.
fn hand_file(path: &Path, user: Option<&Named>) -> io::Result<()> {
    let Some((_, user)) = user else { return Ok(()) };
    let folder = path.parent().into_iter();
    for one in folder.chain([path]) {
        chown(one, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}

fn file_of(database: &DatabaseUrl) -> Option<&Path> {
    database.secret.strip_prefix("sqlite:").map(Path::new)
}

/// A text with what its placeholders stand for. What stands for nothing is left as it is.
fn filled(
    text: &str,
    port: u16,
    (files, home): (&Path, &Path),
    database: Option<&DatabaseUrl>,
) -> String {
    let parts = database.map(Parts::of).unwrap_or_default();
    let (files, home) = (files.display().to_string(), home.display().to_string());
    let port = port.to_string();
    let known = [
        ("port", port.as_str()),
        ("files", files.as_str()),
        ("home", home.as_str()),
        ("database", parts.address),
        ("database_host", parts.host),
        ("database_port", parts.port),
        ("database_user", parts.user),
        ("database_password", parts.password),
        ("database_name", parts.name),
    ];
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        whole.push_str(before);
        let found = after.split_once('}').and_then(|(word, after)| {
            known.iter().find(|(name, _)| *name == word).map(|(_, value)| (*value, after))
        });
        match found {
            Some((value, after)) => {
                whole.push_str(value);
                rest = after;
            }
            None => {
                whole.push('{');
                rest = after;
            }
        }
    }
    whole + rest
}

/// The parts of an address of one of our own servers, whose signs are all plain.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    /// Without what only our own client understands.
    address: &'a str,
    host: &'a str,
    port: &'a str,
    user: &'a str,
    password: &'a str,
    /// Of SQLite its file.
    name: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a DatabaseUrl) -> Self {
        let address = url.secret.split('?').next().unwrap_or_default();
        if let Some(name) = address.strip_prefix("sqlite:") {
            return Self { address, name, ..Self::default() };
        }
        let place = address.split_once("://").map_or("", |(_, place)| place);
        let (server, name) = place.split_once('/').unwrap_or((place, ""));
        let (account, server) = server.split_once('@').unwrap_or(("", server));
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let (host, port) = server.split_once(':').unwrap_or((server, ""));
        Self { address, host, port, user, password, name }
    }
}

/// The end of what it said, in one line.
fn tail(log: &Path) -> String {
    let read = || {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SAID_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_else(|error: io::Error| error.to_string());
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" · ")
}

/// Ends what a drill in this folder has started and left: it was killed, or its shop let go of
/// children.
pub(super) fn end_leftovers(scratch: &Path) {
    let mark = scratch.display().to_string();
    for _ in 0..LEFTOVERS {
        let ended = match with_environment(MARK, &mark) {
            Ok(Some(found)) => found.signal(Signal::Kill).and_then(|()| is_gone(&found)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match ended {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("what a drill has started was killed and does not end");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "what a drill has started may still run");
                return;
            }
        }
    }
}

/// Waits for the end of a process that was killed; whoever hangs in the kernel is not waited for. It
/// is nobody's child here, so its end can only be looked for.
fn is_gone(killed: &Identity) -> Result<bool, HostError> {
    let ends = Instant::now() + KILLED_WITHIN;
    while killed.is_running()? {
        if Instant::now() > ends {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::config::DatabaseKind;

    fn wanted() -> Boot {
        Boot {
            command: vec!["run".into()],
            directory: None,
            user: None,
            environment: Vec::new(),
            host: "shop.example".into(),
            path: "/health".into(),
            status: (200, 299),
            body: Some("ok".into()),
            within: Duration::from_secs(1),
        }
    }

    #[test]
    fn words_in_braces_stand_for_what_is_known_only_now() {
        let of = |kind, secret: &str| DatabaseUrl { kind, secret: secret.into() };
        let postgres = of(DatabaseKind::Postgres, "postgres://shop:pw@127.0.0.1:5433/drill");
        let mysql =
            of(DatabaseKind::MySql, "mysql://root:pw@127.0.0.1:3307/drill?prefer_socket=false");
        let sqlite = of(DatabaseKind::Sqlite, "sqlite:/d/server/0/drill");
        let check = |text: &str, database: Option<&DatabaseUrl>, expect: &str| {
            let places = (Path::new("/d/files"), Path::new("/d/home"));
            assert_eq!(filled(text, 80, places, database), expect, "{text}");
        };
        check("PORT={port} {files}/srv {home}", None, "PORT=80 /d/files/srv /d/home");
        check("{database}", Some(&postgres), "postgres://shop:pw@127.0.0.1:5433/drill");
        check("{database}", Some(&mysql), "mysql://root:pw@127.0.0.1:3307/drill");
        let parts = "{database_host} {database_port} {database_user} {database_password} \
                     {database_name}";
        check(parts, Some(&mysql), "127.0.0.1 3307 root pw drill");
        check("{database_name}", Some(&sqlite), "/d/server/0/drill");
        check("<{database}>", None, "<>");
        check("{\"a\":{\"b\":1}} {nothing} {", None, "{\"a\":{\"b\":1}} {nothing} {");
    }

    #[test]
    fn an_answer_is_held_against_what_was_wanted() {
        let wanted = wanted();
        let check = |status, body: &str, expect| {
            assert_eq!(judge(&wanted, status, body.as_bytes()), expect, "{status} {body}");
        };
        check(200, "all ok", Ok(200));
        check(299, "ok", Ok(299));
        check(302, "ok", Err(Answer::Status(302)));
        check(500, "ok", Err(Answer::Status(500)));
        check(200, "", Err(Answer::Body(200)));
        assert_eq!(judge(&Boot { body: None, ..wanted }, 204, b""), Ok(204));
    }
}
