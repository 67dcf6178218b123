//! The machine is gone: another one, with nothing but the program on it, becomes it from the recovery
//! sheet and the bucket.

mod servers;

use crate::trade::{GRACE, LONG, program, sell, storewarden};
use anyhow::{Context, Result, ensure};
use demo::{
    customers::{Answer, Client, Customers, Options},
    stage::{DatabaseKind, SHOP, Stage, StageOptions},
};
use ring::hmac;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use testkit::{
    Container, Seaweed,
    process::{Process, Signal, Spawn, run_to_end},
    wait_until,
};

const PASSWORD: &str = "correct horse battery";
const PROGRAM: &str = "/usr/bin/storewarden";
const DEMO: &str = "/usr/bin/demo";
const SHEET: &str = "/srv/sheet.txt";
const STEP_MS: u128 = 30_000;

/// Ended with the test, whatever becomes of it.
struct Running(Process);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end_now(Signal::Terminate, Duration::from_secs(10));
    }
}

/// Somebody at a browser, who is asked for a password and a code.
struct Owner {
    secret: String,
    /// The code of a step is good once.
    used: u128,
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

/// What an app shows at a step (RFC 6238).
fn code(secret: &str, step: u128) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret
        .chars()
        .map(|letter| format!("{:05b}", alphabet.find(letter).expect("a letter of base 32")))
        .collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let step = u64::try_from(step).expect("a step of this century");
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 15);
    let four = tag[offset..offset + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

async fn tell(client: &mut Client, path: &str, body: Value) -> Result<Answer> {
    let (whole, body) = (format!("/api/v1{path}"), body.to_string());
    let answer = client.request_once("POST", &whole, Some(&body)).await?;
    ensure!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    Ok(answer)
}

fn browser(control: SocketAddr) -> Client {
    let mut client = Client::new(control, &control.to_string());
    client.always_send("sec-fetch-site", "same-origin");
    client
}

impl Owner {
    /// Is invited, chooses a password, and sets up a second factor.
    async fn invited(stage: &Stage) -> Result<Self> {
        let storewarden = storewarden(stage)?;
        let wish = json!({ "id": "anna", "grants": [{ "role": "owner", "shop": null }] });
        let added = storewarden.api_with("POST", "/people", Some(&wish.to_string())).await?;
        let added: Value = serde_json::from_slice(&added.body)?;
        let url = added["invitation"]["url"].as_str().context("an invitation")?;
        let (_, token) = url.split_once('#').context("an invitation has a token")?;
        let mut client = browser(storewarden.control());
        let wish = json!({ "token": token, "password": PASSWORD });
        tell(&mut client, "/invitations/accept", wish).await?;
        let begun =
            tell(&mut client, "/me/second-factor/begin", json!({ "password": PASSWORD })).await?;
        let begun: Value = serde_json::from_slice(&begun.body)?;
        let secret = begun["secret"].as_str().context("a secret")?.to_owned();
        let used = now_ms() / STEP_MS;
        let confirm = json!({ "code": code(&secret, used) });
        tell(&mut client, "/me/second-factor/confirm", confirm).await?;
        Ok(Self { secret, used })
    }

    async fn signs_in(&self, control: SocketAddr) -> Result<()> {
        // A clock may be a step ahead.
        let step = (now_ms() / STEP_MS).max(self.used + 1);
        let wish =
            json!({ "name": "anna", "password": PASSWORD, "code": code(&self.secret, step) });
        tell(&mut browser(control), "/sign-in", wish).await.map(drop)
    }
}

/// A shop on SQLite whose backups go into a bucket, and all of it in one folder.
async fn open(bucket: &Seaweed, keys: &Path, media: &Path) -> Result<Stage> {
    let key = |name: &str| format!("${{file:{}}}", keys.join(name).display());
    let (endpoint, id, secret) = (bucket.endpoint(), key("id"), key("secret"));
    let backup = format!(
        "media = {media:?}\nbackup = {{ every = \"1h\", drill = \"30d\", to = [{{ s3 = \
         \"s3://backups/lamps\", endpoint = \"{endpoint}\", key_id = \"{id}\", secret = \
         \"{secret}\" }}] }}\n"
    );
    let options = StageOptions {
        storewarden: Some(program("storewarden")?),
        database: DatabaseKind::Sqlite,
        instances: 1,
        shop_settings: backup,
        per_minute: 300,
        pace: 0.05,
        ..StageOptions::new(program("demo")?)
    };
    Stage::start(options).await
}

async fn command(stage: &Stage, words: &[&str]) -> Result<String> {
    let state = storewarden(stage)?.state_dir().to_owned();
    let spawn = Spawn::new(program("storewarden")?).args(words).arg("--state").arg(state);
    let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
    Ok(String::from_utf8(output.stdout)?)
}

/// The sample shop's database.
fn database_in(folder: &Path) -> Result<PathBuf> {
    let mut found = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    found.find(|path| path.extension().is_some_and(|end| end == "db")).context("a database")
}

fn orders(database: &Path) -> Result<BTreeSet<String>> {
    // SQLite looks for where a path leads, which is elsewhere for who is not inside.
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("orders.db");
    fs::copy(database, &copy)?;
    let connection = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut select = connection.prepare("SELECT number FROM shop_order")?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Recovers inside, and is killed in the midst of it the first time.
async fn recover(bare: &Container, keys: [&str; 2], journal: &Path) -> Result<String> {
    let [id, secret] = keys;
    let words = || {
        let way = bare.way_in();
        Spawn::new(&way[0])
            .args(&way[1..])
            .args(["env", &format!("AWS_ACCESS_KEY_ID={id}")])
            .arg(format!("AWS_SECRET_ACCESS_KEY={secret}"))
            .args([PROGRAM, "recover", "--sheet", SHEET, "--yes"])
    };
    let mut first = words().start()?;
    let mut was_cut = false;
    wait_until("a recovery that is under way", LONG, async || {
        was_cut = journal.exists();
        let is_over = tokio::time::timeout(Duration::from_millis(1), first.wait()).await.is_ok();
        if was_cut || is_over { Ok(()) } else { Err("not begun yet") }
    })
    .await;
    ensure!(was_cut, "it was over before it could be cut off");
    // The program itself, which has another parent inside.
    bare.run(&["sh", "-c", "kill -9 $(pidof storewarden)"]).map_err(anyhow::Error::msg)?;
    first.wait().await?;
    let again = words();
    let output = tokio::task::spawn_blocking(move || run_to_end(again, LONG)).await??;
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_gone_comes_back_from_sheet_and_bucket_alone() -> Result<()> {
    let Some(bucket) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else {
        return Ok(());
    };
    let (warden, shop) = (program("storewarden")?, program("demo")?);
    let bare = match Container::bare(&[(&warden, PROGRAM), (&shop, DEMO)]).await {
        Ok(bare) => bare,
        Err(why) => {
            println!("NOT TESTED: recovery on a bare root: {why}");
            return Ok(());
        }
    };
    let outside = tempfile::tempdir()?;
    let (keys, media) = (outside.path().join("keys"), outside.path().join("media"));
    for folder in [&keys, &media] {
        fs::create_dir(folder)?;
    }
    fs::write(keys.join("id"), Seaweed::OWNER.key_id)?;
    fs::write(keys.join("secret"), Seaweed::OWNER.secret)?;
    fs::write(media.join("lamp.svg"), "<svg/>")?;
    bucket.make_bucket("backups").await;

    let stage = open(&bucket, &keys, &media).await?;
    let (edge, control) = (stage.entrance(), storewarden(&stage)?.control());
    let folder = stage.directory().to_owned();
    let instance = stage.instances()[0].address();
    let owner = Owner::invited(&stage).await?;
    sell(&stage, 5).await;
    let acknowledged = stage.customers().ledger().acknowledged();
    command(&stage, &["backup", "now", "--yes"]).await?;
    let sheet = command(&stage, &["backup", "sheet"]).await?;
    let database = database_in(&folder)?;

    // The machine is gone.
    stage.shutdown(GRACE).await?;
    drop(stage);
    drop(outside);
    ensure!(!folder.exists() && !keys.exists(), "something of the machine is left");

    bare.write(SHEET, &sheet);
    let state = folder.join("state");
    let inside = |path: &Path| bare.path(&path.display().to_string());
    let credentials = [Seaweed::OWNER.key_id, Seaweed::OWNER.secret];
    let journal = inside(&state.join("recovery/journal.json"));
    let said = recover(&bare, credentials, &journal).await?;
    ensure!(said.contains("goes on") && said.contains("Recovered."), "{said}");
    ensure!(fs::read_to_string(inside(&media.join("lamp.svg")))? == "<svg/>", "media: {said}");
    let there = orders(&inside(&database))?;
    for order in &acknowledged {
        ensure!(there.contains(&order.number), "order {} is not there: {there:?}", order.number);
    }

    // Somebody starts the shop's server, and Storewarden.
    let start = |words: &[&str]| -> Result<Running> {
        let way = bare.way_in();
        Ok(Running(Spawn::new(&way[0]).args(&way[1..]).args(words).start()?))
    };
    let (port, url) = (instance.port().to_string(), format!("sqlite:{}", database.display()));
    let _shop = start(&[DEMO, "shop", "--port", &port, "--name", "app-1", "--database", &url])?;
    let (file, state) = (folder.join("storewarden.toml"), state.display().to_string());
    let file = file.display().to_string();
    let _warden = start(&[PROGRAM, "up", "--config", &file, "--state", &state])?;
    let customers = Customers::start(Options { per_minute: 300, pace: 0.05, ..Options::to(edge) });
    wait_until("customers to buy again", LONG, async || {
        let figures = customers.ledger().figures();
        if figures.orders >= 3 { Ok(()) } else { Err(figures) }
    })
    .await;
    customers.stop(GRACE).await;
    owner.signs_in(control).await?;
    let verified = bare.run(&[PROGRAM, "ledger", "verify", "--state", &state]);
    verified.map_err(anyhow::Error::msg)?;
    let ledger = bare.run(&[PROGRAM, "ledger", "export", "--state", &state]);
    ensure!(ledger.map_err(anyhow::Error::msg)?.contains("machine_recovered"), "no entry of it");
    // What was made at first opens the repository still, and the shop is backed up as before.
    bare.run(&[PROGRAM, "backup", "list", "--shop", SHOP, "--state", &state])
        .map_err(anyhow::Error::msg)?;
    Ok(())
}
