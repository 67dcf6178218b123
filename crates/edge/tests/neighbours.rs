//! An edge of this version with a control of the version before and of the one after: what the rules
//! for change in docs/formats/edge-link.md promise, and what is refused in words where they are broken.

use crate::{
    origin::{Origin, ok},
    stand::{PATIENCE, Stand, snapshot},
};
use edge::link::ControlLink;
use kernel::{
    link::{Applied, Frame, PROTOCOL},
    snapshot::Snapshot,
};
use serde_json::{Value, json};
use std::{mem, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

const SNAPSHOT: u8 = 2;

/// A control that says whatever a test has it say, in place of the stand's own.
struct Neighbour {
    stream: UnixStream,
    bytes: Vec<u8>,
}

impl Neighbour {
    async fn instead_of(stand: &mut Stand) -> Self {
        let elsewhere = ControlLink::bind(&stand.state.path().join("elsewhere.sock")).unwrap();
        drop(mem::replace(&mut stand.control, elsewhere));
        let path = stand.state.path().join("control.sock");
        std::fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let mut neighbour = Self { stream, bytes: Vec::new() };
        let Frame::Hello(hello) = neighbour.frame().await else { panic!("no hello") };
        assert_eq!((hello.protocol, hello.snapshot_version), (PROTOCOL, 1));
        neighbour
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some((frame, used)) = Frame::decode(&self.bytes).unwrap() {
                self.bytes.drain(..used);
                return frame;
            }
            let read = self.stream.read_buf(&mut self.bytes);
            let read = tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
            assert_ne!(read, 0, "the edge broke off");
        }
    }

    /// Sends a snapshot as this text has it; what becomes of it.
    async fn publish(&mut self, snapshot: &Value) -> Applied {
        let body = serde_json::to_vec(snapshot).unwrap();
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.push(SNAPSHOT);
        bytes.extend_from_slice(&body);
        self.stream.write_all(&bytes).await.unwrap();
        loop {
            if let Frame::Applied(applied) = self.frame().await {
                return applied;
            }
        }
    }
}

/// A control of the next version says more, everywhere.
fn with_more(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(with_more);
            fields.insert("said_by_a_later_version".to_owned(), json!({ "a": [1] }));
        }
        Value::Array(values) => values.iter_mut().for_each(with_more),
        _ => {}
    }
}

/// One of the version before says only what it must: every field that may be missing is.
fn with_less(value: &Value) -> Value {
    let mut least = value.clone();
    let mut paths = Vec::new();
    fields(value, "", &mut paths);
    for (object, field) in paths {
        let mut without = least.clone();
        let Some(fields) = without.pointer_mut(&object).and_then(Value::as_object_mut) else {
            continue;
        };
        fields.remove(&field);
        if serde_json::from_value::<Snapshot>(without.clone()).is_ok() {
            least = without;
        }
    }
    least
}

/// Every field with the path of its object (RFC 6901), outer ones first.
fn fields(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.push((path.to_owned(), name.clone()));
                fields(value, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                fields(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

async fn serves(address: SocketAddr) {
    let request = "GET / HTTP/1.1\r\nhost: lamps.example\r\nconnection: close\r\n\r\n";
    let answer = testkit::exchange(address, request, PATIENCE).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "lamps"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_serves_by_what_its_neighbours_say_and_refuses_in_words_what_it_cannot() {
    let origin = Origin::start(|_| ok("", "lamps")).await;
    let said = |version| serde_json::to_value(snapshot(version, &[origin.address])).unwrap();
    let mut stand = Stand::start(snapshot(1, &[origin.address])).await;
    let mut control = Neighbour::instead_of(&mut stand).await;
    serves(stand.address).await;

    let mut more = said(2);
    with_more(&mut more);
    assert_eq!(control.publish(&more).await, Applied { version: 2, error: None });
    serves(stand.address).await;

    let less = with_less(&said(3));
    assert!(less.to_string().len() < said(3).to_string().len(), "nothing may be missing");
    assert_eq!(control.publish(&less).await, Applied { version: 3, error: None });
    serves(stand.address).await;

    let mut foreign = said(4);
    foreign["shops"][0]["pool"]["balance"] = json!("by_the_weather");
    let refused = control.publish(&foreign).await;
    let error = refused.error.unwrap();
    assert!(refused.version == 4 && error.contains("by_the_weather"), "{error}");
    serves(stand.address).await;

    // The connection held, and what is understood is applied again.
    assert_eq!(control.publish(&said(5)).await, Applied { version: 5, error: None });
}
