//! The reader by tables: what is read, and what is said of every mistake.

use super::*;
use crate::{
    Currency,
    config::{CertificateSource, Configuration, DatabaseKind, Launch, Listen, ShopSettings},
    snapshot::{Balance, CacheLimits, Hold, Limits, Timeouts},
};
use Text::{AfterHead, Whole};

mod alert_mistakes;
mod backup;
mod check_mistakes;
mod edge_mistakes;
mod file_mistakes;
mod includes;
mod ledger;
mod peer_mistakes;
mod plan;
pub(super) mod schema;
mod scrape_mistakes;
mod service_mistakes;
mod shop_mistakes;

/// Five lines: the smallest file there is.
const HEAD: &str = "\
version = 1
[shop.lamps]
platform = \"sample\"
hosts = \"lamps.example\"
app = \"127.0.0.1:3001\"
";

#[derive(Debug)]
enum Text {
    Whole(&'static str),
    /// What stands from line 6 on, behind [`HEAD`].
    AfterHead(&'static str),
}

impl Text {
    fn whole(&self) -> String {
        match self {
            Whole(text) => (*text).to_owned(),
            AfterHead(text) => format!("{HEAD}{text}"),
        }
    }
}

/// Texts, and each line that is said about them.
type Cases = &'static [(Text, &'static [&'static str])];

fn platforms() -> [KnownPlatform; 3] {
    let of_health = Check { path: "/health".into(), status: (200, 299), ..Check::default() };
    [("generic", Check::default()), ("sample", of_health.clone()), ("vendure", of_health)]
        .map(|(name, check)| KnownPlatform { name: name.into(), check })
}

fn read(text: &str) -> Result<Configuration, ConfigErrors> {
    let is_set = |name: &str| {
        ["DATABASE", "SMTP", "BACKUP"].iter().any(|of| name == format!("{of}_PASSWORD"))
            || ["S3_KEY_ID", "S3_SECRET", "PEER_TOKEN"].contains(&name)
    };
    let environment = |name: &str| is_set(name).then(|| "p@ss word".to_owned());
    parse(
        text,
        Known { platforms: &platforms(), environment: &environment, time_zone: &|_| Ok(()) },
    )
}

fn check(cases: Cases) {
    for (text, expect) in cases {
        let whole = text.whole();
        let errors = read(&whole).expect_err(&whole);
        let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert_eq!(said, *expect, "{whole}");
    }
}

#[track_caller]
fn shop(text: &Text) -> ShopSettings {
    read(&text.whole()).expect("a valid file").shops.remove(0)
}

#[test]
fn the_smallest_file_has_every_default() {
    let read = read(HEAD).unwrap();
    let everywhere = |port, tls| Listen { address: format!("[::]:{port}").parse().unwrap(), tls };
    assert_eq!(read.edge.listen, [everywhere(80, false), everywhere(443, true)]);
    assert_eq!((read.edge.workers, read.edge.drain_ms), (None, 30_000));
    assert_eq!(read.edge.limits, Limits::default());
    assert_eq!(read.control.listen.to_string(), "127.0.0.1:7780");
    assert_eq!((read.edge.access_log.is_none(), read.acme.is_none()), (true, true));
    let [shop] = read.shops.as_slice() else { panic!("one shop") };
    assert_eq!((shop.id.as_str(), shop.name.as_str()), ("lamps", "lamps"));
    assert_eq!(shop.hosts, ["lamps.example"]);
    let [app] = shop.instances.as_slice() else { panic!("one instance") };
    assert_eq!((app.name.as_str(), app.weight, app.connections), ("app-3001", 1, 64));
    assert_eq!(shop.balance, Balance::LeastRequests);
    assert_eq!(shop.check.path, "/health");
    assert_eq!((&shop.hold, &shop.timeouts), (&Hold::default(), &Timeouts::default()));
    assert_eq!(shop.cache, CacheLimits::default());
    assert_eq!(
        (shop.slow_start_ms, shop.eject_after_failures, shop.eject_for_ms),
        (10_000, 3, 5_000)
    );
    assert_eq!((&shop.certificate, shop.force_https), (&CertificateSource::SelfSigned, false));
    assert_eq!((shop.currency, shop.time_zone.as_str()), (Currency::EUR, "UTC"));
    assert_eq!((shop.colour.as_str(), &shop.contact, &shop.database), ("#1f6f78", &None, &None));
}

#[test]
fn every_key_is_read() {
    let text = include_str!("../../../../../docs/configuration.example.toml");
    let read = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0));
    assert_eq!(read.edge.workers, Some(2));
    assert_eq!(read.edge.limits.body_bytes, 128 << 20);
    assert_eq!(read.acme.as_ref().map(|acme| acme.renew_days), Some(30));
    let shop = &read.shops[0];
    assert_eq!(shop.name, "Lampenladen");
    assert_eq!(shop.instances[1].weight, 2);
    let Some(Launch::Unit(unit)) = &shop.instances[2].launch else { panic!("a unit") };
    assert_eq!(unit.as_str(), "shop@3002.service");
    let Some(Launch::Command(settings)) = &shop.instances[3].launch else { panic!("a command") };
    assert_eq!((settings.command.len(), settings.stop_grace_ms), (2, 20_000));
    assert!(shop.instances[0].launch.is_none() && shop.deploy.is_some());
    assert_eq!(shop.check.status, (200, 204));
    assert_eq!((&shop.certificate, shop.force_https), (&CertificateSource::Acme, true));
    let database = shop.database.as_ref().unwrap();
    assert_eq!(database.kind, DatabaseKind::Postgres);
    assert!(database.secret.contains(":p%40ss%20word@"));
    assert_eq!(database.to_string(), "postgres://storewarden@127.0.0.1/lampenladen");
}

#[test]
fn instances_are_written_in_three_ways() {
    let names = |app: &'static str| -> Vec<String> {
        let text = HEAD.replace("app = \"127.0.0.1:3001\"\n", app);
        let shop = read(&text).unwrap_or_else(|errors| panic!("{:#?}", errors.0)).shops.remove(0);
        shop.instances.iter().map(|app| format!("{} {}", app.name, app.address)).collect()
    };
    let two = ["app-1 127.0.0.1:1", "app-10-0-0-5-2 10.0.0.5:2"];
    assert_eq!(names("app = [\"127.0.0.1:1\", \"10.0.0.5:2\"]\n"), two);
    assert_eq!(names("app = [\"localhost:1\", { address = \"10.0.0.5:2\" }]\n"), two);
    let tables = "[[shop.lamps.app]]\naddress = \"127.0.0.1:1\"\n\
                  [[shop.lamps.app]]\naddress = \"[::1]:2\"\nname = \"two\"\n";
    assert_eq!(names(tables), ["app-1 127.0.0.1:1", "two [::1]:2"]);
}

