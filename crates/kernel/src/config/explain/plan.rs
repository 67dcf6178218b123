//! `[[plan.window]]`, `[[plan.freeze]]` and `[[plan.rule]]` in words.

use super::{Rows, Section, ms};
use crate::{
    calendar::{Ends, Freeze, NthWeekday, Period, Recurrence, WallTime, Weekday, Window},
    config::{PlanRule, PlanSettings, outer},
    plan::PlanKind,
};

const MINUTE_MS: u64 = 60_000;

pub(super) fn sections(plan: &PlanSettings) -> Vec<Section> {
    let calendar = plan.windows.iter().map(window).chain(plan.freezes.iter().map(freeze));
    calendar.chain(plan.rules.iter().map(rule_of)).collect()
}

fn window(window: &Window) -> Section {
    let mut rows = Rows::default();
    let from = time(window.from_minute);
    match window.ends {
        Ends::At { minute } => {
            let (days, zone) = (weekly(&window.days), &window.time_zone);
            let when = format!("{days} {from}-{} {zone}", time(minute));
            rows.put("when", when, false, "changes that name it begin and end within");
        }
        Ends::After { minutes } => {
            rows.put("rule", rule(&window.days), false, "the days on which it opens");
            if let Some(since) = window.days.since {
                rows.put("since", since.to_string(), false, "the first day that may be one");
            }
            rows.put("from", from, false, "changes that name it begin and end from then on");
            let open_ms = u64::from(minutes) * MINUTE_MS;
            rows.add("for", &open_ms, &outer::OPEN_MS, ms, "it is open so long");
            zone(&mut rows, &window.time_zone);
        }
    }
    rows.section("[[plan.window]]", window.name.as_str())
}

fn freeze(freeze: &Freeze) -> Section {
    let mut rows = Rows::default();
    rows.put("reason", freeze.reason.clone(), false, "");
    rows.put("from", wall_time(freeze.from), false, "no change touches it from then on");
    rows.put("until", wall_time(freeze.until), false, "the first minute that is free again");
    zone(&mut rows, &freeze.time_zone);
    let shop = freeze.shop.as_ref().map_or("all", |shop| shop.as_str());
    rows.put("shop", shop.to_owned(), freeze.shop.is_none(), "repairs are made all the same");
    rows.section("[[plan.freeze]]", &freeze.name)
}

fn rule_of(rule: &PlanRule) -> Section {
    let mut rows = Rows::default();
    let kinds = rule.kinds.iter().map(PlanKind::as_str).collect::<Vec<_>>().join(", ");
    let every = rule.kinds.is_empty();
    let kinds = if every { "all".to_owned() } else { kinds };
    rows.put("kinds", kinds, every, "plans of these kinds; of all, those that repair do not wait");
    let shop = rule.shop.as_ref().map_or("all", |shop| shop.as_str());
    rows.put("shop", shop.to_owned(), rule.shop.is_none(), "");
    let window = rule.window.as_ref().map_or("any", |window| window.as_str());
    rows.put("window", window.to_owned(), false, "they begin and end within; `any`: at any time");
    rows.section("[[plan.rule]]", "")
}

fn zone(rows: &mut Rows, zone: &str) {
    rows.put("time_zone", zone.to_owned(), zone == outer::TIME_ZONE, "of these times");
}

fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn wall_time(at: WallTime) -> String {
    format!("{} {}", at.date, time(at.minute))
}

fn weekly(days: &Recurrence) -> String {
    let names: Vec<&str> = days.week_days.iter().map(|day| name(day.day)).collect();
    if names.is_empty() { "daily".to_owned() } else { names.join(",") }
}

fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

/// As RFC 5545 writes it.
fn rule(days: &Recurrence) -> String {
    let frequency = match days.every {
        Period::Day => "DAILY",
        Period::Week => "WEEKLY",
        Period::Month => "MONTHLY",
        Period::Year => "YEARLY",
    };
    let mut rule = format!("FREQ={frequency}");
    let mut part = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            rule.push_str(&format!(";{name}={}", values.join(",")));
        }
    };
    let interval = (days.interval > 1).then(|| days.interval.to_string());
    part("INTERVAL", interval.into_iter().collect());
    part("BYMONTH", days.months.iter().map(u8::to_string).collect());
    part("BYMONTHDAY", days.month_days.iter().map(i8::to_string).collect());
    let week_day = |NthWeekday { nth, day }: &NthWeekday| {
        let nth = nth.map(|nth| nth.to_string()).unwrap_or_default();
        format!("{nth}{}", name(*day)[..2].to_uppercase())
    };
    part("BYDAY", days.week_days.iter().map(week_day).collect());
    part("BYSETPOS", days.positions.iter().map(i8::to_string).collect());
    let until = days.until.map(|until| until.to_string().replace('-', ""));
    part("UNTIL", until.into_iter().collect());
    rule
}
