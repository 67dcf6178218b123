//! An outcome as metrics, by the names of `blackbox_exporter` (github.com/prometheus/blackbox_exporter, `prober/`), so that boards and
//! rules made for it fit.

use crate::{
    Check,
    outcome::{Conclusion, Outcome, Phase},
};
use kernel::readings::Readings;

/// Adds what one outcome says, each with these labels.
///
/// Of a check that is unknown there is no `probe_success`: it is neither 1 nor 0. What was not seen is not there.
pub fn readings(check: &Check, outcome: &Outcome, labels: &[(&str, &str)], into: &mut Readings) {
    match outcome.conclusion {
        Conclusion::Passed => into.put("probe_success", labels, 1.0),
        Conclusion::Failed(_) => into.put("probe_success", labels, 0.0),
        Conclusion::Unknown(_) => {}
    }
    into.put("probe_duration_seconds", labels, outcome.took_seconds);
    let resolve = outcome.phases.iter().find(|(phase, _)| *phase == Phase::Resolve);
    if let Some((_, seconds)) = resolve {
        into.put("probe_dns_lookup_time_seconds", labels, *seconds);
    }
    let seen = &outcome.seen;
    if let Some(address) = seen.address {
        let protocol = if address.is_ipv4() { 4.0 } else { 6.0 };
        into.put("probe_ip_protocol", labels, protocol);
    }
    if let Some(tls) = &seen.tls {
        if let Some(expiry_ms) = tls.earliest_expiry_ms() {
            into.put("probe_ssl_earliest_cert_expiry", labels, expiry_ms as f64 / 1000.0);
        }
        if let Some(version) = tls.version {
            let version = format!("TLS {version}");
            into.put("probe_tls_version_info", &with(labels, ("version", &version)), 1.0);
        }
    }
    if let Some(expiry_ms) = seen.domain_expiry_ms {
        let seconds = expiry_ms as f64 / 1000.0;
        into.put("probe_domain_expiry_timestamp_seconds", labels, seconds);
    }
    if let Some(ping) = &seen.ping {
        if let Some(mean) = ping.mean_seconds() {
            into.put("probe_icmp_duration_seconds", &with(labels, ("phase", "rtt")), mean);
        }
        let received = ping.round_trips_seconds.len() as f64;
        into.put("probe_icmp_loss_ratio", labels, 1.0 - received / ping.sent as f64);
    }
    if let Some(seconds) = seen.mail_arrived_after_seconds {
        into.put("probe_mail_delivery_seconds", labels, seconds);
    }
    if matches!(check, Check::Http(_)) {
        http_readings(outcome, labels, into);
    }
    if let Some(dns) = &seen.dns {
        let is_answered = matches!(dns.response_code, "NOERROR" | "NXDOMAIN");
        into.put("probe_dns_query_succeeded", labels, f64::from(u8::from(is_answered)));
        into.put("probe_dns_answer_rrs", labels, dns.answers as f64);
        into.put("probe_dns_authority_rrs", labels, dns.authority as f64);
        into.put("probe_dns_additional_rrs", labels, dns.additional as f64);
    }
}

fn http_readings(outcome: &Outcome, labels: &[(&str, &str)], into: &mut Readings) {
    for (phase, seconds) in &outcome.phases {
        let labels = with(labels, ("phase", phase.word()));
        into.put("probe_http_duration_seconds", &labels, *seconds);
    }
    let seen = &outcome.seen;
    into.put("probe_http_redirects", labels, seen.redirects as f64);
    let Some(http) = &seen.http else { return };
    let version = match http.version {
        "1.0" => 1.0,
        "2" => 2.0,
        _ => 1.1,
    };
    into.put("probe_http_status_code", labels, f64::from(http.status));
    into.put("probe_http_version", labels, version);
    into.put("probe_http_ssl", labels, f64::from(u8::from(seen.tls.is_some())));
    into.put("probe_http_uncompressed_body_length", labels, http.body_bytes as f64);
    if let Some(length) = http.content_length {
        into.put("probe_http_content_length", labels, length as f64);
    }
}

fn with<'a>(labels: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    labels.iter().copied().chain([more]).collect()
}
