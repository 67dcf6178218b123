//! A request body, taken in whole before a place at an instance is, so that a slow visitor costs
//! the shop nothing and the request can be sent again while nothing of it was heard.

use super::file::{Spill, SpillFile};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    task::{JoinError, JoinHandle, spawn_blocking},
    time::timeout,
};

/// Bytes written to and read from a file at once.
const PIECE: usize = 64 * 1024;
/// How much of a spilled body's beginning stays in memory, for [`Spooled::first`].
const BEGINNING: usize = 16 * 1024;

/// Why a request body was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("request body is larger than {0} bytes")]
    TooLarge(u64),
    #[error("request body stalled")]
    Stalled,
    #[error("visitor broke off the request body")]
    Aborted(#[source] Box<dyn Error + Send + Sync>),
    #[error("no room to keep a long request body")]
    Full,
    #[error("keep a long request body")]
    Spill(#[source] io::Error),
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Spill(error),
        }
    }
}

impl From<JoinError> for BodyError {
    fn from(error: JoinError) -> Self {
        Self::Spill(io::Error::other(error))
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) total_bytes: u64,
    /// Up to this a body stays in memory.
    pub(crate) memory_bytes: u64,
    /// Longest time without a piece.
    pub(crate) quiet: Duration,
}

/// A whole request body, in memory or in a file. Trailers are dropped.
#[derive(Debug)]
pub(crate) struct Spooled(Kept);

#[derive(Debug)]
enum Kept {
    Memory(Bytes),
    File { beginning: Bytes, file: Arc<SpillFile> },
}

impl Spooled {
    pub(crate) const EMPTY: Self = Self(Kept::Memory(Bytes::new()));

    /// Takes `body` in, to its end.
    ///
    /// # Errors
    /// When the body is too large, too slow, broken off, or there is no room for it. What was
    /// taken in is gone then.
    pub(crate) async fn collect<B>(
        mut body: B,
        limits: BodyLimits,
        spill: &Arc<Spill>,
    ) -> Result<Self, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Ok(Self::EMPTY);
        }
        if body.size_hint().lower() > limits.total_bytes {
            return Err(BodyError::TooLarge(limits.total_bytes));
        }
        let mut intake = Intake::default();
        let mut total = 0_u64;
        while let Some(piece) = next(&mut body, limits.quiet).await? {
            total += piece.len() as u64;
            if total > limits.total_bytes {
                return Err(BodyError::TooLarge(limits.total_bytes));
            }
            intake.take(piece, limits.memory_bytes, spill).await?;
        }
        intake.finish().await
    }

    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::File { file, .. } => file.len(),
        }
    }

    /// The first `n` bytes, or as many as there are; of a spilled body no more than 16 KiB.
    pub(crate) fn first(&self, n: usize) -> &[u8] {
        let (Kept::Memory(beginning) | Kept::File { beginning, .. }) = &self.0;
        &beginning[..n.min(beginning.len())]
    }

    /// The body, to be sent from its beginning; as often as needed.
    pub(crate) fn body(&self) -> SpooledBody {
        SpooledBody(match &self.0 {
            Kept::Memory(bytes) => Source::Memory(bytes.clone()),
            Kept::File { file, .. } => {
                Source::File { file: Arc::clone(file), at: 0, reading: None }
            }
        })
    }
}

/// The next piece with bytes in it; `None` at the end.
async fn next<B>(body: &mut B, quiet: Duration) -> Result<Option<Bytes>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let piece = async {
        while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            let frame = frame.map_err(|error| BodyError::Aborted(error.into()))?;
            match frame.into_data() {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(None)
    };
    timeout(quiet, piece).await.map_err(|_| BodyError::Stalled)?
}

/// What came in so far: one piece as it came, then a buffer, then a file with a buffer before it.
#[derive(Default)]
struct Intake {
    single: Bytes,
    buffer: BytesMut,
    file: Option<(Bytes, SpillFile)>,
}

impl Intake {
    async fn take(
        &mut self,
        piece: Bytes,
        memory: u64,
        spill: &Arc<Spill>,
    ) -> Result<(), BodyError> {
        let held = self.single.len() + self.buffer.len() + piece.len();
        if self.file.is_none() && held as u64 <= memory {
            if self.single.is_empty() && self.buffer.is_empty() {
                self.single = piece;
                return Ok(());
            }
            self.join(&piece);
            return Ok(());
        }
        self.join(&piece);
        if self.file.is_none() {
            let space = Arc::clone(spill);
            let file = spawn_blocking(move || SpillFile::create(space)).await??;
            self.file = Some((Bytes::new(), file));
        }
        if self.buffer.len() >= PIECE {
            self.write().await?;
        }
        Ok(())
    }

    fn join(&mut self, piece: &[u8]) {
        if !self.single.is_empty() {
            self.buffer.extend_from_slice(&self.single);
            self.single = Bytes::new();
        }
        self.buffer.extend_from_slice(piece);
    }

    async fn write(&mut self) -> Result<(), BodyError> {
        let Some((mut beginning, mut file)) = self.file.take() else { return Ok(()) };
        let mut bytes = std::mem::take(&mut self.buffer);
        if file.len() == 0 {
            beginning = Bytes::copy_from_slice(&bytes[..bytes.len().min(BEGINNING)]);
        }
        let (file, empty) = spawn_blocking(move || {
            file.append(&bytes)?;
            bytes.clear();
            Ok::<_, io::Error>((file, bytes))
        })
        .await??;
        self.buffer = empty;
        self.file = Some((beginning, file));
        Ok(())
    }

    async fn finish(mut self) -> Result<Spooled, BodyError> {
        self.write().await?;
        Ok(Spooled(match self.file {
            Some((beginning, file)) => Kept::File { beginning, file: Arc::new(file) },
            None if self.buffer.is_empty() => Kept::Memory(self.single),
            None => Kept::Memory(self.buffer.freeze()),
        }))
    }
}

/// A [`Spooled`] body on its way to an instance.
#[derive(Debug)]
pub(crate) struct SpooledBody(Source);

#[derive(Debug)]
enum Source {
    Memory(Bytes),
    File { file: Arc<SpillFile>, at: u64, reading: Option<JoinHandle<io::Result<Bytes>>> },
}

impl Body for SpooledBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.0 {
            Source::Memory(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Memory(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::File { file, at, .. } if *at == file.len() => Poll::Ready(None),
            Source::File { file, at, reading } => {
                let task = reading.get_or_insert_with(|| {
                    let (file, at) = (Arc::clone(file), *at);
                    let left = usize::try_from(file.len() - at).unwrap_or(usize::MAX);
                    spawn_blocking(move || file.read(at, left.min(PIECE)))
                });
                let read = ready!(Pin::new(task).poll(context));
                *reading = None;
                let piece = read.map_err(io::Error::other).flatten()?;
                *at += piece.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::File { file, at, .. } => file.len() - at,
        })
    }
}
