//! Machines as they are found, and the file that comes out for each.

use super::*;
use kernel::config::{DatabaseKind, parse};
use std::collections::BTreeSet;

/// A machine of texts: `(path, text)`, and who listens.
struct Made {
    files: BTreeMap<PathBuf, String>,
    listeners: Vec<Listener>,
    variables: BTreeMap<(u32, String), String>,
    low_ports: bool,
    time_zone: Option<&'static str>,
}

impl Made {
    fn of(files: &[(&str, &str)], listeners: Vec<Listener>) -> Self {
        let files = files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect();
        Self {
            files,
            listeners,
            variables: BTreeMap::new(),
            low_ports: true,
            time_zone: Some("Europe/Berlin"),
        }
    }

    fn look(&self) -> Detected {
        let text = |path: &Path| match self.files.get(path).map(String::as_str) {
            Some("refused") => Err("permission denied".to_owned()),
            text => Ok(text.map(str::to_owned)),
        };
        let exists = |path: &Path| self.files.keys().any(|file| file.starts_with(path));
        let list = |folder: &Path| {
            let names =
                self.files.keys().filter_map(|file| file.strip_prefix(folder).ok()?.iter().next());
            let names: BTreeSet<PathBuf> = names.map(|name| folder.join(name)).collect();
            names.into_iter().collect()
        };
        let variables = |pid: u32, names: &[&str]| {
            let find = |name: &&str| {
                let value = self.variables.get(&(pid, (*name).to_owned()))?;
                Some(((*name).to_owned(), value.clone()))
            };
            Some(names.iter().filter_map(find).collect())
        };
        look(&Machine {
            listeners: self.listeners.clone(),
            files: Files { text: &text, exists: &exists, list: &list },
            variables: &variables,
            low_ports: self.low_ports,
            time_zone: self.time_zone.map(str::to_owned),
        })
    }
}

fn listener(address: &str, pid: u32, name: &str, command: &[&str], directory: &str) -> Listener {
    Listener {
        address: Some(address.parse().unwrap()),
        pid: Some(pid),
        name: Some(name.to_owned()),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        directory: Some(directory.into()),
        user: None,
        unit: None,
    }
}

