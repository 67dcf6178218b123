//! `Cache-Status` (RFC 9211): what the cache did with a request, for whoever debugs the shop.

use super::judgement::Refusal;
use http::HeaderValue;
use std::time::Duration;

/// Why a request went on to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The platform's rules or the request's head keep the cache out of it.
    Bypass,
    /// Not a method that is answered from a cache.
    Method,
    Miss,
    /// What is kept is no longer fresh.
    Stale,
    /// The visitor asked for a fresh one.
    Request,
}

impl Forward {
    /// The field's value for a request that was passed on.
    pub(crate) fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Bypass => "storewarden; fwd=bypass",
            Self::Method => "storewarden; fwd=method",
            Self::Miss => "storewarden; fwd=miss",
            Self::Stale => "storewarden; fwd=stale",
            Self::Request => "storewarden; fwd=request",
        })
    }

    /// The field's value when the response is being kept.
    pub(crate) fn stored(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Bypass => "storewarden; fwd=bypass; stored",
            Self::Method => "storewarden; fwd=method; stored",
            Self::Miss => "storewarden; fwd=miss; stored",
            Self::Stale => "storewarden; fwd=stale; stored",
            Self::Request => "storewarden; fwd=request; stored",
        })
    }

    /// The field's value when the response could not be kept, with the reason.
    pub(crate) fn refused(self, refusal: Refusal) -> HeaderValue {
        let forward = match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Request => "request",
        };
        let value = format!("storewarden; fwd={forward}; detail={}", refusal.detail());
        HeaderValue::try_from(value).expect("invariant: built of tokens")
    }
}

impl Refusal {
    /// A token of RFC 9211 §2.8.
    fn detail(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Status => "status",
            Self::SetCookie => "set-cookie",
            Self::Forbidden => "forbidden",
            Self::Vary => "vary",
            Self::Encoding => "encoding",
            Self::NoFreshness => "no-freshness",
            Self::Stale => "stale",
            Self::Ambiguous => "ambiguous",
            Self::TooLarge => "too-large",
            Self::NoRoom => "no-room",
            Self::Changed => "changed",
        }
    }
}

/// The field's value for a hit. The time left counts whole seconds.
pub(super) fn hit(ttl: Duration) -> HeaderValue {
    const START: &[u8] = b"storewarden; hit; ttl=";
    let mut value = [0_u8; START.len() + 20];
    value[..START.len()].copy_from_slice(START);
    let len = START.len() + write_number(ttl.as_secs(), &mut value[START.len()..]);
    HeaderValue::from_bytes(&value[..len]).expect("invariant: built of a token and digits")
}

/// Writes `number` in decimal and returns how many digits that were; `to` holds at least 20.
fn write_number(number: u64, to: &mut [u8]) -> usize {
    let len = number.checked_ilog10().map_or(1, |log| log as usize + 1);
    let mut rest = number;
    for slot in to[..len].iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).expect("invariant: a digit");
        rest /= 10;
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written() {
        let check = |value: HeaderValue, expect: &str| assert_eq!(value, expect);
        check(hit(Duration::ZERO), "storewarden; hit; ttl=0");
        check(hit(Duration::from_millis(10_999)), "storewarden; hit; ttl=10");
        check(hit(Duration::from_secs(u64::MAX)), "storewarden; hit; ttl=18446744073709551615");
        check(Forward::Miss.stored(), "storewarden; fwd=miss; stored");
        check(Forward::Bypass.value(), "storewarden; fwd=bypass");
        check(
            Forward::Stale.refused(Refusal::SetCookie),
            "storewarden; fwd=stale; detail=set-cookie",
        );
    }
}
