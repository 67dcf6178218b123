//! Who may send for a domain: RFC 7208.

use super::{of, short, texts};
use crate::{
    dns::resolver::Resolver,
    outcome::{Conclusion, Reason},
    trace::Trace,
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// RFC 7208, 4.6.4: with more, whoever receives gives up.
const MOST_LOOKUPS: usize = 10;

pub(super) async fn judge(
    resolver: &Resolver,
    domain: &str,
    trace: &mut Trace,
) -> Result<(), Conclusion> {
    let mut lookups = 0;
    let mut waiting = vec![(domain.to_owned(), true)];
    // A circle of them ends by the count.
    while let Some((name, counts_for_all)) = waiting.pop() {
        let texts = texts(resolver, &name, trace).await?;
        let text = one_record(&name, domain, texts)?;
        let record = parse(&text).map_err(|term| {
            let reason = of("spf_malformed", &name).with("found", short(&term));
            Conclusion::Failed(reason)
        })?;
        if record.lets_everybody && counts_for_all {
            return Err(Conclusion::Failed(of("spf_lets_everybody", &name)));
        }
        lookups += record.lookups;
        if lookups > MOST_LOOKUPS {
            let reason = of("spf_too_many_lookups", domain).with("limit", MOST_LOOKUPS as u64);
            return Err(Conclusion::Failed(reason));
        }
        let next = record.others.into_iter();
        waiting.extend(next.map(|other| (other.name, counts_for_all && other.lets_pass)));
    }
    Ok(())
}

fn one_record(name: &str, domain: &str, texts: Option<Vec<String>>) -> Result<String, Conclusion> {
    let is_own = name == domain;
    let Some(texts) = texts.or_else(|| (!is_own).then(Vec::new)) else {
        let reason = Reason::new("name_not_found").with("host", name).with("said", "NXDOMAIN");
        return Err(Conclusion::Failed(reason));
    };
    let mut records = texts.into_iter().filter(|text| is_record(text));
    match (records.next(), records.next()) {
        (Some(record), None) => Ok(record),
        (Some(_), Some(_)) => Err(Conclusion::Failed(of("spf_several", name))),
        (None, _) if is_own => Err(Conclusion::Failed(of("spf_missing", name))),
        (None, _) => Err(Conclusion::Failed(of("spf_include_missing", domain).with("other", name))),
    }
}

/// RFC 7208, 4.5.
fn is_record(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

/// What one record comes to.
#[derive(Debug, PartialEq, Eq, Default)]
struct Record {
    lookups: usize,
    lets_everybody: bool,
    others: Vec<Other>,
}

/// A record of another domain that belongs to it.
#[derive(Debug, PartialEq, Eq)]
struct Other {
    name: String,
    /// Whether whoever it lets pass passes here.
    lets_pass: bool,
}

/// # Errors
///
/// The term that is none.
fn parse(text: &str) -> Result<Record, String> {
    let mut record = Record::default();
    let mut redirect = None;
    let mut is_ended = false;
    for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
        let bad = || term.to_owned();
        let (before, equals) = match term.split_once('=') {
            // A modifier's name has no colon and no slash; a macro's address may have an equals sign.
            Some((name, value)) if !name.contains([':', '/']) => (name, Some(value)),
            _ => (term, None),
        };
        if let Some(value) = equals {
            let is_name = before.starts_with(|first: char| first.is_ascii_alphabetic());
            if !is_name || (before.eq_ignore_ascii_case("redirect") && redirect.is_some()) {
                return Err(bad());
            }
            if before.eq_ignore_ascii_case("redirect") {
                redirect = Some(domain_of(value).ok_or_else(bad)?);
            }
            continue;
        }
        let lets_pass = !term.starts_with(['-', '~', '?']);
        let mechanism = term.strip_prefix(['+', '-', '~', '?']).unwrap_or(term);
        let kind = Mechanism::parse(mechanism).ok_or_else(bad)?;
        // What comes after `all` is read and never reached.
        if is_ended {
            continue;
        }
        match kind {
            Mechanism::All => {
                is_ended = true;
                record.lets_everybody = lets_pass;
            }
            Mechanism::Include(name) => {
                record.lookups += 1;
                record.others.extend(followed(name, lets_pass));
            }
            Mechanism::Lookup => record.lookups += 1,
            Mechanism::Network => {}
        }
    }
    if let Some(name) = redirect.filter(|_| !is_ended) {
        record.lookups += 1;
        record.others.extend(followed(name, true));
    }
    Ok(record)
}

/// What depends on the mail itself cannot be followed without one.
fn followed(name: &str, lets_pass: bool) -> Option<Other> {
    let name = name.strip_suffix('.').unwrap_or(name).to_owned();
    (!name.contains('%')).then_some(Other { name, lets_pass })
}

enum Mechanism<'a> {
    All,
    Include(&'a str),
    /// One that asks for names.
    Lookup,
    Network,
}

impl<'a> Mechanism<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let end = text.find([':', '/']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let value = rest.strip_prefix(':');
        Some(match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Self::All,
            "include" => Self::Include(domain_of(value?)?),
            "exists" => domain_of(value?).map(|_| Self::Lookup)?,
            "ptr" if rest.is_empty() => Self::Lookup,
            "ptr" => domain_of(value?).map(|_| Self::Lookup)?,
            "a" | "mx" => has_fit_lengths(rest).then_some(Self::Lookup)?,
            "ip4" => is_network::<Ipv4Addr>(value?, 32).then_some(Self::Network)?,
            "ip6" => is_network::<Ipv6Addr>(value?, 128).then_some(Self::Network)?,
            _ => return None,
        })
    }
}

