//! Vendure on the stage, from npm by the committed lock file.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use host::process::Spawn;
use kernel::config::CommandSettings;

use super::{
    Instance,
    backup::{boot_in, in_drill},
    database::{DATABASE, Home, Server, ServerKind},
    installation::{self, run},
    play::{Keeping, STOP_GRACE_MS},
    ports::free_ports,
    revival::in_backup,
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

/// What it answers while it and its database are well.
pub(super) const PROBE: &str = "/health";

/// Orders as the database has them. A cart is an order's row too, so only placed ones count.
pub(super) const ORDERS: &str = r#"select o.code, c."emailAddress", cast(o.id as text), cast(o."subTotalWithTax" + o."shippingWithTax" as bigint) from "order" o join customer c on c.id = o."customerId" where o."orderPlacedAt" is not null and o.state <> 'Cancelled' order by o.id"#;

/// The same for MariaDB, which quotes otherwise.
pub(super) const ORDERS_MARIADB: &str = "select o.code, c.emailAddress, cast(o.id as char), cast(o.subTotalWithTax + o.shippingWithTax as signed) from `order` o join customer c on c.id = o.customerId where o.orderPlacedAt is not null and o.state <> 'Cancelled' order by o.id";

/// Takes an order out of the database with all its rows, as a script of the shop's owner does, each in a
/// transaction of its own; foreign keys take its lines, its history and the like along.
pub(super) fn deletion(kind: ServerKind, code: &str) -> Vec<String> {
    let one = format!(r#"(select id from "order" where code = '{code}')"#);
    let payments = format!(r#"(select id from payment where "orderId" = {one})"#);
    let lines = format!(r#"(select id from order_line where "orderId" = {one})"#);
    let statements = [
        format!(r#"update session set "activeOrderId" = null where "activeOrderId" = {one}"#),
        format!(r#"delete from refund where "paymentId" in {payments}"#),
        format!(r#"delete from payment where "orderId" = {one}"#),
        format!(r#"delete from stock_movement where "orderLineId" in {lines}"#),
        format!(r#"delete from "order" where code = '{code}'"#),
    ];
    let quoted = |statement: &String| match kind {
        ServerKind::Postgres => statement.clone(),
        ServerKind::MariaDb => statement.replace('"', "`"),
    };
    statements.iter().map(quoted).collect()
}

/// A Vendure with its database: what its processes are started with.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// Its files, with `node_modules`.
    code: PathBuf,
    pictures: PathBuf,
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
        let locked = installation::fingerprint(&FILES, &["package-lock.json"]);
        let folder = cache_folder()?.join(format!("vendure-{locked}"));
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let lock = installation::lock(&folder).await?;
        installation::write(&FILES, &folder)?;
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

    /// Starts its database, filled.
    pub(super) async fn start_database(
        self,
        kind: ServerKind,
        home: &Home,
    ) -> Result<(Server, Running)> {
        let filled_by = installation::fingerprint(&FILES, &["populate.js"]);
        let fill = async |server: &Server| self.fill(server).await;
        let server =
            installation::start_database(&self.folder, kind, home, &filled_by, fill).await?;
        if kind == ServerKind::MariaDb {
            // Before InnoDB has counted its rows, relevance is infinite, and every search an error.
            let count = "analyze table search_index_item";
            server.execute(count).await.context("have the search's rows counted")?;
        }
        let running = self.on(&server);
        Ok((server, running))
    }

    #[expect(clippy::print_stdout, reason = "says what takes so long")]
    async fn fill(&self, server: &Server) -> Result<()> {
        let title = server.kind().title();
        println!("Filling its {title} with 54 products (about a minute, once) …");
        let populate = self.on(server).node("populate.js", free_ports(1)?[0]);
        let populate = populate.env("SYNCHRONIZE", "1");
        run(populate, POPULATE_WAIT).await.context("fill Vendure's database")?;
        // A demonstration must not sell out.
        let endless = match server.kind() {
            ServerKind::Postgres => r#"update product_variant set "trackInventory" = 'FALSE'"#,
            ServerKind::MariaDb => "update product_variant set trackInventory = 'FALSE'",
        };
        server.execute(endless).await.context("make the stock endless")
    }

    fn on(&self, server: &Server) -> Running {
        let (database, database_port) = (server.kind(), server.port());
        let pictures = self.folder.join("pictures");
        Running { code: self.folder.clone(), pictures, database, database_port }
    }
}

impl Running {
    /// Its files; what npm puts beside them comes from the lock file among them.
    pub(super) fn code(&self) -> Vec<PathBuf> {
        FILES.iter().map(|(name, _)| self.code.join(name)).collect()
    }

    pub(super) fn pictures(&self) -> &Path {
        &self.pictures
    }

    /// The same shop from restored files, on another database.
    ///
    /// # Errors
    /// When the packages can't be put beside the files.
    pub(super) fn elsewhere(&self, restored: &Path, server: &Server) -> Result<Self> {
        let (code, pictures) =
            (in_backup(restored, &self.code), in_backup(restored, &self.pictures));
        // What `npm ci` would make of the restored lock file, which is the same.
        symlink(self.code.join("node_modules"), code.join("node_modules"))
            .context("put the packages beside the files")?;
        let (database, database_port) = (server.kind(), server.port());
        Ok(Self { code, pictures, database, database_port })
    }

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
            command: vec![text(&node()?)?, text(&self.code.join(script))?],
            directory: Some(self.code.clone()),
            user: None,
            environment_file: Some(environment_file),
            stop_grace_ms: STOP_GRACE_MS,
        };
        Ok(keeping.instance(name, port, PROBE, settings))
    }

    /// How a drill starts it, from its restored files. What npm puts beside them is in no backup: it is
    /// that of this machine.
    pub(super) fn boot(&self) -> Result<String> {
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is text");
        let command = [text(&node()?)?, "server.js".to_owned()];
        let packages = self.code.join("node_modules");
        let mut environment = vec![
            ("NODE_PATH", text(&packages)?),
            ("DB_PASSWORD", "{database_password}".to_owned()),
        ];
        environment.extend(self.environment(0).map(|(name, value)| match name {
            "PORT" => (name, "{port}".to_owned()),
            "DB_PORT" => (name, "{database_port}".to_owned()),
            "DB_NAME" => (name, "{database_name}".to_owned()),
            "DB_USER" => (name, "{database_user}".to_owned()),
            "ASSETS" => (name, in_drill(&self.pictures)),
            _ => (name, value),
        }));
        Ok(boot_in(&self.code, &command, &environment, PROBE))
    }

    fn node(&self, script: &str, port: u16) -> Spawn {
        let spawn = Spawn::new("node").arg(self.code.join(script)).directory(&self.code);
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
            ("ASSETS", self.pictures.display().to_string()),
            // Nothing but samples is behind them, and only this machine reaches it.
            ("SUPERADMIN_PASSWORD", "a-sample-shop-on-this-machine".to_owned()),
            ("COOKIE_SECRET", "the-same-for-all-instances".to_owned()),
        ]
    }
}

/// Where Node is: keepers have a `PATH` of their own.
fn node() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").context("there is no PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("node"));
    places.find(|place| place.is_file()).context("find `node` in the PATH")
}
