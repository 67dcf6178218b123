//! Backups into a folder, a bucket and a machine behind SFTP while everything goes wrong that is around
//! them: each trouble is told by its name, nothing that was kept is lost, and when it is mended the next
//! backup comes by itself. Two machines share a repository meanwhile.
//!
//! The play runs in a process of its own, with a small disk that only it sees. The clock is its own as
//! well: what is due in a minute is due at once.

mod clock_back;
mod two_machines;

use crate::{
    disk_full::{fill, on_a_disk_of},
    trade::LONG,
    warden::{Setting, Warden},
};
use anyhow::{Context, Result, ensure};
use demo::private::{MariaDb, Options};
use serde_json::Value;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use testkit::{
    Credentials, Seaweed, Sshd,
    process::{Spawn, run_to_end},
    wait_until,
};
use tokio::join;

const TEST: &str = "backup_troubles::whatever_goes_wrong_is_told_and_mended_and_nothing_is_lost";
const PLAY: Duration = Duration::from_secs(500);
const PASSWORD: &str = "of the paper in the drawer";
const PICTURES: u64 = 12;
const PICTURE_BYTES: usize = 150_000;
const HOUR_S: i64 = 60 * 60;
/// After a backup, and after one that failed however often, the next one has come by then.
const SOON_S: i64 = HOUR_S + 60;

/// Something that goes wrong with the backups of one shop.
struct Trouble {
    shop: &'static str,
    /// What must be said of it.
    code: &'static str,
    harm: fn(&Ground) -> Result<()>,
    mend: fn(&Ground) -> Result<()>,
}

/// Those of the first machine.
const TROUBLES: [Trouble; 5] = [
    Trouble {
        shop: "password",
        code: "repository_wrong_password",
        harm: |ground| ground.write("password", "of another drawer"),
        mend: |ground| ground.write("password", PASSWORD),
    },
    Trouble {
        shop: "reader",
        code: "storage_not_permitted",
        harm: |ground| ground.write_keys("reader", Seaweed::READER),
        mend: |ground| ground.write_keys("reader", Seaweed::HOST),
    },
    Trouble {
        shop: "stranger",
        code: "storage_login",
        harm: |ground| {
            ground.write_keys("stranger", Credentials { secret: "wrong", ..Seaweed::HOST })
        },
        mend: |ground| ground.write_keys("stranger", Seaweed::HOST),
    },
    Trouble {
        shop: "disk",
        code: "storage_full",
        harm: |ground| fill(&ground.path("disk")).map(drop),
        mend: |ground| Ok(fs::remove_file(ground.path("disk/ballast"))?),
    },
    // On the same disk.
    Trouble { shop: "lamps", code: "storage_full", harm: |_| Ok(()), mend: |_| Ok(()) },
];

/// Those of the second one, whose Storewarden may not read everything.
const REFUSALS: [Trouble; 3] = [
    Trouble {
        shop: "folder",
        code: "storage_not_permitted",
        harm: |ground| close(&ground.path("closed"), 0o000),
        mend: |ground| close(&ground.path("closed"), 0o700),
    },
    Trouble {
        shop: "files",
        code: "files_unreadable",
        harm: |ground| close(&ground.path("secret/a.jpg"), 0o000),
        mend: |ground| close(&ground.path("secret/a.jpg"), 0o644),
    },
    // As a folder is whose disk is not mounted.
    Trouble {
        shop: "mount",
        code: "source_empty",
        harm: |ground| Ok(fs::rename(ground.path("mount/a.jpg"), ground.path("a.jpg"))?),
        mend: |ground| Ok(fs::rename(ground.path("a.jpg"), ground.path("mount/a.jpg"))?),
    },
];

