//! What a trouble costs a minute while it lasts: what this hour usually brings, times the share of it that the finding says is lost.

use super::{Evidence, traffic};
use kernel::{Finding, Value};

/// Says it of each finding that keeps customers from ordering. Nothing is said where no revenue is known that would be usual.
pub(super) fn tell(findings: &mut [Finding], evidence: &Evidence) {
    let Some(usual_minor) = evidence.orders.usual_minor_a_minute.filter(|minor| *minor > 0.0)
    else {
        return;
    };
    for finding in findings {
        let Some(share) = lost_share(finding) else { continue };
        let at_risk = rounded(usual_minor * share);
        if at_risk > 0 {
            finding.params.insert("at_risk_minor".to_owned(), at_risk.into());
            finding.params.insert("currency".to_owned(), evidence.currency.as_str().into());
        }
    }
}

/// Which share of orders cannot be placed, as far as the finding tells.
fn lost_share(finding: &Finding) -> Option<f64> {
    let number = |name: &str| match finding.params.get(name) {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
        Some(Value::Integer(number)) => Some(*number as f64),
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    match finding.code.as_str() {
        traffic::ALL_DOWN | "orders_stopped" => Some(1.0),
        traffic::CHECKOUT_ERRORS => {
            let (failed, total) = (number("failed")?, number("total")?);
            (total > 0.0).then(|| (failed / total).min(1.0))
        }
        traffic::ERRORS_UP => number("share").map(|share| share.min(1.0)),
        _ => None,
    }
}

/// To two digits: it is an estimate, and must not change every second.
fn rounded(minor: f64) -> i64 {
    if minor < 1.0 {
        return 0;
    }
    let unit = 10_f64.powf(minor.log10().floor() - 1.0).max(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "what an hour brings is far below 2⁵³")]
    let rounded = ((minor / unit).round() * unit) as i64;
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_has_two_digits() {
        for (minor, expect) in
            [(0.4, 0), (7.4, 7), (43.6, 44), (1_234.0, 1_200), (98_765.0, 99_000), (996.0, 1_000)]
        {
            assert_eq!(rounded(minor), expect, "{minor}");
        }
    }
}
