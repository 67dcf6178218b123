//! Certificates that are believed, and each way in which they are not.

use crate::stand::{NOW_MS, PLENTY, Stand, answer, failed, get, http, request, unknown};
use bytes::Bytes;
use checks::{Check, Conclusion, HttpCheck, Outcome, Protocol, Trust, readings, run};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kernel::readings::Readings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// One that holds from 2020 to 2040.
pub(crate) fn authority() -> Authority {
    authority_of("Lamp Authority")
}

fn authority_of(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
}

pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn trust(&self) -> Trust {
        Trust::of(vec![self.0.der().clone()])
    }

    /// Holds through December 2025 and January 2026.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let leaf = params(name).signed_by(&key, &self.0).unwrap();
        Identity { chain: vec![leaf.der().clone()], key }
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2025, 12, 1);
    params.not_after = date_time_ymd(2026, 2, 1);
    params
}

pub(crate) fn acceptor(identity: &Identity, protocols: &[&[u8]]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = identity.key.serialize_der().try_into().unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), key)
        .unwrap();
    tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(tls))
}

async fn start<D>(acceptor: TlsAcceptor, deal: fn(TlsStream<TcpStream>) -> D) -> Stand
where
    D: Future<Output = ()> + Send + 'static,
{
    Stand::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A check that does not believe us hangs up here.
            if let Ok(stream) = acceptor.accept(stream).await {
                deal(stream).await;
            }
        }
    })
    .await
}

async fn plain(mut stream: TlsStream<TcpStream>) {
    if request(&mut stream).await.is_some() {
        stream.write_all(&answer(200, "", "lamp")).await.ok();
        stream.shutdown().await.ok();
    }
}

