//! When a run may begin: windows and freezes as instants. Pure, once the time zones are found.
//!
//! On the days on which clocks change, a window is what the wall clock shows: a beginning or an end
//! in an hour that is left out is the instant of the change, and a window that lies in it whole
//! does not open that day; of an hour that comes twice, a window begins in the first and ends at
//! the first end after it began. A window that is open for so long is open for exactly so long.

use crate::EngineError;
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use kernel::{
    ShopId, WindowName,
    calendar::{Date, Ends, Freeze, Window},
    plan::{Plan, Purpose, WaitsFor, WindowChoice},
};

/// How far ahead an opening is looked for: over two leap days.
const DAYS_AHEAD: usize = 3_700;
/// A window is open for a week at most, so that an opening of now began within these days.
const DAYS_BACK: i64 = 9;

/// All windows and freezes of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    windows: Vec<(Window, TimeZone)>,
    freezes: Vec<(Freeze, Opening)>,
}

/// A span of time in unix milliseconds, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    pub from_ms: i64,
    pub until_ms: i64,
}

/// What of a run decides when it may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    pub shop: Option<ShopId>,
    pub window: Option<WindowName>,
    pub purpose: Purpose,
    /// The longest it can take.
    pub longest_ms: u64,
    /// Somebody let it begin at any time.
    pub hurried: bool,
}

/// Why a run does not begin now. Nothing to wait for: it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) waits: Vec<WaitsFor>,
    /// When it may begin, as things stand.
    pub(crate) begins_at_ms: Option<i64>,
}

impl Timing {
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            shop: plan.shop.clone(),
            window: plan.window.clone(),
            purpose: plan.purpose,
            longest_ms: plan.longest_ms(),
            hurried: false,
        }
    }
}

impl Calendar {
    /// Finds the time zones.
    ///
    /// # Errors
    /// The first zone that nobody knows.
    pub fn new(windows: Vec<Window>, freezes: Vec<Freeze>) -> Result<Self, EngineError> {
        let find = |of: String, zone: &str| {
            TimeZone::get(zone).map_err(|_| EngineError::TimeZone { of, zone: zone.to_owned() })
        };
        let windows = windows.into_iter().map(|window| {
            let zone = find(format!("window `{}`", window.name), &window.time_zone)?;
            Ok((window, zone))
        });
        let freezes = freezes.into_iter().map(|freeze| {
            let zone = find(format!("freeze `{}`", freeze.name), &freeze.time_zone)?;
            let at =
                |time: kernel::calendar::WallTime| first_instant(&zone, time.date, time.minute);
            let span = Opening { from_ms: at(freeze.from), until_ms: at(freeze.until) };
            Ok((freeze, span))
        });
        Ok(Self {
            windows: windows.collect::<Result<_, EngineError>>()?,
            freezes: freezes.collect::<Result<_, EngineError>>()?,
        })
    }

