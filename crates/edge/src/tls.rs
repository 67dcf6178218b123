//! TLS towards visitors: one rustls configuration for all workers, certificates chosen by name.
//!
//! Certificates are swapped as a whole when a snapshot brings others; connections that are open
//! keep what they began with. Knows no HTTP but the two names of its versions.

use crate::certificates::{CertificateError, certified_key};
use arc_swap::ArcSwap;
use kernel::snapshot::Certificate;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache},
    sign::CertifiedKey,
};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// Sessions remembered for visitors that resume without a ticket (TLS 1.2).
const SESSIONS: usize = 20_000;

/// The configuration of every TLS listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, resumption by
/// tickets whose keys rotate (rustls: every six hours) and are the same for all workers.
///
/// # Errors
/// When the system has no randomness for ticket keys.
pub(crate) fn server_config(resolver: Arc<Resolver>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.ticketer = ring::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// Finds the certificate for a name: the exact one, else its wildcard, else the first of all.
#[derive(Debug)]
pub(crate) struct Resolver {
    provider: CryptoProvider,
    table: ArcSwap<Table>,
}

#[derive(Debug, Default)]
struct Table {
    source: Vec<Certificate>,
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    fallback: Option<Arc<CertifiedKey>>,
}

impl Resolver {
    /// Knows no certificate yet: every handshake fails until [`Resolver::set`].
    pub(crate) fn new() -> Arc<Self> {
        let provider = ring::default_provider();
        Arc::new(Self { provider, table: ArcSwap::default() })
    }

    /// Serves these from the next handshake on.
    ///
    /// # Errors
    /// Names the host whose certificate or key is unusable. Nothing has changed then.
    pub(crate) fn set(&self, certificates: &[Certificate]) -> Result<(), CertificateError> {
        if self.table.load().source == certificates {
            return Ok(());
        }
        let mut table = Table { source: certificates.to_vec(), ..Table::default() };
        for certificate in certificates {
            let key = Arc::new(certified_key(certificate, &self.provider)?);
            for host in &certificate.hosts {
                let (names, name) = match host.strip_prefix("*.") {
                    Some(parent) => (&mut table.wildcard, parent),
                    None => (&mut table.exact, host.as_str()),
                };
                names.entry(name.to_ascii_lowercase()).or_insert_with(|| Arc::clone(&key));
            }
            table.fallback.get_or_insert(key);
        }
        self.table.store(Arc::new(table));
        Ok(())
    }

    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let table = self.table.load();
        let by_name = |name: &str| {
            let name = match name.bytes().any(|b| b.is_ascii_uppercase()) {
                true => Cow::Owned(name.to_ascii_lowercase()),
                false => Cow::Borrowed(name),
            };
            let parent = name.split_once('.').map(|(_, parent)| parent);
            table.exact.get(&*name).or_else(|| table.wildcard.get(parent?)).cloned()
        };
        name.and_then(by_name).or_else(|| table.fallback.clone())
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::self_signed;
    use rustls::{
        ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConnection,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    };

    fn certificate(hosts: &[&str]) -> Certificate {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        Certificate { hosts: hosts.clone(), ..self_signed(&hosts).unwrap() }
    }

    fn der(certificate: &Certificate) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes()).unwrap()
    }

    #[test]
    fn names_find_their_certificate() {
        let first = certificate(&["first.example"]);
        let wild = certificate(&["*.shop.example"]);
        let exact = certificate(&["www.shop.example"]);
        let resolver = Resolver::new();
        assert!(resolver.find(Some("first.example")).is_none());
        resolver.set(&[first.clone(), wild.clone(), exact.clone()]).unwrap();
        let check = |name: Option<&str>, expect: &Certificate| {
            let found = resolver.find(name).unwrap();
            assert_eq!(found.cert[0], der(expect), "{name:?}");
        };
        check(Some("first.example"), &first);
        check(Some("WWW.Shop.example"), &exact);
        check(Some("a.shop.example"), &wild);
        check(Some("a.b.shop.example"), &first);
        check(Some("shop.example"), &first);
        check(None, &first);
    }

    #[test]
    fn a_bad_certificate_changes_nothing() {
        let good = certificate(&["shop.example"]);
        let resolver = Resolver::new();
        resolver.set(std::slice::from_ref(&good)).unwrap();
        let bad = Certificate { key_pem: String::new(), ..certificate(&["bad.example"]) };
        let error = resolver.set(&[good.clone(), bad]).unwrap_err();
        assert_eq!(error.to_string(), "read the private key of bad.example");
        assert_eq!(resolver.find(None).unwrap().cert[0], der(&good));
    }

    /// Both ends in memory: protocol version and whether the session was resumed.
    fn handshake(
        server: &Arc<ServerConfig>,
        client: &Arc<ClientConfig>,
    ) -> (ProtocolVersion, bool) {
        let name = ServerName::try_from("shop.example").unwrap();
        let mut client = ClientConnection::new(client.clone(), name).unwrap();
        let mut server = ServerConnection::new(server.clone()).unwrap();
        for _ in 0..8 {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        assert_eq!(server.alpn_protocol(), Some(&b"h2"[..]));
        let resumed = server.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        (server.protocol_version().unwrap(), resumed)
    }

    #[test]
    fn both_versions_of_tls_are_spoken_and_resumed() {
        let made = certificate(&["shop.example"]);
        let resolver = Resolver::new();
        resolver.set(std::slice::from_ref(&made)).unwrap();
        let server = server_config(resolver).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(der(&made)).unwrap();
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let provider = Arc::new(ring::default_provider());
            let mut client = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let client = Arc::new(client);
            assert_eq!(handshake(&server, &client), (version.version, false));
            assert_eq!(handshake(&server, &client), (version.version, true));
        }
    }
}
