//! The platform files themselves, and what the reader refuses.

use super::*;

#[test]
fn every_file_is_valid() {
    let on_disk = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/platforms")).unwrap();
    let mut files: Vec<String> = on_disk
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml") && name != "every.toml")
        .collect();
    files.sort();
    let known: Vec<String> = FILES.iter().map(|(name, _)| format!("{name}.toml")).collect();
    assert_eq!(known, files, "each file is part of the program, in alphabetical order");
    for (name, text) in FILES {
        let platform = read(name, text, EVERY).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(!platform.traffic.routes.is_empty(), "{name}");
        assert!(platform.traffic.cache.bypass_headers.contains(&"authorization".into()), "{name}");
    }
}

#[test]
fn platforms_are_found_by_name() {
    let known = ["generic", "magento", "medusa", "opencart", "oscar", "prestashop", "saleor"];
    assert_eq!(names()[..7], known);
    assert_eq!(names()[7..], ["sample", "shopware", "vendure", "woocommerce"]);
    assert_eq!(platform("vendure").unwrap().check.path, "/health");
    assert_eq!(platform("vendure").unwrap().check.status, (200, 299));
    assert!(platform("nothing").is_none());
    let orders = platform("sample").unwrap().orders.as_ref().unwrap();
    assert!(orders.select(DatabaseKind::Postgres).unwrap().contains("shop_order"));
    assert!(orders.select(DatabaseKind::MySql).is_none());
}

#[test]
fn faults_in_a_file_are_named() {
    let check = |addition: &str, expect: &str| {
        let head = "format = 1\nname = \"x\"\ntitle = \"X\"\nversions = \"1\"\n";
        let error = read("x", &format!("{head}{addition}"), EVERY).unwrap_err();
        let text = match &error {
            ShopsError::Syntax { source, .. } => source.to_string(),
            ShopsError::Invalid { what, .. } => what.clone(),
        };
        assert!(text.contains(expect), "{addition}: {text}");
    };
    check("colour = 1", "unknown field `colour`");
    check("[[route]]\nclass = \"shop\"\npaths = [\"/\"]", "unknown variant `shop`");
    check("[[route]]\nclass = \"home\"\npaths = [\"a\"]", "route path `a`");
    check("[[route]]\nclass = \"home\"\npaths = [\"/\"]\nmethods = [\"get\"]", "method `get`");
    check("[cache]\nnever_paths = [\"cart\"]", "cache path `cart`");
    check("[cache]\nvary_headers = [\"X-Store\"]", "header `X-Store`");
    check("[check]\npath = \"health\"", "check path `health`");
    check("[orders]\nkey = \"id\"\nreads = []", "no SELECT");
    check("[orders]\nkey = \"\"\nreads = []\nsqlite = \"select 1\"", "lacks `:after`");
    let select = "select id from t where id > :after order by id limit :limit";
    check(&format!("[orders]\nkey = \"\"\nreads = [\"u\"]\nsqlite = \"{select}\""), "read `u`");
    check(&format!("[orders]\nkey = \"\"\nreads = []\nsqlite = \"{select};\""), "not one `select`");
    let queue = "[[queue]]\nname = \"cron\"\nreads = [\"job\"]\n";
    check(queue, "no SELECT for any database");
    check(&format!("{queue}redis = [\"bull:job\"]"), "in Redis, and in a database");
    check("[[queue]]\nname = \"mails\"\nredis = [\"mails\"]", "no key of BullMQ");
    check(&format!("{queue}mysql = \"delete from job\""), "not one `select` alone");
    check(
        &format!("{queue}mysql = \"select 1 from jobs_of_others where 1\"")
            .replace("[\"job\"]", "[\"j\", \"x\"]"),
        "read `x`",
    );
    check(&format!("{queue}mysql = \"select 1 from {{prefix}}job\""), "is not prefixed");
    check(&format!("{queue}prefixed = true\nmysql = \"select 1 from job\""), "read `{prefix}job`");
    let graph = "[[graph]]\ntried = \"shop\"\nroot = \"o\"\nkey = \"id\"\n";
    check(&format!("{graph}numbers = []"), "no column that people know");
    check(&format!("{graph}numbers = [\"n\"]\nbeside = [\"o\"]"), "not beside itself");
    let both = "numbers = [\"n\"]\nbeside = [\"c\"]\nwith = [\"c\"]";
    check(&format!("{graph}{both}"), "`c` belongs to an order, or does not");
    let child = "numbers = [\"n\"]\n[[graph.child]]\ntable = \"c\"\ncolumns = []\nof = \"o\"\nto = [\"id\"]";
    check(&format!("{graph}{child}"), "`c` has not as many columns");
}

#[test]
fn a_prefix_is_found_by_the_tables_that_a_graph_names() {
    let graphs = &platform("prestashop").unwrap().graphs;
    let check = |tables: &[&str], expect: &[&str]| {
        assert_eq!(graphs[0].prefixes(tables), expect, "{tables:?}");
    };
    check(&["ps_orders", "ps_cart", "orders_old"], &["ps_"]);
    check(&["orders", "cart"], &[""]);
    check(&["order_detail"], &[]);
    // Of several, one that has all other tables.
    let tables: Vec<&String> = graphs[0].children.iter().map(|child| &child.table).collect();
    let mut all: Vec<String> = tables.iter().map(|table| format!("ps_{table}")).collect();
    all.push("ps_pending_orders".to_owned());
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    check(&all, &["ps_"]);
    let named = graphs[0].named("ps_");
    assert_eq!((named.root.as_str(), named.is_prefixed), ("ps_orders", false));
    assert_eq!(named.emails[0].table.as_ref().unwrap().name, "ps_customer");
    assert!(named.children.iter().all(|child| child.of.starts_with("ps_")));
}

#[test]
fn rules_are_every_combination_of_what_a_route_lists() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let part = RoutePart {
        class: RouteClass::Cart,
        methods: list(&["POST"]),
        paths: list(&["/a", "/b"]),
        queries: vec![],
        bodies: list(&["x", "y"]),
    };
    let rules: Vec<_> =
        rules(part).into_iter().map(|rule| (rule.path, rule.query, rule.body)).collect();
    let expect = |path: &str, body: &str| (path.to_owned(), None, Some(body.to_owned()));
    assert_eq!(rules, [expect("/a", "x"), expect("/a", "y"), expect("/b", "x"), expect("/b", "y")]);
}
