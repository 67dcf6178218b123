//! Orders that are made and deleted between two backups, on MariaDB: that is noticed, and they come back by
//! the journal of changes, by a number that stood in no backup.

use crate::{trade::LONG, warden::Warden};
use anyhow::{Context as _, Result, ensure};
use databases::live::Live;
use demo::private::{MariaDb, Options};
use kernel::config::{DatabaseKind, DatabaseUrl};
use serde_json::{Value, json};
use testkit::{process::run_to_end, wait_until};

pub(crate) const DATABASE: &str = "lamps";
/// Lines go with their order, which MariaDB does not write into its log.
const TABLES: [&str; 5] = [
    "create table customer (id integer primary key, email varchar(100) not null)",
    "create table cart (id varchar(36) primary key, customer_id integer not null, \
     foreign key (customer_id) references customer (id))",
    "create table shop_order (id integer primary key, number varchar(20) not null unique, \
     cart_id varchar(36) not null unique, customer_id integer not null, total integer not null, \
     foreign key (cart_id) references cart (id), foreign key (customer_id) references customer (id))",
    "create table order_line (id integer primary key auto_increment, order_id integer not null, \
     what varchar(40) not null, foreign key (order_id) references shop_order (id) on delete cascade)",
    "insert into customer values (1, 'ann@lamps.example')",
];

pub(crate) struct Shop {
    pub(crate) server: MariaDb,
    pub(crate) warden: Warden,
    _folder: tempfile::TempDir,
}

impl Shop {
    pub(crate) async fn open() -> Result<Self> {
        let folder = testkit::folder();
        let settings = vec![("binlog-row-metadata".to_owned(), "FULL".to_owned())];
        let options = Options { settings, ..Options::default() };
        let server = MariaDb::start(&folder.path().join("maria"), options).await?;
        server.create_database(DATABASE).await?;
        for statement in TABLES {
            server.execute(DATABASE, statement).await?;
        }
        let shop = format!(
            "hosts = \"lamps.example\"\nplatform = \"sample\"\ndatabase = \"{}\"\nstream = {{}}\n\
             backup = {{ to = {:?}, every = \"1d\", drill = \"365d\" }}\n",
            server.url(DATABASE),
            folder.path().join("repository"),
        );
        let warden = Warden::start(&shop, "").await?;
        let is_ready = |all: &Value| {
            let shop = &all["shops"][0];
            shop["stream"]["state"] == "following" && !shop["newest"].is_null()
        };
        warden.until("a stream and a first backup", "/backups", is_ready).await;
        Ok(Self { server, warden, _folder: folder })
    }

    pub(crate) async fn run(&self, statement: &str) -> Result<()> {
        Ok(self.server.execute(DATABASE, statement).await?)
    }

    pub(crate) async fn buy(&self, id: u32) -> Result<()> {
        self.run(&format!("insert into cart values ('c-{id}', 1)")).await?;
        self.run(&format!("insert into shop_order values ({id}, 'L-{id}', 'c-{id}', 1, {id}00)"))
            .await?;
        self.run(&format!(
            "insert into order_line (order_id, what) values ({id}, 'lamp'), ({id}, 'bulb')"
        ))
        .await
    }

    async fn delete(&self, id: u32) -> Result<()> {
        self.run(&format!("delete from shop_order where id = {id}")).await?;
        self.run(&format!("delete from cart where id = 'c-{id}'")).await
    }

