//! What the shop promises to visitors and to whatever stands in front of it.

use databases::private::{self, Postgres};
use demo::customers::{Answer, Client};
use serde_json::Value;

use crate::running::{Running, passable_directory, sqlite_in};

const BUYER: &str = "name=Buyer&email=buyer-it%40example.test&street=Lichtgasse+1&postal_code=10115\
                     &city=Berlin&method=card";

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| panic!("not JSON: {} {}", answer.status, answer.text()))
}

async fn post(client: &mut Client, path: &str, form: &str) -> Answer {
    client.request_once("POST", path, Some(form)).await.expect("an answer")
}

async fn one_cart_one_order(database: &str) {
    let first = Running::start("app-1", database).await;
    let second = Running::start("app-2", database).await;
    let mut client = first.client();
    let added = json(&post(&mut client, "/cart/add", "product=pilz&quantity=2").await);
    assert_eq!(added["items"], 2);
    let form = format!("cart={}&{BUYER}", added["cart"].as_str().unwrap());

    // The same cart is ordered at both instances at the same time, several times.
    let orders = (0..8).map(|n| {
        let mut client = if n % 2 == 0 { first.client() } else { second.client() };
        let form = form.clone();
        tokio::spawn(async move { json(&post(&mut client, "/checkout", &form).await) })
    });
    let mut answers = Vec::new();
    for order in orders.collect::<Vec<_>>() {
        answers.push(order.await.unwrap());
    }
    assert!(answers[0]["order"].as_str().unwrap().starts_with("L-"), "{answers:?}");
    assert_eq!(answers[0]["total_minor"], 2 * 18_900);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    // Its page opens with the key, and with nothing else.
    let number = answers[0]["order"].as_str().unwrap();
    let key = answers[0]["key"].as_str().unwrap();
    assert_eq!(second.get(&format!("/order/{number}?key={key}")).await.status, 200);
    assert_eq!(second.get(&format!("/order/{number}?key=guess")).await.status, 404);

    // The cart that became an order takes no more; the visitor gets a new one.
    let again = json(&post(&mut client, "/cart/add", "product=pilz").await);
    assert_ne!(again["cart"], added["cart"]);
    assert_eq!(again["items"], 1);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cart_is_one_order_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    one_cart_one_order(&sqlite_in(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cart_is_one_order_on_postgres() {
    if !demo::stage::has_postgres() {
        println!("skipped: this machine has no PostgreSQL");
        return;
    }
    let directory = passable_directory();
    let server = Postgres::start(directory.path(), private::Options::default()).await.unwrap();
    server.create_database("shop").await.unwrap();
    one_cart_one_order(&server.url("shop")).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn pages_for_everybody_are_cacheable_and_set_no_cookie() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Running::start("app-1", &sqlite_in(directory.path())).await;
    let twin = Running::start("app-2", &sqlite_in(directory.path())).await;
    for path in ["/", "/category/pendants", "/product/mondkuppel", "/assets/lamp-pilz.svg"] {
        let answer = shop.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("cache-control").unwrap().starts_with("public"), "{path}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        assert_eq!(answer.header("x-instance"), Some("app-1"));
        let etag = answer.header("etag").unwrap().to_owned();
        // Both instances agree on the validator, else a balancer would defeat it.
        let mut client = twin.client();
        client.always_send("if-none-match", &etag);
        let known = client.request("GET", path, None).await.unwrap();
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
    }
}

#[tokio::test]
async fn a_visitor_with_a_cart_gets_pages_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Running::start("app-1", &sqlite_in(directory.path())).await;
    let mut client = shop.client();
    let added = post(&mut client, "/cart/add", "product=glut&quantity=3").await;
    assert_eq!(json(&added)["items"], 3);
    assert!(client.cookie("lampenladen_session").is_some());
    assert!(client.cookie("lampenladen_cart").is_some());
    let home = client.request("GET", "/", None).await.unwrap();
    assert_eq!(home.header("cache-control"), Some("private, no-store"));
    assert!(home.text().contains(r#"id="items">3<"#), "{}", home.text());
    post(&mut client, "/cart/update", "product=glut&quantity=0").await;
    assert_eq!(client.cookie("lampenladen_cart"), None);
    for path in ["/search?q=glass", "/cart", "/account", "/no-such-page"] {
        let answer = client.request("GET", path, None).await.unwrap();
        assert!(answer.header("cache-control").unwrap().contains("no-store"), "{path}");
    }
}

#[tokio::test]
async fn browsers_are_led_on() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Running::start("app-1", &sqlite_in(directory.path())).await;
    let empty = shop.get("/checkout").await;
    assert!(empty.text().contains("Your cart is empty"));
    let mut client = shop.client();
    post(&mut client, "/cart/add", "product=hafen").await;
    let form = client.request("GET", "/checkout", None).await.unwrap();
    assert!(form.text().contains("Place the order"));
    let invalid = post(&mut client, "/checkout", "name=&email=x&street=&postal_code=&city=").await;
    assert_eq!((invalid.status, json(&invalid)["error"].as_str()), (422, Some("invalid")));
}

#[tokio::test]
async fn faults_come_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Running::start("app-1", &sqlite_in(directory.path())).await;
    let mut director = shop.client();

    let fault = post(&mut director, "/__faults", r#"{"error_rate":1.0}"#).await;
    assert_eq!(json(&fault)["error_rate"], 1.0);
    assert_eq!(shop.get("/").await.status, 500);
    assert_eq!(shop.get("/health").await.status, 200);
    post(&mut director, "/__faults", r#"{"error_rate":0.0,"payment_down":true}"#).await;
    assert_eq!(shop.get("/").await.status, 200);

    let mut client = shop.client();
    post(&mut client, "/cart/add", "product=hafen").await;
    let refused = post(&mut client, "/checkout", BUYER).await;
    assert_eq!(
        (refused.status, json(&refused)["error"].as_str()),
        (502, Some("payment_unavailable"))
    );
    // The cart is safe, and pays when the provider is back.
    post(&mut director, "/__faults", r#"{"payment_down":false}"#).await;
    assert_eq!(post(&mut client, "/checkout", BUYER).await.status, 200);

    // Through a proxy there is no such page.
    let mut visitor = shop.client();
    visitor.always_send("x-forwarded-for", "192.0.2.7");
    assert_eq!(post(&mut visitor, "/__faults", r#"{"crash":true}"#).await.status, 404);
}
