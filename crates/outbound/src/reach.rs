//! Whether anybody takes connections somewhere: to tell a dead place from a dead line of our own.

use crate::OutboundError;
use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// Opens a connection and closes it again; nothing is said on it.
///
/// # Errors
/// [`OutboundError::Connect`] or [`OutboundError::Deadline`].
pub async fn connects(host: &str, port: u16, deadline: Duration) -> Result<(), OutboundError> {
    let place = || format!("{host}:{port}");
    match timeout(deadline, TcpStream::connect((host, port))).await {
        Ok(Ok(_stream)) => Ok(()),
        Ok(Err(source)) => Err(OutboundError::Connect { place: place(), source }),
        Err(_) => Err(OutboundError::Deadline { place: place(), deadline }),
    }
}

/// Whether the machine itself says that it has no way to anywhere.
pub(crate) fn is_no_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_takes_connections_or_does_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let second = Duration::from_secs(5);
        connects("127.0.0.1", port, second).await.unwrap();
        drop(listener);
        let error = connects("127.0.0.1", port, second).await.unwrap_err();
        assert!(matches!(error, OutboundError::Connect { .. }), "{error:?}");
        assert!(!error.is_own_network(), "a refusal comes from there");
        let source = io::Error::from(io::ErrorKind::NetworkUnreachable);
        let own = OutboundError::Connect { place: "a.example:443".into(), source };
        assert!(own.is_own_network());
    }
}
