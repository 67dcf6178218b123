//! Whether a port is open, and whether what listens there says its name.

use crate::{
    connection::{AddressFamily, connect},
    outcome::{Conclusion, Phase, Reason},
    trace::Trace,
};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// What is read of a greeting: SMTP's longest line is 512 (RFC 5321, 4.5.3.1.5), and several may come.
const BANNER_LIMIT_BYTES: usize = 4 << 10;
/// What is told of one.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone)]
pub struct TcpCheck {
    /// A name or an address, the latter without brackets.
    pub host: String,
    pub port: u16,
    pub family: AddressFamily,
    /// What the other side says first, somewhere in it: `SSH-2.0`, `220 `. `None`: an open port is enough.
    pub banner: Option<String>,
}

impl TcpCheck {
    pub(crate) async fn attempt(&self, trace: &mut Trace) -> Result<(), Conclusion> {
        let mut stream = connect(&self.host, self.port, self.family, trace).await?;
        let Some(expected) = &self.banner else { return Ok(()) };
        trace.enter(Phase::Processing);
        banner(&mut stream, expected).await
    }
}

async fn banner(stream: &mut TcpStream, expected: &str) -> Result<(), Conclusion> {
    let mut said = Vec::new();
    let mut part = [0; 512];
    loop {
        let read = stream.read(&mut part).await.map_err(|error| {
            Conclusion::Failed(Reason::new("closed_early").with("said", error.to_string()))
        })?;
        said.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&said);
        if text.contains(expected) {
            return Ok(());
        }
        if read == 0 || said.len() >= BANNER_LIMIT_BYTES {
            let found: String = text.chars().take(TOLD_CHARS).collect();
            let reason = Reason::new("banner_differs").with("expected", expected);
            return Err(Conclusion::Failed(reason.with("found", found)));
        }
    }
}
