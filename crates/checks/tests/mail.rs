//! Mails that arrive, late, or never, and servers that refuse or talk nonsense.

use crate::{
    certificates::{acceptor, authority},
    post_office::{Manners, PASSWORD, PostOffice},
    stand::{NOW_MS, PLENTY, Stand, failed, unknown},
};
use checks::{Check, Conclusion, MailCheck, MailSecurity, Outcome, Trust, readings, run};
use kernel::{config::Secret, readings::Readings};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PLAIN: [MailSecurity; 2] = [MailSecurity::None; 2];

async fn tried(check: MailCheck) -> Outcome {
    run(&Check::Mail(check), NOW_MS, PLENTY).await
}

async fn tried_with(manners: Manners) -> (Outcome, PostOffice) {
    let office = PostOffice::open(manners).await;
    let outcome = tried(office.check(PLAIN, Trust::of(Vec::new()))).await;
    (outcome, office)
}

#[tokio::test]
async fn a_mail_arrives_is_timed_and_taken_away_alone() {
    let (outcome, office) = tried_with(Manners::default()).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert_eq!(office.numbers(), [3, 5]);
    let seconds = outcome.seen.mail_arrived_after_seconds.unwrap();
    let check = Check::Mail(office.check(PLAIN, Trust::of(Vec::new())));
    let mut told = Readings::new();
    readings(&check, &outcome, &[], &mut told);
    assert_eq!(told.value("probe_mail_delivery_seconds", &[]), Some(seconds));
}

#[tokio::test]
async fn a_mail_that_comes_late_is_waited_for() {
    let (outcome, office) = tried_with(Manners { late_by: 2, ..Manners::default() }).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    // Two pauses, of a quarter and of half a second.
    assert!(outcome.seen.mail_arrived_after_seconds.unwrap() >= 0.75);
    assert_eq!(office.numbers(), [3, 5]);
}

#[tokio::test]
async fn a_mail_that_never_comes_is_missed() {
    let office = PostOffice::open(Manners { loses: true, ..Manners::default() }).await;
    let check = office.check(PLAIN, Trust::of(Vec::new()));
    let outcome = tried(MailCheck { within: Duration::from_secs(1), ..check }).await;
    assert_eq!(failed(&outcome).code, "mail_not_arrived");
    assert_eq!(failed(&outcome).params["within_ms"], 1000_i64.into());
    assert_eq!(outcome.seen.mail_arrived_after_seconds, None);
}

#[tokio::test]
async fn what_a_search_finds_besides_is_left_alone() {
    let (outcome, office) = tried_with(Manners { finds_all: true, ..Manners::default() }).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert_eq!(office.numbers(), [3, 5]);
    let manners = Manners { finds_all: true, loses: true, ..Manners::default() };
    let office = PostOffice::open(manners).await;
    let check = office.check(PLAIN, Trust::of(Vec::new()));
    let outcome = tried(MailCheck { within: Duration::ZERO, ..check }).await;
    assert_eq!(failed(&outcome).code, "mail_not_arrived");
    assert_eq!(office.numbers(), [3, 5]);
}

#[tokio::test]
async fn servers_of_long_ago_will_do() {
    let manners =
        Manners { offers_login_only: true, lacks_uid_expunge: true, ..Manners::default() };
    let (outcome, office) = tried_with(manners).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    // There, all that is marked goes.
    assert_eq!(office.numbers(), [3]);
}

#[tokio::test]
async fn who_refuses_is_told_with_the_step() {
    for (command, answer, step) in [
        ("EHLO", "502 what?", "ehlo"),
        ("AUTH", "535 5.7.8 who are you?", "auth"),
        ("MAIL", "451 not now", "mail"),
        ("RCPT", "550 5.1.1 nobody", "rcpt"),
        ("DATA", "554 no", "data"),
    ] {
        let refuses = Some((command, answer));
        let (outcome, office) = tried_with(Manners { refuses, ..Manners::default() }).await;
        let reason = failed(&outcome);
        assert_eq!(reason.code, "smtp_refused");
        assert_eq!(reason.params["step"], step.into());
        assert_eq!(reason.params["said"], answer.into());
        assert_eq!(office.numbers(), [3, 5]);
    }
}

