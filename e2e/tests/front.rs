//! Beside and in front: a shop that stays behind nginx is watched by its log; then Storewarden takes
//! nginx's place while customers buy, and gives it back, with control killed at every moment of both.

use crate::trade::{GRACE, LONG, program};
use anyhow::{Context, Result, ensure};
use demo::{
    customers::{Customers, Options},
    stage::{DatabaseKind, Instance, SHOP, Stage, StageOptions, has_postgres},
};
use serde_json::Value;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use testkit::{
    process::{Process, Signal, Spawn, run_to_end},
    wait_until,
};
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(60);
/// Before an act, inside it (its effect is there, nothing of that is written down), after it.
const POINTS: [&str; 3] = ["after_intent", "after_effect", "after_record"];
const FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                      $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_time \
                      $upstream_header_time $upstream_addr";

/// nginx before a shop, Storewarden beside it, and customers who know nothing of it.
struct Play {
    stage: Stage,
    folder: tempfile::TempDir,
    door: SocketAddr,
    servers: Servers,
    customers: Customers,
}

/// Ended with the play, however that ends: neither may outlive a test that failed.
struct Servers {
    nginx: Process,
    storewarden: Process,
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Told twice, it waits for nobody's request. It may have ended by now.
        let _ = self.storewarden.signal(Signal::Terminate);
        self.storewarden.end_now(Signal::Terminate, GRACE);
        self.nginx.end_now(Signal::Terminate, GRACE);
    }
}

impl Play {
    /// With `copies`, sockets change hands; without, the edge listens as soon as they are free.
    async fn open(copies: bool) -> Result<Option<Self>> {
        let nginx = PathBuf::from("/usr/sbin/nginx");
        if !has_postgres() || !nginx.exists() {
            println!("skipped: PostgreSQL or nginx is not installed");
            return Ok(None);
        }
        let options = StageOptions {
            database: DatabaseKind::Postgres,
            per_minute: 0,
            ..StageOptions::new(program("demo")?)
        };
        let stage = Stage::start(options).await?;
        let folder = testkit::folder();
        let door = testkit::free_port();
        let instances: Vec<SocketAddr> = stage.instances().iter().map(Instance::address).collect();
        let nginx = before(&nginx, folder.path(), door, &instances).await?;
        let storewarden = beside(folder.path(), &instances, copies)?;
        let servers = Servers { nginx, storewarden };
        let options = Options {
            host: format!("shop.example:{}", door.port()),
            per_minute: 600,
            pace: 0.05,
            ..Options::to(door)
        };
        let customers = Customers::start(options);
        Ok(Some(Self { stage, folder, door, servers, customers }))
    }

    fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let spawn = Spawn::new(program("storewarden")?).args(arguments).arg("--state");
        Ok(run_to_end(spawn.arg(self.state()), LIMIT)?.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        Ok(serde_json::from_slice(&self.ask(&arguments)?)?)
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn site(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("sites/shop"))?)
    }

    /// The shop as Storewarden knows it, as soon as it is so.
    async fn shop_is(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        wait_until(what, LONG, async || {
            let status = self.json(&["status"]).map_err(|error| format!("{error:#}"))?;
            last = status["shops"][0].clone();
            if holds(&last) { Ok(()) } else { Err(format!("{last:#}")) }
        })
        .await;
        last
    }

    async fn sell(&self, more: u64) {
        let before = self.customers.ledger().figures().orders;
        wait_until("customers to buy", LONG, async || {
            let now = self.customers.ledger().figures();
            if now.orders >= before + more { Ok(()) } else { Err(now) }
        })
        .await;
    }

    /// Waits until a run is in this state; whoever asks may meet a control that is just starting.
    async fn ends(&self, run: &str, state: &str) {
        wait_until("the run to end", LONG, async || match self.json(&["runs", "show", run]) {
            Ok(found) if found["state"] == state => Ok(()),
            Ok(found) => Err(format!("{found:#}")),
            Err(error) => Err(format!("{error:#}")),
        })
        .await;
    }

    /// Has control die at each of these moments, one after the other, from the deed on.
    async fn dying(&self, moments: &str, deed: impl FnOnce() -> Result<String>) -> Result<String> {
        let file = self.state().join("die-at");
        fs::write(&file, moments)?;
        let run = deed()?;
        wait_until("control to die", LONG, async || {
            let Ok(left) = fs::read_to_string(&file) else { return Ok(()) };
            let run = self.json(&["runs", "show", &run]).map(|run| {
                let states = run["steps"].as_array().into_iter().flatten();
                let states: Vec<_> = states.map(|step| step["state"].clone()).collect();
                format!("{} {states:?} {}", run["state"], run["cause"])
            });
            Err((left, run.unwrap_or_else(|error| format!("{error:#}"))))
        })
        .await;
        Ok(run)
    }

    /// Every order that a customer was told of is in the shop's database.
    async fn check_books(&self) -> Result<()> {
        let acknowledged = self.customers.ledger().acknowledged();
        let rows = self.stage.rows().await?;
        for order in &acknowledged {
            let row = rows.iter().find(|row| row.number == order.number);
            let row = row.with_context(|| format!("order {} is gone", order.number))?;
            ensure!(row.total_minor == order.total_minor, "order {} changed", order.number);
        }
        println!("{} orders were acknowledged, and all are there", acknowledged.len());
        Ok(())
    }

    async fn end(mut self) -> Result<()> {
        self.customers.stop(GRACE).await;
        self.check_books().await?;
        for process in [&mut self.servers.storewarden, &mut self.servers.nginx] {
            let status = process.stop(GRACE).await?;
            ensure!(status.success(), "it ended with {status}");
        }
        self.stage.shutdown(GRACE).await
    }
}

