//! One line of the access log, written straight into bytes: this runs for every request.

use kernel::{Priority, RouteClass};
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// Longest value of a query parameter that is written out.
const PARAMETER_BYTES: usize = 256;

/// One answered request. What does not apply is `None` and left out of the line.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// When its head was whole, unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) request_id: &'a str,
    pub(crate) shop: Option<&'a str>,
    pub(crate) class: Option<RouteClass>,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// Path with query.
    pub(crate) target: &'a str,
    pub(crate) status: u16,
    /// Of the bodies.
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// How long it waited for a place at an instance.
    pub(crate) waited: Option<Duration>,
    /// `None` when a connection was reused.
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) whole: Duration,
    pub(crate) instance: Option<&'a str>,
    /// How often it was sent again to another instance.
    pub(crate) retries: u32,
    /// `hit`, `miss`, `bypass` and the like.
    pub(crate) cache: Option<&'a str>,
    pub(crate) client: IpAddr,
    /// `1.1` or `2`.
    pub(crate) http: &'a str,
    /// `TLSv1.3` and the like.
    pub(crate) tls: Option<&'a str>,
    pub(crate) priority: Option<Priority>,
    /// Why it was answered by the edge or broke off.
    pub(crate) error: Option<&'a str>,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Self {
            at_ms: 0,
            request_id: "",
            shop: None,
            class: None,
            method: "",
            host: "",
            target: "",
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            waited: None,
            connect: None,
            first_byte: None,
            whole: Duration::ZERO,
            instance: None,
            retries: 0,
            cache: None,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            http: "",
            tls: None,
            priority: None,
            error: None,
        }
    }
}

impl Entry<'_> {
    /// Appends the line with its line feed.
    pub(super) fn append_to(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"time\":\"");
        time(line, self.at_ms);
        line.push(b'"');
        text(line, "id", self.request_id);
        optional(line, "shop", self.shop);
        optional(line, "class", self.class.map(RouteClass::as_str));
        text(line, "method", self.method);
        text(line, "host", self.host);
        line.extend_from_slice(b",\"path\":\"");
        target(line, self.target);
        line.push(b'"');
        number(line, "status", self.status.into());
        number(line, "request_bytes", self.request_bytes);
        number(line, "response_bytes", self.response_bytes);
        duration(line, "waited_ms", self.waited);
        duration(line, "connect_ms", self.connect);
        duration(line, "first_byte_ms", self.first_byte);
        duration(line, "whole_ms", Some(self.whole));
        optional(line, "instance", self.instance);
        if self.retries > 0 {
            number(line, "retries", self.retries.into());
        }
        optional(line, "cache", self.cache);
        append(line, format_args!(",\"client\":\"{}\"", self.client));
        text(line, "http", self.http);
        optional(line, "tls", self.tls);
        optional(line, "priority", self.priority.map(priority));
        optional(line, "error", self.error);
        line.extend_from_slice(b"}\n");
    }
}

fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Checkout => "checkout",
        Priority::Cart => "cart",
        Priority::Other => "other",
    }
}

fn append(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("invariant: memory takes what is written");
}

fn name(line: &mut Vec<u8>, name: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
}

fn text(line: &mut Vec<u8>, field: &str, value: &str) {
    name(line, field);
    line.push(b'"');
    escape(line, value);
    line.push(b'"');
}

fn optional(line: &mut Vec<u8>, field: &str, value: Option<&str>) {
    if let Some(value) = value {
        text(line, field, value);
    }
}

fn number(line: &mut Vec<u8>, field: &str, value: u64) {
    name(line, field);
    digits(line, value, 1);
}

fn duration(line: &mut Vec<u8>, field: &str, value: Option<Duration>) {
    let Some(value) = value else { return };
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    name(line, field);
    digits(line, micros / 1000, 1);
    line.push(b'.');
    digits(line, micros % 1000, 3);
}

/// A decimal number with at least `width` digits.
fn digits(line: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut reversed = [b'0'; 20];
    let mut count = 0;
    while value > 0 || count < width {
        reversed[count] = b'0' + u8::try_from(value % 10).expect("invariant: a digit");
        value /= 10;
        count += 1;
    }
    line.extend(reversed[..count].iter().rev());
}

/// As RFC 3339 in UTC with milliseconds.
fn time(line: &mut Vec<u8>, unix_ms: i64) {
    let (days, ms) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let part = |line: &mut Vec<u8>, value: i64, width, end: u8| {
        digits(line, value.unsigned_abs(), width);
        line.push(end);
    };
    part(line, year, 4, b'-');
    part(line, month, 2, b'-');
    part(line, day, 2, b'T');
    part(line, ms / 3_600_000, 2, b':');
    part(line, ms / 60_000 % 60, 2, b':');
    part(line, ms / 1000 % 60, 2, b'.');
    part(line, ms % 1000, 3, b'Z');
}

