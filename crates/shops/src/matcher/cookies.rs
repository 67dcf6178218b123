//! Cookies of a request, read straight from its header values (RFC 6265 §4.2.1).

/// The cookies of one `Cookie` header value as (name, value), spaces around them left out.
/// A part without `=` has an empty name, as browsers treat it.
pub(crate) fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|part| {
        let part = part.trim_ascii();
        if part.is_empty() {
            return None;
        }
        match part.iter().position(|byte| *byte == b'=') {
            Some(at) => Some((part[..at].trim_ascii_end(), part[at + 1..].trim_ascii_start())),
            None => Some((&part[..0], part)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_browsers_send_them() {
        let check = |header: &str, expect: &[(&str, &str)]| {
            let found: Vec<_> = pairs(header.as_bytes())
                .map(|(name, value)| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    (text(name), text(value))
                })
                .collect();
            let expect: Vec<_> =
                expect.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(found, expect, "{header}");
        };
        check("a=1; b=2", &[("a", "1"), ("b", "2")]);
        check(" a = 1 ;;b=x=y;", &[("a", "1"), ("b", "x=y")]);
        check("lonely", &[("", "lonely")]);
        check("", &[]);
    }
}