fn close(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

/// Bytes that nothing compresses, another row for each seed.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

/// What the play happens on.
struct Ground {
    folder: PathBuf,
    server: MariaDb,
    bucket: Seaweed,
    sshd: Sshd,
    /// Sets the clock of programs (github.com/wolfcw/libfaketime).
    faketime: PathBuf,
}

impl Ground {
    async fn prepare(folder: &Path, faketime: PathBuf) -> Result<Option<Self>> {
        let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let database = folder.join("database");
        let (server, bucket, sshd) = join!(
            MariaDb::start(&database, Options::default()),
            Seaweed::start(tests),
            Sshd::start("internal-sftp")
        );
        let Some(bucket) = bucket else { return Ok(None) };
        let server = server?;
        server.create_database("shop").await?;
        for statement in [
            "create table orders (id int primary key, note text)",
            "insert into orders select seq, md5(seq) from seq_1_to_5000",
            "create user reader identified by 'reads'",
            "grant select, lock tables, show view, trigger, event on shop.* to reader",
        ] {
            server.execute("shop", statement).await?;
        }
        bucket.make_bucket("lamps").await;
        let ground = Self { folder: folder.to_owned(), server, bucket, sshd, faketime };
        for name in ["media", "closed", "secret", "mount"] {
            fs::create_dir(ground.path(name))?;
        }
        for seed in 0..PICTURES {
            let picture = bytes(seed, PICTURE_BYTES);
            fs::write(ground.path(&format!("media/{seed}.jpg")), picture)?;
        }
        for only in ["secret/a.jpg", "mount/a.jpg"] {
            fs::write(ground.path(only), bytes(1_000, PICTURE_BYTES))?;
        }
        ground.write("password", PASSWORD)?;
        ground.write("own-password", PASSWORD)?;
        ground.write("database-password", "reads")?;
        for shop in ["lamps", "reader", "stranger", "bucket"] {
            ground.write_keys(shop, Seaweed::HOST)?;
        }
        let known = format!("[127.0.0.1]:{} {}\n", ground.sshd.port(), ground.sshd.host_key());
        ground.write("known-hosts", &known)?;
        Ok(Some(ground))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.path(name), text)?)
    }

    fn write_keys(&self, shop: &str, keys: Credentials) -> Result<()> {
        self.write(&format!("{shop}.id"), keys.key_id)?;
        self.write(&format!("{shop}.secret"), keys.secret)
    }

    fn s3(&self, bucket: &str, shop: &str) -> String {
        let (endpoint, folder) = (self.bucket.endpoint(), self.folder.display());
        format!(
            "{{ s3 = \"s3://{bucket}/{shop}\", endpoint = \"{endpoint}\", region = \"us-east-1\", \
             key_id = \"${{file:{folder}/{shop}.id}}\", secret = \"${{file:{folder}/{shop}.secret}}\" }}"
        )
    }

    fn sftp(&self) -> String {
        let (user, port) = (self.sshd.user(), self.sshd.port());
        let (identity, known) = (self.sshd.identity(), self.path("known-hosts"));
        let path = self.path("far");
        format!(
            "{{ sftp = \"sftp://{user}@127.0.0.1:{port}{}\", identity = {identity:?}, \
             known_hosts = {known:?} }}",
            path.display()
        )
    }

    /// What the configuration says of one shop's backups.
    fn backup(&self, media: &str, to: &[String], password: &str) -> String {
        let (media, drills) = (self.path(media), self.path("drills"));
        format!(
            "media = {media:?}\nbackup = {{ to = [{}], password = \"${{file:{}}}\", every = \"1h\", \
             drill = \"365d\", drill_in = {drills:?}, keep = \"30d\" }}\n",
            to.join(", "),
            self.path(password).display(),
        )
    }

    fn quoted(&self, name: &str) -> String {
        format!("{:?}", self.path(name))
    }

    /// One that somebody else stands before: it is about its backups.
    fn shop(&self, name: &str, backup: &str) -> String {
        let logs = self.path(&format!("{name}.log"));
        format!(
            "[shop.{name}]\nhosts = \"{name}.example\"\nplatform = \"generic\"\nfront = false\n\
             logs = {logs:?}\n{backup}"
        )
    }

    /// A Storewarden whose clock is told by a file.
    fn setting(&self, clock: &str, wrapper: &[&str]) -> Result<Setting> {
        Ok(Clock::at(self.path(clock))?.setting(&self.faketime, wrapper))
    }

    /// With a shop for each trouble, and one whose backups go to three places.
    async fn first(&self) -> Result<Warden> {
        let password = format!("${{file:{}}}", self.path("database-password").display());
        let url = self.server.url("shop").replace("root@", &format!("reader:{password}@"));
        let to = [self.quoted("disk/lamps"), self.s3("lamps", "lamps"), self.sftp()];
        let lamps = self.backup("media", &to, "own-password");
        let lamps = format!("hosts = \"lamps.example\"\ndatabase = {url:?}\n{lamps}");
        let one = |name: &str, to: String, password: &str| {
            self.shop(name, &self.backup("media", &[to], password))
        };
        let more = [
            one("password", self.quoted("password-repository"), "password"),
            one("reader", self.s3("lamps", "reader"), "own-password"),
            one("stranger", self.s3("lamps", "stranger"), "own-password"),
            one("bucket", self.s3("lanterns", "bucket"), "own-password"),
            one("disk", self.quoted("disk/repository"), "own-password"),
        ];
        Warden::start_in(self.setting("clock", &[])?, &lamps, &more.concat()).await
    }

    /// Another machine with the same shop. Its Storewarden may read no more than files let it.
    async fn second(&self) -> Result<Warden> {
        let as_it_is = ["unshare", "--uts", "sh", "-c", "hostname elsewhere && exec \"$@\"", "sh"];
        let without = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
        let wrapper = [as_it_is.as_slice(), without.as_slice()].concat();
        let lamps = self.backup("media", &[self.quoted("disk/lamps")], "own-password");
        let lamps = lamps.replace("every = \"1h\"", "every = \"31d\", bandwidth = \"1MiB\"");
        let lamps = lamps.replace("/drills\"", "/second-drills\"");
        let one = |name: &str, media: &str, to: &str| {
            self.shop(name, &self.backup(media, &[self.quoted(to)], "own-password"))
        };
        let more = [
            one("folder", "media", "closed/repository"),
            one("files", "secret", "files"),
            one("mount", "mount", "mounted"),
        ];
        let wrapper: &[&str] = if testkit::is_root() { &wrapper } else { &[] };
        let setting = self.setting("second-clock", wrapper)?;
        let lamps = format!("hosts = \"lamps.example\"\n{lamps}");
        Warden::start_in(setting, &lamps, &more.concat()).await
    }

    /// What is left of all of it is whole in the eyes of another program.
    fn restic_reads_all(&self) -> Result<()> {
        let Some(restic) = restic() else { return Ok(()) };
        let Credentials { key_id, secret } = Seaweed::OWNER;
        let folder = |name: &str| self.path(name).display().to_string();
        let bucket = |name: &str| format!("s3:{}/lamps/{name}", self.bucket.endpoint());
        for repository in [
            folder("disk/lamps"),
            folder("far"),
            bucket("lamps"),
            bucket("reader"),
            bucket("stranger"),
            folder("password-repository"),
            folder("disk/repository"),
            folder("closed/repository"),
        ] {
            let spawn = Spawn::new(restic).env("AWS_ACCESS_KEY_ID", key_id);
            restic_checks(spawn.env("AWS_SECRET_ACCESS_KEY", secret), &repository)?;
        }
        Ok(())
    }
}

