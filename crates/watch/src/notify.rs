//! Telling people: one message by mail, webhook, Slack or ntfy, each with a deadline.
//!
//! An enum rather than a trait, since the four are all there are; one conformance suite tries each
//! against a server that checks the call. When to tell is not known here, nor whether to try again:
//! a failure only says whether trying again may help.

mod email;
mod message;
mod web;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use message::{Message, Subject};

use crate::WatchError;
use email::Email;
use kernel::config::{AlertSettings, ChannelSettings, NotifySettings};
use outbound::http::{Client, ClientOptions};
use std::time::Duration;
use web::{Kind, Web};

/// One message has arrived by then, or it counts as not sent.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A way to tell somebody.
#[derive(Debug)]
pub enum Channel {
    Email(Email),
    Web(Web),
}

impl Channel {
    /// The channel of a route.
    ///
    /// # Errors
    /// When its settings cannot work: an address that is none, a certificate that is none.
    pub fn new(
        route: &NotifySettings,
        settings: &AlertSettings,
        client: &Client,
    ) -> Result<Self, WatchError> {
        let web = |kind, url, token: Option<&_>| Web::new(kind, url, token, client);
        Ok(match &route.channel {
            ChannelSettings::Email(addresses) => {
                let smtp = settings.smtp.as_ref().ok_or(WatchError::NoMailServer)?;
                Self::Email(Email::new(smtp, addresses)?)
            }
            ChannelSettings::Webhook { url, token } => {
                Self::Web(web(Kind::Webhook, url, token.as_ref())?)
            }
            ChannelSettings::Slack { url } => Self::Web(web(Kind::Slack, url, None)?),
            ChannelSettings::Ntfy { url, token } => {
                Self::Web(web(Kind::Ntfy, url, token.as_ref())?)
            }
        })
    }

    /// Tells it. `Ok` means that the other side took it.
    ///
    /// # Errors
    /// [`WatchError::NotifyRefused`] when the other side will never take it,
    /// [`WatchError::NotifyFailed`] when it may take it later. After the latter it may have arrived
    /// all the same: the other side knows a second one by its `dedup`.
    pub async fn send(&self, message: &Message, deadline: Duration) -> Result<(), WatchError> {
        match self {
            Self::Email(email) => email.send(message, deadline).await,
            Self::Web(web) => web.send(message, deadline).await,
        }
    }
}

/// `email`, `webhook`, `slack` or `ntfy`.
#[must_use]
pub fn kind(route: &NotifySettings) -> &'static str {
    match route.channel {
        ChannelSettings::Email(_) => "email",
        ChannelSettings::Webhook { .. } => "webhook",
        ChannelSettings::Slack { .. } => "slack",
        ChannelSettings::Ntfy { .. } => "ntfy",
    }
}

/// The client for all channels that speak HTTP.
///
/// # Errors
/// Never by itself; when the machine's certificates cannot be read.
pub fn client() -> Result<Client, WatchError> {
    Ok(Client::new(&ClientOptions::default())?)
}