const NGINX: &str = "http {
    log_format timed '$remote_addr [$time_local] \"$request\" '
                     '$status $request_time';
    access_log /var/log/nginx/access.log timed;
    server {
        listen 80;
        listen 443 ssl;
        server_name lamps.example www.lamps.example;
        ssl_certificate /etc/ssl/lamps.pem;
        ssl_certificate_key /etc/ssl/lamps.key;
        location / { proxy_pass http://127.0.0.1:3001; }
        location /b { proxy_pass http://127.0.0.1:3002; }
    }
}";

/// Two instances with a database, behind nginx.
fn behind_nginx() -> Made {
    let command = ["/usr/bin/node", "server.js"];
    let unit = |unit: &str, listener| Listener { unit: Some(unit.to_owned()), ..listener };
    let mut made = Made::of(
        &[
            ("/etc/nginx/nginx.conf", NGINX),
            ("/srv/lamps/package.json", "{\"dependencies\": {\"@vendure/core\": \"3.7.3\"}}"),
            (
                "/srv/lamps/.env",
                "DB_TYPE=postgres\nDB_HOST=127.0.0.1\nDB_NAME=lamps\nDB_PASSWORD=secret\n",
            ),
            ("/srv/lamps/static/assets/a.png", ""),
        ],
        vec![
            listener("0.0.0.0:22", 5, "sshd", &["sshd"], "/"),
            listener("0.0.0.0:80", 10, "nginx", &["nginx: master process /usr/sbin/nginx"], "/"),
            listener("0.0.0.0:443", 10, "nginx", &["nginx: master process /usr/sbin/nginx"], "/"),
            unit(
                "lamps@3001.service",
                listener("127.0.0.1:3001", 20, "node", &command, "/srv/lamps"),
            ),
            unit(
                "lamps@3002.service",
                listener("127.0.0.1:3002", 21, "node", &command, "/srv/lamps"),
            ),
            // Its worker, which serves no visitors.
            listener("127.0.0.1:3120", 22, "node", &command, "/srv/lamps"),
            listener("127.0.0.1:5432", 30, "postgres", &["postgres"], "/var/lib/postgresql"),
            Listener { address: Some("127.0.0.1:6000".parse().unwrap()), ..Listener::default() },
        ],
    );
    made.variables.insert((20, "SECRET".to_owned()), "secret".to_owned());
    made
}

/// The draft must be what the reader of configurations takes.
#[track_caller]
fn read(draft: &Draft) -> kernel::config::Configuration {
    let nothing = |_: &str| None;
    let known = crate::known(&nothing);
    parse(&draft.text, known).unwrap_or_else(|errors| panic!("{:#?}\n{}", errors.0, draft.text))
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detect/tests");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let mend = "UPDATE_GOLDEN=1 cargo nextest run -p shops detect";
    assert!(committed == text, "{name} is not the draft of now; run: {mend}\n{text}");
}

#[test]
fn a_shop_behind_nginx_becomes_a_file_that_says_where_all_was_seen() {
    let detected = behind_nginx().look();
    let draft = draft(&detected, "/etc/storewarden/storewarden.toml");
    let configuration = read(&draft);
    let [shop] = configuration.shops.as_slice() else { panic!("{}", draft.text) };
    assert_eq!((shop.id.as_str(), shop.platform.as_str()), ("lamps", "vendure"));
    assert_eq!(shop.hosts, ["lamps.example", "www.lamps.example"]);
    let apps: Vec<String> = shop.instances.iter().map(|app| app.address.to_string()).collect();
    assert_eq!(apps, ["127.0.0.1:3001", "127.0.0.1:3002"]);
    assert_eq!(configuration.edge.listen[0].to_string(), "http://127.0.0.1:8080");
    assert!(draft.valid && !draft.text.contains("secret"), "{}", draft.text);
    golden("behind-nginx.toml", &draft.text);
    let sentences: Vec<String> = detected
        .sentences()
        .iter()
        .map(|said| format!("{}: {}", said.sureness, said.text))
        .collect();
    golden(
        "behind-nginx.txt",
        &format!("{}\n\n{}\n", sentences.join("\n"), draft.missing.join("\n")),
    );
    assert_eq!(
        detected.notes,
        ["somebody listens on 127.0.0.1:6000, and by which process is not visible to this user"]
    );
}

#[test]
fn the_database_line_is_valid_once_its_sign_is_taken_off() {
    let mut draft = draft(&behind_nginx().look(), "f.toml");
    draft.text = draft.text.replace("# database = ", "database = ");
    let variable = |name: &str| (name == "STOREWARDEN_DATABASE_PASSWORD").then(|| "x".to_owned());
    let read = parse(&draft.text, crate::known(&variable)).unwrap();
    let database = read.shops[0].database.as_ref().unwrap();
    assert_eq!(database.to_string(), "postgres://storewarden@127.0.0.1/lamps");
}

#[test]
fn an_empty_machine_gets_an_example() {
    let detected = Made::of(&[], Vec::new()).look();
    assert_eq!(detected.sentences(), []);
    let draft = draft(&detected, "f.toml");
    assert!(!draft.valid && draft.missing.len() == 1, "{draft:?}");
    golden("nothing.toml", &draft.text);
    let example = draft.text.replace("# [shop", "[shop").replace("# platform", "platform");
    let example = example.replace("# hosts", "hosts").replace("# app", "app");
    read(&Draft { text: example, ..draft });
}

/// A platform of files alone, run by the web server itself.
#[test]
fn each_platform_is_known_by_its_files() {
    let check = |root: &str, files: &[(&str, &str)], expect: &str, database: &str| {
        let conf =
            format!("http {{ server {{ listen 81; server_name a.example; root {root}; }} }}");
        let mut all = vec![("/etc/nginx/nginx.conf", conf.as_str())];
        all.extend(files);
        let made = Made::of(&all, vec![listener("0.0.0.0:81", 1, "nginx", &["nginx"], "/")]);
        let detected = made.look();
        let [shop] = detected.shops.as_slice() else { panic!("{expect}: {detected:?}") };
        assert_eq!(shop.platform.as_ref().unwrap().name, expect);
        assert_eq!(shop.apps[0].address.to_string(), "127.0.0.1:81");
        let found = shop.database.as_ref().map(|found| found.url("me")).unwrap_or_default();
        assert_eq!(found, database, "{expect}");
        assert_eq!(read(&draft(&detected, "f")).shops.len(), 1);
    };
    let wordpress = "define( 'DB_NAME', 'wp' );\ndefine( 'DB_PASSWORD', 'x' );\ndefine( 'DB_HOST', 'localhost:3307' );";
    check(
        "/var/www/a",
        &[
            ("/var/www/a/wp-content/plugins/woocommerce/woocommerce.php", ""),
            ("/var/www/a/wp-config.php", wordpress),
        ],
        "woocommerce",
        "mysql://me@localhost:3307/wp",
    );
    let env = "return ['queue' => ['amqp' => ['host' => 'mq']], 'db' => ['connection' => ['default' => [\
               'host' => '10.0.0.9', 'dbname' => 'mage', 'password' => 'x']]]];";
    check(
        "/srv/mage/pub",
        &[("/srv/mage/bin/magento", ""), ("/srv/mage/app/etc/env.php", env)],
        "magento",
        "mysql://me@10.0.0.9/mage",
    );
    check(
        "/srv/sw/public",
        &[
            ("/srv/sw/composer.json", "{\"require\": {\"shopware/core\": \"6.6\"}}"),
            ("/srv/sw/.env", "DATABASE_URL=mysql://a:b@127.0.0.1:3306/sw"),
            ("/srv/sw/.env.local", "DATABASE_URL=\"mysql://a:b@db:3306/live\""),
        ],
        "shopware",
        "mysql://me@db:3306/live",
    );
    check(
        "/srv/ps",
        &[
            ("/srv/ps/classes/PrestaShopAutoload.php", ""),
            (
                "/srv/ps/app/config/parameters.php",
                "'database_host' => '127.0.0.1', 'database_port' => '', 'database_name' => 'ps',",
            ),
        ],
        "prestashop",
        "mysql://me@127.0.0.1/ps",
    );
    check(
        "/srv/oc",
        &[
            ("/srv/oc/index.php", "<?php\n// OpenCart\n"),
            (
                "/srv/oc/config.php",
                "define('DB_HOSTNAME', 'h');\ndefine('DB_DATABASE', 'oc');\ndefine('DB_PORT', '3306');",
            ),
        ],
        "opencart",
        "mysql://me@h:3306/oc",
    );
    check("/srv/sy/public", &[("/srv/sy/composer.json", "\"sylius/sylius\"")], "sylius", "");
    check("/srv/me", &[("/srv/me/package.json", "\"@medusajs/medusa\"")], "medusa", "");
    check("/srv/sa", &[("/srv/sa/saleor/settings.py", "")], "saleor", "");
    check("/srv/os", &[("/srv/os/requirements.txt", "django-oscar==4.2")], "oscar", "");
}

#[test]
fn a_process_tells_of_its_database_by_command_line_and_environment() {
    let command = [
        "/opt/demo",
        "shop",
        "--port",
        "4001",
        "--database",
        "postgres://a:secret@127.0.0.1:5433/sample",
    ];
    let mut made = Made::of(&[], vec![listener("127.0.0.1:4001", 7, "demo", &command, "/")]);
    made.low_ports = false;
    made.time_zone = Some("Etc/UTC");
    let detected = made.look();
    let shop = &detected.shops[0];
    assert_eq!(shop.platform.as_ref().unwrap().name, "sample");
    let database = shop.database.as_ref().unwrap();
    assert_eq!((database.kind, database.name.as_str()), (DatabaseKind::Postgres, "sample"));
    let text = draft(&detected, "f").text;
    assert!(text.contains("grant select on \"shop_order\" to storewarden;"), "{text}");
    assert!(!text.contains("secret") && text.contains("CAP_NET_BIND_SERVICE"), "{text}");
    assert!(text.contains("\n# time_zone = "), "nobody chose UTC: {text}");

    let files = [("/srv/m/package.json", "\"@medusajs/medusa\"")];
    let mut made = Made::of(&files, vec![listener("[::]:9000", 8, "node", &["node"], "/srv/m")]);
    let url = "postgres://a:secret@db/medusa".to_owned();
    made.variables.insert((8, "DATABASE_URL".to_owned()), url);
    let detected = made.look();
    let database = detected.shops[0].database.as_ref().unwrap();
    assert_eq!(
        (database.name.as_str(), database.said_by.as_str()),
        ("medusa", "the environment of process 8")
    );
    assert_eq!(detected.shops[0].apps[0].address.to_string(), "127.0.0.1:9000");
}

#[test]
fn an_application_of_no_known_platform_is_a_guess() {
    let conf = "http { server { server_name a.example; location / { proxy_pass http://127.0.0.1:3000; } } }";
    let detected = Made::of(&[("/etc/nginx/nginx.conf", conf)], Vec::new()).look();
    let shop = &detected.shops[0];
    assert!(shop.platform.is_none() && !shop.apps[0].listens, "{shop:?}");
    let said = detected.sentences();
    assert!(said.iter().any(|said| said.sureness == Sureness::Guess), "{said:?}");
    let draft = draft(&detected, "f");
    assert_eq!(read(&draft).shops[0].platform, "generic");
    assert!(draft.text.contains("nobody was seen to listen there"), "{}", draft.text);
}

#[test]
fn shops_that_share_what_is_one_shops_alone_still_make_a_valid_file() {
    let conf = "http {
        server { listen 81; server_name a.example; root /srv/a; }
        server { listen 81; server_name b.example; root /srv/b; }
        server { listen 82; server_name a.example; root /srv/c; }
        server { listen 83; root /srv/d; }
        server { listen 84; root /srv/e; }
    }";
    let signs = ["a", "b", "c", "d", "e"].map(|name| format!("/srv/{name}/bin/magento"));
    let mut files = vec![("/etc/nginx/nginx.conf", conf)];
    files.extend(signs.iter().map(|path| (path.as_str(), "")));
    let draft = draft(&Made::of(&files, Vec::new()).look(), "f");
    let ids: Vec<String> = read(&draft).shops.iter().map(|shop| shop.id.to_string()).collect();
    assert_eq!(ids, ["a", "a-2", "d", "e"], "{}", draft.text);
}

