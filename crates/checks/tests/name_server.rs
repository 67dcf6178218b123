//! A name server that says what a test wants, over datagrams and connections on one port.

use checks::DnsServer;
use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const MX: u16 = 15;
pub(crate) const CAA: u16 = 257;

/// The second and the third of a head's bytes.
pub(crate) const ANSWER: [u8; 2] = [0x81, 0x80];
/// Without an offer to ask others.
pub(crate) const PLAIN: [u8; 2] = [0x81, 0x00];
pub(crate) const TRUNCATED: [u8; 2] = [0x83, 0x80];
pub(crate) const NO_NAME: [u8; 2] = [0x81, 0x83];

pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) over_tcp: bool,
    pub(crate) is_extended: bool,
    /// How many came before.
    pub(crate) earlier: usize,
    bytes: Vec<u8>,
    end: usize,
}

impl Question {
    fn read(bytes: &[u8], over_tcp: bool, earlier: usize) -> Self {
        let mut at = 12;
        let mut labels = Vec::new();
        while bytes[at] != 0 {
            let end = at + 1 + usize::from(bytes[at]);
            labels.push(String::from_utf8(bytes[at + 1..end].to_vec()).unwrap());
            at = end;
        }
        let number = u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]);
        let end = at + 5;
        let name = labels.join(".");
        let is_extended = bytes[11] == 1;
        Self { name, number, over_tcp, is_extended, earlier, bytes: bytes.to_vec(), end }
    }

    /// The answer to it, with these records.
    pub(crate) fn answer(
        &self,
        flags: [u8; 2],
        answers: &[Vec<u8>],
        authority: &[Vec<u8>],
    ) -> Vec<u8> {
        let mut bytes = self.bytes[..2].to_vec();
        bytes.extend(flags);
        bytes.extend([0, 1, 0, answers.len() as u8, 0, authority.len() as u8, 0, 0]);
        bytes.extend(&self.bytes[12..self.end]);
        bytes.extend(answers.concat());
        bytes.extend(authority.concat());
        bytes
    }

    /// One of the name that was asked for.
    pub(crate) fn own(&self, number: u16, data: &[u8]) -> Vec<u8> {
        record(&self.name, number, data)
    }
}

pub(crate) fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

pub(crate) fn record(owner: &str, number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = name(owner);
    bytes.extend(number.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 60]);
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let parts = text.as_bytes().chunks(255);
    parts.flat_map(|part| [&[part.len() as u8], part].concat()).collect()
}

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl NameServer {
    /// Each question gets these messages, in their order.
    pub(crate) async fn start(
        answer: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let (listener, socket) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            match UdpSocket::bind(listener.local_addr().unwrap()).await {
                Ok(socket) => break (listener, socket),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
            }
        };
        let address = socket.local_addr().unwrap();
        let answer = Arc::new(answer);
        let count = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&answer), Arc::clone(&count));
        let datagrams = tokio::spawn(async move {
            let mut bytes = [0; 1024];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let earlier = counted.fetch_add(1, Ordering::SeqCst);
                for message in told(&Question::read(&bytes[..length], false, earlier)) {
                    socket.send_to(&message, from).await.unwrap();
                }
            }
        });
        let connections = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut bytes = vec![0; usize::from(length)];
                stream.read_exact(&mut bytes).await.unwrap();
                let earlier = count.fetch_add(1, Ordering::SeqCst);
                for message in answer(&Question::read(&bytes, true, earlier)) {
                    // Whoever was shown enough may be gone.
                    stream.write_u16(message.len() as u16).await.ok();
                    stream.write_all(&message).await.ok();
                }
            }
        });
        Self { address, tasks: [datagrams, connections] }
    }

    pub(crate) fn server(&self) -> Option<DnsServer> {
        let host = self.address.ip().to_string();
        Some(DnsServer { host, port: self.address.port() })
    }
}