#[test]
fn a_shop_has_its_platforms_check_where_it_says_nothing_else() {
    let text = AfterHead("check = { interval = \"5s\", status = 200 }\n");
    let expect = Check {
        path: "/health".into(),
        interval_ms: 5_000,
        status: (200, 200),
        ..Check::default()
    };
    assert_eq!(shop(&text).check, expect);
}

#[test]
fn certificates_and_https_follow_from_each_other() {
    let check = |rest: &'static str, certificate: CertificateSource, force_https: bool| {
        let shop = shop(&AfterHead(rest));
        assert_eq!((shop.certificate, shop.force_https), (certificate, force_https), "{rest}");
    };
    let files = || CertificateSource::Files { chain: "/c".into(), key: "/k".into() };
    check("", CertificateSource::SelfSigned, false);
    check("[acme]\n", CertificateSource::Acme, true);
    check("force_https = false\n[acme]\n", CertificateSource::Acme, false);
    check("certificate = \"self-signed\"\n[acme]\n", CertificateSource::SelfSigned, false);
    check("certificate = { chain = \"/c\", key = \"/k\" }\n", files(), true);
    let plain =
        "certificate = { chain = \"/c\", key = \"/k\" }\n[edge]\nlisten = \"http://[::]:80\"\n";
    check(plain, files(), false);
}

