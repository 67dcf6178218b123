//! The command line of the demonstration. No logic: it reads arguments and calls the library.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use demo::{
    customers::{Customers, Kind, Options},
    stage::{DatabaseKind, StageOptions},
};
use host::process::Identity;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// A demonstration's service manager is in no hurry, so that one can watch.
const RESTART_AFTER: Duration = Duration::from_secs(15);

/// What Storewarden may do without asking: an instance that hangs is restarted.
/// What is tried of the shop from outside; it is told who the shop is, and where.
const CHECKS: &str = r#"
[[check]]
name = "front page"
shop = "SHOP"
http = "http://EDGE/"
lacks = ["Internal Server Error"]
every = "10s"
within = "3s"

[[check]]
name = "checkout"
shop = "SHOP"
journey = "http://EDGE"
every = "20s"
within = "8s"

[[check]]
name = "edge"
tcp = "EDGE"
every = "10s"
"#;

const REMEDY: &str = r#"
[[rule]]
on = "instance_hung"
for = "5s"
keep = "10s"

[[remedy]]
on = "instance_hung"
do = "restart_instance"
at_most = "3 in 1h"
verify = "2m"
"#;

/// A sample shop, its generated customers, and the director that puts both behind Storewarden.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one instance of the sample shop.
    Shop(ShopArguments),
    /// Keeps one instance; started by the stage
    #[command(hide = true)]
    Keep { folder: PathBuf },
    /// Set the stage: the shop behind Storewarden, with customers and a guide.
    Run(RunArguments),
    /// Send generated customers to a shop, and print what happened to them.
    Customers(CustomersArguments),
    /// Ask the demonstration that runs for something: `customers 300`, `kill-instance`, `redeploy` …
    Ask(AskArguments),
}

#[derive(Debug, Args)]
struct ShopArguments {
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long)]
    port: u16,
    /// postgres://… or sqlite:/path/file.db
    #[arg(long)]
    database: String,
    /// Said in the x-instance header.
    #[arg(long, default_value = "app-1")]
    name: String,
    /// Most dynamic pages worked on at once.
    #[arg(long, default_value_t = 64)]
    capacity: usize,
    /// Milliseconds that each dynamic page costs beside its queries.
    #[arg(long, default_value_t = 4)]
    work_ms: u64,
    /// Show the pictures of this folder; all of them must be there.
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Confirm orders by a queue in the database, and work on it.
    #[arg(long)]
    jobs: bool,
    /// Stop when this process has gone: nobody is there any more who wants a shop.
    #[arg(long, value_name = "PID")]
    stop_with: Option<u32>,
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The storewarden program; without one, customers go straight to the shop.
    #[arg(long)]
    storewarden: Option<PathBuf>,
    /// Which shop is played.
    #[arg(long, value_enum, default_value = "sample")]
    shop: Shop,
    /// Keep everything in this folder; without one, in a temporary folder that goes at the end.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Customers a minute.
    #[arg(long, default_value_t = 30)]
    customers: u64,
    /// Most dynamic pages that one instance works on at once.
    #[arg(long, default_value_t = 64)]
    capacity: usize,
    /// What the shop keeps its orders in.
    #[arg(long, value_enum, default_value = "best")]
    database: Database,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    /// PostgreSQL; where it is not installed, SQLite for the sample shop and MariaDB for Vendure.
    Best,
    /// For every shop.
    Postgres,
    /// For Vendure.
    #[value(name = "mariadb")]
    MariaDb,
    /// For the sample shop.
    Sqlite,
}

