//! Where a service listens that speaks a protocol of its own, and how it is reached.

use crate::CollectError;
use std::{fmt, path::PathBuf};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Host and port: `127.0.0.1:6379`.
    Tcp(String),
    Unix(PathBuf),
}

/// By whom we say that we come.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Empty: the service's usual one.
    pub user: String,
    pub password: String,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Place {
    /// # Errors
    /// When nobody listens there, or does not let us connect.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, CollectError> {
        let stream: Result<Box<dyn Stream>, _> = match self {
            Self::Tcp(address) => {
                TcpStream::connect(address).await.map(|stream| Box::new(stream) as _)
            }
            Self::Unix(path) => UnixStream::connect(path).await.map(|stream| Box::new(stream) as _),
        };
        stream.map_err(|source| CollectError::Ask { place: self.to_string(), source })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}
