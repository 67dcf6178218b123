//! The kinds of values a person writes as text: durations, sizes, addresses, hosts, colours.

use super::reader::Wrong;
use crate::config::Listen;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Milliseconds of `250ms`, `30s`, `5m`, `2h`, `1d`.
pub(super) fn duration(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The shortest exact text for a duration.
pub(in crate::config) fn duration_text(ms: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", ms / factor),
        None => format!("{ms}ms"),
    }
}

/// Bytes of `512B`, `64KiB`, `64MiB`, `1GiB`, or decimal `64kB`, `64MB`, `1GB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// The shortest exact text for a size.
pub(in crate::config) fn size_text(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

/// `#rrggbb` in lower case, of that or `#rgb`.
pub(super) fn colour(text: &str) -> Result<String, Wrong> {
    let digits = text.strip_prefix('#').unwrap_or(text).to_ascii_lowercase();
    let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (digits.len(), hex, text.starts_with('#')) {
        (6, true, true) => Ok(format!("#{digits}")),
        (3, true, true) => Ok(digits.chars().fold("#".into(), |all, c| format!("{all}{c}{c}"))),
        (3 | 6, true, false) => Err(Wrong::new(
            format!("is \"{text}\", which lacks its `#`"),
            format!("write \"#{digits}\""),
        )),
        _ => Err(Wrong::new(
            format!("is \"{text}\", which is no colour"),
            "write six hexadecimal digits, such as \"#1f6f78\"",
        )),
    }
}

/// An IP address and port; `localhost` means 127.0.0.1.
pub(super) fn address(text: &str) -> Result<SocketAddr, Wrong> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        return Err(Wrong::new(
            format!("is \"{text}\", but an address without `{scheme}://` is wanted"),
            format!("write \"{rest}\""),
        ));
    }
    if let Ok(address) = text.replace("localhost:", "127.0.0.1:").parse::<SocketAddr>() {
        return Ok(address);
    }
    let wrong = |why: &str, mend: String| Err(Wrong::new(format!("is \"{text}\", {why}"), mend));
    if let Some((host, port)) = text.rsplit_once(':')
        && host.parse::<Ipv6Addr>().is_ok()
        && port.parse::<u16>().is_ok()
    {
        return wrong("an IPv6 address without brackets", format!("write \"[{host}]:{port}\""));
    }
    if text == "localhost" || text.parse::<Ipv4Addr>().is_ok() {
        return wrong("which lacks a port", format!("write it with one, such as \"{text}:3000\""));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return wrong("which lacks a port", format!("write it as \"[{text}]:3000\""));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let mend = "write an IP address and a port, such as \"127.0.0.1:3000\"";
        return wrong("which is no address", mend.to_owned());
    };
    if port.parse::<u16>().is_err() {
        let mend = "a port is a number up to 65535, such as \"127.0.0.1:3000\"";
        return wrong("whose port is none", mend.to_owned());
    }
    if host.is_empty() {
        return wrong("which has no IP address", format!("write \"127.0.0.1:{port}\""));
    }
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let mend = format!("an IP address is four numbers up to 255: \"127.0.0.1:{port}\"");
        return wrong("whose IP address is none", mend);
    }
    let mend = format!(
        "write the address that `getent hosts {host}` prints: names can change or be away when \
         the shop must be reached"
    );
    wrong("a name, but an IP address is wanted", mend)
}

