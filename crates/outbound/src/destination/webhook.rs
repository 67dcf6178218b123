//! An address that takes a POST for each copy.

use super::{Copy, DEADLINE};
use crate::{
    OutboundError,
    http::{Client, HeaderMap, HeaderName, Method, Request, header, place, said},
};
use ::http::HeaderValue;
use kernel::config::Secret;
use ring::digest;

/// Under which the receiver may keep it.
const NAME: HeaderName = HeaderName::from_static("x-storewarden-name");

#[derive(Debug, Clone)]
pub(super) struct Webhook(Secret);

impl Webhook {
    pub(super) fn new(url: Secret) -> Self {
        Self(url)
    }

    /// Two addresses of one host share it: what stands behind the host is a secret.
    pub(super) fn label(&self) -> String {
        place(self.0.reveal()).map_or_else(|| "a webhook".to_owned(), |place| format!("{place}/…"))
    }

    /// Told apart by a few digits of the whole address's hash.
    pub(super) fn id(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.0.reveal().as_bytes());
        let digits: String =
            digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} {digits}", self.label())
    }

    pub(super) async fn put(&self, client: &Client, copy: Copy) -> Result<(), OutboundError> {
        let name = HeaderValue::try_from(&copy.name).map_err(|_| OutboundError::Name(copy.name))?;
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(copy.content_type)),
            (NAME, name),
        ]);
        let url = self.0.reveal().to_owned();
        let request =
            Request { method: Method::POST, url, headers, body: copy.body, deadline: DEADLINE };
        let answer = client.send(request).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(OutboundError::Refused {
            operation: "keep a copy",
            place: self.label(),
            status: answer.status.as_u16(),
            said: said(&answer.body),
        })
    }
}
