//! Numbers of the texts.

/// The NaN that says "no number", as Prometheus stores it (`model/value/value.go`, `NormalNaN`): never the one that ends a series.
const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

/// So many decimal digits fit a double exactly.
const EXACT_DIGITS: usize = 15;

/// A value: decimal, `Inf`, `Infinity` or `NaN` in any case; `None` of anything else, a number beyond a double's range included, as Go's
/// `strconv.ParseFloat` has it.
pub(super) fn value(token: &str) -> Option<f64> {
    if let Some(whole) = small_whole(token.as_bytes()) {
        return Some(whole);
    }
    let value: f64 = token.parse().ok()?;
    if value.is_nan() {
        return Some(f64::from_bits(NORMAL_NAN));
    }
    let is_written_out = token.bytes().any(|byte| byte.is_ascii_digit());
    (value.is_finite() || !is_written_out).then_some(value)
}

/// Most values are small whole numbers; this takes a quarter of the time of the general way.
fn small_whole(token: &[u8]) -> Option<f64> {
    if token.is_empty() || token.len() > EXACT_DIGITS {
        return None;
    }
    let mut whole = 0_u64;
    for byte in token {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        whole = whole * 10 + u64::from(digit);
    }
    Some(whole as f64)
}

/// A time of the text format: whole milliseconds.
pub(super) fn milliseconds(token: &str) -> Option<i64> {
    token.parse().ok()
}

/// A time of OpenMetrics: seconds, to the nearest millisecond.
pub(super) fn seconds(token: &str) -> Option<i64> {
    let at_ms = (value(token)? * 1_000.0).round();
    // 2^63 is exact as a double; below it every whole double is an i64.
    let fits = at_ms.is_finite() && at_ms.abs() < 9_223_372_036_854_775_808.0;
    fits.then_some(at_ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_that_prometheus_takes() {
        let check = |token: &str, expect: Option<f64>| {
            assert_eq!(value(token).map(f64::to_bits), expect.map(f64::to_bits), "{token}");
        };
        check("0", Some(0.0));
        check("-0", Some(-0.0));
        check("99", Some(99.0));
        check("999999999999999", Some(999_999_999_999_999.0));
        check("12345678901234567890", Some(12_345_678_901_234_567_890.0));
        check("4.9351e-05", Some(4.9351e-5));
        check("+1", Some(1.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("+Inf", Some(f64::INFINITY));
        check("-inf", Some(f64::NEG_INFINITY));
        check("Infinity", Some(f64::INFINITY));
        check("NaN", Some(f64::from_bits(NORMAL_NAN)));
        check("nan", Some(f64::from_bits(NORMAL_NAN)));
        for none in ["", "true", "1_2", "0x1p-3", "1e400", "-1e400", "1\r", "1,5", "--1", "é"] {
            check(none, None);
        }
    }

    #[test]
    fn times_are_whole_milliseconds_or_seconds() {
        assert_eq!(milliseconds("123123"), Some(123_123));
        assert_eq!(milliseconds("-5"), Some(-5));
        assert_eq!(milliseconds("1.5"), None);
        assert_eq!(milliseconds("99999999999999999999"), None);
        assert_eq!(seconds("1520879607.789"), Some(1_520_879_607_789));
        assert_eq!(seconds("1.001"), Some(1_001));
        assert_eq!(seconds("-1"), Some(-1_000));
        for none in ["NaN", "+Inf", "1e17", "soon"] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }
}