/// Debian's, where it is installed.
fn restic() -> Option<&'static Path> {
    let restic = Path::new("/usr/bin/restic");
    if !restic.exists() {
        println!("skipped: restic is not installed");
        return None;
    }
    Some(restic)
}

/// The library, in the folder of the machine's architecture.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut found =
        folders.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    found.find(|path| path.exists())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_is_told_and_mended_and_nothing_is_lost() -> Result<()> {
    if let Some(folder) = testkit::role() {
        return play(Path::new(&folder)).await;
    }
    if !Sshd::is_installed() {
        return Ok(());
    }
    let folder = testkit::folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk)?;
    let Some(wrapper) = on_a_disk_of("48m", &disk) else { return Ok(()) };
    let role = folder.path().to_str().context("a path of letters")?;
    let play = testkit::this_test_below(wrapper, TEST, role);
    let output = tokio::task::spawn_blocking(move || run_to_end(play, PLAY)).await??;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

async fn play(folder: &Path) -> Result<()> {
    let Some(faketime) = faketime() else {
        println!("skipped: this machine has no faketime");
        return Ok(());
    };
    let Some(ground) = Ground::prepare(folder, faketime).await? else { return Ok(()) };
    let (first, second) = join!(ground.first(), ground.second());
    let (mut first, mut second) = (first?, second?);
    let mut clock = Clock::at(ground.path("clock"))?;
    let mut second_clock = Clock::at(ground.path("second-clock"))?;

    let (one, other) = join!(
        go_wrong(&ground, &first, &TROUBLES, &mut clock),
        go_wrong(&ground, &second, &REFUSALS, &mut second_clock)
    );
    one.and(other)?;
    a_bucket_is_not_there_at_first(&ground, &first, &mut clock).await?;
    second.stop().await?;
    first.stop().await?;
    ground.restic_reads_all()?;
    Ok(ground.server.stop().await?)
}

/// The clock of one Storewarden: a file that tells how far it is from the machine's.
struct Clock {
    file: PathBuf,
    now_s: i64,
}

impl Clock {
    fn at(file: PathBuf) -> Result<Self> {
        fs::write(&file, "+0")?;
        Ok(Self { file, now_s: 0 })
    }

    fn turn(&mut self, by_s: i64) -> Result<()> {
        self.now_s += by_s;
        Ok(fs::write(&self.file, format!("{:+}", self.now_s))?)
    }

