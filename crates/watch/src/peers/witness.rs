//! Witnesses: places of the configuration that we speak with anyway. When a peer does not answer,
//! one of them that can be reached says that the line is not ours that is dead.
//!
//! Nobody else on the internet is bothered, and nothing is said to a witness: a connection is opened
//! and closed.

use futures_util::future::join_all;
use kernel::config::{ChannelSettings, Configuration, DestinationSettings};
use outbound::reach;
use std::{net::IpAddr, time::Duration};

const PATIENCE: Duration = Duration::from_secs(3);
/// A few say enough.
const MOST: usize = 8;

/// A place that takes connections when all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Witness {
    host: String,
    port: u16,
}

impl Witness {
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let place = rest.split(['/', '?', '#']).next()?;
        let place = place.rsplit('@').next()?;
        let usual = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
                (host, port.parse().ok()?)
            }
            _ => (place, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// Whether it is this machine, which can be reached without any network.
    pub(super) fn is_local(&self) -> bool {
        let loopback = self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        loopback || self.host == "localhost"
    }
}

/// Whether an address is this machine's own.
pub(super) fn is_local(url: &str) -> bool {
    Witness::of(url).is_some_and(|witness| witness.is_local())
}

/// Everybody the configuration has us speak with, but peers and the pages of their shops.
pub(super) fn all(configuration: &Configuration) -> Vec<Witness> {
    let routes = configuration.alerts.routes.iter().filter_map(|route| match &route.channel {
        ChannelSettings::Email(_) => None,
        ChannelSettings::Webhook { url, .. }
        | ChannelSettings::Slack { url }
        | ChannelSettings::Ntfy { url, .. } => Witness::of(url.reveal()),
    });
    let smtp = configuration.alerts.smtp.as_ref();
    let smtp = smtp.map(|smtp| Witness { host: smtp.host.clone(), port: smtp.port });
    let acme = configuration.acme.as_ref().and_then(|acme| Witness::of(&acme.directory));
    let kept = configuration.ledger.to.iter().filter_map(|to| match to {
        DestinationSettings::Folder(_) => None,
        DestinationSettings::Webhook(url) => Witness::of(url.reveal()),
        DestinationSettings::S3(s3) => Witness::of(&s3.endpoint),
    });
    let mut all: Vec<Witness> = Vec::new();
    for witness in routes.chain(smtp).chain(acme).chain(kept) {
        if all.len() < MOST && !all.contains(&witness) {
            all.push(witness);
        }
    }
    all
}

/// Which of them can be reached now, in their order.
pub(super) async fn round(witnesses: Vec<Witness>) -> Vec<bool> {
    let reached = witnesses
        .iter()
        .map(async |witness| reach::connects(&witness.host, witness.port, PATIENCE).await.is_ok());
    join_all(reached).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_out_of_an_address() {
        let check = |url: &str, expect: Option<(&str, u16, bool)>| {
            let read = Witness::of(url);
            let read = read.as_ref().map(|one| (one.host.as_str(), one.port, one.is_local()));
            assert_eq!(read, expect, "{url}");
        };
        check("https://hooks.example/secret?x=1", Some(("hooks.example", 443, false)));
        check("http://127.0.0.1:9000/x", Some(("127.0.0.1", 9000, true)));
        check("https://[::1]", Some(("::1", 443, true)));
        check("https://[2001:db8::1]:8443/", Some(("2001:db8::1", 8443, false)));
        check("http://localhost", Some(("localhost", 80, true)));
        check("ftp://a.example", None);
        check("https:///x", None);
    }
}
