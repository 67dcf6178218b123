//! Moments between backups, as `storewarden backup list` tells them.

use crate::{
    moment::{Here, length},
    table::{Side, table},
    terminal::printable,
};
use ::watch::restore_points::{MomentSpan, Moments, RestorePoint};

/// More of them nobody reads; `--json` has all.
const SHOWN: usize = 48;

/// Spans first, for any second of them will do, and then those at full steps of the clock.
pub(super) fn text(moments: &Moments, here: &Here) -> String {
    let mut text = "\nBetween backups, by the journal of changes: \
                    storewarden backup restore --database --as-of TIME\n"
        .to_owned();
    let mut line = |said: String| {
        text.push_str(&format!("{}\n", printable(&said)));
    };
    if let Some(trouble) = &moments.trouble {
        line(format!("  which moments there are is unknown: {}", trouble.message));
    } else if moments.looked_ms.is_none() {
        line("  which moments there are is not known yet".to_owned());
    } else if moments.spans.is_empty() {
        line("  none: no dump has all of its changes in the journal".to_owned());
    }
    for span in &moments.spans {
        line(told(span, here));
    }
    if moments.points.is_empty() {
        return text;
    }
    let row = |point: &RestorePoint| {
        let expected = point.expected_ms.map(|ms| length(i64::try_from(ms).unwrap_or(i64::MAX)));
        [
            here.moment(point.at_ms),
            point.changes.to_string(),
            expected.unwrap_or_else(|| "unknown".to_owned()),
            point.snapshot.get(..8).unwrap_or(&point.snapshot).to_owned(),
            here.moment(point.dump_ms),
        ]
    };
    let rows: Vec<_> = moments.points.iter().take(SHOWN).map(row).collect();
    let head = [
        ("POINT", Side::Left),
        ("CHANGES", Side::Right),
        ("TAKES", Side::Right),
        ("BACKUP", Side::Left),
        ("DUMP OF", Side::Left),
    ];
    text.push_str(&table(head, &rows));
    if let Some(more) = moments.points.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} older ones: --json has them\n"));
    }
    text
}

fn told(span: &MomentSpan, here: &Here) -> String {
    let (from, until) = (here.moment(span.from_ms), here.moment(span.until_ms));
    let ends = span.redefined.as_ref().map(|what| {
        format!("; something was redefined then ({what}), and only another dump goes on")
    });
    format!("  any second from {from} to {until}{}", ends.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        let here = Here { now_ms: 1_795_348_800_000, zone: TimeZone::UTC };
        let check = |moments: &Moments, expect: &[&str]| {
            let text = text(moments, &here);
            for part in expect {
                assert!(text.contains(part), "no `{part}` in {text}");
            }
        };
        check(&Moments::default(), &["not known yet"]);
        let looked_ms = Some(1);
        check(&Moments { looked_ms, ..Moments::default() }, &["none: no dump"]);
        let span = MomentSpan {
            snapshot: "0a1b2c3d4e".to_owned(),
            from_ms: 1_795_338_000_000,
            until_ms: 1_795_348_799_000,
            redefined: Some("public.orders".to_owned()),
        };
        let point = RestorePoint {
            at_ms: 1_795_345_200_000,
            snapshot: "0a1b2c3d4e".to_owned(),
            dump_ms: 1_795_338_000_000,
            changes: 1_234,
            transactions: 300,
            expected_ms: None,
        };
        let measured = RestorePoint { expected_ms: Some(200_000), ..point.clone() };
        let (spans, points) = (vec![span], vec![point, measured]);
        let moments = Moments { looked_ms, spans, points, ..Moments::default() };
        check(
            &moments,
            &[
                "any second from 2026-11-22 09:00:00 UTC to 2026-11-22 11:59:59 UTC; something",
                "(public.orders)",
                "2026-11-22 11:00:00 UTC     1234     unknown  0a1b2c3d",
                "3 min 20 s",
            ],
        );
    }
}