/// `http://ADDRESS` or `https://ADDRESS`, with the scheme's own port where none is said.
pub(super) fn listen(text: &str) -> Result<Listen, Wrong> {
    let (tls, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some((scheme, rest)) => {
            let message = format!("is \"{text}\", and `{scheme}` is not served");
            return Err(Wrong::new(
                message,
                format!("write \"http://{rest}\" or \"https://{rest}\""),
            ));
        }
        None => {
            let message = format!("is \"{text}\", which does not say whether http or https");
            return Err(Wrong::new(
                message,
                format!("write \"http://{text}\" or \"https://{text}\""),
            ));
        }
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(port) = rest.strip_prefix(['*', ':']).map(|rest| rest.trim_start_matches(':')) {
        let scheme = if tls { "https" } else { "http" };
        let message = format!("is \"{text}\", which has no IP address");
        return Err(Wrong::new(
            message,
            format!("write \"{scheme}://[::]:{port}\" for all of them"),
        ));
    }
    let port = if tls { 443 } else { 80 };
    let bare = rest.parse::<Ipv4Addr>().is_ok() || bracketed(rest) || rest == "localhost";
    let address = if bare { address(&format!("{rest}:{port}")) } else { address(rest) }?;
    Ok(Listen { address, tls })
}

/// A host name in lower case, a wildcard, or an IP address.
pub(super) fn host(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str, mend: String| Err(Wrong::new(format!("has \"{text}\", {why}"), mend));
    if let Some((_, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        return wrong("an address, but a host name is wanted", format!("write \"{rest}\""));
    }
    if text == "*" || text.parse::<Ipv4Addr>().is_ok() || bracketed(text) {
        return Ok(text.to_owned());
    }
    if !text.is_ascii() {
        let mend = "write it as browsers send it, in ASCII and beginning with `xn--` \
                    (RFC 3492); the address bar or `idn2 NAME` shows that form";
        return wrong("which is not ASCII", mend.to_owned());
    }
    if let Some((name, port)) = text.rsplit_once(':') {
        if text.parse::<Ipv6Addr>().is_ok() {
            return wrong("an IPv6 address without brackets", format!("write \"[{text}]\""));
        }
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            let mend = format!("write \"{name}\": a shop answers on every port of `edge.listen`");
            return wrong("with a port", mend);
        }
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return wrong("with capital letters", format!("write \"{}\"", text.to_ascii_lowercase()));
    }
    if let Some(name) = text.strip_suffix('.').filter(|name| !name.is_empty()) {
        return wrong("which ends in a dot", format!("write \"{name}\""));
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        let mend = "a `*` stands alone or for the first label only, such as \"*.example.com\"";
        return wrong("with a `*` in the middle", mend.to_owned());
    }
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Ok(text.to_owned());
    }
    let mend = "write a host name of letters, digits and `-`, such as \"shop.example\"";
    wrong("which is no host name", mend.to_owned())
}

fn bracketed(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// A label of a host name (RFC 1123 §2.1), and `_`, which some machines have in theirs.
fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether a public authority can give a certificate for the host by HTTP-01 (RFC 8555 §8.3).
pub(in crate::config) fn is_public(host: &str) -> bool {
    let local = host == "localhost" || host.ends_with(".localhost") || !host.contains('.');
    !local && !host.contains('*') && !bracketed(host) && host.parse::<IpAddr>().is_err()
}

/// The likeliest of `words`, if one is near enough to be a slip of the pen.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('_', "-");
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, &known.replace('_', "-"));
    let limit = |known: &str| (known.chars().count() / 3).max(1);
    words
        .into_iter()
        .map(|known| (distance(known), known))
        .filter(|(distance, known)| *distance <= limit(known))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `a`, `b` and `c`.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_shown() {
        for (text, expect) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5 m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("30", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("9999999999999999999s", None),
        ] {
            assert_eq!(duration(text), expect, "{text}");
        }
        for (text, expect) in [
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("2MiB", Some(2_097_152)),
            ("1GB", Some(1_000_000_000)),
            ("64M", None),
            ("64", None),
        ] {
            assert_eq!(size(text), expect, "{text}");
        }
        for ms in [1, 250, 1_000, 90_000, 60_000, 3_600_000, 86_400_000] {
            assert_eq!(duration(&duration_text(ms)), Some(ms));
        }
        for bytes in [0, 1, 1024, 1500, 64 << 20, 3 << 30] {
            assert_eq!(size(&size_text(bytes)), Some(bytes));
        }
    }

    #[test]
    fn the_nearest_word_is_a_slip_of_the_pen_and_no_more() {
        let keys = ["platform", "hosts", "app", "database", "time_zone"];
        for (word, expect) in [
            ("plattform", Some("platform")),
            ("host", Some("hosts")),
            ("Hosts", Some("hosts")),
            ("time-zone", Some("time_zone")),
            ("ap", Some("app")),
            ("price", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, keys), expect, "{word}");
        }
    }
}
