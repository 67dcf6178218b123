//! django-oscar on the stage, from PyPI by exact versions.

use std::{
    fs,
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
    revival::in_backup,
};
use crate::director::cache_folder;

/// The files of demo/oscar, so that the program needs no checkout around it.
const FILES: [(&str, &str); 8] = [
    ("requirements.txt", include_str!("../../oscar/requirements.txt")),
    ("manage.py", include_str!("../../oscar/manage.py")),
    ("seed.py", include_str!("../../oscar/seed.py")),
    ("gunicorn.conf.py", include_str!("../../oscar/gunicorn.conf.py")),
    ("shop/__init__.py", include_str!("../../oscar/shop/__init__.py")),
    ("shop/settings.py", include_str!("../../oscar/shop/settings.py")),
    ("shop/urls.py", include_str!("../../oscar/shop/urls.py")),
    ("shop/wsgi.py", include_str!("../../oscar/shop/wsgi.py")),
];
const INSTALL_WAIT: Duration = Duration::from_secs(20 * 60);
const FILL_WAIT: Duration = Duration::from_secs(10 * 60);

/// A page that answers 200 while the instance and its database are well; there is none for it.
pub(super) const PROBE: &str = "/en-gb/basket/";

/// Orders as the database has them; their totals have two decimals.
pub(super) const ORDERS: &str = "select number, guest_email, cast(basket_id as text), cast(total_incl_tax * 100 as bigint) from order_order where status <> 'Cancelled' order by id";

/// Takes an order out of the database with all its rows, its basket and its addresses, as a script of the
/// shop's owner does.
pub(super) fn deletion(number: &str) -> Vec<String> {
    let mut body = format!("select * into strict one from order_order where number = '{number}'; ");
    for (tables, which) in [
        (
            &["order_lineattribute", "order_lineprice", "order_orderlinediscount"][..],
            "line_id in (select id from order_line where order_id = one.id)",
        ),
        (
            &["order_paymenteventquantity"],
            "event_id in (select id from order_paymentevent where order_id = one.id)",
        ),
        (
            &["order_shippingeventquantity"],
            "event_id in (select id from order_shippingevent where order_id = one.id)",
        ),
        (
            &["payment_transaction"],
            "source_id in (select id from payment_source where order_id = one.id)",
        ),
        (
            &[
                "payment_source",
                "order_paymentevent",
                "order_shippingevent",
                "order_communicationevent",
                "order_orderdiscount",
                "order_ordernote",
                "order_orderstatuschange",
                "order_surcharge",
                "voucher_voucherapplication",
                "order_line",
            ],
            "order_id = one.id",
        ),
        (&["order_order"], "id = one.id"),
        (&["order_shippingaddress"], "id = one.shipping_address_id"),
        (&["order_billingaddress"], "id = one.billing_address_id"),
        (
            &["basket_lineattribute"],
            "line_id in (select id from basket_line where basket_id = one.basket_id)",
        ),
        (&["basket_line", "basket_basket_vouchers"], "basket_id = one.basket_id"),
        (&["basket_basket"], "id = one.basket_id"),
    ] {
        for table in tables {
            body.push_str(&format!("delete from {table} where {which}; "));
        }
    }
    vec![format!("do $$ declare one order_order; begin {body} end $$")]
}

/// A django-oscar with its database: what its processes are started with.
#[derive(Debug, Clone)]
pub(super) struct Running {
    /// Python with all packages.
    python: PathBuf,
    code: PathBuf,
    pictures: PathBuf,
    /// Where its mail goes; nowhere without.
    mails: Option<PathBuf>,
    database_port: u16,
}

