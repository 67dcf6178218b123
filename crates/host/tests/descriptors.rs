//! Descriptors that change hands over a socket pair.

use host::{HostError, descriptors};
use std::{
    fs::File,
    io::{Read, Seek, Write},
    net::{TcpListener, TcpStream},
    os::{fd::AsFd, unix::net::UnixStream},
};

#[test]
fn a_listening_socket_keeps_what_waits_in_it() {
    let (here, there) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut visitor = TcpStream::connect(address).unwrap();
    descriptors::send(&here, &[("http", listener.as_fd())]).unwrap();
    drop(listener);
    let mut received = descriptors::receive(&there, 8).unwrap();
    let (name, socket) = received.remove(0);
    assert_eq!(name, "http");
    let (mut accepted, _) = TcpListener::from(socket).accept().unwrap();
    accepted.write_all(b"hello").unwrap();
    drop(accepted);
    let mut text = String::new();
    visitor.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[test]
fn many_come_in_their_order_and_none_is_fine() {
    let (here, there) = UnixStream::pair().unwrap();
    let mut files: Vec<File> = (0..200).map(|_| tempfile::tempfile().unwrap()).collect();
    for (number, file) in files.iter_mut().enumerate() {
        write!(file, "{number}").unwrap();
    }
    let names: Vec<String> = (0..200).map(|number| format!("file {number}")).collect();
    let named: Vec<_> = names.iter().zip(&files).map(|(n, f)| (n.as_str(), f.as_fd())).collect();
    descriptors::send(&here, &named).unwrap();
    for (number, (name, fd)) in descriptors::receive(&there, 250).unwrap().into_iter().enumerate() {
        let mut file = File::from(fd);
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((name, text), (format!("file {number}"), number.to_string()));
    }
    descriptors::send(&here, &[]).unwrap();
    assert!(descriptors::receive(&there, 250).unwrap().is_empty());
}

#[test]
fn more_than_asked_for_and_other_talk_are_refused() {
    let (here, there) = UnixStream::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    let one = ("x", file.as_fd());
    descriptors::send(&here, &[one, one, one]).unwrap();
    let error = descriptors::receive(&there, 1).unwrap_err();
    assert!(matches!(error, HostError::Descriptors(_)), "{error}");
    let check = |said: &[u8]| {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(said).unwrap();
        drop(here);
        assert!(descriptors::receive(&there, 1).is_err(), "{said:?}");
    };
    check(b"");
    check(b"GET / HTTP/1.1\r\n");
    check(b"[\"x\"]\n");
    check(b"[]");
    check(b"{}\n");
}
