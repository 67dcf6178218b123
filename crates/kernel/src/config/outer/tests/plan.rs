//! `[[plan.window]]` and `[[plan.freeze]]`, and what is wrong with them.

use super::*;
use crate::config::PlanSettings;

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
}
