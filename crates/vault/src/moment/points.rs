//! Every moment that a dump and the changes since reach, told at full steps of the clock.

use super::{Forecast, Obstacle, Path, UNCLEAR_MS};
use crate::VaultError;
use databases::dump::{Kind, Manifest};

/// So many points of one dump are told; of more, the newest.
const MOST: usize = 1_000;

/// What is reached from a dump: every moment between two. Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    pub from_ms: i64,
    pub until_ms: i64,
    /// Why it ends there, where the journal goes on.
    pub ends: Option<Obstacle>,
    /// What the last of these moments takes.
    pub last: Point,
    /// The oldest first; the last moment is among them only where the clock has a full step there.
    pub points: Vec<Point>,
}

/// A moment, and what going there from the dump takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub transactions: u64,
    pub changes: u64,
}

/// The moments of a clock at its full steps, as they are passed.
struct Steps {
    next_ms: i64,
    step_ms: i64,
    points: Vec<Point>,
}

impl Steps {
    fn from(from_ms: i64, step_ms: i64) -> Self {
        let step_ms = step_ms.max(1);
        let over = from_ms.rem_euclid(step_ms);
        let next_ms = if over == 0 { from_ms } else { from_ms - over + step_ms };
        Self { next_ms, step_ms, points: Vec::new() }
    }

    /// All that lie before a moment, with what came until then.
    fn pass(&mut self, before_ms: i64, so_far: &Forecast) {
        // Over a long rest nobody wants more of them than are told.
        let most = self.step_ms.saturating_mul(i64::try_from(MOST).unwrap_or(i64::MAX));
        let behind_ms = before_ms.saturating_sub(self.next_ms).saturating_sub(most);
        if behind_ms > 0 {
            self.next_ms += behind_ms / self.step_ms * self.step_ms;
        }
        while self.next_ms < before_ms {
            self.points.push(point(self.next_ms, so_far));
            self.next_ms += self.step_ms;
        }
        if self.points.len() > 2 * MOST {
            self.points.drain(..self.points.len() - MOST);
        }
    }
}

fn point(at_ms: i64, so_far: &Forecast) -> Point {
    Point { at_ms, transactions: so_far.transactions, changes: so_far.changes }
}

/// Looks at everything from the dump up to the path's end.
pub(super) fn reach(
    path: Path,
    manifest: &Manifest,
    step_ms: i64,
) -> Result<Result<Reach, Obstacle>, VaultError> {
    let until_ms = path.until_ms;
    let from_ms = path.pivot_ms.map_or(manifest.taken_ms, |pivot_ms| {
        let unclear_ms = if path.kind == Kind::Postgres { UNCLEAR_MS } else { 0 };
        manifest.taken_ms.max(pivot_ms + unclear_ms)
    });
    let mut steps = Steps::from(from_ms, step_ms);
    let mut passed = Forecast::default();
    let found = path.survey(manifest, &mut |at_ms, so_far| {
        steps.pass(at_ms, so_far);
        passed = *so_far;
    })?;
    let (until_ms, all, ends) = match found {
        Ok(path) => (until_ms, path.forecast, None),
        Err(Obstacle::Redefined { table, statement, at_ms }) => {
            (at_ms - 1, passed, Some(Obstacle::Redefined { table, statement, at_ms }))
        }
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    if until_ms < from_ms {
        return Ok(Err(ends.unwrap_or(Obstacle::TooNew)));
    }
    steps.pass(until_ms + 1, &all);
    let mut points = steps.points;
    points.drain(..points.len().saturating_sub(MOST));
    Ok(Ok(Reach { from_ms, until_ms, ends, last: point(until_ms, &all), points }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_steps_are_passed_with_what_came_until_then() {
        let check = |from_ms, step_ms, came: &[(i64, u64)], expect: &[(i64, u64)]| {
            let mut steps = Steps::from(from_ms, step_ms);
            for (before_ms, changes) in came {
                steps.pass(*before_ms, &Forecast { changes: *changes, ..Forecast::default() });
            }
            let points = steps.points.iter().map(|point| (point.at_ms, point.changes));
            assert_eq!(points.collect::<Vec<_>>(), expect, "from {from_ms}");
        };
        check(95, 10, &[(101, 0), (101, 1), (125, 2)], &[(100, 0), (110, 2), (120, 2)]);
        // One at the step itself is in it.
        check(100, 10, &[(100, 0), (110, 7), (111, 9)], &[(100, 7), (110, 9)]);
        check(-5, 10, &[(11, 3)], &[(0, 3), (10, 3)]);
        check(95, 10, &[(95, 1)], &[]);
    }

    #[test]
    fn after_a_long_rest_only_the_newest_steps_are_told() {
        let mut steps = Steps::from(0, 1);
        steps.pass(1_000_000, &Forecast::default());
        assert!(steps.points.len() <= MOST + 1);
        assert_eq!(steps.points.last().unwrap().at_ms, 999_999);
    }
}