/// Year, month and day of a day since 1970 (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Path and query, with overlong parameter values cut.
fn target(line: &mut Vec<u8>, target: &str) {
    if target.len() <= PARAMETER_BYTES {
        return escape(line, target);
    }
    let Some((path, query)) = target.split_once('?') else { return escape(line, target) };
    escape(line, path);
    let mut mark = b'?';
    for parameter in query.split('&') {
        line.push(mark);
        mark = b'&';
        let value = parameter.find('=').map_or(0, |at| at + 1);
        if parameter.len() - value <= PARAMETER_BYTES {
            escape(line, parameter);
        } else {
            escape(line, &parameter[..parameter.floor_char_boundary(value + PARAMETER_BYTES)]);
            line.extend_from_slice("…".as_bytes());
        }
    }
}

/// The inside of a JSON string (RFC 8259 §7).
fn escape(line: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    let special = |b: &u8| *b < b' ' || *b == b'"' || *b == b'\\';
    while let Some(at) = rest.iter().position(special) {
        line.extend_from_slice(&rest[..at]);
        match rest[at] {
            quoted @ (b'"' | b'\\') => line.extend_from_slice(&[b'\\', quoted]),
            control => append(line, format_args!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(entry: &Entry<'_>) -> String {
        let mut line = Vec::new();
        entry.append_to(&mut line);
        String::from_utf8(line).unwrap()
    }

    fn full() -> Entry<'static> {
        Entry {
            at_ms: 1_795_296_043_007,
            request_id: "01hf",
            shop: Some("lampenladen"),
            class: Some(RouteClass::Checkout),
            method: "POST",
            host: "shop.example",
            target: "/a?b=c",
            status: 200,
            request_bytes: 12,
            response_bytes: 3456,
            waited: Some(Duration::from_micros(1_500)),
            connect: Some(Duration::from_micros(7)),
            first_byte: Some(Duration::from_millis(20)),
            whole: Duration::from_secs(61),
            instance: Some("one"),
            retries: 1,
            cache: Some("miss"),
            client: "2001:db8::1".parse().unwrap(),
            http: "2",
            tls: Some("TLSv1.3"),
            priority: Some(Priority::Cart),
            error: Some("read"),
        }
    }

    #[test]
    fn a_line_is_one_object_with_every_field() {
        let expect = concat!(
            r#"{"time":"2026-11-21T21:20:43.007Z","id":"01hf","shop":"lampenladen","#,
            r#""class":"checkout","method":"POST","host":"shop.example","path":"/a?b=c","#,
            r#""status":200,"request_bytes":12,"response_bytes":3456,"waited_ms":1.500,"#,
            r#""connect_ms":0.007,"first_byte_ms":20.000,"whole_ms":61000.000,"#,
            r#""instance":"one","retries":1,"cache":"miss","client":"2001:db8::1","http":"2","#,
            r#""tls":"TLSv1.3","priority":"cart","error":"read"}"#,
            "\n"
        );
        assert_eq!(line(&full()), expect);
    }

    #[test]
    fn any_text_stays_one_line_of_json() {
        bolero::check!().with_type::<(String, String)>().for_each(|(host, path)| {
            let text = line(&Entry { host, target: path, ..full() });
            assert_eq!(text.find('\n'), Some(text.len() - 1));
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["host"], host.as_str());
            if path.len() <= PARAMETER_BYTES {
                assert_eq!(value["path"], path.as_str());
            }
        });
    }

    #[test]
    fn long_parameters_are_cut_and_nothing_else() {
        let check = |target: &str, expect: &str| {
            let value: serde_json::Value =
                serde_json::from_str(&line(&Entry { target, ..full() })).unwrap();
            assert_eq!(value["path"], expect);
        };
        let long = "x".repeat(300);
        let (cut, path) = ("x".repeat(256), format!("/{long}"));
        check(&path, &path);
        check(&format!("/?a={long}&b=1&{long}"), &format!("/?a={cut}…&b=1&{cut}…"));
        let umlauts = format!("/?a=x{}", "ä".repeat(200));
        check(&umlauts, &format!("/?a=x{}…", "ä".repeat(127)));
    }

    #[test]
    fn times_are_civil() {
        let check = |unix_ms: i64, expect: &str| {
            let mut line = Vec::new();
            time(&mut line, unix_ms);
            assert_eq!(String::from_utf8(line).unwrap(), expect);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_199_999, "2024-02-29T23:59:59.999Z");
        check(4_102_444_800_000, "2100-01-01T00:00:00.000Z");
    }
}
