//! W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context-1/>): a visitor's trace goes on
//! with the edge as a step of it; what is not one gives way to a new trace.

use crate::request_id::RequestId;
use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `00-` trace id `-` parent id `-` flags.
const LEN: usize = 55;

/// Continues the trace that `asked` belongs to in `sent`, or begins one there.
///
/// A new trace is marked as sampled: most libraries then decide as if there were no edge, while an
/// unmarked one would switch the shop's own tracing off.
pub(super) fn carry_on(asked: &HeaderMap, sent: &mut HeaderMap, id: &RequestId) {
    let came = incoming(asked);
    if came.is_some() {
        for state in asked.get_all(TRACESTATE) {
            sent.append(TRACESTATE, state.clone());
        }
    }
    // The request's number names both: unique, random at its end, and easily found again.
    let number = id.number().max(1);
    let [_, _, _, _, _, _, _, _, parent @ ..] = number.to_be_bytes();
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    match came {
        Some((trace, flags)) => {
            text[3..35].copy_from_slice(&trace);
            text[53..55].copy_from_slice(&flags);
        }
        None => write_hex(&number.to_be_bytes(), &mut text[3..35]),
    }
    write_hex(&parent, &mut text[36..52]);
    let value = HeaderValue::from_bytes(&text).expect("invariant: hexadecimal digits");
    sent.insert(TRACEPARENT, value);
}

/// Trace id and flags of a `traceparent` that is valid (§3.2): one line, lower case, neither id all
/// zeros; of a later version what level 1 knows of it.
fn incoming(headers: &HeaderMap) -> Option<([u8; 32], [u8; 2])> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let line = lines.next()?.as_bytes();
    if lines.next().is_some() {
        return None;
    }
    let (known, rest) = line.split_at_checked(LEN)?;
    let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
    let (version, trace, parent, flags) =
        (&known[..2], &known[3..35], &known[36..52], &known[53..]);
    let hex = [version, trace, parent, flags].into_iter().flatten().all(|byte| is_hex(*byte));
    let ends_well =
        if version == b"00" { rest.is_empty() } else { matches!(rest, [] | [b'-', ..]) };
    let zero = |id: &[u8]| id.iter().all(|byte| *byte == b'0');
    if !dashes || !hex || !ends_well || version == b"ff" || zero(trace) || zero(parent) {
        return None;
    }
    // Only the flags of level 1 are passed on, for version 00 is what we send.
    let sampled = matches!(flags[1], b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f');
    Some((trace.try_into().ok()?, if sampled { *b"01" } else { *b"00" }))
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn write_hex(bytes: &[u8], to: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(to.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
