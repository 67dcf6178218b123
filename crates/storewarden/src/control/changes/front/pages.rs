//! Pages of a shop as a visitor gets them, over plain http on this machine: noted before a change,
//! compared after it. Everything here blocks.

use kernel::plan::PageLook;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A page that takes longer is as good as none.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Nobody compares more of a page.
const LONGEST: u64 = 4 << 20;
/// Of a page, so many others that it leads to are looked at.
const FURTHER: usize = 3;
/// Nobody has it, so that what is said of missing pages is compared too.
const MISSING: &str = "/storewarden-looks-for-a-page-that-is-not-there";

/// How one page was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) location: Option<String>,
    /// Of its body; `None`: it is another each time.
    pub(super) sha256: Option<String>,
}

/// Asks for every page.
pub(super) fn look(pages: &PageLook) -> io::Result<Vec<Answer>> {
    let at = address(&pages.at)?;
    pages.paths.iter().map(|path| steady(at, &pages.host, path)).collect()
}

/// Which page is not answered as it was; `None`: each is. A page that changes by itself is compared
/// with what the web server says of it now.
pub(super) fn difference(pages: &PageLook, before: &[Answer]) -> io::Result<Option<String>> {
    let (at, behind) = (address(&pages.at)?, address(&pages.behind)?);
    for was in before {
        let (is, _) = get(at, &pages.host, &was.path)?;
        if (is.status, &is.location) != (was.status, &was.location) {
            let (path, was, is) = (&was.path, was.status, is.status);
            return Ok(Some(format!("{path} was answered with {was}, and is with {is}")));
        }
        if was.sha256.is_some() && is.sha256 != was.sha256 {
            let (direct, _) = get(behind, &pages.host, &was.path)?;
            if direct.sha256 != is.sha256 {
                return Ok(Some(format!("{} has another text than before", was.path)));
            }
        }
    }
    Ok(None)
}

/// The paths that are worth looking at: the first page, some that it leads to, and one that is not
/// there.
pub(super) fn paths(at: SocketAddr, host: &str) -> io::Result<Vec<String>> {
    let (_, body) = get(at, host, "/")?;
    let mut paths = vec!["/".to_owned()];
    let text = String::from_utf8_lossy(&body);
    for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_plain = link.starts_with('/') && !link.starts_with("//");
        let acts = ["logout", "add", "cart", "checkout", "delete"].iter().any(|w| link.contains(w));
        let link = link.split('#').next().unwrap_or_default().to_owned();
        if is_plain && !acts && !link.contains(['&', ' ']) && !paths.contains(&link) {
            paths.push(link);
        }
        if paths.len() > FURTHER {
            break;
        }
    }
    paths.push(MISSING.to_owned());
    Ok(paths)
}

/// Asked for twice: what differs by itself has no digest.
fn steady(at: SocketAddr, host: &str, path: &str) -> io::Result<Answer> {
    let ((first, _), (second, _)) = (get(at, host, path)?, get(at, host, path)?);
    let is_steady = first.sha256 == second.sha256;
    Ok(Answer { sha256: first.sha256.filter(|_| is_steady), ..second })
}

pub(super) fn address(text: &str) -> io::Result<SocketAddr> {
    text.parse().map_err(|_| io::Error::other(format!("`{text}` is no address")))
}

fn get(at: SocketAddr, host: &str, path: &str) -> io::Result<(Answer, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&at, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Storewarden\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut whole = Vec::new();
    stream.take(LONGEST).read_to_end(&mut whole)?;
    let malformed = || io::Error::other(format!("{at} gives no answer that is HTTP"));
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(malformed)?;
    let head = String::from_utf8_lossy(&whole[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let field =
        |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let body = &whole[end + 4..];
    let is_chunked = field("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
    let body = if is_chunked { unchunked(body) } else { body.to_vec() };
    let answer = Answer {
        path: path.to_owned(),
        status: status.ok_or_else(malformed)?,
        location: field("location").map(str::to_owned),
        sha256: Some(digest(&body)),
    };
    Ok((answer, body))
}

/// The text of a chunked body (RFC 9112 §7.1), as far as it is one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).ok();
        let size = size.and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()).unwrap_or(0);
        let chunk = body.get(end + 2..end + 2 + size);
        let Some(chunk) = chunk.filter(|chunk| !chunk.is_empty()) else { break };
        text.extend_from_slice(chunk);
        body = body.get(end + 4 + size..).unwrap_or_default();
    }
    text
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::BufRead as _, net::TcpListener};

    /// A server that answers each request in turn.
    fn server(answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = io::BufReader::new(stream.try_clone().unwrap()).lines();
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    fn pages(at: SocketAddr, behind: SocketAddr) -> PageLook {
        let (at, behind) = (at.to_string(), behind.to_string());
        PageLook { at, behind, host: "lamps.example".into(), paths: vec!["/".into()] }
    }

    const PLAIN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nlamps";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nlam\r\n2\r\nps\r\n0\r\n\r\n";
    const OTHER: &str = "HTTP/1.1 200 OK\r\n\r\nshades";
    const BROKEN: &str = "HTTP/1.1 502 Bad Gateway\r\n\r\n";

    #[test]
    fn the_same_page_is_the_same_however_it_is_sent() {
        let at = server(&[PLAIN, CHUNKED]);
        let answers = look(&pages(at, at)).unwrap();
        assert!(answers[0].sha256.is_some(), "{answers:?}");
        let at = server(&[PLAIN, OTHER]);
        assert_eq!(look(&pages(at, at)).unwrap()[0].sha256, None);
    }

    #[test]
    fn a_page_that_is_answered_otherwise_is_told() {
        let at = server(&[PLAIN, PLAIN]);
        let before = look(&pages(at, at)).unwrap();
        let check = |front: &'static [&str], behind: &'static [&str], expect: Option<&str>| {
            let found = difference(&pages(server(front), server(behind)), &before).unwrap();
            assert_eq!(found.as_deref(), expect);
        };
        check(&[CHUNKED], &[], None);
        check(&[BROKEN], &[], Some("/ was answered with 200, and is with 502"));
        check(&[OTHER], &[PLAIN], Some("/ has another text than before"));
        // It has changed meanwhile, and is so for the web server too.
        check(&[OTHER], &[OTHER], None);
    }

    #[test]
    fn pages_that_the_first_one_leads_to_are_looked_at() {
        let at = server(&[
            "HTTP/1.1 200 OK\r\n\r\n<a href=\"/a#b\"><a href=\"https://x/\"><a href=\"/cart\"><a href=\"/a\"><a href=\"/c\">",
        ]);
        assert_eq!(paths(at, "h").unwrap(), ["/", "/a", "/c", MISSING]);
    }
}