#[test]
fn what_may_not_be_read_is_said() {
    let files = [
        ("/etc/nginx/nginx.conf", "http { include s.conf; server { root /srv/a; } }"),
        ("/etc/nginx/s.conf", "refused"),
        ("/srv/a/bin/magento", ""),
        ("/srv/a/app/etc/env.php", "refused"),
    ];
    let detected = Made::of(&files, Vec::new()).look();
    assert_eq!(
        detected.notes,
        [
            "/etc/nginx/s.conf cannot be read: permission denied",
            "/srv/a/app/etc/env.php cannot be read: permission denied",
        ]
    );
}

#[test]
fn no_name_breaks_the_file() {
    let name = |text: &str| text.replace(['{', '}', ';', '\'', '\\'], "");
    bolero::check!().with_type::<(String, String)>().for_each(|(path, log)| {
        let conf = format!(
            "http {{ access_log '/{}'; server {{ server_name a.example; root '/srv/{}'; }} }}",
            name(log),
            name(path)
        );
        let sign = format!("/srv/{}/bin/magento", name(path));
        let files = [("/etc/nginx/nginx.conf", conf.as_str()), (sign.as_str(), "")];
        let draft = draft(&Made::of(&files, Vec::new()).look(), log);
        if draft.valid {
            read(&draft);
        }
    });
}
