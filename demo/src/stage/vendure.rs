//! Vendure on the stage: installed once into the user's cache from the committed lock file, filled
//! once, and then copied for every demonstration.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use host::process::{Spawn, run_to_end};
use kernel::config::CommandSettings;
use tokio::task::spawn_blocking;

use super::{
    Instance,
    database::{DATABASE, Home, Server, ServerKind},
    play::{Keeping, STOP_GRACE_MS},
    ports::free_ports,
};
use crate::director::cache_folder;

/// The files of demo/vendure, so that the program needs no checkout around it.
const FILES: [(&str, &str); 6] = [
    ("package.json", include_str!("../../vendure/package.json")),
    ("package-lock.json", include_str!("../../vendure/package-lock.json")),
    ("config.js", include_str!("../../vendure/config.js")),
    ("server.js", include_str!("../../vendure/server.js")),
    ("worker.js", include_str!("../../vendure/worker.js")),
    ("populate.js", include_str!("../../vendure/populate.js")),
];
const INSTALL_WAIT: Duration = Duration::from_secs(20 * 60);
const POPULATE_WAIT: Duration = Duration::from_secs(10 * 60);
const COPY_WAIT: Duration = Duration::from_secs(120);

/// Orders as the database has them. A cart is an order's row too, so only placed ones count.
pub(super) const ORDERS: &str = r#"select o.code, c."emailAddress", cast(o.id as text), cast(o."subTotalWithTax" + o."shippingWithTax" as bigint) from "order" o join customer c on c.id = o."customerId" where o."orderPlacedAt" is not null and o.state <> 'Cancelled' order by o.id"#;

/// The same for MariaDB, which quotes otherwise.
pub(super) const ORDERS_MARIADB: &str = "select o.code, c.emailAddress, cast(o.id as char), cast(o.subTotalWithTax + o.shippingWithTax as signed) from `order` o join customer c on c.id = o.customerId where o.orderPlacedAt is not null and o.state <> 'Cancelled' order by o.id";

/// A Vendure with its database: what its processes are started with.
#[derive(Debug, Clone)]
pub(super) struct Running {
    folder: PathBuf,
    database: ServerKind,
    database_port: u16,
}

/// An installed Vendure.
#[derive(Debug)]
pub(super) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// Installs it, unless that was done before.
    #[expect(clippy::print_stdout, reason = "says what it installs before it does")]
    pub(super) async fn prepare() -> Result<Self> {
        let folder =
            cache_folder()?.join(format!("vendure-{}", fingerprint(&["package-lock.json"])));
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let lock = lock(&folder).await?;
        for (name, content) in FILES {
            fs::write(folder.join(name), content)?;
        }
        if !folder.join("installed").exists() {
            println!(
                "Installing Vendure 3.7.3 from npm into {} (180 MB; about a minute) …",
                folder.display()
            );
            let npm = Spawn::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .directory(&folder);
            run(npm, INSTALL_WAIT).await.context("install Vendure with `npm ci`")?;
            fs::write(folder.join("installed"), "")?;
        }
        drop(lock);
        Ok(Self { folder })
    }

    /// Starts the database: the one that is there, else a copy of the filled one, else it is
    /// made, filled and kept for the next time.
    pub(super) async fn start_database(
        self,
        kind: ServerKind,
        home: &Home,
    ) -> Result<(Server, Running)> {
        if !home.has_data() {
            let filled_by = fingerprint(&["populate.js"]);
            let name = format!("{}-{}-{filled_by}", kind.word(), kind.version().await?);
            let template = self.folder.join(name);
            let lock = lock(&self.folder).await?;
            if template.exists() {
                drop(lock);
                copy(&template, &home.data()).await?;
            } else {
                self.fill(kind, home, &template).await?;
                drop(lock);
            }
        }
        let server = Server::start(kind, home).await?;
        let running = self.on(&server);
        Ok((server, running))
    }

    /// Makes and fills a database in `home`, and keeps a copy of its files as `template`.
    #[expect(clippy::print_stdout, reason = "says what takes so long")]
    async fn fill(&self, kind: ServerKind, home: &Home, template: &Path) -> Result<()> {
        println!("Filling its {} with 54 products (about a minute, once) …", kind.title());
        let server = Server::start(kind, home).await?;
        server.create_database().await?;
        let populate = self.on(&server).node("populate.js", free_ports(1)?[0]);
        let populate = populate.env("SYNCHRONIZE", "1");
        run(populate, POPULATE_WAIT).await.context("fill Vendure's database")?;
        // A demonstration must not sell out.
        let endless = match kind {
            ServerKind::Postgres => r#"update product_variant set "trackInventory" = 'FALSE'"#,
            ServerKind::MariaDb => "update product_variant set trackInventory = 'FALSE'",
        };
        server.execute(endless).await.context("make the stock endless")?;
        // Files of a server that has ended in order are whole.
        server.stop().await?;
        let unfinished = self.folder.join(format!("{}.unfinished", kind.word()));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        copy(&home.data(), &unfinished).await?;
        fs::rename(&unfinished, template).context("keep the filled database")
    }

    fn on(&self, server: &Server) -> Running {
        let (database, database_port) = (server.kind(), server.port());
        Running { folder: self.folder.clone(), database, database_port }
    }
}

