//! What other Storewardens ask, through a running edge: passed on to control, and to nobody else.

use crate::{
    origin::{Origin, Reply, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use std::net::SocketAddr;
use testkit::{Answer, exchange, free_port};

const TOKEN: &str = "Authorization: Bearer storewarden_x\r\nCookie: session=1\r\n";

async fn ask(stand: &Stand, line: &str, more: &str) -> Answer {
    let request = format!("{line} HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n");
    exchange(stand.address, request, PATIENCE).await.unwrap()
}

async fn stand(shop: &Origin, control: Option<SocketAddr>) -> Stand {
    let mut wanted = snapshot(1, &[shop.address]);
    wanted.control = control;
    Stand::start(wanted).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_with_a_token_goes_to_control_and_everything_else_to_the_shop() {
    const PEER: &str = "GET /.well-known/storewarden/peer";
    let shop = Origin::start(|_| ok("", "the shop")).await;
    let control = Origin::start(|_| ok("", "control")).await;
    let asking = stand(&shop, Some(control.address)).await;
    for (line, more, expect) in [
        (PEER, TOKEN, "control"),
        (PEER, "", "the shop"),
        (PEER, "Authorization: Basic x\r\n", "the shop"),
        ("GET /.well-known/storewarden/other", TOKEN, "the shop"),
        ("POST /.well-known/storewarden/peer", TOKEN, "the shop"),
    ] {
        assert_eq!(ask(&asking, line, more).await.text(), expect, "{line} {more}");
    }
    let asked = control.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].all("authorization"), ["Bearer storewarden_x"]);
    assert_eq!(asked[0].all("host"), [control.address.to_string()]);
    assert!(asked[0].all("cookie").is_empty(), "nothing else of the request goes there");
    let silent = stand(&shop, None).await;
    assert_eq!(ask(&silent, PEER, TOKEN).await.text(), "the shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_that_is_away_is_told_apart_from_an_edge_that_is() {
    let shop = Origin::start(|_| ok("", "the shop")).await;
    let stand = stand(&shop, Some(free_port())).await;
    let answer = ask(&stand, "GET /.well-known/storewarden/peer", TOKEN).await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"control_away\""), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_a_few_ask_control_at_a_time() {
    let shop = Origin::start(|_| ok("", "the shop")).await;
    let control = Origin::start(|_| Reply::Silence).await;
    let stand = stand(&shop, Some(control.address)).await;
    let one = || ask(&stand, "GET /.well-known/storewarden/peer", TOKEN);
    let six = tokio::join!(one(), one(), one(), one(), one(), one());
    let answers: [Answer; 6] = six.into();
    let said = |code: &str| answers.iter().filter(|answer| answer.text().contains(code)).count();
    assert_eq!((said("\"busy\""), said("\"control_away\"")), (2, 4));
}
