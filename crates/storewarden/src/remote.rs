//! The commands that ask a running control: sign-in, reload, drain; and what they share.

use crate::{
    cli::Exit,
    client::{Answer, ClientError, ask},
};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::{
    io::{ErrorKind, Write as _},
    path::Path,
};

/// The error of the API: a sentence, and lines with details.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    message: String,
    #[serde(default)]
    details: Vec<String>,
    reason: Option<Reason>,
}

/// What stands in the way, as a code.
#[derive(Debug, Deserialize)]
struct Reason {
    code: String,
}

/// The way out of [`Reason`] `last_instance`, as it is said here.
const FORCED: &str = "with --forced it is done all the same: visitors wait until it is back";

/// A command that found no control exits with a code of its own.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<ClientError>() {
        Some(_) => Exit::Unreachable,
        None => Exit::Wrong,
    }
}

#[derive(Debug, Deserialize)]
struct Link {
    url: String,
}

/// Prints a one-time link.
pub(crate) fn sign_in(state: &Path, json: bool) -> anyhow::Result<Exit> {
    let answer = good(ask(state, "POST", "/api/v1/sign-in-links")?)?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        print(format!("{}\n", answer.json::<Link>()?.url).as_bytes())?;
    }
    Ok(Exit::Fine)
}

#[derive(Debug, Deserialize)]
struct Reloaded {
    version: u64,
}

/// Has control read the configuration again; prints what is wrong with it when it is refused.
pub(crate) fn reload(state: &Path, json: bool) -> anyhow::Result<Exit> {
    let answer = ask(state, "POST", "/api/v1/reload")?;
    if answer.status == 422 {
        if json {
            print_bytes(&answer.body)?;
            return Ok(Exit::Configuration);
        }
        let refused: ErrorBody = answer.json()?;
        for line in &refused.error.details {
            eprintln!("{line}");
        }
        eprintln!(
            "storewarden: {}; the configuration before stays in force",
            refused.error.message
        );
        return Ok(Exit::Configuration);
    }
    let answer = good(answer)?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        let version = answer.json::<Reloaded>()?.version;
        print(format!("Configuration {version} is in force.\n").as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// Has an instance get no new requests, or get them again.
/// Reports how a job goes; says nothing when that is known.
pub(crate) fn heartbeat(
    state: &Path,
    name: &str,
    start: bool,
    ended: Option<u8>,
) -> anyhow::Result<Exit> {
    let signal = match (start, ended) {
        (true, _) => "/start".to_owned(),
        (false, Some(code)) => format!("/{code}"),
        (false, None) => String::new(),
    };
    let answer = ask(state, "POST", &format!("/api/v1/heartbeats/{}{signal}", escape(name)))?;
    if answer.status == 404 {
        bail!(
            "no check with `heartbeat` is called \"{name}\": see `[[check]]` in the configuration"
        );
    }
    good(answer).map(|_| Exit::Fine)
}

pub(crate) fn drain(
    state: &Path,
    shop: &str,
    instance: &str,
    deed: &str,
    json: bool,
) -> anyhow::Result<Exit> {
    let (shop_path, instance_path) = (escape(shop), escape(instance));
    let path = format!("/api/v1/shops/{shop_path}/instances/{instance_path}/{deed}");
    let answer = good(ask(state, "POST", &path)?)?;
    if json {
        print_bytes(&answer.body)?;
    } else if deed == "drain" {
        let text = format!(
            "{instance} of {shop} gets no new requests. Give it some again: storewarden undrain \
             {shop} {instance}\n"
        );
        print(text.as_bytes())?;
    } else {
        print(format!("{instance} of {shop} gets requests again.\n").as_bytes())?;
    }
    Ok(Exit::Fine)
}

/// The answer when it is a good one; else what control says, with its details.
pub(crate) fn good(answer: Answer) -> anyhow::Result<Answer> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let said: Option<ErrorBody> = answer.json().ok();
    match said {
        Some(ErrorBody { error }) => {
            let code = error.reason.as_ref().map(|reason| reason.code.as_str());
            let lines = match code {
                Some("last_instance") => vec![FORCED.to_owned()],
                _ => error.details,
            };
            let lines = lines.iter().map(|line| format!("\n  {line}"));
            bail!("{}{}", error.message, lines.collect::<String>())
        }
        None => bail!("control answered with status {}", answer.status),
    }
}

/// For a query: everything but letters, digits, hyphens, dots and underscores as `%XX`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// JSON as it came, and a line break.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    print(&[bytes, b"\n"].concat())
}

/// Writes to standard output. A reader that has seen enough and left, as `head` does, is no error.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("print the answer")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escape("lamps-2"), "lamps-2");
        assert_eq!(escape("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