    /// What has a Storewarden go by it.
    fn setting(&self, faketime: &Path, wrapper: &[&str]) -> Setting {
        Setting {
            app: None,
            wrapper: wrapper.iter().map(|word| (*word).to_owned()).collect(),
            environment: vec![
                ("LD_PRELOAD", faketime.display().to_string()),
                ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
                ("FAKETIME_CACHE_DURATION", "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ],
        }
    }
}

/// How it stands with one shop.
async fn standing(warden: &Warden, shop: &str) -> Result<Value> {
    let all = warden.get("/backups").await?;
    let shops = all["shops"].as_array().context("there are shops")?;
    shops.iter().find(|of| of["shop"] == shop).cloned().context("a shop of this name")
}

async fn await_standing(
    warden: &Warden,
    shop: &str,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    wait_until(&format!("{what} of {shop}"), LONG, async || match standing(warden, shop).await {
        Ok(standing) if holds(&standing) => Ok(standing),
        other => Err(format!("{other:#?}")),
    })
    .await
}

fn is_well(standing: &Value) -> bool {
    standing["state"] == "ok"
        && standing["running"].is_null()
        && standing["places"].as_array().is_some_and(|places| {
            places.iter().all(|place| place["trouble"].is_null() && place["snapshots"] != 0)
        })
}

/// Whether the last try failed, and for this; or none was begun, since it is known of the place.
fn is_told(standing: &Value, code: &str) -> bool {
    let run = &standing["last_run"];
    (run["state"] == "failed" && run["trouble"]["code"] == code)
        || standing["places"][0]["trouble"]["code"] == code
}

/// What is due next is due now: fails, says why, and comes by itself when that is over.
async fn go_wrong(
    ground: &Ground,
    warden: &Warden,
    troubles: &[Trouble],
    clock: &mut Clock,
) -> Result<()> {
    let mut before = Vec::new();
    for Trouble { shop, .. } in troubles {
        before.push(await_standing(warden, shop, "a first backup", is_well).await);
    }
    for trouble in troubles {
        (trouble.harm)(ground)?;
    }
    warden.ask("POST", "/reload", None).await?;
    clock.turn(SOON_S)?;
    for Trouble { shop, code, .. } in troubles {
        let what = format!("the word {code}");
        await_standing(warden, shop, &what, |standing| is_told(standing, code)).await;
        let is_found = |state: &Value| {
            let findings = state["findings"].to_string();
            findings.contains(code)
        };
        warden.until(&format!("the finding of {shop}"), &format!("/shops/{shop}"), is_found).await;
    }
    for trouble in troubles {
        (trouble.mend)(ground)?;
    }
    warden.ask("POST", "/reload", None).await?;
    clock.turn(SOON_S)?;
    for (Trouble { shop, .. }, before) in troubles.iter().zip(&before) {
        let another = |standing: &Value| {
            is_well(standing) && standing["newest"]["id"] != before["newest"]["id"]
        };
        await_standing(warden, shop, "another backup", another).await;
        let there = warden.get(&format!("/shops/{shop}/backups")).await?.to_string();
        let kept = before["newest"]["id"].as_str().context("a backup has an id")?;
        ensure!(there.contains(kept), "{shop} has lost {kept}: {there}");
    }
    Ok(())
}

/// Runs the command line beside a Storewarden; what it said.
async fn backup(warden: &Warden, arguments: &[&str]) -> Result<String> {
    let words = [&["backup"], arguments, &["--shop", "lamps"]].concat();
    let spawn = warden.command(&words)?;
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A whole repository in the eyes of another program.
fn restic_checks(spawn: Spawn, repository: &str) -> Result<()> {
    let spawn = spawn.args(["--no-cache", "-r", repository, "check", "--read-data", "--no-lock"]);
    run_to_end(spawn.env("RESTIC_PASSWORD", PASSWORD), LONG)
        .with_context(|| format!("restic of {repository}"))?;
    Ok(())
}

/// Nothing is made where somebody may have mistyped.
async fn a_bucket_is_not_there_at_first(
    ground: &Ground,
    warden: &Warden,
    clock: &mut Clock,
) -> Result<()> {
    let is_missed = |standing: &Value| is_told(standing, "storage_no_place");
    await_standing(warden, "bucket", "a missing bucket", is_missed).await;
    ground.bucket.make_bucket("lanterns").await;
    clock.turn(SOON_S)?;
    await_standing(warden, "bucket", "a first backup", is_well).await;
    Ok(())
}
