//! A request to the API of a running control: one connection, one answer, nothing kept.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::{self, BufRead, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file in the state directory that says where the API listens.
pub(crate) const ADDRESS_FILE: &str = "api-address";
/// The file in the state directory that holds the token.
pub(crate) const TOKEN_FILE: &str = "api-token";

/// A longer answer is not one of ours.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Comments come on a stream every ten seconds; one that is silent for longer is dead.
const STREAM_SILENCE: Duration = Duration::from_secs(30);

/// How long is waited for control.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
}

/// For answers that are looked for in backups, which may be far away.
pub(crate) const LONG: Patience =
    Patience { connect: Duration::from_secs(2), answer: Duration::from_secs(60) };

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), answer: Duration::from_secs(15) }
    }
}

/// Why there is no answer: what happened, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(
        "Storewarden does not run with the state directory `{}`; start it with `storewarden up \
         --config FILE --state {}`, or name another directory with --state DIR",
        .0.display(), .0.display()
    )]
    Absent(PathBuf),
    #[error(
        "you may not read `{}`, which belongs to {owner}; run this as that user or as root: `sudo \
         storewarden …`", path.display()
    )]
    Denied { path: PathBuf, owner: String },
    #[error("read `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "`{}` holds no address, so that control cannot be found; a restart of Storewarden writes \
         it anew", .0.display()
    )]
    Address(PathBuf),
    #[error(
        "nobody listens at {address}, where Storewarden listened last: it has ended, or is just \
         starting; `storewarden up --config FILE --state {}` starts it", state.display()
    )]
    Ended { address: SocketAddr, state: PathBuf },
    #[error("reach control at {address}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error(
        "control at {address} is there, and gave no answer within {} s; whether it did what was \
         asked is not known: look at `storewarden status`, and at its log when that hangs too",
        patience.as_secs_f64()
    )]
    Silent { address: SocketAddr, patience: Duration },
    #[error("the connection to control at {address} broke off; try again")]
    Exchange { address: SocketAddr, source: io::Error },
    #[error(
        "whoever listens at {address} does not take the token in `{}`: it is another Storewarden \
         than the one of this state directory; name that one's with --state DIR", path.display()
    )]
    Token { address: SocketAddr, path: PathBuf },
    #[error(
        "what answers at {address} is not Storewarden; another program may have taken its address"
    )]
    Stranger { address: SocketAddr },
    #[error(
        "control's answer is not understood: it may be of another version than this program; \
         `storewarden --version` tells this one's, the first line of its log control's"
    )]
    Answer,
}

/// An answer's status and JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|_| ClientError::Answer)
    }
}

/// Sends one request to the control of a state directory.
///
/// # Errors
/// When no control answers there.
pub(crate) fn ask(state: &Path, method: &str, path: &str) -> Result<Answer, ClientError> {
    send(state, method, path, b"", Patience::default())
}

/// The same with a body.
///
/// # Errors
/// When no control answers there.
pub(crate) fn ask_with(
    state: &Path,
    method: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<Answer, ClientError> {
    let body = serde_json::to_vec(body).map_err(|_| ClientError::Answer)?;
    send(state, method, path, &body, Patience::default())
}

/// The same for whoever has more patience.
///
/// # Errors
/// When no control answers there in time.
pub(crate) fn ask_patiently(
    state: &Path,
    method: &str,
    path: &str,
    body: &impl Serialize,
    patience: Patience,
) -> Result<Answer, ClientError> {
    let body = serde_json::to_vec(body).map_err(|_| ClientError::Answer)?;
    send(state, method, path, &body, patience)
}

/// The same without a body, for whoever has less patience.
///
/// # Errors
/// When no control answers there in time.
pub(crate) fn ask_with_patience(
    state: &Path,
    method: &str,
    path: &str,
    patience: Patience,
) -> Result<Answer, ClientError> {
    send(state, method, path, b"", patience)
}

/// Reads a stream of events line by line, from its beginning on. It ends when control does.
///
/// # Errors
/// When no control answers there, or not with a stream.
pub(crate) fn follow(state: &Path, path: &str) -> Result<impl BufRead + Send + use<>, ClientError> {
    let patience = Patience::default();
    let control = Control::find(state)?;
    let mut stream = control.connect(patience)?;
    let failed = |error| control.failed(error, patience);
    stream.set_read_timeout(Some(STREAM_SILENCE)).map_err(failed)?;
    stream.write_all(control.head("GET", path, 0).as_bytes()).map_err(failed)?;
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).map_err(failed)? == 0 {
            return Err(ClientError::Stranger { address: control.address });
        }
    }
    control.judge(parse(head.as_bytes()))?;
    Ok(lines)
}

fn send(
    state: &Path,
    method: &str,
    path: &str,
    body: &[u8],
    patience: Patience,
) -> Result<Answer, ClientError> {
    let control = Control::find(state)?;
    let stream = control.connect(patience)?;
    let request = [control.head(method, path, body.len()).as_bytes(), body].concat();
    let bytes = exchange(stream, &request, patience.answer);
    control.judge(parse(&bytes.map_err(|error| control.failed(error, patience))?))
}

