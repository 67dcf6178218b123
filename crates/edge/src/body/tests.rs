//! Bodies that come in every way a body can come.

use super::*;
use http::HeaderMap;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

/// What a scripted body does next; at the end of the script it ends.
#[derive(Debug, Clone)]
enum Does {
    Sends(&'static [u8]),
    SendsMany(usize),
    Trailers,
    BreaksOff,
    /// Says nothing more, for ever.
    Stalls,
}

struct Scripted {
    script: VecDeque<Does>,
    /// Announced, as by `Content-Length`.
    left: Option<u64>,
}

impl Scripted {
    fn new(script: &[Does]) -> Self {
        Self { script: script.iter().cloned().collect(), left: None }
    }

    fn announcing(script: &[Does], left: u64) -> Self {
        Self { left: Some(left), ..Self::new(script) }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match self.script.pop_front() {
            None => return Poll::Ready(None),
            Some(Does::Sends(piece)) => Bytes::from_static(piece),
            Some(Does::SendsMany(len)) => pattern(0, len),
            Some(Does::Trailers) => {
                return Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))));
            }
            Some(Does::BreaksOff) => {
                return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
            }
            Some(Does::Stalls) => {
                self.script.push_front(Does::Stalls);
                return Poll::Pending;
            }
        };
        self.left = self.left.map(|left| left - piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Bytes that tell where in a body they stand.
fn pattern(from: usize, len: usize) -> Bytes {
    (from..from + len).map(|at| u8::try_from(at % 251).expect("below 251")).collect()
}

async fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Bytes, B::Error>> {
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_else(|_| panic!("no trailers pass"))))
}

async fn whole<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Vec<u8>, B::Error> {
    let mut all = Vec::new();
    while let Some(piece) = next(body).await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

mod observed {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        bytes: Vec<u8>,
        outcomes: Vec<Outcome>,
    }

    struct Watcher(Arc<Mutex<Seen>>);

    impl Observer for Watcher {
        fn data(&mut self, piece: &Bytes) {
            self.0.lock().expect("not poisoned").bytes.extend_from_slice(piece);
        }

        fn end(self, outcome: Outcome) {
            self.0.lock().expect("not poisoned").outcomes.push(outcome);
        }
    }

    /// Takes `pieces` of the body, then drops it.
    async fn check(body: Scripted, pieces: usize, bytes: &[u8], outcome: Outcome) {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let script = format!("{:?} announcing {:?}, {pieces} taken", body.script, body.left);
        let mut body = Observed::new(body, Watcher(seen.clone()), Duration::from_secs(30));
        for _ in 0..pieces {
            if !matches!(next(&mut body).await, Some(Ok(_))) {
                break;
            }
        }
        drop(body);
        let expect = Seen { bytes: bytes.to_vec(), outcomes: vec![outcome] };
        assert_eq!(*seen.lock().expect("not poisoned"), expect, "{script}");
    }

    #[tokio::test(start_paused = true)]
    async fn every_end_is_told_once() {
        use Does::{BreaksOff, Sends, Stalls, Trailers};
        let all = usize::MAX;
        let script = [Sends(b"ab"), Sends(b""), Sends(b"c")];
        check(Scripted::new(&script), all, b"abc", Outcome::Whole).await;
        check(Scripted::new(&[]), all, b"", Outcome::Whole).await;
        check(Scripted::new(&[]), 0, b"", Outcome::Left).await;
        check(Scripted::new(&script), 1, b"ab", Outcome::Left).await;
        // Not yet told that this was the end.
        check(Scripted::new(&script), 3, b"abc", Outcome::Left).await;
        check(Scripted::announcing(&script, 3), 3, b"abc", Outcome::Whole).await;
        check(Scripted::announcing(&script, 3), 2, b"ab", Outcome::Left).await;
        check(Scripted::announcing(&[], 0), 0, b"", Outcome::Whole).await;
        check(Scripted::new(&[Sends(b"a"), Trailers]), all, b"a", Outcome::Whole).await;
        check(Scripted::new(&[Sends(b"a"), BreaksOff]), all, b"a", Outcome::Broken).await;
        check(Scripted::new(&[Sends(b"a"), Stalls]), all, b"a", Outcome::Stalled).await;
        check(Scripted::new(&[Stalls]), all, b"", Outcome::Stalled).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_counts_from_the_last_piece() {
        let (mut sender, receiver) = tokio::io::duplex(64);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let quiet = Duration::from_secs(30);
        let mut body = Observed::new(Piped(receiver), Watcher(seen), quiet);
        let writer = tokio::spawn(async move {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                tokio::io::AsyncWriteExt::write_all(&mut sender, b"x").await.expect("it is read");
            }
            sender
        });
        for _ in 0..5 {
            assert_eq!(next(&mut body).await.expect("a piece").expect("no error"), &b"x"[..]);
        }
        let sender = writer.await.expect("it ends");
        assert!(matches!(next(&mut body).await, Some(Err(BrokenOff::Stalled))));
        drop(sender);
    }

    /// A body out of a pipe, so that wake-ups are real.
    struct Piped(tokio::io::DuplexStream);

    impl Body for Piped {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let mut space = [0; 16];
            let mut buffer = tokio::io::ReadBuf::new(&mut space);
            let read = tokio::io::AsyncRead::poll_read(Pin::new(&mut self.0), context, &mut buffer);
            read.map(|result| match result {
                Ok(()) if buffer.filled().is_empty() => None,
                Ok(()) => Some(Ok(Frame::data(Bytes::copy_from_slice(buffer.filled())))),
                Err(error) => Some(Err(error)),
            })
        }
    }
}

