//! One header or trailer field line (RFC 9112 §5, RFC 9110 §5).

use super::Reason;

/// `tchar` of RFC 9110 §5.6.2.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| TOKEN[usize::from(*b)])
}

/// The fields on which a message's framing or its place depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
}

/// A field line without its CRLF, split and checked.
///
/// The value has no white space around it.
pub(super) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let (name, value) = split_name(line)?;
    check_value(value)?;
    Ok((name, value))
}

/// The same without a look at the value's characters, for whoever calls [`are_clean`] afterwards.
pub(super) fn split_name(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let colon = line.iter().position(|b| !TOKEN[usize::from(*b)]);
    let Some(colon) = colon else { return Err(Reason::FieldName) };
    if line[colon] != b':' {
        return Err(match (colon, line[colon]) {
            (0, b' ' | b'\t') => Reason::LineFolding,
            (_, b'\r') => Reason::BareCarriageReturn,
            _ => Reason::FieldName,
        });
    }
    if colon == 0 {
        return Err(Reason::FieldName);
    }
    Ok((&line[..colon], trim(&line[colon + 1..])))
}

fn is_control(b: u8) -> bool {
    ((b < b' ') & (b != b'\t')) | (b == 0x7f)
}

fn check_value(value: &[u8]) -> Result<(), Reason> {
    if !value.iter().copied().any(is_control) {
        return Ok(());
    }
    let bare = value.contains(&b'\r');
    Err(if bare { Reason::BareCarriageReturn } else { Reason::ControlByte })
}

/// Whether `count` lines, each of which ends with CRLF, hold no other control character.
///
/// One pass over the whole head, written so that it becomes vector instructions, costs a quarter
/// of a look at each value.
pub(super) fn are_clean(lines: &[u8], count: usize) -> bool {
    // 255 ones fit a byte.
    let controls = lines.chunks(255).map(|chunk| {
        usize::from(chunk.iter().fold(0_u8, |found, b| found + u8::from(is_control(*b))))
    });
    controls.sum::<usize>() == 2 * count
}

/// Which control character the lines hold that should not be there.
pub(super) fn stray_control(lines: &[u8]) -> Reason {
    let lines = lines.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.map(check_value).find_map(Result::err).unwrap_or(Reason::ControlByte)
}

/// Without the spaces and tabs around it.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Which special field a name is. A name that a gateway interface would take for one of the three
/// framing fields, such as `Content_Length`, is refused: origins behind CGI cannot tell them apart.
pub(super) fn special(name: &[u8]) -> Result<Option<Special>, Reason> {
    let (full, special): (&[u8], _) = match name.len() {
        4 => (b"host", Special::Host),
        7 => (b"upgrade", Special::Upgrade),
        10 => (b"connection", Special::Connection),
        14 => (b"content-length", Special::ContentLength),
        17 => (b"transfer-encoding", Special::TransferEncoding),
        _ => return Ok(None),
    };
    if name.eq_ignore_ascii_case(full) {
        return Ok(Some(special));
    }
    let alike = |a: &u8, b: &u8| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-');
    if full.contains(&b'-') && name.iter().zip(full).all(|(a, b)| alike(a, b)) {
        return Err(Reason::FieldName);
    }
    Ok(None)
}

/// The number of a `Content-Length`: digits and nothing else (RFC 9112 §6.2).
pub(super) fn length(value: &[u8]) -> Result<u64, Reason> {
    // 18 digits fit 63 bits with room to spare.
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reason::ContentLength);
    }
    Ok(value.iter().fold(0, |n, b| n * 10 + u64::from(b - b'0')))
}

/// The parts of a list value, trimmed; empty parts too.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_or_refused() {
        let check = |line: &str, expect: Result<(&str, &str), Reason>| {
            let found = split(line.as_bytes());
            let expect = expect.map(|(n, v)| (n.as_bytes(), v.as_bytes()));
            assert_eq!(found, expect, "{line:?}");
        };
        check("Accept: */*", Ok(("Accept", "*/*")));
        check("A:", Ok(("A", "")));
        check("A: \t b c \t", Ok(("A", "b c")));
        check("A: \u{e4}", Ok(("A", "\u{e4}")));
        check("A : b", Err(Reason::FieldName));
        check(": b", Err(Reason::FieldName));
        check("A", Err(Reason::FieldName));
        check("A b: c", Err(Reason::FieldName));
        check(" A: b", Err(Reason::LineFolding));
        check("\tA: b", Err(Reason::LineFolding));
        check("A: b\0c", Err(Reason::ControlByte));
        check("A: b\x7f", Err(Reason::ControlByte));
        check("A: b\rc: d", Err(Reason::BareCarriageReturn));
        check("A\r: b", Err(Reason::BareCarriageReturn));
    }

    #[test]
    fn names_that_pass_for_others_are_refused() {
        assert_eq!(special(b"CONTENT-length"), Ok(Some(Special::ContentLength)));
        assert_eq!(special(b"content_length"), Err(Reason::FieldName));
        assert_eq!(special(b"Transfer_Encoding"), Err(Reason::FieldName));
        assert_eq!(special(b"x-forwarded-for"), Ok(None));
        assert_eq!(special(b"cookie"), Ok(None));
    }
}