/// The control of a state directory, as what lies there says.
struct Control<'a> {
    state: &'a Path,
    address: SocketAddr,
    token: String,
}

impl<'a> Control<'a> {
    fn find(state: &'a Path) -> Result<Self, ClientError> {
        let address_file = state.join(ADDRESS_FILE);
        let address = read(state, &address_file)?;
        let address = address.trim().parse().map_err(|_| ClientError::Address(address_file))?;
        let token = read(state, &state.join(TOKEN_FILE))?.trim().to_owned();
        Ok(Self { state, address, token })
    }

    fn connect(&self, patience: Patience) -> Result<TcpStream, ClientError> {
        let (address, state) = (self.address, self.state.to_owned());
        TcpStream::connect_timeout(&address, patience.connect).map_err(|source| {
            match source.kind() {
                ErrorKind::ConnectionRefused => ClientError::Ended { address, state },
                ErrorKind::TimedOut => ClientError::Silent { address, patience: patience.connect },
                _ => ClientError::Connect { address, source },
            }
        })
    }

    fn head(&self, method: &str, path: &str, length: usize) -> String {
        let Self { address, token, .. } = self;
        format!(
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             accept: application/json\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        )
    }

    fn failed(&self, source: io::Error, patience: Patience) -> ClientError {
        let (address, patience) = (self.address, patience.answer);
        match source.kind() {
            // What the system says when the time of a socket is over, depends on the system.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                ClientError::Silent { address, patience }
            }
            _ => ClientError::Exchange { address, source },
        }
    }

    fn judge(&self, answer: Option<Answer>) -> Result<Answer, ClientError> {
        let address = self.address;
        match answer {
            None => Err(ClientError::Stranger { address }),
            Some(answer) if answer.status == 401 => {
                Err(ClientError::Token { address, path: self.state.join(TOKEN_FILE) })
            }
            Some(answer) => Ok(answer),
        }
    }
}

fn read(state: &Path, path: &Path) -> Result<String, ClientError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ClientError::Absent(state.to_owned()),
        ErrorKind::PermissionDenied => denied(path),
        _ => ClientError::Directory { path: path.to_owned(), source },
    })
}

/// Names whose file it is; of one that cannot even be looked at, its directory.
fn denied(path: &Path) -> ClientError {
    let seen = path.ancestors().find_map(|part| Some((part, fs::metadata(part).ok()?.uid())));
    let (path, uid) = seen.unwrap_or((path, 0));
    let owner = host::users::name_of(uid).unwrap_or_else(|| format!("the user {uid}"));
    ClientError::Denied { path: path.to_owned(), owner }
}

/// HTTP/1.0: the answer is not chunked and ends with the connection.
fn exchange(mut stream: TcpStream, request: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(request)?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: bytes[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const HURRY: Patience =
        Patience { connect: Duration::from_secs(5), answer: Duration::from_millis(50) };

    /// What is said when whoever listens answers this; `None` never answers.
    fn told(answer: Option<&'static str>) -> String {
        let state = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        fs::write(state.path().join(ADDRESS_FILE), format!("{address}\n")).unwrap();
        fs::write(state.path().join(TOKEN_FILE), "secret\n").unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            match answer {
                Some(answer) => {
                    // Closing with the request unread would reset the connection.
                    let mut request = [0; 1024];
                    assert!(stream.read(&mut request).unwrap() > 0);
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                // Until the other side has gone.
                None => drop(io::copy(&mut stream, &mut io::sink())),
            }
        });
        let error = ask_with_patience(state.path(), "GET", "/", HURRY).unwrap_err();
        server.join().unwrap();
        error.to_string()
    }

    #[test]
    fn whoever_does_not_answer_well_is_told_apart() {
        let check = |answer, expect: &str| {
            let said = told(answer);
            assert!(said.contains(expect), "{answer:?}: {said}");
        };
        check(None, "gave no answer within 0.05 s");
        check(Some("SSH-2.0-x\r\n\r\n"), "is not Storewarden");
        check(Some("HTTP/1.0 401 Unauthorized\r\n\r\n{}"), "does not take the token");
    }

    #[test]
    fn what_does_not_run_is_told_with_the_way_to_start_it() {
        let state = tempfile::tempdir().unwrap();
        let said = || ask(state.path(), "GET", "/").unwrap_err().to_string();
        assert!(said().contains("does not run with the state directory"), "{}", said());
        fs::write(state.path().join(ADDRESS_FILE), "nowhere").unwrap();
        fs::write(state.path().join(TOKEN_FILE), "secret").unwrap();
        assert!(said().contains("holds no address"), "{}", said());
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        fs::write(state.path().join(ADDRESS_FILE), gone.to_string()).unwrap();
        assert!(said().contains("it has ended, or is just starting"), "{}", said());
    }

    #[test]
    fn only_a_whole_head_is_an_answer() {
        let answer = parse(b"HTTP/1.0 422 Unprocessable\r\na: b\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (422, b"{}".as_slice()));
        for bad in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1 x\r\n\r\n"] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
