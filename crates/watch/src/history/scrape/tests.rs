use super::*;
use crate::history::tests::found;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const GOOD: &str = "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{queue=\"a\",instance=\"x\"} 3\njobs_total{queue=\"b\"} 4\njobs_total{queue=\"b\"} 9\n";
const LESS: &str = "jobs_total{queue=\"b\"} 5\n";
/// What is no metric, after one that is.
const BROKEN: &str = "jobs_total{queue=\"b\"} 6\nthis is no metric at all {\n";

const TEXT: &str = "text/plain; version=0.0.4";
const ANSWERS: &[(&str, &str)] =
    &[(TEXT, GOOD), (TEXT, LESS), (TEXT, BROKEN), ("text/html", "<p>")];

/// An exporter that answers each request by the next of these, and at the end with the last. Its address.
async fn exporter(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let at = asked.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                    let (kind, body) = answers[at];
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
                    );
                    if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    format!("http://{address}/metrics")
}

fn target(history: &History, url: &str) -> Target {
    let settings = ScrapeSettings {
        name: "jobs".to_owned(),
        targets: vec![url.to_owned()],
        every_ms: 1_000,
        shop: Some("lamps".parse().unwrap()),
        token: None,
        root: None,
    };
    Target::new(history, &settings, url).unwrap()
}

#[tokio::test]
async fn what_a_target_tells_is_there_and_what_it_tells_no_more_is_gone_at_once() {
    let url = exporter(ANSWERS).await;
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    let mut target = target(&history, &url);
    let begin_ms = now_ms() - 60_000;
    let mut expected: Vec<(&str, Vec<&str>, &str)> = vec![
        ("a fetch", vec![" 3", " 4"], " 1"),
        ("a series less", vec![" 5"], " 1"),
        ("nonsense", vec![], " 0"),
        ("a page", vec![], " 0"),
    ];
    for (at, (what, values, up)) in expected.drain(..).enumerate() {
        let at_ms = begin_ms + i64::try_from(at).unwrap() * 1_000;
        let answer = target.fetch().await;
        target.write(answer, (at_ms, 0.25)).unwrap();
        let told = found(&history, r#"jobs_total{job="jobs",shop="lamps"}"#, at_ms);
        assert_eq!(told.len(), values.len(), "{what}: {told:?}");
        for value in values {
            assert!(told.iter().any(|one| one.ends_with(value)), "{what}: {told:?}");
        }
        let told = found(&history, r#"up{job="jobs",shop="lamps"}"#, at_ms);
        assert!(told.len() == 1 && told[0].ends_with(up), "{what}: {told:?}");
        let state = history.targets().pop().unwrap();
        assert_eq!(state.last.unwrap().error.is_none(), up == " 1", "{what}");
    }
    // What a target calls itself stays beside what we call it.
    let first = found(&history, "jobs_total", begin_ms);
    assert!(first.iter().any(|one| one.contains("exported_instance=x")), "{first:?}");
    assert_eq!(history.families(Some("jobs_total"))["jobs_total"].kind, Kind::Counter);
}

#[tokio::test]
async fn a_target_that_never_ends_or_never_answers_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
                let line = "endless{n=\"1\"} 1\n".repeat(1_000);
                let mut is_open = stream.write_all(head.as_bytes()).await.is_ok();
                while is_open {
                    is_open = stream.write_all(line.as_bytes()).await.is_ok();
                }
            });
        }
    });
    let folder = testkit::folder();
    let history = History::new(folder.path().to_owned(), 1);
    let mut target = target(&history, &url);
    let answer = target.fetch().await;
    assert!(answer.is_err());
    let at_ms = now_ms();
    target.write(answer, (at_ms, 1.0)).unwrap();
    assert!(found(&history, "endless", at_ms).is_empty());
    assert!(found(&history, "up", at_ms)[0].ends_with(" 0"));
}
