//! Mistakes in `[smtp]`, `[[notify]]`, `[[rule]]` and `[[remedy]]`.

use super::{Cases, Text::AfterHead, check, read};
use crate::{
    Level,
    config::{ChannelSettings, Language, SmtpSecurity},
};

const CASES: Cases = &[
    (
        AfterHead("[[notify]]\nname = \"owner\"\nemail = \"anna\"\n"),
        &[
            "6:1: mails are asked for, but the file names no mail server; add `[smtp]` with `host` and `from`",
            "8:9: `email` has \"anna\", which is no e-mail address; write one such as \"owner@shop.example\"",
        ],
    ),
    (
        AfterHead(
            "[[notify]]\nname = \"owner\"\n[[notify]]\nname = \"a\"\nslack = \"https://s.example/x\"\nntfy = \"https://n.example/x\"\n",
        ),
        &[
            "6:1: [[notify]] does not say how to tell anybody; write one of `email`, `webhook`, `slack` and `ntfy`",
            "8:1: [[notify]] has several ways to tell; write one of `email`, `webhook`, `slack` and `ntfy`",
        ],
    ),
    (
        AfterHead(
            "[[notify]]\nname = \"owner\"\nwebhook = \"hooks.example\"\ntoken = \"abc\"\nshops = \"lamp\"\nmute = \"at night\"\n",
        ),
        &[
            "8:11: `webhook` is no address of the web; write one that begins with `https://`",
            "9:9: `token` stands here in clear; write `token = \"${NAME}\"` and set NAME in Storewarden's environment",
            "10:9: `shops` has \"lamp\", which is no shop of this file; there are `lamps`",
            "11:8: `mute` has \"at night\", which is not three words; write days, hours and a time zone: \"Sat,Sun 00:00-24:00 Europe/Berlin\"",
        ],
    ),
    (
        AfterHead(
            "[smtp]\nhost = \"mail.example\"\nsecurity = \"none\"\npassword = \"${SMTP_PASSWORD}\"\n",
        ),
        &[
            "6:1: [smtp] has no `from`; write `from = \"…\"`",
            "8:12: the password would travel unencrypted; write \"tls\" or \"starttls\"",
        ],
    ),
    (
        AfterHead(
            "[[rule]]\nfor = \"5m\"\n[[remedy]]\non = \"instance_hung\"\nat_most = \"often\"\n",
        ),
        &[
            "6:1: [[rule]] has no `on`; write the finding it is about: `on = \"instance_down\"`",
            "8:1: [[remedy]] has no `do`; write what is to be done: `do = \"restart_instance\"`",
            "10:11: `at_most` is \"often\", which is no such limit; write how often in how long: \"2 in 1h\"",
        ],
    ),
];

#[test]
fn every_mistake_about_alerts_is_pointed_at() {
    check(CASES);
}

#[test]
fn alerts_are_read_and_their_secrets_never_shown() {
    let text = include_str!("../../../../../../docs/configuration.example.toml");
    let alerts = read(text).unwrap_or_else(|errors| panic!("{:#?}", errors.0)).alerts;
    let smtp = alerts.smtp.as_ref().unwrap();
    assert_eq!((smtp.port, smtp.security), (465, SmtpSecurity::Tls));
    assert_eq!(smtp.password.as_ref().unwrap().reveal(), "p@ss word");
    let (owner, on_call) = (&alerts.routes[0], &alerts.routes[1]);
    assert!(matches!(&owner.channel, ChannelSettings::Email(to) if to.len() == 1));
    assert_eq!((owner.level, owner.language), (Level::Attention, Language::German));
    assert_eq!((on_call.after_ms, on_call.resolved, on_call.mute.len()), (15 * 60_000, false, 0));
    assert_eq!((alerts.rules[0].for_ms, alerts.rules[0].keep_ms), (Some(300_000), Some(600_000)));
    assert_eq!((alerts.remedies[0].at_most, alerts.remedies[0].within_ms), (2, 3_600_000));
    let printed = format!("{alerts:?}");
    assert!(!printed.contains("p@ss") && !printed.contains("ntfy.example"), "{printed}");
}
