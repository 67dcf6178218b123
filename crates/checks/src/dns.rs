//! Whether a name has the records that it should have.

use crate::{
    outcome::{Conclusion, Reason},
    trace::Trace,
};
use resolver::{Found, Resolver};
use std::net::IpAddr;

mod message;
pub(crate) mod resolver;

pub(crate) use message::Data;
pub use message::RecordType;
pub use resolver::DnsServer;

/// What is told of a value.
const TOLD_CHARS: usize = 200;

#[derive(Debug, Clone)]
pub struct DnsCheck {
    /// In ASCII (`xn--`); a last dot changes nothing, no search list is used.
    pub name: String,
    pub record_type: RecordType,
    pub expected: ExpectedRecords,
    /// `None`: those of this machine. What they fail to say is unknown; of one that is named here, it is failed.
    pub server: Option<DnsServer>,
}

/// Values as zone files have them: `192.0.2.1`, `10 mail.shop.example` (without a number: whatever it is), `0 issue "ca.example"`, and
/// texts as they are, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedRecords {
    /// Some record of the type, whatever it holds.
    Exist,
    /// Each of these, and maybe others.
    AllOf(Vec<String>),
    /// At least one of these.
    AnyOf(Vec<String>),
    /// Each of these, and no others.
    Exactly(Vec<String>),
}

impl DnsCheck {
    pub(crate) async fn attempt(&self, trace: &mut Trace) -> Result<(), Conclusion> {
        let resolver = Resolver::choose(self.server.as_ref(), &self.name, trace).await?;
        let found = resolver.ask(&self.name, self.record_type, trace).await?;
        let word = self.record_type.word();
        let records = match found {
            Found::Records(records) => records,
            Found::NoRecords => {
                let reason = Reason::new("record_missing").with("name", self.name.as_str());
                return Err(Conclusion::Failed(reason.with("record_type", word)));
            }
            Found::NoName => {
                let reason = Reason::new("name_not_found").with("host", self.name.as_str());
                return Err(Conclusion::Failed(reason.with("said", "NXDOMAIN")));
            }
        };
        self.expected.judge(&records).map_err(|reason| {
            let reason = reason.with("name", self.name.as_str()).with("record_type", word);
            Conclusion::Failed(reason)
        })
    }
}

impl ExpectedRecords {
    fn judge(&self, records: &[Data]) -> Result<(), Reason> {
        let is_there = |value: &String| records.iter().any(|record| is_value(record, value));
        let lacking = |values: &[String]| {
            let lacking = values.iter().find(|value| !is_there(value));
            lacking.map(|value| differs(value, records))
        };
        let wrong = match self {
            Self::Exist => None,
            Self::AllOf(values) => lacking(values),
            Self::AnyOf(values) if values.iter().any(is_there) => None,
            Self::AnyOf(values) => Some(differs(&values.join(", "), records)),
            Self::Exactly(values) => lacking(values).or_else(|| {
                let is_known = |record: &Data| values.iter().any(|value| is_value(record, value));
                let stranger = records.iter().find(|record| !is_known(record))?;
                let reason = Reason::new("record_unexpected");
                Some(reason.with("found", short(&stranger.to_string())))
            }),
        };
        wrong.map_or(Ok(()), Err)
    }
}

fn differs(expected: &str, records: &[Data]) -> Reason {
    let found: Vec<String> = records.iter().map(ToString::to_string).collect();
    let reason = Reason::new("record_differs").with("expected", short(expected));
    reason.with("found", short(&found.join(", ")))
}

fn short(text: &str) -> String {
    text.chars().take(TOLD_CHARS).collect()
}

fn is_value(record: &Data, value: &str) -> bool {
    let is_name = |name: &str| {
        let value = value.trim();
        name.eq_ignore_ascii_case(value.strip_suffix('.').unwrap_or(value))
    };
    match record {
        Data::A(address) => value.trim().parse() == Ok(IpAddr::from(*address)),
        Data::Aaaa(address) => value.trim().parse() == Ok(IpAddr::from(*address)),
        Data::Cname(name) | Data::Ns(name) => is_name(name),
        Data::Mx { preference, exchange } => match value.trim().split_once(char::is_whitespace) {
            Some((number, name)) => {
                let name = name.trim();
                let name = name.strip_suffix('.').unwrap_or(name);
                number.parse() == Ok(*preference) && exchange.eq_ignore_ascii_case(name)
            }
            None => is_name(exchange),
        },
        Data::Caa { flags, tag, value: held } => {
            let mut words = value.trim().splitn(3, char::is_whitespace).map(str::trim);
            let is_number = words.next().is_some_and(|word| word.parse() == Ok(*flags));
            let is_tag = words.next().is_some_and(|word| word.eq_ignore_ascii_case(tag));
            is_number && is_tag && words.next().is_some_and(|word| word.trim_matches('"') == held)
        }
        Data::Txt(text) => text == value,
        Data::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mx(preference: u16, exchange: &str) -> Data {
        Data::Mx { preference, exchange: exchange.to_owned() }
    }

    #[test]
    fn a_value_is_known_however_it_is_written() {
        let check = |record: &Data, value: &str, is: bool| {
            assert_eq!(is_value(record, value), is, "{record} as `{value}`");
        };
        check(&Data::A([192, 0, 2, 1].into()), "192.0.2.1", true);
        check(&Data::A([192, 0, 2, 1].into()), "192.0.2.10", false);
        check(&Data::Aaaa("2001:db8::1".parse().unwrap()), "2001:0DB8:0::1", true);
        check(&mx(10, "mail.shop.example"), "10 Mail.Shop.Example.", true);
        check(&mx(10, "mail.shop.example"), "mail.shop.example", true);
        check(&mx(10, "mail.shop.example"), "20 mail.shop.example", false);
        check(&mx(10, "mail.shop.example"), "shop.example", false);
        check(&Data::Ns("ns1.example".to_owned()), "NS1.example.", true);
        check(&Data::Txt("v=spf1 -all".to_owned()), "v=spf1 -all", true);
        check(&Data::Txt("v=spf1 -all".to_owned()), "v=spf1 -ALL", false);
        let caa = Data::Caa { flags: 0, tag: "issue".to_owned(), value: "ca.example".to_owned() };
        check(&caa, "0 issue \"ca.example\"", true);
        check(&caa, "0 ISSUE ca.example", true);
        check(&caa, "128 issue ca.example", false);
        check(&caa, "0 issue", false);
    }

    #[test]
    fn expectations_are_judged_over_all_records() {
        let records = [mx(10, "a.example"), mx(20, "b.example")];
        let check = |expected: ExpectedRecords, code: Option<&str>| {
            let judged = expected.judge(&records).err().map(|reason| reason.code);
            assert_eq!(judged, code, "{expected:?}");
        };
        let values =
            |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        check(ExpectedRecords::Exist, None);
        check(ExpectedRecords::AllOf(values(&["a.example"])), None);
        check(ExpectedRecords::AllOf(values(&["a.example", "c.example"])), Some("record_differs"));
        check(ExpectedRecords::AnyOf(values(&["c.example", "20 b.example"])), None);
        check(ExpectedRecords::AnyOf(values(&["c.example"])), Some("record_differs"));
        check(ExpectedRecords::AnyOf(Vec::new()), Some("record_differs"));
        check(ExpectedRecords::Exactly(values(&["b.example", "a.example"])), None);
        check(ExpectedRecords::Exactly(values(&["a.example"])), Some("record_unexpected"));
    }
}