async fn before(
    nginx: &Path,
    folder: &Path,
    door: SocketAddr,
    instances: &[SocketAddr],
) -> Result<Process> {
    let servers: String = instances.iter().map(|at| format!("server {at};")).collect();
    let place = folder.display();
    let text = format!(
        "pid {place}/nginx.pid; error_log {place}/error.log; daemon off; worker_processes 2;\n\
         events {{}}\nhttp {{\nlog_format timed '{FORMAT}';\n\
         access_log {place}/access.log timed;\ninclude {place}/sites/*;\n}}\n"
    );
    let site = format!(
        "# Ours, and to stay so.\nupstream shop {{ {servers} }}\nserver {{\n\tlisten {door};   # visitors\n\
         \tserver_name shop.example;\n\tlocation / {{\n\t\tproxy_pass http://shop;\n\
         \t\tproxy_set_header Host $http_host;\n\t\tproxy_set_header X-Forwarded-For $remote_addr;\n\t}}\n}}\n"
    );
    fs::create_dir(folder.join("sites"))?;
    fs::write(folder.join("nginx.conf"), text)?;
    fs::write(folder.join("sites/shop"), site)?;
    let server = Spawn::new(nginx).arg("-c").arg(folder.join("nginx.conf"));
    let server = server.output_to(folder.join("nginx.log")).start()?;
    let request = request();
    wait_until("nginx", LONG, async || match testkit::exchange(door, &request, LIMIT).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        other => Err((other, fs::read_to_string(folder.join("nginx.log")))),
    })
    .await;
    Ok(server)
}

fn request() -> String {
    "GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n".to_owned()
}

fn beside(folder: &Path, instances: &[SocketAddr], copies: bool) -> Result<Process> {
    let apps: Vec<String> = instances.iter().map(|at| format!("\"{at}\"")).collect();
    let text = format!(
        "# Beside nginx.\nversion = 1\n\n[control]\nlisten = \"{}\"\n\n[shop.{SHOP}]\n\
         platform = \"sample\"\nhosts = [\"shop.example\"] # theirs\nfront = false\n\
         logs = \"{}\"\nlog_format = '{FORMAT}'\napp = [{}]\n",
        testkit::free_port(),
        folder.join("access.log").display(),
        apps.join(", ")
    );
    fs::write(folder.join("storewarden.toml"), text)?;
    let spawn = Spawn::new(program("storewarden")?).args(["up", "--config"]);
    let spawn = spawn.arg(folder.join("storewarden.toml")).arg("--state").arg(folder.join("state"));
    let spawn = spawn.env("STOREWARDEN_RESTART_AT_ONCE", "1");
    let spawn = if copies { spawn } else { spawn.env("STOREWARDEN_COPIES_NO_SOCKETS", "1") };
    Ok(spawn.output_to(folder.join("storewarden.log")).start()?)
}

/// What somebody who comes anew all the time meets.
#[derive(Debug, Default)]
struct Met {
    good: u64,
    refused: u64,
    broken: u64,
    /// Between two good answers.
    longest: Duration,
}

/// Comes as fast as they are answered, with a new connection each time, until told to end.
fn visitor(door: SocketAddr, ended: &Arc<AtomicBool>) -> JoinHandle<Met> {
    let ended = Arc::clone(ended);
    tokio::spawn(async move {
        let (request, mut met, mut last) = (request(), Met::default(), Instant::now());
        while !ended.load(Ordering::Relaxed) {
            match testkit::exchange(door, &request, LIMIT).await {
                Ok(answer) if answer.status == 200 => {
                    met.good += 1;
                    met.longest = met.longest.max(last.elapsed());
                    last = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => met.refused += 1,
                _ => met.broken += 1,
            }
        }
        met
    })
}

/// Several of them, until they are told to end.
struct Visitors {
    ended: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Met>>,
}

impl Visitors {
    fn begin(many: usize, door: SocketAddr) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let tasks = (0..many).map(|_| visitor(door, &ended)).collect();
        Self { ended, tasks }
    }

    async fn end(self) -> Result<Vec<Met>> {
        self.ended.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.push(task.await?);
        }
        Ok(all)
    }

    async fn end_with_nobody_turned_away(self, when: &str) -> Result<()> {
        for met in self.end().await? {
            println!("{when}: {met:?}");
            ensure!(
                met.broken == 0 && met.refused == 0,
                "{when}, somebody was turned away: {met:?}"
            );
        }
        Ok(())
    }
}