#[tokio::test]
async fn into_a_mailbox_that_does_not_open_nothing_is_sent() {
    let office = PostOffice::open(Manners::default()).await;
    let mut check = office.check(PLAIN, Trust::of(Vec::new()));
    let account = check.imap.account.as_mut().unwrap();
    account.password = Secret::new("other".to_owned());
    let outcome = tried(check).await;
    assert_eq!(failed(&outcome).code, "imap_refused");
    assert_eq!(failed(&outcome).params["step"], "login".into());
    let check = office.check(PLAIN, Trust::of(Vec::new()));
    let outcome = tried(MailCheck { mailbox: "Other".to_owned(), ..check }).await;
    assert_eq!(failed(&outcome).params["step"], "select".into());
    assert_eq!(office.numbers(), [3, 5]);
}

#[tokio::test]
async fn tls_is_spoken_from_the_first_byte_or_after_asking() {
    let authority = authority();
    let security = [MailSecurity::StartTls, MailSecurity::Tls];
    let tls = Some(acceptor(&authority.identity("localhost"), &[]));
    let office = PostOffice::open(Manners { tls: tls.clone(), ..Manners::default() }).await;
    let outcome = tried(office.check(security, authority.trust())).await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    assert_eq!(outcome.seen.tls.unwrap().certificates[0].names, ["localhost"]);
    let namesake = crate::certificates::authority();
    let outcome = tried(office.check(security, namesake.trust())).await;
    assert_eq!(failed(&outcome).code, "certificate_badly_signed");
    assert_eq!(office.numbers(), [3, 5]);
    let whispers = "250 you are known";
    let office = PostOffice::open(Manners { tls, whispers, ..Manners::default() }).await;
    let outcome = tried(office.check(security, authority.trust())).await;
    assert_eq!(failed(&outcome).code, "smtp_malformed");
}

#[tokio::test]
async fn without_the_tls_that_is_wanted_no_password_is_told() {
    let office = PostOffice::open(Manners::default()).await;
    let security = [MailSecurity::None, MailSecurity::StartTls];
    let outcome = tried(office.check(security, Trust::of(Vec::new()))).await;
    assert_eq!(failed(&outcome).code, "starttls_missing");
}

#[tokio::test]
async fn a_server_that_never_ends_is_cut_off() {
    for (greeting, part, code) in [
        (&b""[..], &b"* OK "[..], "imap_malformed"),
        (b"* OK hello\r\n", b"* a line\r\n", "imap_malformed"),
        (b"* OK hello\r\n* X {999999999}\r\n", b"x", "imap_malformed"),
        (b"* BYE\r\n", b"", "imap_refused"),
        (b"* OK hello\r\n?\r\n", b"", "imap_malformed"),
    ] {
        let flood = Stand::start(move |mut stream| async move {
            stream.write_all(greeting).await.ok();
            while !part.is_empty() && stream.write_all(part).await.is_ok() {}
            // Else what was said might be lost with the connection.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
        })
        .await;
        let office = PostOffice::open(Manners::default()).await;
        let mut check = office.check(PLAIN, Trust::of(Vec::new()));
        check.imap.port = flood.address.port();
        let outcome = tried(check).await;
        assert_eq!(failed(&outcome).code, code, "{greeting:?}");
    }
}

#[tokio::test]
async fn what_is_no_address_is_not_written_to() {
    let office = PostOffice::open(Manners::default()).await;
    let check = office.check(PLAIN, Trust::of(Vec::new()));
    let to = "box@shop.example>\r\nRCPT TO:<all@shop.example".to_owned();
    let outcome = tried(MailCheck { to, ..check }).await;
    assert_eq!(unknown(&outcome).code, "mail_address_invalid");
}

#[test]
fn no_password_is_shown() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let office = runtime.block_on(PostOffice::open(Manners::default()));
    let check = office.check(PLAIN, Trust::of(Vec::new()));
    let password = PASSWORD.escape_debug().to_string();
    let shown = format!("{check:?}");
    assert!(!shown.contains(&password) && !shown.contains(PASSWORD), "{shown}");
}
