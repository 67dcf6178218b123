//! `[[plan.window]]` and `[[plan.freeze]]`, and what is wrong with them.

use super::*;
use crate::{ShopId, config::PlanSettings, plan::Purpose};

fn plan(text: &str) -> Result<PlanSettings, ConfigErrors> {
    read(&format!("{HEAD}{text}")).map(|read| read.plan)
}

#[test]
fn windows_and_freezes_are_read_in_every_form() {
    assert_eq!(read(HEAD).unwrap().plan, PlanSettings::default());
    let all = plan(
        "[[plan.window]]\nname = \"night\"\nwhen = \"Tue,Thu 03:00-05:00 Europe/Vienna\"\n\
         [[plan.window]]\nname = \"odd\"\nrule = \"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU\"\n\
         since = \"2026-01-06\"\nfrom = \"03:00\"\nfor = \"90m\"\ntime_zone = \"Europe/Vienna\"\n\
         [[plan.freeze]]\nname = \"sales\"\nreason = \"busy\"\nfrom = \"2026-11-26\"\n\
         until = \"2026-11-30 12:00\"\nshop = \"lamps\"\n",
    )
    .unwrap();
    let [night, odd] = all.windows.as_slice() else { panic!("{all:?}") };
    assert_eq!((night.name.as_str(), night.time_zone.as_str()), ("night", "Europe/Vienna"));
    assert_eq!((odd.from_minute, odd.days.interval), (180, 2));
    assert_eq!(odd.ends, crate::calendar::Ends::After { minutes: 90 });
    let [freeze] = all.freezes.as_slice() else { panic!("{all:?}") };
    assert_eq!((freeze.time_zone.as_str(), freeze.until.minute), ("UTC", 720));
    assert_eq!(freeze.shop, Some("lamps".parse().unwrap()));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_column() {
    let lines = HEAD.lines().count();
    let check = |text: &str, expect: &[(usize, usize, &str)]| {
        let errors = plan(text).expect_err(text).0;
        assert_eq!(errors.len(), expect.len(), "{text}: {errors:?}");
        for (error, (line, column, message)) in errors.iter().zip(expect) {
            assert_eq!((error.line - lines, error.column), (*line, *column), "{text}: {error}");
            assert!(error.message.contains(message), "{text}: {error}");
        }
    };
    let window = "[[plan.window]]\nname = \"n\"\n";
    check(&format!("{window}when = \"Tue,Foo 03:00-05:00\"\n"), &[(3, 13, "`Foo` is no day")]);
    check(&format!("{window}when = \"Tue 03:00-25:00\"\n"), &[(3, 19, "no time of day")]);
    check(window, &[(1, 1, "[[plan.window]] has no `when`")]);
    check(&format!("{window}when = 3\n"), &[(3, 8, "`when` is a number")]);
    let rule = format!("{window}rule = \"FREQ=MONTHLY;BYDAY=1XX\"\nfrom = \"3\"\n");
    check(&rule, &[(3, 28, "`1XX` is no day of the week")]);
    let rule = format!("{window}rule = \"FREQ=MONTHLY;BYDAY=1SU\"\n");
    check(&rule, &[(1, 1, "has no `from`")]);
    check(&format!("{rule}from = \"3\"\n"), &[(4, 9, "`3` is no time of day")]);
    check(&format!("{rule}from = \"3:00\"\nfor = \"8d\"\n"), &[(5, 7, "`for` is 8d")]);
    check(&format!("{rule}when = \"03:00-04:00\"\n"), &[(3, 8, "`rule` stands beside `when`")]);
    let both = format!("{window}when = \"03:00-04:00\"\nfor = \"1h\"\n");
    check(&both, &[(4, 7, "`for` stands beside `when`")]);
    let when = format!("{window}when = \"03:00-04:00\"\n");
    check(&format!("{when}{when}"), &[(4, 1, "two `[[plan.window]]` of the name \"n\"")]);
    check("[plan]\nwindow = \"night\"\n", &[(2, 10, "`window` is text")]);
    check("[plan]\nwindows = 1\n", &[(2, 1, "[plan] has no key `windows`")]);
    let freeze = "[[plan.freeze]]\nname = \"f\"\nreason = \"busy\"\n";
    let span =
        |from: &str, until: &str| format!("{freeze}from = \"{from}\"\nuntil = \"{until}\"\n");
    check(freeze, &[(1, 1, "has no `from`"), (1, 1, "has no `until`")]);
    check(&span("soon", "2026-11-30"), &[(4, 9, "`soon` is no time")]);
    check(&span("2026-11-26", "2026-11-31"), &[(5, 10, "`2026-11-31` is no time")]);
    check(&span("2026-11-26", "2026-11-20"), &[(5, 10, "the freeze ends before it begins")]);
    let of = |shop: &str| format!("{}shop = \"{shop}\"\n", span("2026-11-26", "2026-11-30"));
    check(&of("lights"), &[(6, 8, "which is no shop of this file")]);
    let rule = |text: &str| format!("{when}[[plan.rule]]\n{text}\n");
    check(&rule("kinds = []"), &[(4, 1, "has no `window`")]);
    check(&rule("window = \"m\""), &[(5, 10, "`window` is \"m\", which there is not")]);
    let kind = "window = \"n\"\nkinds = [\"rolling_reploy\"]";
    check(&rule(kind), &[(6, 10, "`kinds` has \"rolling_reploy\"")]);
    let shop = "window = \"any\"\nshop = \"lights\"";
    check(&rule(shop), &[(6, 8, "which is no shop of this file")]);
    let now = "[[plan.window]]\nname = \"now\"\nwhen = \"03:00-04:00\"\n";
    check(now, &[(2, 8, "which means no window")]);
}

#[test]
fn a_zone_that_nobody_knows_is_said_where_it_stands() {
    let check = |text: &str, line: usize, column: usize, mend: &str| {
        let zones = |name: &str| match name {
            "UTC" | "Europe/Berlin" => Ok(()),
            _ => Err(vec!["UTC".to_owned(), "Europe/Berlin".to_owned()]),
        };
        let known = Known { platforms: &platforms(), environment: &|_| None, time_zone: &zones };
        let text = format!("{HEAD}{text}");
        let error = &parse(&text, known).expect_err(&text).0[0];
        let place = (error.line - HEAD.lines().count(), error.column);
        assert_eq!((place, error.mend.as_str()), ((line, column), mend), "{error}");
        assert!(error.message.contains("which is no time zone"), "{error}");
    };
    let near = "is \"Europe/Berlin\" meant?";
    let window = "[[plan.window]]\nname = \"n\"\n";
    check(&format!("{window}when = \"03:00-05:00 Europe/Belrin\"\n"), 3, 21, near);
    let rule = "rule = \"FREQ=DAILY\"\nfrom = \"3:00\"\ntime_zone = \"Europe/Berln\"\n";
    check(&format!("{window}{rule}"), 5, 13, near);
    let name = "write a name of the time zone database, such as \"Europe/Berlin\"";
    let freeze = "[[plan.freeze]]\nname = \"f\"\nreason = \"busy\"\nfrom = \"2026-11-26\"\n";
    check(&format!("{freeze}until = \"2026-11-27\"\ntime_zone = \"Moon\"\n"), 6, 13, name);
}

#[test]
fn the_first_rule_that_fits_a_plan_names_its_window() {
    let rules = "[[plan.window]]\nname = \"night\"\nwhen = \"03:00-05:00\"\n\
        [[plan.rule]]\nkinds = [\"clean_up\"]\nwindow = \"any\"\n\
        [[plan.rule]]\nshop = \"lamps\"\nwindow = \"night\"\n\
        [[plan.rule]]\nkinds = [\"restart_instance\", \"clean_up\"]\nwindow = \"night\"\n";
    let settings = plan(rules).unwrap();
    let (lamps, lights) = ("lamps".parse().unwrap(), "lights".parse().unwrap());
    let check = |kind: &str, shop: Option<&ShopId>, purpose, waits: bool| {
        let window = settings.window_of(&kind.parse().unwrap(), shop, purpose);
        assert_eq!(window.is_some(), waits, "{kind} of {shop:?}");
    };
    check("clean_up", None, Purpose::Change, false);
    check("rolling_redeploy", Some(&lamps), Purpose::Change, true);
    check("rolling_redeploy", Some(&lights), Purpose::Change, false);
    // What only makes well again waits where it is named, and else not.
    check("front", Some(&lamps), Purpose::Repair, false);
    check("restart_instance", Some(&lights), Purpose::Repair, true);
    check("apply_configuration", None, Purpose::Change, false);
}