/// Every moment of these steps, in their order.
fn moments(steps: &[usize], undo: &str) -> String {
    let moments = |step: &usize| POINTS.map(|point| format!("{step}:{point}{undo}\n"));
    steps.iter().flat_map(moments).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_beside_nginx_is_seen_and_storewarden_takes_its_place_and_gives_it_back()
-> Result<()> {
    let Some(play) = Play::open(true).await? else { return Ok(()) };
    let shop = play
        .shop_is("the shop to be seen by its log", |shop| {
            shop["beside"]["lines"].as_u64().is_some_and(|lines| lines > 20)
                && shop["instances"][0]["health"] == "up"
        })
        .await;
    ensure!(shop["beside"]["broken"] == 0 && shop["beside"]["timing"] == "first_byte", "{shop:#}");
    ensure!(shop["hold"].is_null() && shop["cache"].is_null(), "{shop:#}");
    ensure!(shop["instances"][0]["in_flight"].is_null(), "{shop:#}");

    // A rotation loses no line and counts none twice.
    let log = play.folder.path().join("access.log");
    fs::rename(&log, play.folder.path().join("access.log.1"))?;
    play.servers.nginx.signal(Signal::User1)?;
    play.sell(3).await;

    let (site, file) = (play.site()?, play.folder.path().join("storewarden.toml"));
    let configuration = fs::read_to_string(&file)?;
    let preview = play.ask(&["front", SHOP, "--preview"])?;
    println!("{}", String::from_utf8_lossy(&preview));

    let visitors = Visitors::begin(4, play.door);
    play.ask(&["front", SHOP, "--yes"])?;
    play.shop_is("the edge to serve the shop", |shop| {
        let served = shop["instances"][0]["requests_per_second"].as_f64();
        shop["beside"].is_null() && served.is_some_and(|rate| rate > 0.0)
    })
    .await;
    play.sell(5).await;
    visitors.end_with_nobody_turned_away("to the front").await?;
    ensure!(!play.site()?.contains(&format!("listen {};", play.door)), "{}", play.site()?);

    let visitors = Visitors::begin(4, play.door);
    let said = play.ask(&["front", SHOP, "--undo", "--yes"])?;
    println!("{}", String::from_utf8_lossy(&said));
    play.shop_is("the shop to be seen by its log again", |shop| {
        shop["beside"]["lines"].as_u64().is_some_and(|lines| lines > 0)
    })
    .await;
    play.sell(5).await;
    visitors.end_with_nobody_turned_away("and back").await?;
    ensure!(play.site()? == site, "nginx's file is not as it was: {}", play.site()?);
    ensure!(fs::read_to_string(&file)? == configuration, "the configuration is not as it was");

    // Nor is anybody when control dies of it again and again.
    let visitors = Visitors::begin(4, play.door);
    let started = play.json(&["front", SHOP, "--yes", "--detach"])?;
    let run = started["id"].as_str().context("a run")?.to_owned();
    play.ends(&run, "done").await;
    play.dying(&moments(&[4], ":undo"), || {
        // Control may die of it before it answers.
        play.ask(&["runs", "undo", &run]).ok();
        Ok(run.clone())
    })
    .await?;
    play.ends(&run, "undone").await;
    visitors.end_with_nobody_turned_away("there and back with a dying control").await?;
    ensure!(play.site()? == site, "nginx's file is not as it was: {}", play.site()?);
    play.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_the_front_and_back_outlives_every_death_of_control() -> Result<()> {
    let Some(play) = Play::open(false).await? else { return Ok(()) };
    play.shop_is("the shop to be seen", |shop| shop["instances"][0]["health"] == "up").await;
    let (site, file) = (play.site()?, play.folder.path().join("storewarden.toml"));
    let configuration = fs::read_to_string(&file)?;

    let visitors = Visitors::begin(2, play.door);
    let run = play
        .dying(&moments(&[0, 1, 2, 3, 4, 5], ""), || {
            let started = play.json(&["front", SHOP, "--yes", "--detach"])?;
            Ok(started["id"].as_str().context("a run")?.to_owned())
        })
        .await?;
    play.ends(&run, "done").await;
    play.sell(3).await;
    ensure!(play.site()? != site, "nginx was not moved");
    for met in visitors.end().await? {
        println!("to the front without its sockets: {met:?}");
        ensure!(met.longest < Duration::from_secs(5), "nobody listened for long: {met:?}");
    }

    play.dying(&moments(&[4, 3, 2, 1], ":undo"), || {
        // Control may die of it before it answers.
        play.ask(&["runs", "undo", &run]).ok();
        Ok(run.clone())
    })
    .await?;
    play.ends(&run, "undone").await;
    play.sell(3).await;
    ensure!(play.site()? == site, "nginx's file is not as it was: {}", play.site()?);
    ensure!(fs::read_to_string(&file)? == configuration, "the configuration is not as it was");
    play.end().await
}
