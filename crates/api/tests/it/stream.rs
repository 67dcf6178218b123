//! The live stream: ticks, coming back, and being cut off.

use super::running::{Running, TOKEN};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
};

/// One event: name, id, data.
type Event = (String, u64, serde_json::Value);

struct Reader(Lines<BufReader<TcpStream>>);

impl Reader {
    async fn open(running: &Running, last: Option<&str>) -> Self {
        let bearer = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(last.map(|last| ("last-event-id", last)));
        let stream = running.send("GET", "/api/v1/shops/lamps/events", &headers).await;
        let mut reader = Self(BufReader::new(stream).lines());
        let head = reader.line().await.unwrap();
        assert!(head.contains("200"), "{head}");
        while reader.line().await.unwrap() != "retry: 1000" {}
        reader
    }

    async fn line(&mut self) -> Option<String> {
        self.0.next_line().await.unwrap()
    }

    /// The next event; `None` when the stream has ended.
    async fn event(&mut self) -> Option<Event> {
        let (mut name, mut id) = (String::new(), 0);
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("id", text)) => id = text.parse().unwrap(),
                Some(("data", text)) => {
                    return Some((name, id, serde_json::from_str(text).unwrap()));
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn ticks_come_as_they_are_made() {
    let running = Running::start().await;
    running.tick();
    let mut reader = Reader::open(&running, None).await;
    for _ in 0..3 {
        let made = running.tick();
        let (name, id, data) = reader.event().await.unwrap();
        assert_eq!((name.as_str(), id), ("tick", made));
        assert_eq!((data["sequence"].as_u64(), data["id"].as_str()), (Some(made), Some("lamps")));
        assert!(data["point"].is_null() && data.get("points").is_none());
        assert!(data["minutes"].as_array().unwrap().len() <= 2);
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_or_the_whole() {
    let running = Running::start().await;
    let before = running.tick();
    let mut first = Reader::open(&running, None).await;
    let made: Vec<u64> = (0..5).map(|_| running.tick()).collect();
    first.event().await.unwrap();
    drop(first);

    let mut back = Reader::open(&running, Some(&made[1].to_string())).await;
    for expect in &made[2..] {
        let (name, id, _) = back.event().await.unwrap();
        assert_eq!((name.as_str(), id), ("tick", *expect));
    }
    let mut current = Reader::open(&running, Some(&made[4].to_string())).await;
    let next = running.tick();
    assert_eq!(current.event().await.unwrap().1, next);

    for lost in [(before - 1).to_string(), (next + 1_000).to_string(), "nonsense".to_owned()] {
        let mut reset = Reader::open(&running, Some(&lost)).await;
        let (name, id, data) = reset.event().await.unwrap();
        assert_eq!((name.as_str(), id), ("reset", next), "{lost}");
        assert!(data["points"].is_array());
    }
}

#[tokio::test]
async fn who_reads_too_slowly_is_cut_off_and_nobody_else_is() {
    let running = Running::start().await;
    let mut slow = Reader::open(&running, None).await;
    // On one thread nothing is sent between these: they are more than a reader may be behind.
    let made: Vec<u64> = (0..40).map(|_| running.tick()).collect();
    assert!(slow.event().await.is_none());
    let mut back = Reader::open(&running, Some(&made[0].to_string())).await;
    for expect in &made[1..] {
        assert_eq!(back.event().await.unwrap().1, *expect);
    }
}
