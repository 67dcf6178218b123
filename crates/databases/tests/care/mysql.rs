//! What a MariaDB suffers from.

use super::{
    change_setting_there_and_back, examine, mend_indexes_there_and_back, mend_of, options,
    setting_of, told,
};
use crate::scratch;
use databases::{
    care::{self, Mend, Sight, Trouble, Why},
    private::{self, MariaDb},
};
use kernel::config::{DatabaseKind, DatabaseUrl};
use tempfile::TempDir;

const SHOP: [&str; 11] = [
    "CREATE TABLE customer (id int PRIMARY KEY AUTO_INCREMENT, email varchar(190) NOT NULL)",
    "CREATE TABLE orders (id int unsigned PRIMARY KEY AUTO_INCREMENT, customer_id int, state varchar(9) \
     NOT NULL, note varchar(700), number varchar(30) NOT NULL, KEY never (note), KEY twice (number), \
     UNIQUE KEY once (number), FOREIGN KEY (customer_id) REFERENCES customer (id))",
    "CREATE TABLE line (order_id int, place int, PRIMARY KEY (order_id, place), KEY shorter (order_id))",
    "CREATE TABLE log (at datetime, what text)",
    "CREATE TABLE old (id int PRIMARY KEY) ENGINE = MyISAM",
    "CREATE TABLE counted (id smallint PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 30000",
    "INSERT INTO customer (email) SELECT concat('c', seq, '@example.test') FROM seq_1_to_5000",
    "INSERT INTO orders (customer_id, state, note, number) SELECT seq, if(seq % 2, 'open', 'paid'), \
     repeat(md5(seq), 20), concat('N', seq) FROM seq_1_to_5000",
    "INSERT INTO line SELECT id, 1 FROM orders",
    "INSERT INTO log SELECT now(), 'x' FROM seq_1_to_3000",
    "ANALYZE TABLE customer, orders, line, log",
];

async fn server(settings: &[(&str, &str)]) -> Option<(TempDir, MariaDb, DatabaseUrl)> {
    if MariaDb::find().is_none() {
        println!("skipped: this machine has no MariaDB");
        return None;
    }
    let folder = scratch::folder();
    let settings = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let options = private::Options { settings, ..private::Options::default() };
    let server = MariaDb::start(&folder.path().join("db"), options).await.unwrap();
    server.create_database("shop").await.unwrap();
    let url = DatabaseUrl { kind: DatabaseKind::MySql, secret: server.url("shop") };
    Some((folder, server, url))
}

#[tokio::test]
async fn what_a_shop_suffers_from_is_found_and_mended_and_nothing_else_is() {
    let Some((_folder, server, url)) = server(&[("performance_schema", "ON")]).await else {
        return;
    };
    for statement in SHOP {
        server.execute("shop", statement).await.unwrap();
    }
    for number in 0..30 {
        for statement in [
            format!("SELECT id FROM customer WHERE email = 'c{number}@example.test'"),
            "SELECT count(*) FROM orders WHERE state = 'open'".to_owned(),
            format!("SELECT id FROM orders WHERE number = 'N{number}' LIMIT 3"),
        ] {
            server.execute("shop", &statement).await.unwrap();
        }
    }
    let found = examine(&url).await;
    let expect = [
        "key_runs_out counted.id",
        "missing_index customer(email)",
        "non_transactional old",
        "duplicate_index line/shorter",
        "no_key log",
        "unused_index orders/never",
        "duplicate_index orders/twice",
    ];
    assert_eq!(told(&found), expect);
    assert!(found.server.starts_with("MariaDB 1"), "{}", found.server);
    assert!(found.blind.is_empty(), "{:?}", found.blind);
    let slow = found.queries.iter().find(|query| query.text.contains("`email` = ?")).unwrap();
    assert_eq!(slow.calls, 30);
    assert!(slow.plan.as_deref().unwrap().contains("\"access_type\": \"ALL\""), "{slow:?}");
    assert_eq!(
        mend_of(&found, "customer(email)").statement(),
        "ALTER TABLE `customer` ADD INDEX `email_idx` (`email`), ALGORITHM = INPLACE, LOCK = NONE"
    );
    let Mend::MakeIndex { index } = mend_of(&found, "customer(email)") else { panic!() };
    let prospect = care::prospect(&url, &index, &["email".to_owned()]).await.unwrap();
    assert_eq!(prospect.may, Some(true), "{prospect:?}");
    assert!(prospect.index_bytes.is_some_and(|bytes| bytes > 50_000), "{prospect:?}");
    assert_eq!(care::goes_by(&url, &slow.text, &index).await.unwrap(), Some(false));
    care::make_index(&url, &index).await.unwrap();
    assert_eq!(care::goes_by(&url, &slow.text, &index).await.unwrap(), Some(true));
    care::drop_index(&url, &index).await.unwrap();
    mend_indexes_there_and_back(&url).await;
    let seen = care::glance(&url).await.unwrap();
    assert!(seen.findings.is_empty() && seen.connections.is_some(), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_counted_is_said_and_what_is_not_safe_as_well() {
    let settings = [("innodb_flush_log_at_trx_commit", "2"), ("performance_schema", "OFF")];
    let Some((_folder, _server, url)) = server(&settings).await else { return };
    let found = care::examine(&url, &options()).await.unwrap();
    let sights: Vec<_> = found.blind.iter().map(|blind| blind.what).collect();
    assert_eq!(sights, [Sight::IndexUse, Sight::Queries]);
    let lost = found.findings.iter().any(|one| {
        matches!(&one.trouble, Trouble::Setting { name, why: Why::LostByACrash, .. }
            if name == "innodb_flush_log_at_trx_commit")
    });
    assert!(lost, "{:#?}", found.findings);
    let setting = setting_of(&found, "innodb_flush_log_at_trx_commit");
    assert!(!setting.lasts && setting.set.starts_with("SET GLOBAL "), "{setting:?}");
    change_setting_there_and_back(&url, &setting).await;
}
