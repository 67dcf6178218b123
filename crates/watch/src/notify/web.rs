//! By HTTP: a webhook of JSON (docs/formats/notice.md), Slack's incoming webhooks, and ntfy.

use super::Message;
use crate::WatchError;
use kernel::{Level, config::Secret};
use outbound::{
    OutboundError,
    http::{Client, HeaderMap, HeaderName, Method, Request, header},
};
use serde_json::{Value, json};
use std::time::Duration;

const DEDUP: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Webhook,
    Slack,
    Ntfy,
}

/// An address that takes messages.
pub struct Web {
    kind: Kind,
    url: Secret,
    /// Of ntfy: what the last part of the address names.
    topic: String,
    headers: HeaderMap,
    client: Client,
}

impl std::fmt::Debug for Web {
    /// Neither address nor token: both may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Web {
    pub(super) fn new(
        kind: Kind,
        url: &Secret,
        token: Option<&Secret>,
        client: &Client,
    ) -> Result<Self, WatchError> {
        let unfit = |why: &str| WatchError::NotifySettings(why.to_owned());
        let (url, topic) = match kind {
            Kind::Webhook | Kind::Slack => (url.reveal().to_owned(), String::new()),
            // JSON goes to the server itself and names the topic (docs.ntfy.sh/publish, "Publish
            // as JSON"): headers would have to be ASCII.
            Kind::Ntfy => {
                let url = url.reveal().trim_end_matches('/');
                let parts = url.rsplit_once('/').filter(|(base, _)| base.contains("://"));
                let (base, topic) = parts
                    .filter(|(base, topic)| !topic.is_empty() && !base.ends_with('/'))
                    .ok_or_else(|| unfit("an ntfy address ends in its topic"))?;
                (format!("{base}/"), topic.to_owned())
            }
        };
        let mut headers = HeaderMap::new();
        let json = header::HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.reveal());
            let mut bearer = header::HeaderValue::from_str(&bearer)
                .map_err(|_| unfit("the token has characters that no header may have"))?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        Ok(Self { kind, url: Secret::new(url), topic, headers, client: client.clone() })
    }

    pub(super) async fn send(
        &self,
        message: &Message,
        deadline: Duration,
    ) -> Result<(), WatchError> {
        let mut headers = self.headers.clone();
        if let Ok(dedup) = header::HeaderValue::from_str(&message.dedup) {
            headers.insert(DEDUP, dedup);
        }
        let request = Request {
            method: Method::POST,
            url: self.url.reveal().to_owned(),
            headers,
            body: self.body(message).to_string().into(),
            deadline,
        };
        let response = self.client.send(request).await.map_err(|error| match error {
            OutboundError::Address(why) => WatchError::NotifyRefused(why.to_owned()),
            error => WatchError::NotifyFailed(error.story()),
        })?;
        let status = response.status;
        if status.is_success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&response.body);
        let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
        let answer = format!("it answered {status}: {words}");
        // Too early, too many, or its own trouble (RFC 9110 §15.5.9, RFC 6585 §4).
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(WatchError::NotifyFailed(answer));
        }
        Err(WatchError::NotifyRefused(answer))
    }

    fn body(&self, message: &Message) -> Value {
        let Message { dedup, event, subject, level, title, text, link } = message;
        match self.kind {
            Kind::Webhook => json!({
                "version": 1,
                "id": dedup,
                "event": event,
                "level": level,
                "incident": subject,
                "title": title,
                "text": text,
                "link": link,
            }),
            // Slack's own marks; what comes from outside must make none (api.slack.com,
            // "Formatting text for app surfaces").
            Kind::Slack => {
                let plain = |text: &str| {
                    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
                };
                json!({ "text": format!("*{}*\n{}", plain(title).replace('*', "∗"), plain(text)) })
            }
            Kind::Ntfy => {
                let (priority, tag) = match (event, level) {
                    (crate::incidents::Event::Resolved, _) => (3, "white_check_mark"),
                    (_, Level::Broken) => (5, "rotating_light"),
                    (_, Level::Attention | Level::Unknown) => (4, "warning"),
                    (_, Level::Good) => (3, "information_source"),
                };
                json!({
                    "topic": self.topic,
                    "title": title,
                    "message": text,
                    "priority": priority,
                    "tags": [tag],
                    "click": link,
                })
            }
        }
    }
}
