//! Percent-encoding (RFC 3986 §2.1) and dot segments, read as a shop's own software will read them.

use std::borrow::Cow;

/// The bytes that `text` stands for. An unfinished escape stands for itself.
pub(crate) fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        match (byte, escape(text, at)) {
            (b'%', Some(meant)) => {
                at += 3;
                Some(meant)
            }
            _ => {
                at += 1;
                Some(byte)
            }
        }
    })
}

fn escape(text: &[u8], at: usize) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (high, low) = (digit(*text.get(at + 1)?)?, digit(*text.get(at + 2)?)?);
    u8::try_from(high * 16 + low).ok()
}

/// Whether `path` says what it says: no escape, no doubled slash, no dot segment, no backslash.
fn is_plain(path: &[u8]) -> bool {
    let mut before = b'\0';
    for byte in path {
        let strange = match byte {
            b'%' | b'\\' => true,
            b'/' | b'.' => before == b'/',
            _ => false,
        };
        if strange {
            return false;
        }
        before = *byte;
    }
    true
}

/// The path that most shop software will take `path` for: escapes decoded (but `%2F` stays, for it
/// separates nothing), doubled slashes and `.` segments gone, `..` segments resolved.
///
/// Borrowed, and so without allocation, for every ordinary path.
pub(crate) fn normal_path(path: &[u8]) -> Cow<'_, [u8]> {
    if is_plain(path) {
        return Cow::Borrowed(path);
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        match (*byte, escape(path, at)) {
            (b'%', Some(meant)) if meant != b'/' => {
                plain.push(meant);
                at += 3;
            }
            _ => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    Cow::Owned(without_dots(&plain))
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut open = false;
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        open = false;
        match segment {
            b"" | b"." => open = true,
            b".." => {
                kept.pop();
                open = true;
            }
            _ => kept.push(segment),
        }
    }
    let mut whole = Vec::with_capacity(path.len() + 1);
    for segment in &kept {
        whole.push(b'/');
        whole.extend_from_slice(segment);
    }
    if open || whole.is_empty() {
        whole.push(b'/');
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_shop_reads_them() {
        let check = |path: &str, expect: &str| {
            assert_eq!(normal_path(path.as_bytes()), expect.as_bytes(), "{path}");
        };
        check("/cart", "/cart");
        check("/%63art", "/cart");
        check("//cart", "/cart");
        check("/./cart", "/cart");
        check("/x/../cart/", "/cart/");
        check("/x/%2e%2e/cart", "/cart");
        check("/x\\..\\cart", "/cart");
        check("/a%2Fb", "/a%2Fb");
        check("/a%", "/a%");
        check("/a%zz", "/a%zz");
        check("/../..", "/");
        check("/lamp.html", "/lamp.html");
        check("", "");
    }

    #[test]
    fn ordinary_paths_are_not_copied() {
        for path in ["/", "/product/a-lamp", "/assets/a.b.css"] {
            assert!(matches!(normal_path(path.as_bytes()), Cow::Borrowed(_)), "{path}");
        }
    }

    #[test]
    fn no_path_makes_it_panic_and_no_dots_remain() {
        bolero::check!().for_each(|path: &[u8]| {
            let plain = normal_path(path);
            let dots = |segment: &[u8]| segment == b"." || segment == b"..";
            assert!(path.is_empty() || !plain.split(|byte| *byte == b'/').skip(1).any(dots));
            assert!(decoded(path).count() <= path.len());
        });
    }
}
