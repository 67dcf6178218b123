//! A shop that sells and is backed up each minute into three places, while workers, control, the
//! database and the storages' servers are killed at random, for as long as somebody wants:
//! `cargo xtask soak vault`. Every few minutes all must be as if nobody had been.
#![cfg(feature = "soak")]

use crate::trade::{GRACE, LONG, program, storewarden};
use anyhow::{Context, Result, ensure};
use demo::stage::{Stage, StageOptions};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use testkit::{
    Seaweed, Sshd,
    process::{Output, Signal, Spawn, by_command, run_to_end, signal},
    wait_until,
};
use tokio::time::sleep;

const PROGRAM: &str = "storewarden";
const PASSWORD: &str = "of the paper in the drawer";
const PICTURES: u64 = 40;
const PICTURE_BYTES: usize = 200_000;
/// So many are killed between two proofs.
const ROUND: u32 = 12;
/// Everything may have to be tried again, some things after minutes.
const CALM: Duration = Duration::from_secs(15 * 60);

/// Numbers that depend on the seed alone (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of their own, by these.
    pub(crate) fn another(&mut self) -> Self {
        // Without the factor (of Knuth's multiplicative hashing) they would roll what these roll next.
        Self(self.roll().wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1))
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.roll().to_le_bytes()).take(length).collect()
    }
}

fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How long somebody wants it.
pub(crate) fn limit() -> Duration {
    Duration::from_secs(60 * told("SOAK_MINUTES").unwrap_or(10))
}

/// The dice of this run: by what `SEED` says, or others each time.
pub(crate) fn seed() -> Result<Dice> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_micros() as u64);
    let seed = told("SEED").map_or_else(now, Ok)?.max(1);
    println!("SEED={seed}");
    Ok(Dice(seed))
}

