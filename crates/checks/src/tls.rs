//! Whom a check believes, and what certificates say of themselves even when they are not believed.

use crate::{
    outcome::{CertificateSeen, Conclusion, Phase, Reason, TlsSeen},
    trace::Trace,
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

const MOST_NAMES: usize = 100;
/// Chains are three long; rustls takes more.
const MOST_CERTIFICATES: usize = 16;
const LONGEST_NAME_CHARS: usize = 255;

/// The certificate authorities that are believed. Clones share them.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// Those of this machine. Reads files: once, and not where others wait. It may be none at all, and then every check over
    /// TLS is unknown.
    #[must_use]
    pub fn of_machine() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self(Arc::new(roots))
    }

    /// Those of this machine, and those of a text in PEM.
    ///
    /// # Errors
    /// What is wrong with the text; also when there is no certificate in it.
    pub fn of_machine_and(pem: &[u8]) -> Result<Self, String> {
        let added: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(pem).collect();
        let added = added.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        let (good, _) = roots.add_parsable_certificates(added);
        if good == 0 {
            return Err("there is no certificate in it".to_owned());
        }
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Ok(Self(Arc::new(roots)))
    }

    /// These alone; those that are no certificates are left out.
    #[must_use]
    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        Self(Arc::new(roots))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("authorities", &self.0.len()).finish()
    }
}

/// Speaks TLS; what the certificates say is in the trace before they are judged.
pub(crate) async fn shake_hands(
    stream: TcpStream,
    host: &str,
    trust: &Trust,
    protocols: Vec<Vec<u8>>,
    at_ms: i64,
    trace: &mut Trace,
) -> Result<TlsStream<TcpStream>, Conclusion> {
    trace.enter(Phase::Tls);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::clone(&trust.0);
    let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
    let inner = inner.map_err(|_| Conclusion::Unknown(Reason::new("no_authorities")))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Conclusion::Unknown(Reason::new("address_invalid")))?;
    let shown = Arc::new(Mutex::new(Vec::new()));
    let at = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0));
    let at = UnixTime::since_unix_epoch(at);
    let verifier = Arc::new(Witness { inner, at, shown: Arc::clone(&shown) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("invariant: ring speaks the versions that rustls calls safe")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = protocols;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let certificates: Vec<CertificateSeen> =
        shown.lock().map(|shown| shown.clone()).unwrap_or_default();
    let version =
        shaken.as_ref().ok().and_then(|stream| match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
            Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
            _ => None,
        });
    let conclusion = shaken.as_ref().err().map(|error| unshaken(error, host, &certificates));
    if version.is_some() || !certificates.is_empty() {
        trace.seen.tls = Some(TlsSeen { version, certificates });
    }
    shaken.map_err(|_| conclusion.expect("invariant: every error has its conclusion"))
}

fn unshaken(error: &std::io::Error, host: &str, chain: &[CertificateSeen]) -> Conclusion {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match inner {
        Some(rustls::Error::InvalidCertificate(why)) => disbelieved(why, host, chain),
        Some(rustls::Error::InvalidMessage(_)) => Reason::new("tls_not_spoken"),
        Some(why) => Reason::new("tls_failed").with("said", why.to_string()),
        None => Reason::new("closed_early").with("said", error.to_string()),
    };
    Conclusion::Failed(reason)
}

fn disbelieved(why: &CertificateError, host: &str, chain: &[CertificateSeen]) -> Reason {
    let leaf = chain.first();
    let reason = |code| Reason::new(code).with("host", host);
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            // Only of one that did end: it may be another of the chain.
            let ended_ms = chain.iter().map(|seen| seen.not_after_ms).min();
            with_ms(reason("certificate_expired"), "not_after_ms", ended_ms)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let begins_ms = chain.iter().map(|seen| seen.not_before_ms).max();
            with_ms(reason("certificate_not_yet_valid"), "not_before_ms", begins_ms)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = leaf.map(|leaf| leaf.names.join(", ")).unwrap_or_default();
            let names: String = names.chars().take(LONGEST_NAME_CHARS).collect();
            reason("certificate_of_other_name").with("names", names)
        }
        CertificateError::Revoked => reason("certificate_revoked"),
        _ if leaf.is_some_and(|leaf| leaf.names_itself) => reason("certificate_self_signed"),
        CertificateError::UnknownIssuer => {
            let last = chain.last().map(|last| last.issuer.as_str()).unwrap_or_default();
            reason("certificate_of_unknown_issuer").with("issuer", last)
        }
        CertificateError::BadSignature => reason("certificate_badly_signed"),
        why => reason("certificate_invalid").with("said", why.to_string()),
    }
}

fn with_ms(reason: Reason, name: &str, ms: Option<i64>) -> Reason {
    match ms {
        Some(ms) => reason.with(name, ms),
        None => reason,
    }
}

/// Writes down what is shown, then judges as everybody does, but by the check's moment.
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    at: UnixTime,
    shown: Arc<Mutex<Vec<CertificateSeen>>>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).take(MOST_CERTIFICATES);
        if let Ok(mut shown) = self.shown.lock() {
            *shown = chain.filter_map(|certificate| inspect(certificate)).collect();
        }
        let Self { inner, at, .. } = self;
        inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, *at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// `None` for what is no certificate.
fn inspect(der: &[u8]) -> Option<CertificateSeen> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let short = |name: String| name.chars().take(LONGEST_NAME_CHARS).collect::<String>();
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|names| &names.value.general_names);
    let validity = certificate.validity();
    Some(CertificateSeen {
        subject: short(certificate.subject().to_string()),
        issuer: short(certificate.issuer().to_string()),
        names: names.filter_map(host_name).map(short).take(MOST_NAMES).collect(),
        not_before_ms: validity.not_before.timestamp().saturating_mul(1000),
        not_after_ms: validity.not_after.timestamp().saturating_mul(1000),
        names_itself: certificate.subject().as_raw() == certificate.issuer().as_raw(),
    })
}

fn host_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| Ipv4Addr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| Ipv6Addr::from(ip).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_none_and_no_panic() {
        let own = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
        let whole = own.cert.der().to_vec();
        let seen = inspect(&whole).unwrap();
        assert_eq!(seen.names, ["shop.example"]);
        assert!(seen.names_itself && seen.not_before_ms < seen.not_after_ms);
        assert_eq!(inspect(b""), None);
        assert_eq!(inspect(&whole[..whole.len() / 2]), None);
        bolero::check!().with_type::<(u16, u8)>().for_each(|(at, byte)| {
            let mut odd = whole.clone();
            let at = usize::from(*at) % odd.len();
            odd[at] ^= byte;
            if let Some(seen) = inspect(&odd) {
                assert!(seen.names.len() <= MOST_NAMES);
            }
        });
    }
}