impl Running {
    pub(super) fn instance(
        &self,
        name: String,
        script: &str,
        port: u16,
        keeping: &Keeping<'_>,
    ) -> Result<Instance> {
        let environment_file = keeping.directory.join(format!("{name}.env"));
        let lines = self.environment(port).map(|(name, value)| format!("{name}={value}\n"));
        fs::write(&environment_file, lines.concat())?;
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is text");
        let settings = CommandSettings {
            command: vec![text(&node()?)?, text(&self.folder.join(script))?],
            directory: Some(self.folder.clone()),
            user: None,
            environment_file: Some(environment_file),
            stop_grace_ms: STOP_GRACE_MS,
        };
        Ok(keeping.instance(name, port, settings))
    }

    fn node(&self, script: &str, port: u16) -> Spawn {
        let spawn = Spawn::new("node").arg(self.folder.join(script)).directory(&self.folder);
        let environment = self.environment(port);
        environment.into_iter().fold(spawn, |spawn, (name, value)| spawn.env(name, value))
    }

    fn environment(&self, port: u16) -> [(&'static str, String); 10] {
        // Who may do everything there, without a password.
        let user = match self.database {
            ServerKind::Postgres => "shop",
            ServerKind::MariaDb => "root",
        };
        [
            ("NODE_ENV", "production".to_owned()),
            ("VENDURE_DISABLE_TELEMETRY", "true".to_owned()),
            ("PORT", port.to_string()),
            ("DB_TYPE", self.database.word().to_owned()),
            ("DB_PORT", self.database_port.to_string()),
            ("DB_NAME", DATABASE.to_owned()),
            ("DB_USER", user.to_owned()),
            ("ASSETS", self.folder.join("pictures").display().to_string()),
            // Nothing but samples is behind them, and only this machine reaches it.
            ("SUPERADMIN_PASSWORD", "a-sample-shop-on-this-machine".to_owned()),
            ("COOKIE_SECRET", "the-same-for-all-instances".to_owned()),
        ]
    }
}

/// Two demonstrations at once must neither install into one folder nor fill one database.
async fn lock(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join("lock")).context("make the installation's lock")?;
    Ok(spawn_blocking(move || lock.lock().map(|()| lock)).await??)
}

/// Where Node is: keepers have a `PATH` of their own.
fn node() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").context("there is no PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("node"));
    places.find(|place| place.is_file()).context("find `node` in the PATH")
}

/// Changes when one of these files does.
fn fingerprint(names: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    for file in FILES.iter().filter(|(name, _)| names.contains(name)) {
        file.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Copies a server's folder with its owners and rights.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let copy = Spawn::new("cp").arg("-a").arg(from).arg(to);
    run(copy, COPY_WAIT).await.context("copy the filled database")
}

async fn run(spawn: Spawn, limit: Duration) -> Result<()> {
    spawn_blocking(move || run_to_end(spawn, limit)).await??;
    Ok(())
}
