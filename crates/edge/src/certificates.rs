//! Certificates as text: made for localhost, looked into, turned into what rustls signs with.
//!
//! Knows PEM and X.509, but no socket, no file and no authority.

use kernel::snapshot::Certificate;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};
use x509_parser::{extensions::GeneralName, prelude::FromDer};

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("read the certificate of {host}")]
    Chain { host: String, source: rustls::pki_types::pem::Error },
    #[error("the certificate of {host} holds no PEM block `CERTIFICATE`")]
    Empty { host: String },
    #[error("read the private key of {host}")]
    Key { host: String, source: rustls::pki_types::pem::Error },
    #[error("use the certificate of {host} with its private key")]
    Pair { host: String, source: rustls::Error },
    #[error("parse the certificate of {host}")]
    Parse { host: String, source: x509_parser::error::X509Error },
    #[error("make a self-signed certificate")]
    Make(#[source] rcgen::Error),
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Lower-case DNS names and addresses, in the certificate's order.
    pub hosts: Vec<String>,
    /// Unix milliseconds.
    pub not_before_ms: i64,
    /// Unix milliseconds.
    pub not_after_ms: i64,
    /// The authority's number for it, hexadecimal as browsers show it: `0a:1b:…`.
    pub serial: String,
}

/// How long a self-signed certificate holds; Apple's programs refuse more than 825 days
/// (support.apple.com/103769).
const SELF_SIGNED_DAYS: u64 = 800;
/// Clocks of visitors go slow.
const BACKDATED_DAYS: u64 = 1;

/// Makes a certificate with its key for trying out: the given names, `localhost` and the loopback
/// addresses. Names that no certificate can hold, such as `*` alone, are left out.
///
/// # Errors
/// When no key could be made.
pub fn self_signed(hosts: &[String]) -> Result<Certificate, CertificateError> {
    let always =
        ["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()];
    let mut names: Vec<String> = Vec::new();
    for host in hosts.iter().chain(&always) {
        let usable = host != "*" && host.is_ascii() && !host.is_empty();
        if usable && !names.contains(host) {
            names.push(host.clone());
        }
    }
    let key = KeyPair::generate().map_err(CertificateError::Make)?;
    let mut params = CertificateParams::new(names.clone()).map_err(CertificateError::Make)?;
    params.distinguished_name.push(DnType::CommonName, "Storewarden, self-signed");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let midnight = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs());
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    params.not_before = midnight - days(BACKDATED_DAYS);
    params.not_after = midnight + days(SELF_SIGNED_DAYS);
    let made = params.self_signed(&key).map_err(CertificateError::Make)?;
    Ok(Certificate { hosts: names, chain_pem: made.pem(), key_pem: key.serialize_pem() })
}

/// Looks into the first certificate of a PEM chain.
///
/// # Errors
/// When there is none or it is no X.509 certificate; `host` in the error is `the given chain`.
pub fn inspect(chain_pem: &str) -> Result<Inspected, CertificateError> {
    let host = "the given chain";
    let chain = read_chain(chain_pem, host)?;
    inspect_der(&chain[0], host)
}

/// Looks into a certificate; `host` stands in the error.
pub(crate) fn inspect_der(leaf: &[u8], host: &str) -> Result<Inspected, CertificateError> {
    let parse = |error: x509_parser::nom::Err<x509_parser::error::X509Error>| {
        let source = match error {
            x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error,
            x509_parser::nom::Err::Incomplete(_) => x509_parser::error::X509Error::Generic,
        };
        CertificateError::Parse { host: host.to_owned(), source }
    };
    let (_, leaf) = x509_parser::certificate::X509Certificate::from_der(leaf).map_err(parse)?;
    let names = leaf
        .subject_alternative_name()
        .map_err(|source| CertificateError::Parse { host: host.to_owned(), source })?;
    let hosts = names.iter().flat_map(|names| &names.value.general_names).filter_map(host_name);
    Ok(Inspected {
        hosts: hosts.collect(),
        not_before_ms: leaf.validity().not_before.timestamp().saturating_mul(1000),
        not_after_ms: leaf.validity().not_after.timestamp().saturating_mul(1000),
        serial: leaf.tbs_certificate.raw_serial_as_string(),
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

fn read_chain(pem: &str, host: &str) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| CertificateError::Chain { host: host.to_owned(), source })?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { host: host.to_owned() });
    }
    Ok(chain)
}

/// What rustls signs handshakes with.
///
/// # Errors
/// Names the first host when chain or key cannot be read or do not belong together.
pub(crate) fn certified_key(
    certificate: &Certificate,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let host = || certificate.hosts.first().map_or("no host", String::as_str).to_owned();
    let chain = read_chain(&certificate.chain_pem, &host())?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())
        .map_err(|source| CertificateError::Key { host: host(), source })?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|source| CertificateError::Pair { host: host(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_signed_certificate_names_loopback_and_holds_long_enough() {
        let hosts = ["shop.example".to_owned(), "*".to_owned(), "*.shop.example".to_owned()];
        let made = self_signed(&hosts).unwrap();
        let inspected = inspect(&made.chain_pem).unwrap();
        let expect = ["shop.example", "*.shop.example", "localhost", "127.0.0.1", "::1"];
        assert_eq!(inspected.hosts, expect);
        assert_eq!(made.hosts, expect);
        let day_ms = 24 * 60 * 60 * 1000;
        assert!(inspected.not_after_ms - inspected.not_before_ms > 700 * day_ms);
        certified_key(&made, &rustls::crypto::ring::default_provider()).unwrap();
    }

    #[test]
    fn what_is_wrong_names_the_host() {
        let good = self_signed(&["shop.example".to_owned()]).unwrap();
        let other = self_signed(&["other.example".to_owned()]).unwrap();
        let check = |chain: &str, key: &str, expect: &str| {
            let (chain_pem, key_pem) = (chain.to_owned(), key.to_owned());
            let bad = Certificate { hosts: good.hosts.clone(), chain_pem, key_pem };
            let error = certified_key(&bad, &rustls::crypto::ring::default_provider());
            assert_eq!(error.unwrap_err().to_string(), expect);
        };
        let (chain, key) = (good.chain_pem.as_str(), good.key_pem.as_str());
        check("", key, "the certificate of shop.example holds no PEM block `CERTIFICATE`");
        check(&chain.replacen("MI", "M!", 1), key, "read the certificate of shop.example");
        check(chain, "", "read the private key of shop.example");
        let pair = "use the certificate of shop.example with its private key";
        check(chain, &other.key_pem, pair);
        assert!(inspect("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }
}
