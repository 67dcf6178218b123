//! A bucket far away, which takes its time for every answer: how many of its small objects are asked for
//! at once, what that saves, and that nothing else about a backup becomes another thing by it.

use crate::place::{NOW_MS, Place, quiet};
use kernel::config::{S3Settings, Secret};
use std::{
    fmt::Write as _,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};
use vault::{VaultError, backup, storage::MediaBucket};

const OBJECTS: usize = 2_000;
const PAGE: usize = 1_000;
/// As of a bucket in another country.
const WAY: Duration = Duration::from_millis(20);
/// What reading ahead promises.
const AT_ONCE: usize = 8;

/// What the server has seen.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    /// From then on one of the objects may not be read.
    is_closed: AtomicBool,
}

/// Serves until the test's process ends.
fn serve() -> io::Result<(SocketAddr, Arc<Seen>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let seen = Arc::new(Seen::default());
    let told = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&told);
            // It ends when whoever asks goes away.
            thread::spawn(move || answer_all(stream, &seen));
        }
    });
    Ok((address, seen))
}

fn answer_all(stream: TcpStream, seen: &Seen) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        seen.requests.fetch_add(1, SeqCst);
        let now = seen.now.fetch_add(1, SeqCst) + 1;
        seen.most.fetch_max(now, SeqCst);
        thread::sleep(WAY); // tidy: it is the length of the way that is measured
        let (status, body) = answer(first.split(' ').nth(1).unwrap_or_default(), seen);
        seen.now.fetch_sub(1, SeqCst);
        write!(answers, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    }
    Ok(())
}

fn key(number: usize) -> String {
    format!("{:02}/{number:04}.jpg", number % 50)
}

fn content(key: &str) -> String {
    format!("the picture {key}")
}

fn answer(target: &str, seen: &Seen) -> (&'static str, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(key) = path.strip_prefix("/pictures/") else {
        let token = query.split('&').find_map(|part| part.strip_prefix("continuation-token="));
        let begin = token.and_then(|token| token.parse().ok()).unwrap_or(0);
        return ("200 OK", page(begin));
    };
    if seen.is_closed.load(SeqCst) && key == self::key(777) {
        return ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>".to_owned());
    }
    ("206 Partial Content", content(key))
}

fn page(begin: usize) -> String {
    let end = (begin + PAGE).min(OBJECTS);
    let mut page = format!("<ListBucketResult><IsTruncated>{}</IsTruncated>", end < OBJECTS);
    for key in (begin..end).map(key) {
        let size = content(&key).len();
        write!(
            page,
            "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"{key}\"</ETag>\
             <LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>"
        )
        .unwrap();
    }
    if end < OBJECTS {
        write!(page, "<NextContinuationToken>{end}</NextContinuationToken>").unwrap();
    }
    page + "</ListBucketResult>"
}

fn back_up(
    place: &Place,
    address: SocketAddr,
    later_ms: i64,
) -> Result<backup::Report, VaultError> {
    let settings = S3Settings {
        endpoint: format!("http://{address}"),
        region: "us-east-1".into(),
        bucket: "pictures".into(),
        prefix: String::new(),
        key_id: Secret::new("key".into()),
        secret: Secret::new("secret".into()),
    };
    let buckets = vec![MediaBucket::new(settings, Vec::new()).unwrap()];
    let now_ms = NOW_MS + later_ms;
    backup::run(&place.repository, backup::Request { buckets, now_ms, ..place.request() }, &quiet)
}

#[test]
fn small_objects_of_a_bucket_far_away_are_read_several_at_once() {
    let (address, seen) = serve().unwrap();
    let place = Place::new();
    place.write("index.html", "lamp");
    let begun = Instant::now();
    let first = back_up(&place, address, 0).unwrap().snapshot;
    let took = begun.elapsed();
    let (requests, most) = (seen.requests.load(SeqCst), seen.most.load(SeqCst));
    let one_by_one = WAY * u32::try_from(requests).unwrap();
    println!("{requests} requests of {WAY:?} in {took:?}, {most} at once; alone {one_by_one:?}");
    assert_eq!(requests, OBJECTS + OBJECTS / PAGE);
    assert_eq!(most, AT_ONCE);
    // One after the other, what is done with each would come on top of that.
    assert!(took < one_by_one, "{took:?} of {one_by_one:?}");

    // What is the same is not asked for, and the tree is the same one.
    let second = back_up(&place, address, 1_000).unwrap().snapshot;
    assert_eq!(seen.requests.load(SeqCst), requests + OBJECTS / PAGE);
    assert_eq!(second.summary.as_ref().unwrap().files_unmodified as usize, OBJECTS + 1);
    let root = |snapshot: &vault::Snapshot| {
        let reader = place.repository.reader().unwrap();
        reader.node(snapshot, Path::new("/buckets/pictures")).unwrap().subtree
    };
    assert_eq!(root(&first), root(&second));
    place.assert_clean();
}

#[test]
fn an_object_that_may_not_be_read_ahead_fails_the_backup_by_its_name() {
    let (address, seen) = serve().unwrap();
    seen.is_closed.store(true, SeqCst);
    let place = Place::new();
    place.write("index.html", "lamp");
    let error = back_up(&place, address, 0).unwrap_err();
    let VaultError::Unreadable { count: 1, first } = &error else { panic!("{error:?}") };
    assert!(first.starts_with(&format!("/buckets/pictures/{}", key(777))), "{first}");
    assert!(place.repository.snapshots().unwrap().is_empty());
    // All others were read for the next one.
    assert_eq!(seen.requests.load(SeqCst), OBJECTS + OBJECTS / PAGE);
}
