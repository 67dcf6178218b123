//! How long a domain is still somebody's: by RDAP, RFC 7480 and those after it.
//!
//! Whatever goes wrong on the way to the registry says nothing of the domain, and is unknown.

use crate::{
    connection::AddressFamily,
    http::{HttpCheck, Protocol},
    outcome::{Conclusion, Reason},
    tls::Trust,
    trace::Trace,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::ACCEPT};
use serde_json::Value;

/// Which registry answers for which domains: RFC 9224, 3.
pub const BOOTSTRAP: &str = "https://data.iana.org/rdap/dns.json";

/// Both are far shorter.
const BODY_LIMIT_BYTES: u64 = 4 << 20;
/// Registries send on to one another.
const REDIRECTS: usize = 5;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone)]
pub struct DomainCheck {
    /// The one that was registered (`shop.example`, not `www.shop.example`), in ASCII.
    pub domain: String,
    /// Where the list of registries is; [`BOOTSTRAP`] as a rule. It is read each time: once a day is often enough.
    pub bootstrap: String,
    /// With fewer days left it is failed.
    pub days_left: u32,
    pub trust: Trust,
}

impl DomainCheck {
    pub(crate) async fn attempt(&self, at_ms: i64, trace: &mut Trace) -> Result<(), Conclusion> {
        trace.asks_others = true;
        let domain = self.domain.strip_suffix('.').unwrap_or(&self.domain).to_ascii_lowercase();
        if !is_domain(&domain) {
            let reason = Reason::new("name_invalid").with("name", domain);
            return Err(Conclusion::Unknown(reason));
        }
        let (status, list) = self.fetch(&self.bootstrap, at_ms, trace).await?;
        if !status.is_success() {
            return Err(refused(status));
        }
        let list = list.ok_or_else(|| malformed("the list of registries is no JSON"))?;
        let base = registry(&list, &domain)?;
        let slash = if base.ends_with('/') { "" } else { "/" };
        let url = format!("{base}{slash}domain/{domain}");
        let (status, told) = self.fetch(&url, at_ms, trace).await?;
        if status == StatusCode::NOT_FOUND {
            let reason = Reason::new("domain_not_registered").with("name", domain);
            return Err(Conclusion::Failed(reason));
        }
        if !status.is_success() {
            return Err(refused(status));
        }
        let told = told.ok_or_else(|| malformed("what the registry tells is no JSON"))?;
        let registration = Registration::read(&told, &domain)?;
        trace.seen.domain_expiry_ms = registration.expiry_ms;
        registration.judge(&domain, at_ms, self.days_left)
    }

    /// `None`: the body is no JSON.
    async fn fetch(
        &self,
        url: &str,
        at_ms: i64,
        trace: &mut Trace,
    ) -> Result<(StatusCode, Option<Value>), Conclusion> {
        let accepted = HeaderValue::from_static("application/rdap+json, application/json");
        let request = HttpCheck {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::from_iter([(ACCEPT, accepted)]),
            body: Bytes::new(),
            expected_status: Vec::new(),
            expectations: Vec::new(),
            body_limit_bytes: BODY_LIMIT_BYTES,
            redirects: REDIRECTS,
            family: AddressFamily::Any,
            protocol: Protocol::Any,
            trust: self.trust.clone(),
        };
        let answer = request.fetch(at_ms, trace).await.map_err(not_of_the_domain)?;
        Ok((answer.status, serde_json::from_slice(&answer.body).ok()))
    }
}

fn not_of_the_domain(conclusion: Conclusion) -> Conclusion {
    match conclusion {
        Conclusion::Failed(reason) => Conclusion::Unknown(reason),
        other => other,
    }
}

fn refused(status: StatusCode) -> Conclusion {
    let status = u64::from(status.as_u16());
    Conclusion::Unknown(Reason::new("registry_refuses").with("status", status))
}

