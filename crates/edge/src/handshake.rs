//! Which certificate a listener of our own shows: a TLS handshake that looks and believes nothing.
//!
//! For control, to see that what it published is what visitors get. Never used to speak to anybody:
//! the connection is closed when the certificate is seen.

use crate::certificates::{CertificateError, Inspected, inspect_der};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// A listener of this machine answers at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why nobody knows which certificate is shown.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error("ask for a name that is none: `{0}`")]
    Name(String),
    #[error("speak TLS with {address}")]
    Speak { address: SocketAddr, source: io::Error },
    #[error("speak TLS with {address}: it did not answer in time")]
    TooLong { address: SocketAddr },
    #[error("see the certificate of {address}: it showed none")]
    Nothing { address: SocketAddr },
    #[error("look into the certificate that is served")]
    Certificate(#[from] CertificateError),
}

/// The certificate that a visitor of `host` is shown at `address`.
///
/// # Errors
/// When nobody answers there by TLS, or what is shown cannot be understood.
pub async fn served(address: SocketAddr, host: &str) -> Result<Inspected, HandshakeError> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| HandshakeError::Name(host.to_owned()))?;
    let connector = TlsConnector::from(Arc::new(looking()));
    let shaking = async {
        let stream = TcpStream::connect(address).await?;
        connector.connect(name, stream).await
    };
    let shaken = timeout(PATIENCE, shaking).await;
    let shaken = shaken.map_err(|_| HandshakeError::TooLong { address })?;
    let stream = shaken.map_err(|source| HandshakeError::Speak { address, source })?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let leaf = shown.ok_or(HandshakeError::Nothing { address })?;
    Ok(inspect_der(leaf, host)?)
}

fn looking() -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("invariant: ring speaks the versions that rustls calls safe")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker(provider)))
        .with_no_client_auth()
}

/// Takes every certificate: it is only looked at.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    // That the server has the key is checked all the same: it costs nothing, and whoever shows a
    // certificate without its key serves nobody.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
