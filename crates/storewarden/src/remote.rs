//! The commands that ask a running control: status, sign-in, reload.

use crate::{
    cli::Exit,
    client::{Answer, ClientError, ask},
    status::{self, Paint},
};
use anyhow::{Context, bail};
use kernel::Level;
use serde::Deserialize;
use std::{
    io::{ErrorKind, IsTerminal as _, Write as _},
    path::Path,
};
use watch::state::Status;

/// The error of the API: a sentence, and lines with details.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
    #[serde(default)]
    details: Vec<String>,
}

/// A command that found no control exits with a code of its own.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<ClientError>() {
        Some(_) => Exit::Unreachable,
        None => Exit::Wrong,
    }
}

/// Prints how the shops are. Something broken is an exit of its own, for scripts.
pub(crate) fn status(state: &Path, json: bool) -> anyhow::Result<Exit> {
    let answer = good(ask(state, "GET", "/api/v1/status")?)?;
    let status: Status = answer.json()?;
    if json {
        print_bytes(&answer.body)?;
    } else {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print(status::text(&status, Paint(colours)).as_bytes())?;
    }
    let broken = status::worst(&status) == Level::Broken;
    Ok(if broken { Exit::Wrong } else { Exit::Fine })
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

pub(crate) fn good(answer: Answer) -> anyhow::Result<Answer> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let said: Option<ErrorBody> = answer.json().ok();
    match said {
        Some(said) => bail!("{} ({})", said.error.message, said.error.code),
        None => bail!("control answered with status {}", answer.status),
    }
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
