//! Lines to and from a mail server, with or without TLS, and within bounds.

use super::{MailSecurity, MailServer, short};
use crate::{
    connection::{AddressFamily, connect},
    outcome::{Conclusion, Reason},
    tls::{Trust, shake_hands},
    trace::Trace,
};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// RFC 5321, 4.5.3.1.5 has 512, RFC 9051, 4 8192.
const LINE_LIMIT_BYTES: usize = 16 << 10;
/// Of one answer, all its lines together.
const ANSWER_LIMIT_BYTES: usize = 1 << 20;

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(super) struct Wire {
    stream: Stream,
    /// What came and was not asked for yet.
    ahead: Vec<u8>,
    /// What the answer may still have.
    left: usize,
    /// What is said of an answer that is none.
    code_malformed: &'static str,
}

impl Wire {
    pub(super) async fn open(
        server: &MailServer,
        code_malformed: &'static str,
        at_ms: i64,
        trust: &Trust,
        trace: &mut Trace,
    ) -> Result<Self, Conclusion> {
        let stream = connect(&server.host, server.port, AddressFamily::Any, trace).await?;
        trace.seen.tls = None;
        let plain = Self {
            stream: Stream::Plain(stream),
            ahead: Vec::new(),
            left: ANSWER_LIMIT_BYTES,
            code_malformed,
        };
        match server.security {
            MailSecurity::Tls => plain.secure(server, at_ms, trust, trace).await,
            MailSecurity::StartTls | MailSecurity::None => Ok(plain),
        }
    }

    /// Speaks TLS from here on.
    pub(super) async fn secure(
        self,
        server: &MailServer,
        at_ms: i64,
        trust: &Trust,
        trace: &mut Trace,
    ) -> Result<Self, Conclusion> {
        // What came before would be taken for what was said under TLS (CVE-2011-0411).
        if !self.ahead.is_empty() {
            return Err(self.malformed("it says something before TLS that belongs after"));
        }
        let Stream::Plain(stream) = self.stream else {
            return Err(self.malformed("it wants TLS twice"));
        };
        let stream = shake_hands(stream, &server.host, trust, Vec::new(), at_ms, trace).await?;
        Ok(Self { stream: Stream::Tls(Box::new(stream)), ..self })
    }

    pub(super) fn own_address(&self) -> Option<SocketAddr> {
        let stream = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        stream.local_addr().ok()
    }

    /// A line, or several, each with its end. What comes back is the next answer.
    pub(super) async fn say(&mut self, text: &str) -> Result<(), Conclusion> {
        self.left = ANSWER_LIMIT_BYTES;
        let sent = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(text.as_bytes()).await,
            Stream::Tls(stream) => match stream.write_all(text.as_bytes()).await {
                Ok(()) => stream.flush().await,
                error => error,
            },
        };
        sent.map_err(|error| closed(&error.to_string()))
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> Result<String, Conclusion> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.ahead.len() >= LINE_LIMIT_BYTES {
                return Err(self.malformed("a line has no end"));
            }
            self.read_on().await?;
        }
    }

    /// As many bytes.
    pub(super) async fn block(&mut self, count: usize) -> Result<String, Conclusion> {
        if count > ANSWER_LIMIT_BYTES {
            return Err(self.malformed("its answer is too long"));
        }
        while self.ahead.len() < count {
            self.read_on().await?;
        }
        let block: Vec<u8> = self.ahead.drain(..count).collect();
        Ok(String::from_utf8_lossy(&block).into_owned())
    }

    async fn read_on(&mut self) -> Result<(), Conclusion> {
        let mut part = [0; 4096];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut part).await,
            Stream::Tls(stream) => stream.read(&mut part).await,
        };
        let read = read.map_err(|error| closed(&error.to_string()))?;
        if read == 0 {
            return Err(closed("the connection ended"));
        }
        let Some(left) = self.left.checked_sub(read) else {
            return Err(self.malformed("its answer is too long"));
        };
        self.left = left;
        self.ahead.extend_from_slice(&part[..read]);
        Ok(())
    }

    pub(super) fn malformed(&self, said: &str) -> Conclusion {
        Conclusion::Failed(Reason::new(self.code_malformed).with("said", short(said)))
    }
}

fn closed(said: &str) -> Conclusion {
    Conclusion::Failed(Reason::new("closed_early").with("said", said))
}