fn malformed(said: &str) -> Conclusion {
    Conclusion::Unknown(Reason::new("registry_malformed").with("said", said))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_fit = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && label.len() <= 63 && is_fit
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

/// Where the registry of a domain is: RFC 9224, 4: the entry with the most labels in common; its address over TLS, if there is one.
fn registry(list: &Value, domain: &str) -> Result<String, Conclusion> {
    let services = list.get("services").and_then(Value::as_array);
    let services = services.ok_or_else(|| malformed("the list of registries has no services"))?;
    let texts = |service: &Value, place: usize| -> Vec<String> {
        let texts = service.get(place).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut best: Option<(usize, String)> = None;
    for service in services {
        let entries = texts(service, 0).into_iter().filter(|entry| is_within(domain, entry));
        let Some(labels) = entries.map(|entry| entry.split('.').count()).max() else { continue };
        let mut urls = texts(service, 1);
        urls.sort_by_key(|url| !url.starts_with("https://"));
        let is_better = best.as_ref().is_none_or(|(known, _)| labels > *known);
        if let Some(url) = urls.into_iter().next().filter(|_| is_better) {
            best = Some((labels, url));
        }
    }
    best.map(|(_, url)| url).ok_or_else(|| {
        Conclusion::Unknown(Reason::new("registry_without_rdap").with("name", domain))
    })
}

fn is_within(domain: &str, entry: &str) -> bool {
    let entry = entry.trim_matches('.').to_ascii_lowercase();
    !entry.is_empty() && domain.strip_suffix(&entry).is_some_and(|rest| rest.ends_with('.'))
}

/// What the registry tells of a domain: RFC 9083, 5.3.
#[derive(Debug, PartialEq, Eq)]
struct Registration {
    expiry_ms: Option<i64>,
    /// In lower case.
    states: Vec<String>,
}

impl Registration {
    fn read(told: &Value, domain: &str) -> Result<Self, Conclusion> {
        let name = told.get("ldhName").and_then(Value::as_str).unwrap_or_default();
        if !name.trim_end_matches('.').eq_ignore_ascii_case(domain) {
            return Err(malformed("it tells of another domain"));
        }
        let events = told.get("events").and_then(Value::as_array).into_iter().flatten();
        let mut expiry_ms = None;
        for event in events {
            let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
            if !text("eventAction").eq_ignore_ascii_case("expiration") {
                continue;
            }
            let moment: jiff::Timestamp =
                text("eventDate").parse().map_err(|_| malformed("the end is no date"))?;
            expiry_ms = Some(moment.as_millisecond());
        }
        let states = told.get("status").and_then(Value::as_array).into_iter().flatten();
        let states = states.filter_map(Value::as_str).map(str::to_ascii_lowercase).collect();
        Ok(Self { expiry_ms, states })
    }

    fn judge(&self, domain: &str, at_ms: i64, days_wanted: u32) -> Result<(), Conclusion> {
        let reason = |code| Reason::new(code).with("name", domain);
        // RFC 8056, 2: the domain does not resolve, or is about to be anybody's.
        let bad = ["client hold", "server hold", "pending delete", "redemption period"];
        if let Some(state) = self.states.iter().find(|state| bad.contains(&state.as_str())) {
            return Err(Conclusion::Failed(reason("domain_on_hold").with("state", state.as_str())));
        }
        let Some(expiry_ms) = self.expiry_ms else {
            return Err(Conclusion::Unknown(reason("domain_end_not_told")));
        };
        let reason = |code| reason(code).with("expiry_ms", expiry_ms);
        let left_ms = expiry_ms.saturating_sub(at_ms);
        if left_ms <= 0 {
            return Err(Conclusion::Failed(reason("domain_expired")));
        }
        let days_left = left_ms / DAY_MS;
        if days_left < i64::from(days_wanted) {
            let reason = reason("domain_expires").with("days_left", days_left);
            return Err(Conclusion::Failed(reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_nearest_registry_answers_and_over_tls() {
        let list = json!({ "services": [
            [["uk", "example"], ["http://plain.example/", "https://nic.example/"]],
            [["co.uk"], ["https://co.example"]],
            [["bare"], []],
            "nonsense",
        ]});
        let check = |domain: &str, expect: Option<&str>| {
            assert_eq!(registry(&list, domain).ok().as_deref(), expect, "{domain}");
        };
        check("shop.example", Some("https://nic.example/"));
        check("shop.co.uk", Some("https://co.example"));
        check("shop.org.uk", Some("https://nic.example/"));
        check("shop.notexample", None);
        check("shop.bare", None);
        check("example", None);
    }

    #[test]
    fn a_registration_is_judged_by_its_days_and_states() {
        let check = |left_ms: Option<i64>, state: &str, expect: Option<&str>| {
            let expiry_ms = left_ms.map(|left_ms| 1_000 + left_ms);
            let registration = Registration { expiry_ms, states: vec![state.to_owned()] };
            let judged = registration.judge("shop.example", 1_000, 30).err();
            let code = judged.map(|conclusion| match conclusion {
                Conclusion::Failed(reason) => reason.code.to_owned(),
                Conclusion::Unknown(reason) => format!("{}?", reason.code),
                Conclusion::Passed => panic!("passed is no error"),
            });
            assert_eq!(code.as_deref(), expect);
        };
        check(Some(30 * DAY_MS), "active", None);
        check(Some(30 * DAY_MS - 1), "active", Some("domain_expires"));
        check(Some(0), "active", Some("domain_expired"));
        check(Some(300 * DAY_MS), "server hold", Some("domain_on_hold"));
        check(None, "redemption period", Some("domain_on_hold"));
        check(None, "active", Some("domain_end_not_told?"));
    }

    #[test]
    fn what_a_registry_tells_is_read_to_the_letter() {
        let told = json!({
            "ldhName": "SHOP.example.",
            "status": ["Active", 7],
            "events": [
                { "eventAction": "registration", "eventDate": "2001-01-01T00:00:00Z" },
                { "eventAction": "expiration", "eventDate": "2026-02-01T02:00:00.5+02:00" },
            ],
        });
        let found = Registration::read(&told, "shop.example").unwrap();
        assert_eq!(found.expiry_ms, Some(1_769_904_000_500));
        assert_eq!(found.states, ["active"]);
        assert!(Registration::read(&told, "other.example").is_err());
        let soon = json!({ "ldhName": "shop.example", "events": [
            { "eventAction": "expiration", "eventDate": "soon" },
        ]});
        assert!(Registration::read(&soon, "shop.example").is_err());
        assert!(Registration::read(&json!([]), "shop.example").is_err());
    }

    #[test]
    fn only_domains_are_asked_for() {
        let check = |text: &str, is: bool| assert_eq!(is_domain(text), is, "{text}");
        check("shop.example", true);
        check("xn--shp-sna.example", true);
        check("example", false);
        check("shop.example/../x", false);
        check("shop..example", false);
        check("shöp.example", false);
    }
}