/// Kills one of this state's that works on backups or orders: one is there only while something is done.
pub(crate) fn kill_worker(state: &Path) -> Result<bool> {
    let is_worker = |words: &[String]| words.iter().any(|word| word == "backup-worker");
    let Some(found) = by_command(PROGRAM, is_worker)? else { return Ok(false) };
    let pid = found.identity.pid;
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let is_ours = String::from_utf8_lossy(&environment).contains(&state.display().to_string());
    Ok(is_ours && signal(pid, Signal::Kill).is_ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_outlive_whoever_is_killed() -> Result<()> {
    let (limit, dice, begun) = (limit(), seed()?, Instant::now());
    let Some(mut soak) = Soak::begin(dice).await? else { return Ok(()) };
    soak.prove(begun).await?;
    while begun.elapsed() < limit {
        for _ in 0..ROUND {
            soak.work().await?;
            let wait = soak.dice.below(6_000);
            sleep(Duration::from_millis(wait)).await;
            soak.kill().await?;
        }
        soak.prove(begun).await?;
    }
    soak.stage.shutdown(GRACE).await
}

struct Soak {
    stage: Stage,
    dice: Dice,
    sshd: Sshd,
    bucket: Seaweed,
    media: PathBuf,
    /// The repositories, as restic names them.
    repositories: Vec<String>,
    /// What each of them was once seen to hold.
    seen: BTreeMap<String, BTreeSet<String>>,
    killed: BTreeMap<&'static str, u32>,
    /// Goes last.
    folder: tempfile::TempDir,
}

impl Soak {
    async fn begin(mut dice: Dice) -> Result<Option<Self>> {
        if !Sshd::is_installed() {
            return Ok(None);
        }
        let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let Some(bucket) = Seaweed::start(tests).await else { return Ok(None) };
        bucket.make_bucket("lamps").await;
        let sshd = Sshd::start("internal-sftp").await;
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let (media, near, far, known) = (at("media"), at("near"), at("far"), at("known-hosts"));
        fs::create_dir(&media)?;
        for number in 0..PICTURES {
            fs::write(media.join(format!("{number}.jpg")), dice.bytes(PICTURE_BYTES))?;
        }
        fs::write(at("password"), PASSWORD)?;
        fs::write(&known, format!("[127.0.0.1]:{} {}\n", sshd.port(), sshd.host_key()))?;
        fs::write(at("key-id"), Seaweed::OWNER.key_id)?;
        fs::write(at("key-secret"), Seaweed::OWNER.secret)?;
        let settings = format!(
            "media = {media:?}\n[shop.lampenladen.backup]\nto = [{near:?}, {{ s3 = \"s3://lamps/shop\", \
             endpoint = \"{}\", region = \"us-east-1\", key_id = \"${{file:{}}}\", \
             secret = \"${{file:{}}}\" }}, \
             {{ sftp = \"sftp://{}@127.0.0.1:{}{}\", identity = {:?}, known_hosts = {known:?} }}]\n\
             password = \"${{file:{}}}\"\nevery = \"1m\"\ndrill = \"365d\"\nbandwidth = \"4MiB\"\n\
             drill_in = {:?}\n",
            bucket.endpoint(),
            at("key-id").display(),
            at("key-secret").display(),
            sshd.user(),
            sshd.port(),
            far.display(),
            sshd.identity(),
            at("password").display(),
            at("drills"),
        );
        let repositories = vec![
            near.display().to_string(),
            far.display().to_string(),
            format!("s3:{}/lamps/shop", bucket.endpoint()),
        ];
        let options = StageOptions {
            storewarden: Some(program(PROGRAM)?),
            shop_settings: settings,
            per_minute: 120,
            pace: 0.05,
            ..StageOptions::new(program("demo")?)
        };
        let stage = Stage::start(options).await?;
        let (seen, killed) = (BTreeMap::new(), BTreeMap::new());
        Ok(Some(Self { stage, dice, sshd, bucket, media, repositories, seen, killed, folder }))
    }

    /// Has Storewarden begin something, or lets it be. Whether it may right now is its own affair.
    async fn work(&mut self) -> Result<()> {
        let number = self.dice.below(PICTURES);
        let picture = self.dice.bytes(PICTURE_BYTES);
        let next = self.media.join(".next");
        fs::write(&next, picture)?;
        fs::rename(next, self.media.join(format!("{number}.jpg")))?;
        let (media, back) = (self.media.display().to_string(), self.back().display().to_string());
        let words: &[&str] = match self.dice.below(6) {
            0 | 1 => &["now", "--detach"],
            2 => &["verify", "--all", "--detach"],
            3 => &["drill", "--detach"],
            4 => &["restore", "--path", &media, "--to", &back, "--yes", "--detach"],
            _ => return Ok(()),
        };
        if let Err(refused) = self.backup(words).await? {
            println!("  {} does not begin: {}", words[0], first_line(&refused));
        }
        Ok(())
    }

    async fn kill(&mut self) -> Result<()> {
        let victim = match self.dice.below(9) {
            0..3 => "worker",
            3 | 4 => "control",
            5 => "control and worker",
            6 => "database",
            7 => "sftp",
            _ => "bucket",
        };
        let away = Duration::from_millis(self.dice.below(5_000));
        let is_gone = match victim {
            "worker" => self.kill_worker()?,
            "control" => self.kill_control(),
            "control and worker" => self.kill_worker()? & self.kill_control(),
            "database" => self.kill_database()?,
            "sftp" => {
                self.sshd.kill().await;
                sleep(away).await;
                self.sshd.begin().await;
                true
            }
            _ => {
                self.bucket.kill().await;
                sleep(away).await;
                self.bucket.begin().await;
                true
            }
        };
        *self.killed.entry(victim).or_default() += u32::from(is_gone);
        Ok(())
    }

    fn kill_worker(&self) -> Result<bool> {
        kill_worker(storewarden(&self.stage)?.state_dir())
    }

    /// It may be being started again since it was killed before.
    fn kill_control(&self) -> bool {
        storewarden(&self.stage).is_ok_and(|storewarden| storewarden.kill_control().is_ok())
    }

    /// PostgreSQL starts all of itself again when one of its processes is killed: every connection is
    /// cut off, and what was committed is read from its log.
    fn kill_database(&self) -> Result<bool> {
        let folder = self.stage.directory().display().to_string();
        let is_first = |words: &[String]| {
            words.iter().any(|word| word.contains(&folder)) && !words[0].contains(':')
        };
        let Some(first) = by_command("postgres", is_first)? else { return Ok(false) };
        let pid = first.identity.pid;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let Some(child) = children.split_whitespace().next() else { return Ok(false) };
        Ok(signal(child.parse()?, Signal::Kill).is_ok())
    }

    /// In all places is a backup of now, which is whole for us and for restic, and can be restored and
    /// tried; and whatever was in a place once is there still.
    async fn prove(&mut self, begun: Instant) -> Result<()> {
        self.until("a backup of now", &["now"]).await;
        self.until("every byte read", &["verify", "--all"]).await;
        let (media, back) = (self.media.display().to_string(), self.back());
        if back.exists() {
            fs::remove_dir_all(&back)?;
        }
        let target = back.display().to_string();
        self.until("a restore", &["restore", "--path", &media, "--to", &target, "--yes"]).await;
        ensure!(contents(&self.media)? == contents(&back)?, "pictures are not as they were");
        self.until("a drill", &["drill"]).await;
        let mut told = String::new();
        for repository in &self.repositories {
            let listed = judged(repository).await;
            let listed: Vec<Value> = serde_json::from_slice(&listed)?;
            let there: BTreeSet<String> =
                listed.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
            let before = self.seen.entry(repository.clone()).or_default();
            let gone: Vec<_> = before.difference(&there).collect();
            ensure!(gone.is_empty(), "{repository} has lost {gone:?}");
            write!(told, " {}", there.len())?;
            *before = there;
        }
        let rows: BTreeSet<String> =
            self.stage.rows().await?.into_iter().map(|row| row.number).collect();
        for order in self.stage.customers().ledger().acknowledged() {
            ensure!(rows.contains(&order.number), "order {} is gone", order.number);
        }
        let minutes = begun.elapsed().as_secs() / 60;
        println!(
            "minute {minutes}: whole; backups{told}; orders {}; killed {:?}",
            rows.len(),
            self.killed
        );
        Ok(())
    }

    /// Has it done until it is done well: what was begun before may be in its way.
    async fn until(&self, what: &str, words: &[&str]) {
        wait_until(what, CALM, async || match self.backup(words).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refused)) => {
                sleep(Duration::from_secs(2)).await;
                Err(refused)
            }
            Err(error) => Err(format!("{error:#}")),
        })
        .await;
    }

    fn back(&self) -> PathBuf {
        self.folder.path().join("back")
    }

    async fn backup(&self, arguments: &[&str]) -> Result<Result<Output, String>> {
        let state = storewarden(&self.stage)?.state_dir().to_owned();
        let spawn = Spawn::new(program(PROGRAM)?).arg("backup").args(arguments);
        let spawn = spawn.arg("--state").arg(state);
        let run = move || run_to_end(spawn, CALM).map_err(|error| error.to_string());
        Ok(tokio::task::spawn_blocking(run).await?)
    }
}

/// What restic lists once it has checked everything. It takes no lock that would stand in anybody's way,
/// so that indexes may be written anew under it: then it is asked again.
async fn judged(repository: &str) -> Vec<u8> {
    wait_until("restic's word", CALM, async || {
        let ask = |arguments: &[&str]| {
            restic(repository, arguments).map_err(|error| format!("{error:#}"))
        };
        ask(&["check", "--read-data", "--no-lock"])?;
        ask(&["snapshots", "--json", "--no-lock"])
    })
    .await
}

fn restic(repository: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let owner = Seaweed::OWNER;
    let spawn = Spawn::new("/usr/bin/restic").args(["--no-cache", "-r", repository]);
    let spawn = spawn.args(arguments).env("RESTIC_PASSWORD", PASSWORD);
    let spawn = spawn.env("AWS_ACCESS_KEY_ID", owner.key_id);
    let spawn = spawn.env("AWS_SECRET_ACCESS_KEY", owner.secret);
    let output = run_to_end(spawn, LONG);
    Ok(output.with_context(|| format!("restic {arguments:?} of {repository}"))?.stdout)
}

fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().context("an entry has a name")?.into();
        found.insert(name, fs::read(path)?);
    }
    Ok(found)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