    /// What `storewarden order` says.
    pub(crate) async fn order(&self, words: &[&str]) -> Result<Value> {
        let words = [&["order"], words, &["--json"]].concat();
        let spawn = self.warden.command(&words)?;
        let output = tokio::task::spawn_blocking(move || run_to_end(spawn, LONG)).await??;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).with_context(|| format!("{words:?}: {text}"))
    }

    /// Rows of an order: its own, and its lines.
    async fn rows(&self, id: u32) -> Result<(usize, usize)> {
        let secret = self.server.url(DATABASE);
        let database = DatabaseUrl { kind: DatabaseKind::MySql, secret };
        let look = move || -> Result<(usize, usize)> {
            let mut live = Live::connect(&database)?;
            let id = id.to_string();
            let mut count = |name: &str, column: &str| -> Result<usize> {
                let table = live.table(name).context("the table is there")?.clone();
                Ok(live.lookup(&table, &[(column, id.as_bytes())])?.len())
            };
            Ok((count("shop_order", "id")?, count("order_line", "order_id")?))
        };
        tokio::task::spawn_blocking(look).await?
    }

    /// The incidents of vanished orders, the newest first: state and how many orders.
    async fn incidents(&self) -> Result<Vec<(String, i64)>> {
        let all = self.warden.get("/incidents").await?;
        let all = all["incidents"].as_array().cloned().unwrap_or_default();
        let ours = all.into_iter().filter(|one| one["code"] == "orders_vanished");
        let told = ours.map(|one| {
            let state = one["state"].as_str().unwrap_or_default().to_owned();
            (state, one["params"]["count"].as_i64().unwrap_or_default())
        });
        Ok(told.collect())
    }

    async fn incidents_become(&self, what: &str, expect: &[(&str, i64)]) {
        wait_until(what, LONG, async || match self.incidents().await {
            Ok(told) if told.iter().map(|(state, n)| (&**state, *n)).eq(expect.iter().copied()) => {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        })
        .await;
    }

    async fn restored(&self, number: &str) -> Result<String> {
        let wish = json!({ "kind": "restore_order", "shop": "lamps", "order": number });
        let preview = self.warden.ask("POST", "/plans", Some(&wish)).await?;
        let act = &preview["steps"][0]["act"]["params"];
        ensure!(act["from"] == "journal", "{preview:#}");
        let begin = json!({ "preview": preview["id"] });
        let run = self.warden.ask("POST", "/runs", Some(&begin)).await?;
        let id = run["id"].as_str().context("a run's id")?.to_owned();
        self.reaches(&id, "done").await;
        Ok(id)
    }

    async fn reaches(&self, run: &str, state: &str) {
        let path = format!("/runs/{run}");
        self.warden.until("the run's end", &path, |run| run["state"] == state).await;
    }
}

fn numbers(deleted: &Value) -> Vec<String> {
    let orders = deleted["orders"].as_array().into_iter().flatten();
    orders.filter_map(|order| order["numbers"][0].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_no_backup_has_is_missed_and_comes_back() -> Result<()> {
    if MariaDb::find().is_none() {
        println!("skipped: MariaDB is not installed");
        return Ok(());
    }
    let mut shop = Shop::open().await?;
    for id in [2, 3] {
        shop.buy(id).await?;
    }
    shop.delete(2).await?;
    shop.incidents_become("somebody to notice", &[("open", 1)]).await;

    // Nobody knows its number.
    let deleted = shop.order(&["deleted", "lamps", "--since", "1h"]).await?;
    ensure!(numbers(&deleted) == ["L-2"] && deleted["orders"][0]["gone_ms"].is_i64(), "{deleted}");
    let before = shop.order(&["deleted", "lamps", "--until", "1h"]).await?;
    ensure!(numbers(&before).is_empty(), "{before}");
    let look = shop.order(&["show", "lamps", "L-2"]).await?;
    ensure!(look["orders"][0]["state"] == "gone", "{look}");
    ensure!(look["orders"][0]["journal_ms"].is_i64(), "{look}");
    let history = shop.order(&["history", "lamps", "L-2"]).await?;
    let moments = history["moments"].as_array().context("moments")?;
    let exact: Vec<&Value> =
        moments.iter().filter(|one| one["at_ms"].is_i64()).map(|one| &one["what"]).collect();
    let first = |what: &str| exact.iter().position(|one| *one == what);
    ensure!(first("gone").is_some() && first("gone") < first("made"), "{history:#}");

    let run = shop.restored("L-2").await?;
    ensure!(shop.rows(2).await? == (1, 2), "{:?}", shop.rows(2).await?);
    shop.incidents_become("that it is back to be seen", &[("resolved", 1)]).await;

    // What we take out ourselves is missed by nobody: only the next one that goes is.
    let undo = format!("/runs/{run}/undo");
    shop.warden.ask("POST", &undo, Some(&json!({}))).await?;
    shop.reaches(&run, "undone").await;
    ensure!(shop.rows(2).await? == (0, 0), "it is still there");
    shop.delete(3).await?;
    let told = wait_until("the other to be missed", LONG, async || match shop.incidents().await {
        Ok(told) if told.iter().any(|(state, _)| state == "open") => Ok(told),
        other => Err(format!("{other:?}")),
    });
    let told = told.await;
    ensure!(told.first() == Some(&("open".to_owned(), 1)), "{told:?}");
    let mut both = numbers(&shop.order(&["deleted", "lamps"]).await?);
    both.sort_unstable();
    ensure!(both == ["L-2", "L-3"], "{both:?}");
    shop.warden.stop().await
}
