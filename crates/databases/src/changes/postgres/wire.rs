//! A connection to PostgreSQL that may speak of replication, which `tokio-postgres` cannot: signing
//! in, plain queries, and the endless answer of START_REPLICATION (PostgreSQL manual, chapter 55).
//! It knows nothing of what is replicated.

use crate::{
    DatabaseError,
    changes::{CONNECT_LIMIT, SILENCE_LIMIT},
    dump::Field,
};
use bytes::{Buf, Bytes, BytesMut};
use kernel::config::DatabaseUrl;
use postgres_protocol::{
    authentication::{
        md5_hash,
        sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256},
    },
    message::frontend,
};
use std::{collections::BTreeMap, fmt, io, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_postgres::config::{Config, Host, SslMode};

/// A value of PostgreSQL has at most 1 GiB, and a row comes whole.
const MAX_MESSAGE_BYTES: usize = (1 << 30) + (64 << 20);
const READ_BYTES: usize = 64 << 10;

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What the connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Queries,
    /// Queries too, until the replication begins.
    Replication,
}

pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    inbox: BytesMut,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) async fn connect(url: &DatabaseUrl, its_use: Use) -> Result<Self, DatabaseError> {
        let connected = tokio::time::timeout(CONNECT_LIMIT, Self::sign_in(url, its_use)).await;
        connected.map_err(|_elapsed| DatabaseError::TimedOut(CONNECT_LIMIT))?
    }

    async fn sign_in(url: &DatabaseUrl, its_use: Use) -> Result<Self, DatabaseError> {
        let odd = |reason: String| DatabaseError::Url { url: url.to_string(), reason };
        let config: Config =
            url.secret.parse().map_err(|error: tokio_postgres::Error| odd(error.to_string()))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(odd("TLS to PostgreSQL is not supported here".to_owned()));
        }
        let user = config.get_user().ok_or_else(|| odd("it names no user".to_owned()))?;
        let stream = reach(&config).await.map_err(|source| DatabaseError::ChangesCut {
            what: format!("connect to PostgreSQL at {url}"),
            source,
        })?;
        let mut wire = Self { stream, inbox: BytesMut::with_capacity(READ_BYTES) };
        let mut parameters = vec![
            ("user", user),
            ("database", config.get_dbname().unwrap_or(user)),
            ("application_name", "storewarden"),
            ("client_encoding", "UTF8"),
        ];
        if its_use == Use::Replication {
            parameters.push(("replication", "database"));
        }
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out).map_err(cut("sign in"))?;
        wire.send(&out).await?;
        wire.authenticate(user, config.get_password().unwrap_or_default()).await?;
        wire.until_ready("sign in").await?;
        Ok(wire)
    }

    async fn authenticate(&mut self, user: &str, password: &[u8]) -> Result<(), DatabaseError> {
        const WHAT: &str = "sign in";
        let mut scram: Option<ScramSha256> = None;
        loop {
            let (tag, mut body) = self.message(WHAT).await?;
            if tag != b'R' {
                return Err(unexpected(WHAT, tag));
            }
            let mut out = BytesMut::new();
            let code = body.try_get_i32().map_err(|_short| unexpected(WHAT, tag))?;
            let answered = match code {
                0 => return Ok(()),
                3 => frontend::password_message(password, &mut out),
                5 => {
                    let salt = body.get(..4).and_then(|salt| salt.try_into().ok());
                    let salt = salt.ok_or_else(|| unexpected(WHAT, tag))?;
                    let hash = md5_hash(user.as_bytes(), password, salt);
                    frontend::password_message(hash.as_bytes(), &mut out)
                }
                10 => {
                    let offers = |name: &[u8]| body.split(|byte| *byte == 0).any(|one| one == name);
                    if !offers(SCRAM_SHA_256.as_bytes()) {
                        return Err(unsupported(code));
                    }
                    let begun = ScramSha256::new(password, ChannelBinding::unsupported());
                    let begun = scram.insert(begun);
                    frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), &mut out)
                }
                11 => {
                    let scram = scram.as_mut().ok_or_else(|| unexpected(WHAT, tag))?;
                    scram
                        .update(&body)
                        .and_then(|()| frontend::sasl_response(scram.message(), &mut out))
                }
                12 => {
                    let scram = scram.as_mut().ok_or_else(|| unexpected(WHAT, tag))?;
                    scram.finish(&body)
                }
                _ => return Err(unsupported(code)),
            };
            answered.map_err(cut(WHAT))?;
            self.send(&out).await?;
        }
    }

    /// Runs statements and gives the rows of all of them, as text.
    pub(super) async fn query(
        &mut self,
        what: &str,
        statements: &str,
        limit: Duration,
    ) -> Result<Vec<Vec<Field>>, DatabaseError> {
        let mut out = BytesMut::new();
        frontend::query(statements, &mut out).map_err(cut(what))?;
        self.send(&out).await?;
        let answered = tokio::time::timeout(limit, self.until_ready(what)).await;
        answered.map_err(|_elapsed| DatabaseError::TimedOut(limit))?
    }

    async fn until_ready(&mut self, what: &str) -> Result<Vec<Vec<Field>>, DatabaseError> {
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            match self.take(what).await? {
                (b'Z', _) => return failed.map_or(Ok(rows), Err),
                (b'D', body) => rows.push(row(body).ok_or_else(|| unexpected(what, b'D'))?),
                (b'E', body) => {
                    let error = refused(what, &body);
                    // Before it is ready for the first time, it hangs up after an error.
                    if let DatabaseError::ChangesServer { severity, .. } = &error
                        && severity == "FATAL"
                    {
                        return Err(error);
                    }
                    failed.get_or_insert(error);
                }
                _ => {}
            }
        }
    }

    /// Begins the replication: from here on there are only [`Wire::receive`] and [`Wire::tell`].
    pub(super) async fn replicate(&mut self, command: &str) -> Result<(), DatabaseError> {
        const WHAT: &str = "begin the replication";
        let mut out = BytesMut::new();
        frontend::query(command, &mut out).map_err(cut(WHAT))?;
        self.send(&out).await?;
        match tokio::time::timeout(CONNECT_LIMIT, self.message(WHAT)).await {
            Err(_elapsed) => Err(DatabaseError::TimedOut(CONNECT_LIMIT)),
            Ok(Err(error)) => {
                // So that another attempt finds the connection in order.
                self.until_ready(WHAT).await?;
                Err(error)
            }
            Ok(Ok((b'W', _))) => Ok(()),
            Ok(Ok((tag, _))) => Err(unexpected(WHAT, tag)),
        }
    }

    /// The next message of the replication. Nothing is lost when it is dropped while it waits.
    pub(super) async fn receive(&mut self) -> Result<Bytes, DatabaseError> {
        const WHAT: &str = "read changes";
        match self.message(WHAT).await? {
            (b'd', body) => Ok(body),
            (b'c', _) => Err(cut(WHAT)(io::ErrorKind::UnexpectedEof.into())),
            (tag, _) => Err(unexpected(WHAT, tag)),
        }
    }

    /// Sends a message of the replication.
    pub(super) async fn tell(&mut self, payload: &[u8]) -> Result<(), DatabaseError> {
        let mut out = BytesMut::new();
        let message = frontend::CopyData::new(payload).map_err(cut("answer the server"))?;
        message.write(&mut out);
        self.send(&out).await
    }

    /// The next message that is no notice; the server's error as one.
    async fn message(&mut self, what: &str) -> Result<(u8, Bytes), DatabaseError> {
        loop {
            match self.take(what).await? {
                // Notices, settings, and who serves us.
                (b'N' | b'S' | b'K', _) => {}
                (b'E', body) => return Err(refused(what, &body)),
                message => return Ok(message),
            }
        }
    }

    async fn take(&mut self, what: &str) -> Result<(u8, Bytes), DatabaseError> {
        loop {
            if let Some(head) = self.inbox.first_chunk::<5>() {
                let [tag, length @ ..] = *head;
                // The length counts itself.
                let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
                if !(4..=MAX_MESSAGE_BYTES).contains(&length) {
                    return Err(unexpected(what, tag));
                }
                if self.inbox.len() > length {
                    let body = self.inbox.split_to(length + 1).freeze().slice(5..);
                    return Ok((tag, body));
                }
            }
            self.inbox.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.inbox).await.map_err(cut(what))? {
                0 => return Err(cut(what)(io::ErrorKind::UnexpectedEof.into())),
                _more => {}
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), DatabaseError> {
        const WHAT: &str = "write to PostgreSQL";
        let written = tokio::time::timeout(SILENCE_LIMIT, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        let written = written.await.map_err(|_elapsed| DatabaseError::TimedOut(SILENCE_LIMIT))?;
        written.map_err(cut(WHAT))
    }
}

/// The first of the address's hosts that lets us in.
async fn reach(config: &Config) -> io::Result<Box<dyn Duplex>> {
    let mut failed = io::Error::new(io::ErrorKind::AddrNotAvailable, "the address names no host");
    for (number, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
        let reached: io::Result<Box<dyn Duplex>> = match host {
            Host::Tcp(name) => TcpStream::connect((name.as_str(), port)).await.map(|stream| {
                // Small answers go at once; without it they only go later.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "delay of a socket not set");
                }
                Box::new(stream) as Box<dyn Duplex>
            }),
            Host::Unix(folder) => UnixStream::connect(folder.join(format!(".s.PGSQL.{port}")))
                .await
                .map(|stream| Box::new(stream) as Box<dyn Duplex>),
        };
        match reached {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn cut(what: &str) -> impl Fn(io::Error) -> DatabaseError {
    move |source| DatabaseError::ChangesCut { what: format!("{what} of PostgreSQL"), source }
}

fn unexpected(what: &str, tag: u8) -> DatabaseError {
    let reason = format!("an answer of kind `{}` was not awaited", tag.escape_ascii());
    cut(what)(io::Error::new(io::ErrorKind::InvalidData, reason))
}

fn unsupported(code: i32) -> DatabaseError {
    DatabaseError::ChangesRefused {
        what: format!("a server that wants authentication of kind {code}"),
        mend: "allow `scram-sha-256` for its user in pg_hba.conf".to_owned(),
    }
}

/// The fields of an error that people read (PostgreSQL manual, 55.8).
fn refused(what: &str, body: &[u8]) -> DatabaseError {
    let fields: BTreeMap<u8, String> = body
        .split(|byte| *byte == 0)
        .filter_map(|field| field.split_first())
        .map(|(kind, text)| (*kind, String::from_utf8_lossy(text).into_owned()))
        .collect();
    let field = |kind| fields.get(&kind).cloned().unwrap_or_default();
    DatabaseError::ChangesServer {
        what: what.to_owned(),
        // `V` is not translated; servers before 9.6 do not send it.
        severity: fields.get(&b'V').cloned().unwrap_or_else(|| field(b'S')),
        code: field(b'C'),
        message: field(b'M'),
    }
}

fn row(mut body: Bytes) -> Option<Vec<Field>> {
    let count = body.try_get_u16().ok()?;
    let mut fields = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        fields.push(match body.try_get_i32().ok()? {
            -1 => None,
            length => {
                let length = usize::try_from(length).ok().filter(|n| *n <= body.len())?;
                Some(body.split_to(length).to_vec())
            }
        });
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_keeps_its_code() {
        let body = b"SFEHLER\0VERROR\0C55006\0Mslot is active\0\0";
        let DatabaseError::ChangesServer { severity, code, message, .. } = refused("x", body)
        else {
            panic!("another error")
        };
        assert_eq!((&*severity, &*code, &*message), ("ERROR", "55006", "slot is active"));
    }

    #[test]
    fn no_row_makes_its_reader_panic() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|body| {
            let _ = row(Bytes::copy_from_slice(body));
        });
        let body = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
        assert_eq!(row(Bytes::from_static(body)), Some(vec![Some(b"a".to_vec()), None]));
    }
}
