//! Certificates ordered from Debian's `pebble`, a real ACME authority on the loopback.

use crate::{
    origin::{Origin, ok},
    stand::{Stand, snapshot},
};
use edge::{
    acme::{AcmeError, AcmeOrder, Ordered, order},
    certificates::inspect,
    link::LinkEvent,
};
use kernel::snapshot::Challenge;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use testkit::Pebble;
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// An authority with the web server that it asks for challenges.
struct Authority {
    pebble: Pebble,
    answers: Arc<Mutex<HashMap<String, String>>>,
}

impl Authority {
    /// An authority that asks a small web server of the test's own for challenges.
    async fn start(environment: &[(&'static str, &'static str)]) -> Self {
        let answers = Arc::default();
        let challenges = serve_answers(Arc::clone(&answers)).await;
        Self::start_asking(challenges, answers, environment).await
    }

    async fn start_asking(
        challenges: SocketAddr,
        answers: Arc<Mutex<HashMap<String, String>>>,
        environment: &[(&'static str, &'static str)],
    ) -> Self {
        Self { pebble: Pebble::start(challenges.port(), environment).await, answers }
    }

    fn wanted(&self, hosts: &[&str], account: Option<String>) -> AcmeOrder {
        AcmeOrder {
            directory: self.pebble.directory(),
            contact: vec!["owner@shop.test".to_owned()],
            root: Some(self.pebble.root()),
            account,
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        }
    }

    /// Orders as control does: on a thread pool, publishing to whoever answers.
    async fn order(&self, wanted: AcmeOrder) -> Result<Ordered, AcmeError> {
        let answers = Arc::clone(&self.answers);
        let publish = async move |challenges: Vec<Challenge>| {
            tokio::task::yield_now().await;
            *answers.lock().unwrap() =
                challenges.into_iter().map(|c| (c.token, c.key_authorization)).collect();
        };
        tokio::spawn(async move { order(wanted, publish).await }).await.unwrap()
    }

    fn is_silent(&self) -> bool {
        self.answers.lock().unwrap().is_empty()
    }
}

/// Answers challenges as an edge would, on a port of its own.
async fn serve_answers(answers: Arc<Mutex<HashMap<String, String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let read = tokio::io::AsyncReadExt::read_buf(&mut stream, &mut head);
                    assert_ne!(read.await.unwrap(), 0);
                }
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                let token = path.strip_prefix("/.well-known/acme-challenge/").unwrap();
                let body = answers.lock().unwrap().get(token).cloned();
                let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
                let body = body.unwrap_or_default();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_ordered_and_again_with_the_same_account() {
    if !Pebble::is_installed() {
        return;
    }
    let mut authority = Authority::start(&[("PEBBLE_WFE_NONCEREJECT", "0")]).await;
    let hosts = ["shop.test", "www.shop.test"];
    let first = authority.order(authority.wanted(&hosts, None)).await.unwrap();
    let mut named = inspect(&first.chain_pem).unwrap().hosts;
    named.sort();
    assert_eq!(named, hosts);
    assert!(first.key_pem.contains("PRIVATE KEY"));
    assert!(first.not_after_ms > inspect(&first.chain_pem).unwrap().not_before_ms);
    assert!(authority.is_silent(), "no challenge is answered any more");

    let account = Some(first.account_json.clone());
    let again = authority.order(authority.wanted(&hosts, account.clone())).await.unwrap();
    assert_eq!(again.account_json, first.account_json);
    assert_ne!(again.chain_pem, first.chain_pem);

    authority.pebble.restart().await;
    let anew = authority.order(authority.wanted(&hosts, account)).await.unwrap();
    assert_ne!(anew.account_json, first.account_json, "it was forgotten, so another was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edge_answers_the_challenges_that_control_publishes() {
    if !Pebble::is_installed() {
        return;
    }
    let origin = Origin::start(|_| ok("", "not a challenge")).await;
    let stand = Stand::start(snapshot(1, &[origin.address])).await;
    let environment = [("PEBBLE_WFE_NONCEREJECT", "0")];
    let authority = Authority::start_asking(stand.address, Arc::default(), &environment).await;
    let version = AtomicU64::new(1);
    let publish = async |challenges: Vec<Challenge>| {
        let version = version.fetch_add(1, Relaxed) + 1;
        let mut events = stand.control.events();
        let mut next = snapshot(version, &[origin.address]);
        next.challenges = challenges;
        stand.control.publish(next).unwrap();
        loop {
            match events.recv().await.unwrap() {
                LinkEvent::Applied { applied, .. } if applied.version == version => break,
                _ => {}
            }
        }
    };
    let ordered = order(authority.wanted(&["shop.test"], None), publish).await.unwrap();
    assert_eq!(inspect(&ordered.chain_pem).unwrap().hosts, ["shop.test"]);
    assert_eq!(version.into_inner(), 3, "published and taken back");
    assert!(origin.asked().is_empty(), "the shop heard nothing of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_nonces_are_got_over() {
    if !Pebble::is_installed() {
        return;
    }
    let authority = Authority::start(&[]).await;
    for round in 0..3 {
        let host = format!("shop-{round}.test");
        authority.order(authority.wanted(&[&host], None)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_named() {
    if !Pebble::is_installed() {
        return;
    }
    let authority = Authority::start(&[("PEBBLE_WFE_NONCEREJECT", "0")]).await;
    let nobody_answers = async |_: Vec<Challenge>| {};
    let error = order(authority.wanted(&["shop.test"], None), nobody_answers).await.unwrap_err();
    let AcmeError::Unconfirmed { host, reason } = &error else { panic!("{error:?}") };
    assert_eq!(host, "shop.test");
    assert!(reason.contains("404"), "{reason}");

    let error = authority.order(authority.wanted(&["*.shop.test"], None)).await.unwrap_err();
    assert!(matches!(error, AcmeError::Wildcard(_)), "{error:?}");

    let account = Some("{}".to_owned());
    let error = authority.order(authority.wanted(&["shop.test"], account)).await.unwrap_err();
    assert!(matches!(error, AcmeError::Account(_)), "{error:?}");

    let nowhere = testkit::free_port();
    let mut wanted = authority.wanted(&["shop.test"], None);
    wanted.directory = format!("https://{nowhere}/dir");
    let error = authority.order(wanted).await.unwrap_err();
    assert!(matches!(error, AcmeError::Register { .. }), "{error:?}");
    assert!(authority.is_silent());
}
