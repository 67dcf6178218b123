//! One asking, and what its outcome means: an answer, a refusal, or nothing.

use super::PeerAnswer;
use crate::orders::now_ms;
use kernel::config::PeerAddress;
use outbound::{
    OutboundError,
    http::{Client, ClientOptions, HeaderMap, Method, Request, Response, StatusCode, header},
};
use serde::Deserialize;
use std::{path::Path, time::Duration, time::Instant};

/// Where a Storewarden is asked (RFC 8615).
const PATH: &str = "/.well-known/storewarden/peer";

/// What came of asking a peer or looking at a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Answer(Box<Answered>),
    /// A page is there.
    Page {
        round_trip_ms: f64,
    },
    /// Somebody is there who does not answer as a peer does: a mistake of a configuration.
    Refusal(String),
    /// Nothing that counts; `own`: because this machine has no way out.
    Nothing {
        why: String,
        own: bool,
    },
}

/// An answer, and how it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answered {
    pub(super) answer: PeerAnswer,
    pub(super) round_trip_ms: f64,
    /// By how much its clock is ahead of ours.
    pub(super) clock_offset_ms: i64,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum Question {
    Peer(PeerAddress),
    /// An address.
    Page(String),
}

/// Who asks.
#[derive(Debug)]
pub(super) struct Asker {
    /// Why there is none, else.
    pub(super) client: Result<Client, String>,
    pub(super) question: Question,
    pub(super) deadline: Duration,
}

/// A client that trusts `root` as well; why there is none, else.
pub(super) fn client(root: Option<&Path>) -> Result<Client, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
    };
    let extra_roots_pem = root.map(read).transpose()?.into_iter().collect();
    let options = ClientOptions { extra_roots_pem, ..ClientOptions::default() };
    Client::new(&options).map_err(|error| error.story())
}

impl Asker {
    pub(super) async fn ask(&self) -> Heard {
        match &self.question {
            Question::Peer(address) => peer(&self.client, address, self.deadline).await,
            Question::Page(url) => page(&self.client, url, self.deadline).await,
        }
    }
}

/// Asks a peer how it is.
async fn peer(client: &Result<Client, String>, address: &PeerAddress, deadline: Duration) -> Heard {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", address.token.reveal());
    let Ok(mut bearer) = header::HeaderValue::from_str(&bearer) else {
        return Heard::Refusal("our token has characters that no header may have".to_owned());
    };
    bearer.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, bearer);
    let (sent_ms, sent) = (now_ms(), Instant::now());
    match get(client, format!("{}{PATH}", address.url), headers, deadline).await {
        Ok(response) => understand(&response, sent_ms, milliseconds(sent.elapsed())),
        Err(heard) => heard,
    }
}

/// Looks at a page, as somebody who comes for the first time.
async fn page(client: &Result<Client, String>, url: &str, deadline: Duration) -> Heard {
    let sent = Instant::now();
    match get(client, url.to_owned(), HeaderMap::new(), deadline).await {
        // A redirect is followed by browsers, and is an answer.
        Ok(response) if response.status.as_u16() < 400 => {
            Heard::Page { round_trip_ms: milliseconds(sent.elapsed()) }
        }
        Ok(response) => nothing(format!("it answers {}", response.status)),
        Err(heard) => heard,
    }
}

async fn get(
    client: &Result<Client, String>,
    url: String,
    mut headers: HeaderMap,
    deadline: Duration,
) -> Result<Response, Heard> {
    let client = client.as_ref().map_err(|why| Heard::Refusal(why.clone()))?;
    // A connection of its own each time: one that is kept shows neither a name that leads nowhere
    // nor a certificate that has ended.
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let request = Request { method: Method::GET, url, headers, body: Default::default(), deadline };
    client.send(request).await.map_err(|error| match error {
        OutboundError::Address(why) => Heard::Refusal(why.to_owned()),
        error => Heard::Nothing { why: error.story(), own: error.is_own_network() },
    })
}

/// The part of an error that says what it is.
#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorCode,
}

#[derive(Debug, Deserialize)]
struct ErrorCode {
    code: String,
}

fn understand(response: &Response, sent_ms: i64, round_trip_ms: f64) -> Heard {
    let status = response.status;
    let code = serde_json::from_slice::<ErrorBody>(&response.body).ok().map(|body| body.error.code);
    let ours = code.is_some();
    match status {
        StatusCode::OK => match serde_json::from_slice::<PeerAnswer>(&response.body) {
            Ok(answer) => {
                #[expect(clippy::cast_possible_truncation, reason = "seconds at most")]
                let middle_ms = sent_ms + (round_trip_ms / 2.0) as i64;
                let clock_offset_ms = answer.now_ms - middle_ms;
                Heard::Answer(Box::new(Answered { answer, round_trip_ms, clock_offset_ms }))
            }
            Err(_) => Heard::Refusal("a page answers there, and no Storewarden".to_owned()),
        },
        StatusCode::UNAUTHORIZED if ours => Heard::Refusal("it does not know our token".to_owned()),
        StatusCode::FORBIDDEN if ours => {
            Heard::Refusal("our token lacks the permission `peer` there".to_owned())
        }
        StatusCode::TOO_MANY_REQUESTS => nothing("it answers 429: too many ask".to_owned()),
        status if status.is_server_error() => nothing(match code.as_deref() {
            Some("control_away") => "its edge answers, its control does not".to_owned(),
            Some(code) => format!("it answers {status}: {code}"),
            None => format!("it answers {status}"),
        }),
        status => Heard::Refusal(format!(
            "it answers {status}: no Storewarden is there that has a [[peer]]"
        )),
    }
}

fn nothing(why: String) -> Heard {
    Heard::Nothing { why, own: false }
}

fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_a_refusal_and_a_silence_are_told_apart() {
        let check = |status: u16, body: &str, expect: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            let body = body.to_owned().into();
            let response = Response { status, headers: HeaderMap::new(), body };
            let said = match understand(&response, 1_000, 40.0) {
                Heard::Answer(a) => format!("{} {}", a.answer.version, a.clock_offset_ms),
                Heard::Page { .. } => "a page".to_owned(),
                Heard::Refusal(why) => format!("refusal: {why}"),
                Heard::Nothing { why, .. } => format!("nothing: {why}"),
            };
            assert_eq!(said, expect, "{status}");
        };
        check(200, r#"{"version":"0.9.0","now_ms":2020,"later":{"x":1}}"#, "0.9.0 1000");
        check(200, "<html>", "refusal: a page answers there, and no Storewarden");
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"…"}}}}"#);
        check(401, &error("unauthenticated"), "refusal: it does not know our token");
        check(403, &error("forbidden"), "refusal: our token lacks the permission `peer` there");
        let nobody = "no Storewarden is there that has a [[peer]]";
        check(404, "<html>", &format!("refusal: it answers 404 Not Found: {nobody}"));
        check(403, "<html>", &format!("refusal: it answers 403 Forbidden: {nobody}"));
        check(308, "", &format!("refusal: it answers 308 Permanent Redirect: {nobody}"));
        let away = "nothing: its edge answers, its control does not";
        check(503, &error("control_away"), away);
        check(503, &error("store"), "nothing: it answers 503 Service Unavailable: store");
        check(502, "<html>", "nothing: it answers 502 Bad Gateway");
        check(429, "", "nothing: it answers 429: too many ask");
    }
}