async fn second(stream: TlsStream<TcpStream>) {
    let service = hyper::service::service_fn(async |_| {
        Ok::<_, hyper::Error>(http::Response::new(Full::new(Bytes::from_static(b"lamp"))))
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    connection.serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn tried(identity: &Identity, trust: Trust, at_ms: i64) -> Outcome {
    let stand = start(acceptor(identity, &[]), plain).await;
    let url = format!("https://localhost:{}/", stand.address.port());
    run(&Check::Http(HttpCheck { trust, ..get(url) }), at_ms, PLENTY).await
}

#[tokio::test]
async fn a_certificate_of_an_authority_we_believe_passes_and_is_told() {
    let authority = authority();
    let outcome = tried(&authority.identity("localhost"), authority.trust(), NOW_MS).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert!(outcome.phases.iter().any(|(phase, _)| phase.word() == "tls"));
    let tls = outcome.seen.tls.clone().unwrap();
    assert_eq!(tls.version, Some("1.3"));
    let leaf = &tls.certificates[0];
    assert_eq!(leaf.names, ["localhost"]);
    assert!(leaf.issuer.contains("CN=Lamp Authority"), "{}", leaf.issuer);
    // 2026-02-01, of the leaf alone: the authority itself was not sent.
    assert_eq!(tls.earliest_expiry_ms(), Some(NOW_MS + 31 * DAY_MS));
    let mut told = Readings::new();
    let check = Check::Http(get("https://localhost/".into()));
    readings(&check, &outcome, &[], &mut told);
    let expiry = (NOW_MS + 31 * DAY_MS) as f64 / 1000.0;
    assert_eq!(told.value("probe_ssl_earliest_cert_expiry", &[]), Some(expiry));
    assert_eq!(told.value("probe_tls_version_info", &[("version", "TLS 1.3")]), Some(1.0));
    assert_eq!(told.value("probe_http_ssl", &[]), Some(1.0));
}

#[tokio::test]
async fn each_way_of_not_being_believed_has_its_own_reason_and_shows_the_certificate() {
    let authority = authority();
    let own = authority.identity("localhost");
    let check = async |identity: &Identity, trust: Trust, at_ms: i64, code: &str| {
        let outcome = tried(identity, trust, at_ms).await;
        assert_eq!(failed(&outcome).code, code);
        assert_eq!(failed(&outcome).params["host"], "localhost".into(), "{code}");
        let tls = outcome.seen.tls.clone().unwrap();
        assert_eq!(tls.certificates[0].not_after_ms, NOW_MS + 31 * DAY_MS, "{code}");
        assert_eq!((tls.version, &outcome.seen.http), (None, &None), "{code}");
        outcome
    };
    let late = NOW_MS + 32 * DAY_MS;
    let outcome = check(&own, authority.trust(), late, "certificate_expired").await;
    let ended_ms = NOW_MS + 31 * DAY_MS;
    assert_eq!(failed(&outcome).params["not_after_ms"], ended_ms.into());
    let early = NOW_MS - 32 * DAY_MS;
    check(&own, authority.trust(), early, "certificate_not_yet_valid").await;
    let other = authority.identity("other.example");
    let outcome = check(&other, authority.trust(), NOW_MS, "certificate_of_other_name").await;
    assert_eq!(failed(&outcome).params["names"], "other.example".into());
    // Another key by the same name: somebody claims to be whom we know.
    let outcome = check(&own, self::authority().trust(), NOW_MS, "certificate_badly_signed").await;
    assert!(!failed(&outcome).params.contains_key("issuer"));
    let stranger = authority_of("Chair Authority").trust();
    let outcome = check(&own, stranger, NOW_MS, "certificate_of_unknown_issuer").await;
    let kernel::Value::Text(issuer) = &failed(&outcome).params["issuer"] else {
        panic!("no issuer was told");
    };
    assert!(issuer.contains("Lamp Authority"), "{issuer}");
    let key = KeyPair::generate().unwrap();
    let itself = params("localhost").self_signed(&key).unwrap();
    let itself = Identity { chain: vec![itself.der().clone()], key };
    check(&itself, authority.trust(), NOW_MS, "certificate_self_signed").await;
}

#[tokio::test]
async fn without_authorities_nothing_is_said_of_the_shop() {
    let own = authority().identity("localhost");
    let outcome = tried(&own, Trust::of(Vec::new()), NOW_MS).await;
    assert_eq!(unknown(&outcome).code, "no_authorities");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_from_one_that_hangs_up() {
    let shut = Stand::start(|stream| async move { drop(stream) }).await;
    let odd = Stand::start(|mut stream| async move {
        stream.write_all(&answer(400, "", "plain HTTP spoken here")).await.ok();
        request(&mut stream).await;
    })
    .await;
    let code = async |stand: &Stand| {
        let url = format!("https://localhost:{}/", stand.address.port());
        failed(&http(HttpCheck { trust: authority().trust(), ..get(url) }).await).code
    };
    assert_eq!(code(&shut).await, "closed_early");
    assert_eq!(code(&odd).await, "tls_not_spoken");
}

#[tokio::test]
async fn the_version_of_http_is_agreed_on_or_missed() {
    let authority = authority();
    let identity = authority.identity("localhost");
    let both = start(acceptor(&identity, &[b"h2", b"http/1.1"]), second).await;
    let first = start(acceptor(&identity, &[b"http/1.1"]), plain).await;
    let check = async |stand: &Stand, protocol: Protocol| {
        let url = format!("https://localhost:{}/", stand.address.port());
        http(HttpCheck { protocol, trust: authority.trust(), ..get(url) }).await
    };
    for protocol in [Protocol::Any, Protocol::Http2] {
        let outcome = check(&both, protocol).await;
        assert_eq!(outcome.conclusion, Conclusion::Passed);
        let seen = outcome.seen.http.unwrap();
        assert_eq!((seen.version, seen.body_bytes), ("2", 4));
    }
    let outcome = check(&first, Protocol::Any).await;
    assert_eq!(outcome.seen.http.unwrap().version, "1.1");
    // The server ends a connection on which nothing can be agreed (RFC 7301, 3.2).
    let outcome = check(&first, Protocol::Http2).await;
    assert_eq!(failed(&outcome).code, "tls_failed");
}

#[tokio::test]
async fn https_never_leads_to_plain_http() {
    let authority = authority();
    let stand = start(acceptor(&authority.identity("localhost"), &[]), |mut stream| async move {
        request(&mut stream).await;
        let away = answer(302, "location: http://localhost/\r\n", "");
        stream.write_all(&away).await.ok();
    })
    .await;
    let url = format!("https://localhost:{}/", stand.address.port());
    let outcome = http(HttpCheck { redirects: 3, trust: authority.trust(), ..get(url) }).await;
    assert_eq!(failed(&outcome).code, "redirect_to_plain");
}
