//! A connection that stopped being HTTP: WebSocket bytes both ways until both sides are done.

use crate::{
    path::Finish,
    upstream::{Lane, SharedStream, UpstreamParts},
};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// What the request path leaves behind a 101: the shop's side, and what is to be counted and given
/// back at the end.
pub(crate) struct Upgrade {
    pub(crate) lane: Lane,
    pub(crate) finish: Finish,
}

impl Upgrade {
    /// Joins both sides. `early` is what the visitor sent behind the request already.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, visitor: S, early: &[u8]) {
        let to_visitor = match self.lane.upgraded().await {
            Some(shop) => join(visitor, early, shop).await.ok(),
            None => None,
        };
        self.finish.end_upgrade(to_visitor);
    }
}

/// How many bytes went to the visitor.
async fn join<S: AsyncRead + AsyncWrite + Unpin>(
    mut visitor: S,
    early: &[u8],
    shop: UpstreamParts,
) -> io::Result<u64> {
    let mut stream: SharedStream = TokioIo::into_inner(shop.io);
    stream.write_all(early).await?;
    visitor.write_all(&shop.read_buf).await?;
    visitor.flush().await?;
    let (_, to_visitor) = tokio::io::copy_bidirectional(&mut visitor, &mut stream).await?;
    Ok(to_visitor + shop.read_buf.len() as u64)
}
