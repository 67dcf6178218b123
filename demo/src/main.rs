//! The command line of the demonstration. No logic: it reads arguments and calls the library.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

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
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Shop(arguments) => serve_shop(arguments).await,
    }
}

#[expect(clippy::print_stdout, reason = "whoever asked for any free port must learn which")]
async fn serve_shop(arguments: ShopArguments) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("listen on port {}", arguments.port))?;
    println!("{} on http://{}", arguments.name, listener.local_addr()?);
    let mut end = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {} }
    };
    let options = demo::shop::Options {
        name: arguments.name,
        database: arguments.database,
        capacity: arguments.capacity,
        work: Duration::from_millis(arguments.work_ms),
    };
    demo::shop::serve(listener, options, stop).await
}
