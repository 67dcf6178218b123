//! What becomes of mail that only claims to be from a domain: RFC 7489.

use super::{of, short, tag, tags, texts};
use crate::{
    dns::resolver::Resolver,
    outcome::{Conclusion, Reason},
    trace::Trace,
};

/// As many labels a domain above it has at least: those of one belong to nobody.
const FEWEST_LABELS: usize = 2;
/// Of a name with many labels, as many domains are asked.
const MOST_DOMAINS: usize = 5;

pub(super) async fn judge(
    resolver: &Resolver,
    domain: &str,
    trace: &mut Trace,
) -> Result<(), Conclusion> {
    for (index, place) in above(domain).into_iter().enumerate() {
        let name = format!("_dmarc.{place}");
        let texts = texts(resolver, &name, trace).await?.unwrap_or_default();
        let mut records = texts.iter().filter(|text| is_record(text));
        match (records.next(), records.next()) {
            (None, _) => {}
            (Some(record), None) => {
                return judge_record(record, &name, index > 0).map_err(Conclusion::Failed);
            }
            (Some(_), Some(_)) => return Err(Conclusion::Failed(of("dmarc_several", &name))),
        }
    }
    Err(Conclusion::Failed(of("dmarc_missing", &format!("_dmarc.{domain}"))))
}

/// The domain, then those above it. Where domains are sold is in no record: each of them is asked, the nearest first.
fn above(domain: &str) -> Vec<&str> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let mut domains = vec![domain];
    let mut rest = domain;
    while let Some((_, parent)) = rest.split_once('.') {
        if parent.split('.').count() < FEWEST_LABELS {
            break;
        }
        domains.push(parent);
        rest = parent;
    }
    if domains.len() > MOST_DOMAINS {
        domains.drain(1..=domains.len() - MOST_DOMAINS);
    }
    domains
}

fn is_record(text: &str) -> bool {
    let version = text.split(';').next().unwrap_or_default();
    let Some((name, value)) = version.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("v") && value.trim() == "DMARC1"
}

fn judge_record(text: &str, name: &str, is_of_parent: bool) -> Result<(), Reason> {
    let malformed = || of("dmarc_malformed", name).with("found", short(text));
    let tags = tags(text).ok_or_else(malformed)?;
    let own = tag(&tags, "p").ok_or_else(malformed)?;
    let policy = tag(&tags, "sp").filter(|_| is_of_parent).unwrap_or(own);
    match policy.to_ascii_lowercase().as_str() {
        "quarantine" | "reject" => Ok(()),
        "none" => Err(of("dmarc_none", name)),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domains_above_are_asked_as_far_as_they_are_anybodys() {
        let check = |domain: &str, expect: &[&str]| assert_eq!(above(domain), expect);
        check("shop.example", &["shop.example"]);
        check("example", &["example"]);
        check("mail.shop.example.", &["mail.shop.example", "shop.example"]);
        check("a.b.c.d.e.f.g", &["a.b.c.d.e.f.g", "c.d.e.f.g", "d.e.f.g", "e.f.g", "f.g"]);
    }

    #[test]
    fn policies_are_judged() {
        let check = |text: &str, is_of_parent: bool, code: Option<&str>| {
            let judged = judge_record(text, "_dmarc.shop.example", is_of_parent);
            assert_eq!(judged.err().map(|reason| reason.code), code, "{text}");
        };
        check("v=DMARC1; p=reject", false, None);
        check("v=DMARC1;p=Quarantine;", false, None);
        check("v=DMARC1; p=none", false, Some("dmarc_none"));
        check("v=DMARC1; p=reject; sp=none", false, None);
        check("v=DMARC1; p=reject; sp=none", true, Some("dmarc_none"));
        check("v=DMARC1; p=reject", true, None);
        check("v=DMARC1; rua=mailto:a@shop.example", false, Some("dmarc_malformed"));
        check("v=DMARC1; p=refuse", false, Some("dmarc_malformed"));
        assert!(is_record("v = DMARC1 ; p=none"));
        assert!(!is_record("v=DMARC10; p=none"));
        assert!(!is_record("p=none; v=DMARC1"));
    }

    #[test]
    fn no_text_and_no_name_make_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            let is_good = judge_record(&format!("v=DMARC1;{text}"), "n", false).is_ok();
            assert!(!is_good || text.to_ascii_lowercase().contains('p'), "{text}");
            let domains = above(text);
            assert!(!domains.is_empty() && domains.len() <= MOST_DOMAINS);
            assert!(domains.iter().all(|domain| text.contains(domain)));
        });
    }
}
