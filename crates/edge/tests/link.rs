//! Control's side of the link as a process sees it: the socket file, and neighbours that misbehave.

use edge::link::{ControlLink, ControlLinkError, LinkEvent};
use kernel::{
    facts::Facts,
    link::{Frame, Hello, PROTOCOL},
    snapshot::{Limits, Snapshot},
};
use std::os::unix::fs::PermissionsExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

fn hello(edge_start: u64, protocol: u32) -> Vec<u8> {
    let hello = Hello {
        protocol,
        program: "test".to_owned(),
        edge_start,
        started_at_ms: 1,
        pid: 2,
        snapshot_version: 0,
    };
    Frame::Hello(hello).encode().unwrap()
}

fn snapshot(version: u64) -> Snapshot {
    Snapshot {
        version,
        made_at_ms: 1,
        limits: Limits::default(),
        shops: vec![],
        certificates: vec![],
        challenges: vec![],
        control: None,
    }
}

/// The next frame off a stream.
async fn frame(stream: &mut UnixStream) -> Frame {
    let mut bytes = Vec::new();
    loop {
        if let Some((frame, _)) = Frame::decode(&bytes).unwrap() {
            return frame;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed within a frame");
    }
}

async fn is_closed(mut stream: UnixStream) {
    let mut rest = Vec::new();
    // A reset says it as well as an end.
    let _end = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = testkit::folder();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the file outlives its listener");
    let control = ControlLink::bind(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let second = ControlLink::bind(&path).unwrap_err();
    assert!(matches!(second, ControlLinkError::Taken(_)), "{second}");
    let entries = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(entries, 1, "nothing else is left in the folder");
    drop(control);
}

#[tokio::test]
async fn every_edge_gets_the_newest_snapshot() {
    let folder = testkit::folder();
    let path = folder.path().join("control.sock");
    let control = ControlLink::bind(&path).unwrap();
    control.publish(snapshot(1)).unwrap();
    control.publish(snapshot(2)).unwrap();
    let mut edges = Vec::new();
    for edge_start in 0..2 {
        let mut edge = UnixStream::connect(&path).await.unwrap();
        edge.write_all(&hello(edge_start, PROTOCOL)).await.unwrap();
        assert_eq!(frame(&mut edge).await, Frame::Snapshot(Box::new(snapshot(2))));
        edges.push(edge);
    }
    control.publish(snapshot(3)).unwrap();
    for edge in &mut edges {
        assert_eq!(frame(edge).await, Frame::Snapshot(Box::new(snapshot(3))));
    }
}

#[tokio::test]
async fn neighbours_of_another_kind_are_closed_and_the_others_served_on() {
    let folder = testkit::folder();
    let path = folder.path().join("control.sock");
    let control = ControlLink::bind(&path).unwrap();
    let mut events = control.events();
    let mut good = UnixStream::connect(&path).await.unwrap();
    good.write_all(&hello(7, PROTOCOL + 1)).await.unwrap();
    let connected = events.recv().await.unwrap();
    assert!(matches!(connected, LinkEvent::Connected(Hello { edge_start: 7, .. })));

    let no_hello = Frame::Snapshot(Box::new(snapshot(1))).encode().unwrap();
    for bad in
        [vec![0xff; 64], hello(8, PROTOCOL + 2), no_hello, b"GET / HTTP/1.1\r\n\r\n".to_vec()]
    {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(&bad).await.unwrap();
        is_closed(stream).await;
    }

    let facts = Facts {
        edge_start: 7,
        at_ms: 5,
        snapshot_version: 0,
        connections: 0,
        connections_total: 0,
        refused: vec![],
        shops: vec![],
        ..Facts::default()
    };
    let bytes = Frame::Facts(Box::new(facts)).encode().unwrap();
    for piece in bytes.chunks(7) {
        good.write_all(piece).await.unwrap();
    }
    let LinkEvent::Facts(facts) = events.recv().await.unwrap() else { panic!("no facts") };
    assert_eq!(facts.at_ms, 5);
    drop(good);
    let gone = events.recv().await.unwrap();
    assert!(matches!(gone, LinkEvent::Disconnected { edge_start: 7 }), "{gone:?}");
}