impl From<Database> for DatabaseKind {
    fn from(database: Database) -> Self {
        match database {
            Database::Best => Self::Best,
            Database::Postgres => Self::Postgres,
            Database::MariaDb => Self::MariaDb,
            Database::Sqlite => Self::Sqlite,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shop {
    /// Lampenladen, our own.
    Sample,
    /// Vendure 3.7 with its sample products, from npm, on PostgreSQL or MariaDB.
    Vendure,
    /// django-oscar 4.2 with pages of its own, from PyPI, on PostgreSQL.
    Oscar,
}

impl From<Shop> for Kind {
    fn from(shop: Shop) -> Self {
        match shop {
            Shop::Sample => Self::Sample,
            Shop::Vendure => Self::Vendure,
            Shop::Oscar => Self::Oscar,
        }
    }
}

#[derive(Debug, Args)]
struct CustomersArguments {
    /// Where they go, as address and port.
    #[arg(long)]
    to: SocketAddr,
    /// Which shop they know.
    #[arg(long, value_enum, default_value = "sample")]
    shop: Shop,
    /// Customers a minute.
    #[arg(long, default_value_t = 30)]
    rate: u64,
    /// How long they come.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How long they think between pages: 1 for people in a hurry, 0 for machines.
    #[arg(long, default_value_t = 1.0)]
    pace: f64,
}

#[derive(Debug, Args)]
struct AskArguments {
    /// The guide's address; without it, the newest demonstration is asked.
    #[arg(long)]
    guide: Option<String>,
    /// What to try, as the guide lists it.
    act: String,
    /// How many, where that matters: customers a minute, or which instance.
    value: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Shop(arguments) => serve_shop(arguments).await,
        Command::Keep { folder } => apps::keep(&folder, now_ms).await.map_err(Into::into),
        Command::Run(arguments) => run(arguments).await,
        Command::Customers(arguments) => send_customers(arguments).await,
        Command::Ask(arguments) => ask(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: RunArguments) -> Result<()> {
    let program = std::env::current_exe().context("find this program")?;
    demo::director::run(StageOptions {
        storewarden: arguments.storewarden,
        directory: arguments.directory,
        shop: arguments.shop.into(),
        database: arguments.database.into(),
        capacity: arguments.capacity,
        per_minute: arguments.customers,
        restart_after: Some(RESTART_AFTER),
        backs_up: true,
        does_jobs: true,
        shop_settings: "queue_waits_at_most = \"30s\"".to_owned(),
        more_settings: format!("{REMEDY}{CHECKS}"),
        ..StageOptions::new(program)
    })
    .await
}

#[expect(clippy::print_stdout, reason = "its output is what was asked for")]
async fn send_customers(arguments: CustomersArguments) -> Result<()> {
    let customers = Customers::start(Options {
        kind: arguments.shop.into(),
        per_minute: arguments.rate,
        pace: arguments.pace,
        ..Options::to(arguments.to)
    });
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(arguments.seconds)) => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    let ledger = customers.stop(Duration::from_secs(30)).await;
    let summary = serde_json::json!({ "figures": ledger.figures(), "failures": ledger.failures() });
    println!("{}", serde_json::to_string_pretty(&summary)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "its output is what was asked for")]
async fn ask(arguments: AskArguments) -> Result<()> {
    let AskArguments { guide, act, value } = arguments;
    println!("{}", demo::director::ask(guide.as_deref(), &act, value).await?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever asked for any free port must learn which")]
async fn serve_shop(arguments: ShopArguments) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("listen on port {}", arguments.port))?;
    println!("{} on http://{}", arguments.name, listener.local_addr()?);
    let mut end = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let orphaned = until_gone(arguments.stop_with);
    let stop = async move {
        tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {}, () = orphaned => {} }
    };
    let options = demo::shop::Options {
        name: arguments.name,
        database: arguments.database,
        capacity: arguments.capacity,
        work: Duration::from_millis(arguments.work_ms),
        pictures: arguments.pictures,
        does_jobs: arguments.jobs,
    };
    demo::shop::serve(listener, options, stop).await
}

/// A director that was killed could not stop its instances; they notice that they are alone.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn until_gone(pid: Option<u32>) {
    let process = match pid.map(Identity::of) {
        // Gone before we came, as when a keeper brings an instance back that nobody wants.
        Some(Ok(None)) => return,
        Some(Ok(Some(process))) => process,
        Some(Err(_)) | None => return std::future::pending().await,
    };
    while process.is_running().unwrap_or(true) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
