//! Whether what names say lets a shop's mail arrive: SPF, DKIM, DMARC, and lists of addresses that nobody takes mail from.

use crate::{
    dns::{
        Data, DnsServer, RecordType,
        resolver::{Found, Resolver},
    },
    outcome::{Conclusion, Reason},
    trace::Trace,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod key;
mod policy;
mod sender;

/// What is told of a record.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone)]
pub struct MailSetupCheck {
    pub question: MailQuestion,
    /// `None`: those of this machine. Many block lists do not answer the great public resolvers.
    pub server: Option<DnsServer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailQuestion {
    /// That the domain says, in one record that can be worked out, who may send for it, and does not say everybody: RFC 7208.
    Spf { domain: String },
    /// That the key by which the mail of the domain is signed is there and fit: RFC 6376, RFC 8301, RFC 8463.
    Dkim { domain: String, selector: String },
    /// That the domain, or the one above it, says what becomes of mail that only claims to be from it, and not that nothing does: RFC 7489.
    Dmarc { domain: String },
    /// That an address which sends mail is on no block list (`zen.spamhaus.org`): RFC 5782.
    Unlisted { address: IpAddr, list: String },
}

impl MailSetupCheck {
    pub(crate) async fn attempt(&self, trace: &mut Trace) -> Result<(), Conclusion> {
        let name = match &self.question {
            MailQuestion::Spf { domain } | MailQuestion::Dkim { domain, .. } => domain,
            MailQuestion::Dmarc { domain } => domain,
            MailQuestion::Unlisted { list, .. } => list,
        };
        let resolver = Resolver::choose(self.server.as_ref(), name, trace).await?;
        match &self.question {
            MailQuestion::Spf { domain } => sender::judge(&resolver, domain, trace).await,
            MailQuestion::Dkim { domain, selector } => {
                key::judge(&resolver, domain, selector, trace).await
            }
            MailQuestion::Dmarc { domain } => policy::judge(&resolver, domain, trace).await,
            MailQuestion::Unlisted { address, list } => {
                unlisted(&resolver, *address, list, trace).await
            }
        }
    }
}

/// The texts of a name; `None`: there is no such name.
async fn texts(
    resolver: &Resolver,
    name: &str,
    trace: &mut Trace,
) -> Result<Option<Vec<String>>, Conclusion> {
    Ok(match resolver.ask(name, RecordType::Txt, trace).await? {
        Found::NoName => None,
        Found::NoRecords => Some(Vec::new()),
        Found::Records(records) => {
            let texts = records.into_iter().filter_map(|record| match record {
                Data::Txt(text) => Some(text),
                _ => None,
            });
            Some(texts.collect())
        }
    })
}

fn of(code: &'static str, name: &str) -> Reason {
    Reason::new(code).with("name", name)
}

fn short(text: &str) -> String {
    text.chars().take(TOLD_CHARS).collect()
}

/// `name=value` by semicolons (RFC 6376, 3.2), names in lower case. `None`: it is no such list.
fn tags(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

fn tag<'a>(tags: &'a [(String, String)], name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

async fn unlisted(
    resolver: &Resolver,
    address: IpAddr,
    list: &str,
    trace: &mut Trace,
) -> Result<(), Conclusion> {
    // A list that is dead, or a resolver that hides it, says that nothing is listed: RFC 5782, 5 has an entry for that.
    let probe: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::new(127, 0, 0, 2).into(),
        IpAddr::V6(_) => Ipv4Addr::new(127, 0, 0, 2).to_ipv6_mapped().into(),
    };
    if !is_listed(resolver, probe, list, trace).await? {
        return Err(Conclusion::Unknown(of("block_list_dead", list)));
    }
    if is_listed(resolver, address, list, trace).await? {
        let reason = of("listed", list).with("address", address.to_string());
        return Err(Conclusion::Failed(reason));
    }
    Ok(())
}

async fn is_listed(
    resolver: &Resolver,
    address: IpAddr,
    list: &str,
    trace: &mut Trace,
) -> Result<bool, Conclusion> {
    let name = format!("{}.{list}", backward(address));
    let Found::Records(records) = resolver.ask(&name, RecordType::A, trace).await? else {
        return Ok(false);
    };
    let mut is_entry = false;
    for record in records {
        let Data::A(address) = record else { continue };
        match address.octets() {
            // Spamhaus answers so whom it does not serve (spamhaus.org, "DNSBL usage terms", return codes), and others with the
            // address that RFC 5782, 5 says is never listed.
            [127, 255, 255, _] | [127, 0, 0, 1] => {
                let reason = of("block_list_refuses", list).with("found", address.to_string());
                return Err(Conclusion::Unknown(reason));
            }
            [127, ..] => is_entry = true,
            // Whoever took the domain over answers with its own address for every name.
            _ => return Err(Conclusion::Unknown(of("block_list_dead", list))),
        }
    }
    Ok(is_entry)
}

/// As RFC 5782, 2.1 and 2.4 write it before a list's name.
fn backward(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, fourth] = address.octets();
            format!("{fourth}.{third}.{second}.{first}")
        }
        IpAddr::V6(address) => nibbles(address).join("."),
    }
}

fn nibbles(address: Ipv6Addr) -> Vec<String> {
    let octets = address.octets().into_iter().rev();
    octets.flat_map(|octet| [octet & 15, octet >> 4]).map(|nibble| format!("{nibble:x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_backward() {
        let check = |address: &str, expect: &str| {
            assert_eq!(backward(address.parse().unwrap()), expect);
        };
        check("192.0.2.99", "99.2.0.192");
        // The example of RFC 5782, 2.4.
        check(
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2",
        );
    }

    #[test]
    fn tags_are_read_whatever_stands_between() {
        let found = tags(" v = DKIM1 ;P=a=b;; ").unwrap();
        assert_eq!(tag(&found, "v"), Some("DKIM1"));
        assert_eq!(tag(&found, "p"), Some("a=b"));
        assert_eq!(tags("v=DKIM1; nothing"), None);
        assert_eq!(tags(""), Some(Vec::new()));
    }
}