mod spooled {
    use super::*;

    const LIMITS: BodyLimits = BodyLimits {
        total_bytes: 1_000_000,
        memory_bytes: 100_000,
        quiet: Duration::from_secs(30),
    };

    struct Folder {
        directory: tempfile::TempDir,
        spill: Arc<Spill>,
    }

    impl Folder {
        fn new(most_bytes: u64) -> Self {
            let directory = tempfile::tempdir().expect("a folder");
            let spill = Spill::new(directory.path().join("made/when/needed"), most_bytes);
            Self { directory, spill }
        }

        fn is_untouched(&self) -> bool {
            std::fs::read_dir(self.directory.path()).expect("readable").next().is_none()
        }
    }

    async fn collect(folder: &Folder, body: Scripted) -> Result<Spooled, BodyError> {
        Spooled::collect(body, LIMITS, &folder.spill).await
    }

    #[tokio::test]
    async fn a_body_is_given_out_as_it_came_as_often_as_needed() {
        use Does::{Sends, SendsMany, Trailers};
        let folder = Folder::new(1_000_000);
        let check = async |script: &[Does], expect: &[u8], spills: bool| {
            let spooled = collect(&folder, Scripted::new(script)).await.expect("it fits");
            assert_eq!(spooled.len(), expect.len() as u64, "{script:?}");
            assert_eq!(folder.spill.used_bytes() > 0, spills, "{script:?}");
            for _ in 0..2 {
                let mut body = spooled.body();
                assert_eq!(body.size_hint().exact(), Some(expect.len() as u64));
                assert_eq!(body.is_end_stream(), expect.is_empty());
                assert!(whole(&mut body).await.expect("readable") == expect, "{script:?}");
                assert!(body.is_end_stream());
            }
            let first = spooled.first(16 * 1024);
            assert!(first == &expect[..expect.len().min(16 * 1024)], "{script:?}");
            assert_eq!(spooled.first(2), &expect[..expect.len().min(2)]);
        };
        check(&[], b"", false).await;
        check(&[Sends(b""), Trailers], b"", false).await;
        check(&[Sends(b"a")], b"a", false).await;
        check(&[Sends(b"a"), Sends(b""), Sends(b"b"), Trailers], b"ab", false).await;
        check(&[SendsMany(100_000)], &pattern(0, 100_000), false).await;
        assert!(folder.is_untouched());
        check(&[SendsMany(100_001)], &pattern(0, 100_001), true).await;
        check(&[SendsMany(1_000_000)], &pattern(0, 1_000_000), true).await;
        let twice = [&pattern(0, 90_000)[..], &pattern(0, 90_000)[..]].concat();
        check(&[SendsMany(90_000), SendsMany(90_000)], &twice, true).await;
        let many = vec![SendsMany(1_000); 500];
        check(&many, &pattern(0, 1_000).repeat(500), true).await;
        assert_eq!(folder.spill.used_bytes(), 0, "space comes back");
    }

    #[tokio::test]
    async fn a_small_memory_spills_early_and_still_shows_the_beginning() {
        let folder = Folder::new(1_000_000);
        let limits = BodyLimits { memory_bytes: 10, ..LIMITS };
        let body = Scripted::new(&vec![Does::SendsMany(7); 10_000]);
        let spooled = Spooled::collect(body, limits, &folder.spill).await.expect("it fits");
        let expect = pattern(0, 7).repeat(10_000);
        assert!(spooled.first(16 * 1024) == &expect[..16 * 1024]);
        assert!(whole(&mut spooled.body()).await.expect("readable") == expect);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_taken_in_says_why() {
        use Does::{BreaksOff, Sends, SendsMany, Stalls};
        let folder = Folder::new(300_000);
        let check = async |body: Scripted, expect: &str| {
            let script = format!("{:?}", body.script);
            let error = collect(&folder, body).await.expect_err("it does not fit");
            assert!(format!("{error:?}").starts_with(expect), "{script}: {error:?}");
            assert_eq!(folder.spill.used_bytes(), 0, "{script}");
        };
        // Told by its announcement, before a byte is read.
        check(Scripted::announcing(&[Stalls], 1_000_001), "TooLarge(1000000)").await;
        let many = vec![SendsMany(50_000); 21];
        check(Scripted::new(&many), "Full").await;
        check(Scripted::new(&[SendsMany(1_000_001)]), "TooLarge").await;
        check(Scripted::new(&[Sends(b"a"), Stalls]), "Stalled").await;
        check(Scripted::new(&[Sends(b"a"), BreaksOff]), "Aborted").await;
        check(Scripted::new(&[SendsMany(200_000), BreaksOff]), "Aborted").await;
        check(Scripted::new(&[SendsMany(300_001)]), "Full").await;
        assert!(collect(&folder, Scripted::new(&[SendsMany(300_000)])).await.is_ok());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_said_so() {
        let folder = Folder::new(1_000_000);
        std::fs::write(folder.directory.path().join("made"), b"in the way").expect("writable");
        let error = collect(&folder, Scripted::new(&[Does::SendsMany(200_000)])).await;
        assert!(matches!(error, Err(BodyError::Spill(_))), "{error:?}");
    }

    #[tokio::test]
    async fn files_have_no_name() {
        let folder = Folder::new(1_000_000);
        let kept = collect(&folder, Scripted::new(&[Does::SendsMany(200_000)])).await;
        assert!(kept.is_ok());
        let inside = folder.directory.path().join("made/when/needed");
        assert_eq!(std::fs::read_dir(inside).expect("it was made").count(), 0);
    }
}
