//! Frames over a stream.

use bytes::{Buf, BytesMut};
use kernel::link::{Frame, LinkError};
use std::{io, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A neighbour that takes nothing for this long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error("the other side closed the connection")]
    Closed,
    #[error("read from the link")]
    Read(#[source] io::Error),
    #[error("write to the link")]
    Write(#[source] io::Error),
    #[error("write to the link: nothing was taken for {} s", WRITE_TIMEOUT.as_secs())]
    Stuck,
    #[error("understand the link")]
    Frame(#[from] LinkError),
    #[error("the other side said nothing within {} s", super::control::HELLO_TIMEOUT.as_secs())]
    Silent,
    #[error("the other side began with something else than hello")]
    NoHello,
    #[error("the other side speaks version {0} of the protocol, too far from ours")]
    Protocol(u32),
}

/// The reading half.
pub(super) struct Frames<R> {
    stream: R,
    bytes: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, bytes: BytesMut::new() }
    }

    /// The next frame. Dropping the future loses nothing. After [`LinkError::Foreign`] there is a
    /// next one, after any other error there is not.
    pub(super) async fn next(&mut self) -> Result<Frame, StreamError> {
        loop {
            match Frame::decode(&self.bytes) {
                Ok(Some((frame, used))) => {
                    self.bytes.advance(used);
                    return Ok(frame);
                }
                Ok(None) => {}
                Err(error) => {
                    if let LinkError::Foreign { used, .. } = &error {
                        self.bytes.advance(*used);
                    }
                    return Err(error.into());
                }
            }
            let read = self.stream.read_buf(&mut self.bytes).await;
            if read.map_err(StreamError::Read)? == 0 {
                return Err(StreamError::Closed);
            }
        }
    }
}

/// Writes bytes that are a whole frame.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &[u8],
) -> Result<(), StreamError> {
    match tokio::time::timeout(WRITE_TIMEOUT, stream.write_all(frame)).await {
        Ok(written) => written.map_err(StreamError::Write),
        Err(_elapsed) => Err(StreamError::Stuck),
    }
}