fn domain_of(text: &str) -> Option<&str> {
    let is_fit = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(',');
    (is_fit && !text.is_empty()).then_some(text)
}

/// `[:domain][/length][//length]`
fn has_fit_lengths(rest: &str) -> bool {
    let (domain, lengths) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_domain = domain.is_empty() || domain.strip_prefix(':').and_then(domain_of).is_some();
    let (short, long) = match lengths.split_once("//") {
        Some((short, long)) => (short, Some(long)),
        None => (lengths, None),
    };
    let is_short = short.is_empty() || short.strip_prefix('/').is_some_and(|it| is_length(it, 32));
    is_domain && is_short && long.is_none_or(|long| is_length(long, 128))
}

fn is_network<T: std::str::FromStr>(text: &str, longest: u8) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    address.parse::<T>().is_ok() && length.is_none_or(|length| is_length(length, longest))
}

fn is_length(text: &str, longest: u8) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number && text.parse::<u8>().is_ok_and(|length| length <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_by_its_first_word() {
        let check = |text: &str, is: bool| assert_eq!(is_record(text), is, "{text}");
        check("v=spf1", true);
        check("V=SPF1 -all", true);
        check("v=spf10 -all", false);
        check("v=spf1-all", false);
        check(" v=spf1", false);
    }

    #[test]
    fn what_a_record_asks_for_is_counted() {
        let check = |terms: &str, lookups: usize, lets_everybody: bool, others: &[(&str, bool)]| {
            let record = parse(&format!("v=spf1 {terms}")).unwrap();
            assert_eq!(
                (record.lookups, record.lets_everybody),
                (lookups, lets_everybody),
                "{terms}"
            );
            let found: Vec<_> =
                record.others.iter().map(|other| (other.name.as_str(), other.lets_pass)).collect();
            assert_eq!(found, others, "{terms}");
        };
        check("", 0, false, &[]);
        check("-all", 0, false, &[]);
        check("+all", 0, true, &[]);
        check("ALL", 0, true, &[]);
        check("?all", 0, false, &[]);
        check(
            "a mx:b.example/24//64 ptr exists:%{i}.c.example ip4:192.0.2.0/24 ~all",
            4,
            false,
            &[],
        );
        check(
            "include:a.example -include:b.example -all",
            2,
            false,
            &[("a.example", true), ("b.example", false)],
        );
        check("redirect=a.example.", 1, false, &[("a.example", true)]);
        check("-all redirect=a.example", 0, false, &[]);
        check("-all include:a.example", 0, false, &[]);
        check("include:%{d}.a.example exp=why.example other=1 -all", 1, false, &[]);
        check("ip6:2001:db8::/32 a//64  -all", 1, false, &[]);
    }

    #[test]
    fn a_term_that_is_none_is_told() {
        let check = |term: &str| {
            assert_eq!(parse(&format!("v=spf1 {term} -all")), Err(term.to_owned()));
        };
        for term in [
            "ip4:192.0.2.0/33",
            "ip4:192.0.2",
            "ip4",
            "ip6:192.0.2.1",
            "include",
            "include:",
            "alll",
            "all:a.example",
            "-",
            "ipv4:192.0.2.1",
            "a:",
            "mx/x",
            "a/24/64",
            "192.0.2.1",
            "-redirect=a",
        ] {
            check(term);
        }
        assert!(parse("v=spf1 redirect=a.example redirect=b.example").is_err());
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            if let Ok(record) = parse(text) {
                assert!(record.others.len() <= record.lookups);
            }
        });
    }
}