/// An installed django-oscar.
#[derive(Debug)]
pub(super) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// Installs it, unless that was done before.
    #[expect(clippy::print_stdout, reason = "says what it installs before it does")]
    pub(super) async fn prepare() -> Result<Self> {
        let packages = installation::fingerprint(&FILES, &["requirements.txt"]);
        let folder = cache_folder()?.join(format!("oscar-{packages}"));
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let lock = installation::lock(&folder).await?;
        let it = Self { folder };
        installation::write(&FILES, &it.code())?;
        if !it.folder.join("installed").exists() {
            println!(
                "Installing django-oscar 4.2 from PyPI into {} (270 MB; half a minute) …",
                it.folder.display()
            );
            let python = it.folder.join("python");
            let make = Spawn::new("python3").args(["-m", "venv", "--clear"]).arg(&python);
            let make = run(make, INSTALL_WAIT).await;
            make.context("make an environment of Python; on Debian: apt install python3-venv")?;
            let pip = Spawn::new(python.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(it.code().join("requirements.txt"));
            run(pip, INSTALL_WAIT).await.context("install django-oscar with pip")?;
            fs::write(it.folder.join("installed"), "")?;
        }
        drop(lock);
        Ok(it)
    }

    /// Starts its database, filled, and gives the shop pictures of its own below `directory`.
    pub(super) async fn start_database(
        self,
        kind: ServerKind,
        home: &Home,
        directory: &Path,
    ) -> Result<(Server, Running)> {
        let filled_by = installation::fingerprint(&FILES, &["seed.py"]);
        let fill = async |server: &Server| self.fill(server).await;
        let server =
            installation::start_database(&self.folder, kind, home, &filled_by, fill).await?;
        let pictures = directory.join("media");
        if !pictures.exists() {
            installation::copy(&self.pictures(), &pictures).await?;
        }
        let mails = Some(directory.join("mails"));
        let running = Running { mails, ..self.on(&server, pictures) };
        Ok((server, running))
    }

    #[expect(clippy::print_stdout, reason = "says what takes so long")]
    async fn fill(&self, server: &Server) -> Result<()> {
        let title = server.kind().title();
        println!("Filling its {title} with 48 products (half a minute, once) …");
        let pictures = self.pictures();
        fs::create_dir_all(&pictures)?;
        let oscar = self.on(server, pictures);
        let steps: [&[&str]; 3] = [
            &["manage.py", "migrate", "--verbosity=0"],
            &["manage.py", "collectstatic", "--noinput", "--verbosity=0"],
            &["seed.py"],
        ];
        for step in steps {
            let step = oscar.python().args(step);
            run(step, FILL_WAIT).await.context("fill the database of django-oscar")?;
        }
        Ok(())
    }

    fn code(&self) -> PathBuf {
        self.folder.join("shop")
    }

    fn pictures(&self) -> PathBuf {
        self.folder.join("media")
    }

    fn on(&self, server: &Server, pictures: PathBuf) -> Running {
        Running {
            python: self.folder.join("python/bin"),
            code: self.code(),
            pictures,
            mails: None,
            database_port: server.port(),
        }
    }
}

impl Running {
    pub(super) fn code(&self) -> &Path {
        &self.code
    }

    pub(super) fn pictures(&self) -> &Path {
        &self.pictures
    }

    /// Where its mail goes, a file each.
    pub(super) fn mails(&self) -> Option<&Path> {
        self.mails.as_deref()
    }

    /// The same shop from restored files, on another database.
    pub(super) fn elsewhere(&self, restored: &Path, server: &Server) -> Self {
        Self {
            python: self.python.clone(),
            code: in_backup(restored, &self.code),
            pictures: in_backup(restored, &self.pictures),
            mails: None,
            database_port: server.port(),
        }
    }

    pub(super) fn instance(
        &self,
        name: String,
        port: u16,
        keeping: &Keeping<'_>,
    ) -> Result<Instance> {
        let environment_file = keeping.directory.join(format!("{name}.env"));
        let mut port_line = format!("PORT={port}\n");
        if let Some(mails) = &self.mails {
            port_line.push_str(&format!("MAILS={}\n", mails.display()));
        }
        let lines = self.environment().map(|(name, value)| format!("{name}={value}\n"));
        fs::write(&environment_file, port_line + &lines.concat())?;
        let gunicorn = self.python.join("gunicorn");
        let settings = CommandSettings {
            command: vec![gunicorn.to_str().context("a path that is text")?.to_owned()],
            directory: Some(self.code.clone()),
            user: None,
            environment_file: Some(environment_file),
            stop_grace_ms: STOP_GRACE_MS,
        };
        Ok(keeping.instance(name, port, PROBE, settings))
    }

    /// How a drill starts it, from its restored files and with the packages of this machine.
    pub(super) fn boot(&self) -> Result<String> {
        let gunicorn = self.python.join("gunicorn");
        let command = [gunicorn.to_str().context("a path that is text")?.to_owned()];
        let mut environment =
            vec![("PORT", "{port}".to_owned()), ("DB_PASSWORD", "{database_password}".to_owned())];
        environment.extend(self.environment().map(|(name, value)| match name {
            "DB_PORT" => (name, "{database_port}".to_owned()),
            "DB_NAME" => (name, "{database_name}".to_owned()),
            "DB_USER" => (name, "{database_user}".to_owned()),
            "MEDIA" => (name, in_drill(&self.pictures)),
            _ => (name, value),
        }));
        Ok(boot_in(&self.code, &command, &environment, PROBE))
    }

    fn python(&self) -> Spawn {
        let spawn = Spawn::new(self.python.join("python")).directory(&self.code);
        let environment = self.environment();
        environment.into_iter().fold(spawn, |spawn, (name, value)| spawn.env(name, value))
    }

    fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("DB_PORT", self.database_port.to_string()),
            ("DB_NAME", DATABASE.to_owned()),
            // Who may do everything there, without a password.
            ("DB_USER", "shop".to_owned()),
            ("MEDIA", self.pictures.display().to_string()),
            // Nothing but samples is behind it, and only this machine reaches it.
            ("SECRET_KEY", "the-same-for-all-instances".to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ]
    }
}