#[test]
fn values_have_several_spellings() {
    let shop = shop(&AfterHead(
        "colour = \"#ABC\"\nslow_start = \"0s\"\nbalance = \"session\"\n\
         cache = { memory = \"1GB\" }\ntime_zone = \"Europe/Berlin\"\n",
    ));
    assert_eq!((shop.colour.as_str(), shop.slow_start_ms), ("#aabbcc", 0));
    assert_eq!((shop.balance, shop.cache.memory_bytes), (Balance::Session, 1_000_000_000));
    assert_eq!(shop.time_zone, "Europe/Berlin");
    let file = read(&format!("{HEAD}[edge]\nlisten = [\"http://127.0.0.1\", \"https://[::1]\"]\n"));
    let listen: Vec<String> = file.unwrap().edge.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["http://127.0.0.1:80", "https://[::1]:443"]);
}

/// Every error points into the text, whatever the text is.
fn points_into(text: &str) {
    if let Err(errors) = read(text) {
        assert!(!errors.0.is_empty());
        let lines: Vec<&str> = text.split('\n').collect();
        for error in errors.0 {
            let line = lines.get(error.line - 1).unwrap_or_else(|| panic!("{error} of {text:?}"));
            assert!(error.column <= line.chars().count() + 1, "{error} of {text:?}");
            assert!(!error.message.is_empty() && !error.mend.is_empty(), "{error}");
        }
    }
}

#[test]
fn no_text_makes_it_panic() {
    bolero::check!().for_each(|bytes: &[u8]| points_into(&String::from_utf8_lossy(bytes)));
}

#[test]
fn no_change_of_a_good_file_makes_it_panic() {
    const PIECES: [&str; 12] =
        ["\n", "\"", "[", "]", "{", "}", "=", ",", "#", "ü", "[shop.lamps]\n", "app = 1\n"];
    let good = include_str!("../../../../../docs/configuration.example.toml");
    bolero::check!().with_type::<Vec<(u16, u8, bool)>>().for_each(|changes| {
        let mut text = good.to_owned();
        for (at, piece, remove) in changes.iter().take(6) {
            let mut at = usize::from(*at) % (text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if *remove {
                text.truncate(at);
            } else {
                text.insert_str(at, PIECES[usize::from(*piece) % PIECES.len()]);
            }
        }
        points_into(&text);
    });
}

#[test]
fn a_shop_beside_another_web_server_needs_its_logs_and_no_instances() {
    let beside = "version = 1\n[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\n\
                  front = false\nlogs = [\"/a.log\", \"/b.log\"]\n";
    let found = read(beside).expect("a valid file");
    let shop = &found.shops[0];
    assert!(shop.instances.is_empty() && !shop.force_https);
    let settings = shop.beside.as_ref().expect("watched from beside");
    assert_eq!(settings.logs, ["/a.log", "/b.log"].map(PathBuf::from));
    assert_eq!(settings.format.text(), "combined");
    assert!(found.edge.listen.is_empty(), "nobody needs the edge anywhere");
    let both = format!(
        "{beside}[shop.shades]\nplatform = \"sample\"\nhosts = \"s.example\"\napp = \"127.0.0.1:1\"\n"
    );
    assert_eq!(read(&both).expect("a valid file").edge.listen.len(), 2);
    // Ready for the day on which it is beside.
    assert_eq!(shop_of_front(), None);
}

fn shop_of_front() -> Option<crate::config::BesideSettings> {
    shop(&AfterHead("logs = \"/a.log\"\n")).beside
}
