//! A stranger's first minutes: a shop that runs behind nginx, `storewarden init`, what it says to be
//! done, and the shop seen through the file that it wrote.

use crate::trade::{GRACE, LONG, program};
use anyhow::{Context, Result, ensure};
use demo::stage::{DatabaseKind, Instance, Stage, StageOptions, has_postgres};
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use testkit::{
    process::{Process, Spawn, run_to_end},
    wait_until,
};

/// No other shop of this machine has it.
const HOST: &str = "a-strangers-first-minutes.example";
const PASSWORD: &str = "STOREWARDEN_DATABASE_PASSWORD";
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_behind_nginx_is_found_and_sells_through_the_written_file() -> Result<()> {
    let nginx = PathBuf::from("/usr/sbin/nginx");
    if !has_postgres() || !nginx.exists() {
        println!("skipped: PostgreSQL or nginx is not installed");
        return Ok(());
    }
    let options = StageOptions {
        database: DatabaseKind::Postgres,
        instances: 2,
        ..StageOptions::new(program("demo")?)
    };
    let stage = Stage::start(options).await?;
    let folder = testkit::folder();
    let instances: Vec<SocketAddr> = stage.instances().iter().map(Instance::address).collect();
    let mut server = front(&nginx, folder.path(), &instances).await?;

    let file = folder.path().join("storewarden.toml");
    let said = init(&file)?;
    let shop = found(&said, &instances)?;
    ensure!(shop["platform"]["name"] == "sample", "{shop:#}");
    ensure!(shop["hosts"][0]["value"] == HOST, "{shop:#}");
    ensure!(shop["database"]["kind"] == "postgres", "{shop:#}");
    let log = folder.path().join("access.log");
    ensure!(shop["access_log"]["value"].as_str() == log.to_str(), "{shop:#}");
    ensure!(said["valid"] == true, "{said:#}");
    run_to_end(Spawn::new(program("storewarden")?).arg("check").arg(&file), LIMIT)?;

    let edge = testkit::free_port();
    let text = adapt(&file, edge, &shop)?;
    grant(&text, &shop["database"])?;
    let state = folder.path().join("state");
    let log = folder.path().join("log");
    let mut storewarden = Spawn::new(program("storewarden")?)
        .args(["up", "--config"])
        .arg(&file)
        .arg("--state")
        .arg(&state)
        .output_to(&log)
        .env(PASSWORD, "any: this server trusts")
        .start()?;
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    wait_until("the shop through the written file", LONG, async || {
        match testkit::exchange(edge, request.clone(), LIMIT).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err((other, fs::read_to_string(&log))),
        }
    })
    .await;
    wait_until("its orders to be read", LONG, async || {
        let command =
            Spawn::new(program("storewarden").unwrap()).args(["status", "--json", "--state"]);
        let output = run_to_end(command.arg(&state), LIMIT).unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = status["shops"][0]["verdict"].clone();
        if verdict["params"]["reason"] == "no_order_yet" { Ok(()) } else { Err(verdict) }
    })
    .await;
    end(&mut storewarden).await?;
    end(&mut server).await?;
    stage.shutdown(GRACE).await
}

/// nginx before the shop, in a folder of its own.
async fn front(nginx: &Path, folder: &Path, instances: &[SocketAddr]) -> Result<Process> {
    let listen = testkit::free_port();
    let servers: String = instances.iter().map(|at| format!("server {at};")).collect();
    let place = folder.display();
    let text = format!(
        "pid {place}/nginx.pid; error_log {place}/error.log; daemon off; events {{}}\nhttp {{\n\
         access_log {place}/access.log;\ninclude {place}/sites/*;\n}}\n"
    );
    let site = format!(
        "upstream shop {{ {servers} }}\nserver {{ listen {listen}; server_name {HOST};\n\
         location / {{ proxy_pass http://shop; proxy_set_header Host $host; }} }}\n"
    );
    fs::create_dir(folder.join("sites"))?;
    fs::write(folder.join("nginx.conf"), text)?;
    fs::write(folder.join("sites/shop"), site)?;
    let server = Spawn::new(nginx).arg("-c").arg(folder.join("nginx.conf"));
    let server = server.output_to(folder.join("nginx.log")).start()?;
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    wait_until("nginx", LONG, async || {
        match testkit::exchange(listen, request.clone(), LIMIT).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err((other, fs::read_to_string(folder.join("nginx.log")))),
        }
    })
    .await;
    Ok(server)
}

fn init(file: &Path) -> Result<Value> {
    let command =
        Spawn::new(program("storewarden")?).args(["init", "--json", "--config"]).arg(file);
    Ok(serde_json::from_slice(&run_to_end(command, LIMIT)?.stdout)?)
}

/// Others may run shops on this machine too: ours is the one at these addresses.
fn found(said: &Value, instances: &[SocketAddr]) -> Result<Value> {
    let shops = said["detected"]["shops"].as_array().context("a list of shops")?;
    let is_ours = |shop: &&Value| {
        let apps = shop["apps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let at = |app: &Value| app["address"].as_str().and_then(|text| text.parse().ok());
        apps.len() == instances.len()
            && apps.iter().all(|app| at(app).is_some_and(|at| instances.contains(&at)))
    };
    let ours = shops.iter().find(is_ours);
    ours.cloned().with_context(|| format!("no shop at {instances:?}: {said:#}"))
}

/// What a person does to the file: this shop alone, on ports that are free here, with its orders.
fn adapt(file: &Path, edge: SocketAddr, shop: &Value) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let host = shop["hosts"][0]["place"]["file"].as_str().context("where the host was seen")?;
    let ours =
        text.split("\n[shop.").skip(1).find(|part| part.contains(host)).context(text.clone())?;
    let ours = ours.replace("# database = ", "database = ");
    let control = testkit::free_port();
    let head = format!(
        "version = 1\n[edge]\nlisten = \"http://{edge}\"\n[control]\nlisten = \"{control}\"\n"
    );
    let text = format!("{head}[shop.{ours}");
    fs::write(file, &text)?;
    Ok(text)
}

/// Carries out the two statements of the file's comment, as the database's owner.
fn grant(text: &str, database: &Value) -> Result<()> {
    let comment = |line: &str| {
        let statement = line.strip_prefix("#     ")?;
        statement.ends_with(';').then(|| statement.to_owned())
    };
    let statements: Vec<String> = text.lines().filter_map(comment).collect();
    ensure!(statements.len() == 2, "{text}");
    let port = database["port"].as_u64().context("a port")?.to_string();
    let name = database["name"].as_str().context("a name")?;
    let client =
        Spawn::new("psql").args(["-q", "-h", "127.0.0.1", "-p", &port, "-U", "shop", "-d", name]);
    let client = statements.iter().fold(client, |client, one| client.arg("-c").arg(one));
    run_to_end(client, LIMIT)?;
    Ok(())
}

async fn end(process: &mut Process) -> Result<()> {
    let status = process.stop(GRACE).await?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}