    /// The openings of a window that are not over at `now_ms`, in their order.
    ///
    /// # Errors
    /// When there is no window of this name.
    pub fn openings<'a>(
        &'a self,
        name: &WindowName,
        now_ms: i64,
    ) -> Result<impl Iterator<Item = Opening> + use<'a>, EngineError> {
        let found = self.windows.iter().find(|(window, _)| window.name == *name);
        let (window, zone) = found.ok_or_else(|| EngineError::NoWindow {
            window: name.clone(),
            known: self.windows.iter().map(|(window, _)| window.name.clone()).collect(),
        })?;
        let first = date_of(now_ms / 86_400_000 - DAYS_BACK);
        let dates = std::iter::successors(Some(first), |date| date.next()).take(DAYS_AHEAD);
        Ok(dates
            .filter(|date| window.days.contains(*date))
            .filter_map(|date| opening_on(window, zone, date))
            .filter(move |opening| opening.until_ms > now_ms))
    }

    /// The windows that a run of this timing could wait for, in the configuration's order.
    #[must_use]
    pub fn choices(&self, timing: &Timing, now_ms: i64) -> Vec<WindowChoice> {
        let choice = |(window, _): &(Window, TimeZone)| {
            let begins = self.first_fit(timing, &window.name, now_ms);
            let begins_at_ms = begins.map(|(at_ms, _)| at_ms);
            WindowChoice { window: window.name.clone(), begins_at_ms }
        };
        self.windows.iter().map(choice).collect()
    }

    /// Whether a run of this timing could begin at some time at all.
    ///
    /// # Errors
    /// When its window is unknown, or never open for long enough.
    pub fn check(&self, timing: &Timing, now_ms: i64) -> Result<(), EngineError> {
        let Some(window) = timing.window.as_ref().filter(|_| !timing.hurried) else {
            return Ok(());
        };
        let longest_ms = timing.longest_ms;
        let mut openings = self.openings(window, now_ms)?.take(100);
        if openings.any(|opening| opening.until_ms - opening.from_ms >= signed(longest_ms)) {
            Ok(())
        } else {
            Err(EngineError::TooLong { window: window.clone(), longest_ms })
        }
    }

    /// What keeps a run of this timing from beginning now.
    pub(crate) fn hold(&self, timing: &Timing, now_ms: i64) -> Hold {
        if timing.hurried {
            return Hold::default();
        }
        let frozen = self.freeze_over(timing, now_ms);
        let begins = match &timing.window {
            None => Some((self.after_freezes(timing, now_ms), None)),
            Some(window) => self.first_fit(timing, window, now_ms).map(|(at_ms, opening)| {
                let waits =
                    WaitsFor::Window { window: window.clone(), opens_at_ms: opening.from_ms };
                (at_ms, Some(waits).filter(|_| opening.from_ms > now_ms))
            }),
        };
        let frozen = frozen.map(|(freeze, span)| WaitsFor::Freeze {
            freeze: freeze.name.clone(),
            reason: freeze.reason.clone(),
            until_ms: span.until_ms,
        });
        match (begins, &timing.window) {
            (Some((at_ms, _)), _) if at_ms <= now_ms => Hold::default(),
            (Some((at_ms, waits)), window) => {
                let mut waits: Vec<WaitsFor> = frozen.into_iter().chain(waits).collect();
                // Its opening of now is too short or frozen at the end: it is a later time of it.
                if let (true, Some(window)) = (waits.is_empty(), window) {
                    let window = window.clone();
                    waits.push(WaitsFor::Window { window, opens_at_ms: at_ms });
                }
                Hold { waits, begins_at_ms: Some(at_ms) }
            }
            (None, Some(window)) => {
                let never = WaitsFor::Never { window: window.clone() };
                Hold { waits: frozen.into_iter().chain([never]).collect(), begins_at_ms: None }
            }
            (None, None) => Hold::default(),
        }
    }

    /// The first time from now at which the run fits into an opening, with the opening.
    fn first_fit(
        &self,
        timing: &Timing,
        window: &WindowName,
        now_ms: i64,
    ) -> Option<(i64, Opening)> {
        let mut openings = self.openings(window, now_ms).ok()?;
        openings.find_map(|opening| {
            let at_ms = self.after_freezes(timing, opening.from_ms.max(now_ms));
            let fits = at_ms.saturating_add(signed(timing.longest_ms)) <= opening.until_ms;
            fits.then_some((at_ms, opening))
        })
    }

    /// The first time from `at_ms` at which the run would end before a freeze or begin after it.
    fn after_freezes(&self, timing: &Timing, mut at_ms: i64) -> i64 {
        while let Some((_, span)) = self.freeze_over(timing, at_ms) {
            at_ms = span.until_ms;
        }
        at_ms
    }

    /// A freeze that the run would touch if it began at `at_ms`.
    fn freeze_over(&self, timing: &Timing, at_ms: i64) -> Option<&(Freeze, Opening)> {
        let end_ms = at_ms.saturating_add(signed(timing.longest_ms));
        let concerns = |freeze: &Freeze| {
            timing.purpose == Purpose::Change
                && freeze.shop.as_ref().is_none_or(|shop| timing.shop.as_ref() == Some(shop))
        };
        self.freezes.iter().find(|(freeze, span)| {
            concerns(freeze) && span.from_ms < end_ms && at_ms < span.until_ms
        })
    }
}

fn opening_on(window: &Window, zone: &TimeZone, date: Date) -> Option<Opening> {
    let from_ms = first_instant(zone, date, window.from_minute);
    let until_ms = match window.ends {
        Ends::After { minutes } => from_ms + i64::from(minutes) * 60_000,
        Ends::At { minute } => {
            let date = if minute > window.from_minute { Some(date) } else { date.next() }?;
            let ends = instants(zone, date, minute);
            ends.into_iter().find(|end| *end > from_ms)?
        }
    };
    (until_ms > from_ms).then_some(Opening { from_ms, until_ms })
}

fn first_instant(zone: &TimeZone, date: Date, minute: u16) -> i64 {
    instants(zone, date, minute)[0]
}

/// The one or two instants at which the wall clock shows this; in an hour that is left out, the
/// instant of the change, twice.
fn instants(zone: &TimeZone, date: Date, minute: u16) -> [i64; 2] {
    let (date, minute) = match date.next() {
        Some(next) if minute >= 24 * 60 => (next, minute - 24 * 60),
        _ => (date, minute),
    };
    let small = |number: u16| i8::try_from(number).unwrap_or(0);
    let civil = jiff::civil::date(
        i16::try_from(date.year()).unwrap_or(i16::MAX),
        small(date.month().into()),
        small(date.day().into()),
    )
    .at(small(minute / 60), small(minute % 60), 0, 0);
    let at =
        |offset: Offset| offset.to_timestamp(civil).map_or(i64::MAX, Timestamp::as_millisecond);
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => [at(offset); 2],
        AmbiguousOffset::Fold { before, after } => [at(before), at(after)],
        AmbiguousOffset::Gap { after, .. } => [change_after(zone, civil, after); 2],
    }
}

/// The instant at which clocks were put forward over `civil`.
fn change_after(zone: &TimeZone, civil: DateTime, after: Offset) -> i64 {
    // By the offset of afterwards, a time that is left out lies before the change.
    let Ok(before) = after.to_timestamp(civil) else {
        return i64::MAX;
    };
    let change = zone.following(before).next();
    change.map_or(before, |change| change.timestamp()).as_millisecond()
}

fn date_of(day_number: i64) -> Date {
    let epoch = Date::new(1970, 1, 1).expect("invariant: 1970 began");
    let civil = Timestamp::from_second(day_number.saturating_mul(86_400))
        .map(|instant| Offset::UTC.to_datetime(instant).date());
    let read = |civil: jiff::civil::Date| {
        let year = u16::try_from(civil.year()).ok()?;
        Date::new(year, civil.month().try_into().ok()?, civil.day().try_into().ok()?)
    };
    civil.ok().and_then(read).unwrap_or(epoch)
}

fn signed(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
