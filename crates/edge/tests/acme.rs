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
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use testkit::process::{Process, Signal, Spawn};
use tokio::{io::AsyncWriteExt, net::TcpListener};

const PEBBLE: &str = "/usr/bin/pebble";
const NAMES: &str = "/usr/bin/pebble-challtestsrv";

/// Whether there is an authority to test with. In CI there must be.
fn installed() -> bool {
    let installed = Path::new(PEBBLE).exists() && Path::new(NAMES).exists();
    assert!(installed || std::env::var_os("CI").is_none(), "CI needs Debian's package pebble");
    if !installed {
        println!("skipped: Debian's package pebble is not installed");
    }
    installed
}

/// A process that does not outlive its test.
struct Owned(Process);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself, which its log then tells.
        let _gone = self.0.signal(Signal::Kill);
    }
}

/// An authority with its name server and the web server that it asks for challenges.
struct Authority {
    folder: tempfile::TempDir,
    answers: Arc<Mutex<HashMap<String, String>>>,
    acme: SocketAddr,
    root: PathBuf,
    environment: Vec<(&'static str, &'static str)>,
    names: SocketAddr,
    pebble: Option<Owned>,
    _name_server: Owned,
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
        let folder = testkit::folder();
        let root = folder.path().join("root.pem");
        write_certificates(folder.path());
        let (acme, names) = (testkit::free_port(), testkit::free_port());
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "{acme}", "managementListenAddress": "{}",
            "certificate": "{}", "privateKey": "{}", "httpPort": {}, "tlsPort": {},
            "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}"#,
            testkit::free_port(),
            folder.path().join("server.pem").display(),
            folder.path().join("server.key").display(),
            challenges.port(),
            testkit::free_port().port(),
        );
        std::fs::write(folder.path().join("pebble.json"), config).unwrap();
        let name_server = Spawn::new(NAMES)
            .args(["-dns01", &names.to_string(), "-management", &testkit::free_port().to_string()])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""])
            .output_to(folder.path().join("names.log"))
            .start()
            .unwrap();
        let environment = environment.to_vec();
        let mut authority = Self {
            folder,
            answers,
            acme,
            root,
            environment,
            names,
            pebble: None,
            _name_server: Owned(name_server),
        };
        authority.restart().await;
        authority
    }

    /// Starts pebble, the first time or again with everything forgotten.
    async fn restart(&mut self) {
        if let Some(mut pebble) = self.pebble.take() {
            pebble.0.stop(Duration::from_secs(5)).await.unwrap();
        }
        let config = self.folder.path().join("pebble.json");
        let mut spawn = Spawn::new(PEBBLE)
            .args(["-config".as_ref(), config.as_os_str()])
            .args(["-dnsserver", &self.names.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .output_to(self.folder.path().join("pebble.log"));
        for (name, value) in &self.environment {
            spawn = spawn.env(name, value);
        }
        self.pebble = Some(Owned(spawn.start().unwrap()));
        testkit::wait_until("pebble to listen", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(self.acme).await.map(drop)
        })
        .await;
    }

    fn wanted(&self, hosts: &[&str], account: Option<String>) -> AcmeOrder {
        AcmeOrder {
            directory: format!("https://{}/dir", self.acme),
            contact: vec!["owner@shop.test".to_owned()],
            root: Some(self.root.clone()),
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

fn write_certificates(folder: &Path) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server_pem = server.signed_by(&key, &issuer).unwrap().pem();
    std::fs::write(folder.join("root.pem"), root_pem).unwrap();
    std::fs::write(folder.join("server.pem"), server_pem).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
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
    if !installed() {
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

    authority.restart().await;
    let anew = authority.order(authority.wanted(&hosts, account)).await.unwrap();
    assert_ne!(anew.account_json, first.account_json, "it was forgotten, so another was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_edge_answers_the_challenges_that_control_publishes() {
    if !installed() {
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
    if !installed() {
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
    if !installed() {
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
