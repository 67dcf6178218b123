//! Records of names: as expected, others, none, no such name, and servers that fail, lie, or say nothing.

use crate::{
    name_server::{
        A, ANSWER, CAA, CNAME, MX, NO_NAME, NS, NameServer, PLAIN, Question, SOA, TRUNCATED, name,
        record, text,
    },
    stand::{NOW_MS, PLENTY, failed, nobody, unknown},
};
use checks::{
    Check, Conclusion, DnsCheck, DnsServer, ExpectedRecords, Outcome, RecordType, readings, run,
};
use kernel::readings::Readings;
use std::time::Duration;

const SHOP: [u8; 4] = [192, 0, 2, 1];

fn check(
    server: Option<DnsServer>,
    record_type: RecordType,
    expected: ExpectedRecords,
) -> DnsCheck {
    DnsCheck { name: "Shop.example".to_owned(), record_type, expected, server }
}

async fn ask(server: &NameServer, record_type: RecordType, expected: ExpectedRecords) -> Outcome {
    run(&Check::Dns(check(server.server(), record_type, expected)), NOW_MS, PLENTY).await
}

async fn address(answer: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Outcome {
    let server = NameServer::start(answer).await;
    ask(&server, RecordType::A, any_of("192.0.2.1")).await
}

fn any_of(value: &str) -> ExpectedRecords {
    ExpectedRecords::AnyOf(vec![value.to_owned()])
}

#[tokio::test]
async fn records_of_each_kind_are_found() {
    let server = NameServer::start(|question| {
        let data = match question.number {
            NS => name("ns1.example"),
            MX => [&[0, 10], name("mail.example").as_slice()].concat(),
            CAA => b"\0\x05issueca.example".to_vec(),
            A => SHOP.to_vec(),
            28 => [0; 16].to_vec(),
            _ => text("v=spf1 -all"),
        };
        vec![question.answer(ANSWER, &[question.own(question.number, &data)], &[])]
    })
    .await;
    let found = [
        (RecordType::A, "192.0.2.1"),
        (RecordType::Aaaa, "::"),
        (RecordType::Caa, "0 issue \"ca.example\""),
        (RecordType::Mx, "10 mail.example"),
        (RecordType::Ns, "ns1.example"),
        (RecordType::Txt, "v=spf1 -all"),
    ];
    for (record_type, value) in found {
        let outcome = ask(&server, record_type, any_of(value)).await;
        assert_eq!(outcome.conclusion, Conclusion::Passed, "{value}");
        let seen = outcome.seen.dns.unwrap();
        assert_eq!(seen.records, [value]);
        assert_eq!((seen.shortest_ttl_seconds, seen.over_tcp), (Some(60), false));
    }
}

#[tokio::test]
async fn another_value_is_told_with_what_was_found() {
    let outcome = address(|question| {
        vec![question.answer(ANSWER, &[question.own(A, &[192, 0, 2, 66])], &[])]
    })
    .await;
    let reason = failed(&outcome);
    assert_eq!(reason.code, "record_differs");
    assert_eq!(reason.params["expected"], "192.0.2.1".into());
    assert_eq!(reason.params["found"], "192.0.2.66".into());
}

#[tokio::test]
async fn no_name_no_record_and_a_failing_server_are_told_apart() {
    let soa = record("example", SOA, b"");
    let no_name = address(|question| vec![question.answer(NO_NAME, &[], &[])]).await;
    assert_eq!(failed(&no_name).code, "name_not_found");
    let denied =
        address(move |question| vec![question.answer(PLAIN, &[], std::slice::from_ref(&soa))])
            .await;
    assert_eq!(failed(&denied).code, "record_missing");
    let empty = address(|question| vec![question.answer(ANSWER, &[], &[])]).await;
    assert_eq!(failed(&empty).code, "record_missing");
    let servfail = address(|question| vec![question.answer([0x81, 0x82], &[], &[])]).await;
    assert_eq!(failed(&servfail).code, "dns_server_failed");
    assert_eq!(failed(&servfail).params["response_code"], "SERVFAIL".into());
    let refused = address(|question| vec![question.answer([0x81, 0x85], &[], &[])]).await;
    assert_eq!(failed(&refused).params["response_code"], "REFUSED".into());
    let elsewhere = address(|question| {
        vec![question.answer(PLAIN, &[], &[record("example", NS, &name("ns.example"))])]
    })
    .await;
    assert_eq!(failed(&elsewhere).code, "dns_not_responsible");
}

#[tokio::test]
async fn nobody_and_silence_are_told_apart() {
    let server = DnsServer { host: "127.0.0.1".to_owned(), port: nobody().await };
    let nobody = check(Some(server), RecordType::A, ExpectedRecords::Exist);
    let outcome = run(&Check::Dns(nobody), NOW_MS, PLENTY).await;
    assert_eq!(failed(&outcome).code, "connection_refused");
    let outcome = address(|_| Vec::new()).await;
    assert_eq!(failed(&outcome).code, "dns_silent");
    let silent = NameServer::start(|_| Vec::new()).await;
    let silent = check(silent.server(), RecordType::A, ExpectedRecords::Exist);
    let outcome = run(&Check::Dns(silent), NOW_MS, Duration::from_millis(300)).await;
    assert_eq!(failed(&outcome).code, "timed_out");
}

#[tokio::test]
async fn a_datagram_that_is_lost_is_sent_again() {
    let outcome = address(|question| match question.earlier {
        0 => Vec::new(),
        _ => vec![question.answer(ANSWER, &[question.own(A, &SHOP)], &[])],
    })
    .await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn what_does_not_fit_comes_over_a_connection() {
    let outcome = address(|question| {
        if !question.over_tcp {
            // Half a record, as some servers leave it.
            return vec![question.answer(TRUNCATED, &[vec![1, b'a']], &[])];
        }
        let many: Vec<_> = (0..250).map(|_| question.own(A, &SHOP)).collect();
        vec![question.answer(ANSWER, &many, &[])]
    })
    .await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    let seen = outcome.seen.dns.unwrap();
    assert!(seen.over_tcp);
    assert_eq!((seen.answers, seen.records.len()), (250, 100));
    let always = address(|question| vec![question.answer(TRUNCATED, &[], &[])]).await;
    assert_eq!(failed(&always).code, "dns_malformed");
}

#[tokio::test]
async fn a_server_of_long_ago_is_asked_without_the_extension() {
    let outcome = address(|question| match question.is_extended {
        // As such servers do, the head alone.
        true => {
            let mut head = question.answer([0x81, 0x81], &[], &[])[..12].to_vec();
            head[5] = 0;
            vec![head]
        }
        false => vec![question.answer(ANSWER, &[question.own(A, &SHOP)], &[])],
    })
    .await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn answers_to_other_questions_are_not_believed() {
    let outcome = address(|question| {
        let lie = question.answer(ANSWER, &[question.own(A, &[192, 0, 2, 66])], &[]);
        let mut of_other_number = lie.clone();
        of_other_number[1] ^= 1;
        let mut of_other_name = lie.clone();
        of_other_name[13] = b'x';
        let mut question_itself = lie;
        question_itself[2] = 1;
        let truth = question.answer(ANSWER, &[question.own(A, &SHOP)], &[]);
        vec![b"\0".to_vec(), of_other_number, of_other_name, question_itself, truth]
    })
    .await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn records_of_other_names_are_not_counted() {
    let outcome =
        address(|question| vec![question.answer(ANSWER, &[record("bank.example", A, &SHOP)], &[])])
            .await;
    assert_eq!(failed(&outcome).code, "record_missing");
}

#[tokio::test]
async fn aliases_are_followed_to_their_end() {
    let outcome = address(|question| {
        let answers = [
            record("cdn.example", A, &SHOP),
            record("WWW.example", CNAME, &name("cdn.example")),
            question.own(CNAME, &name("www.Example")),
        ];
        vec![question.answer(ANSWER, &answers, &[])]
    })
    .await;
    assert_eq!(outcome.conclusion, Conclusion::Passed);
    let ring = address(|question| {
        vec![question.answer(ANSWER, &[question.own(CNAME, &name("shop.example"))], &[])]
    })
    .await;
    assert_eq!(failed(&ring).code, "dns_malformed");
    let elsewhere = address(|question| {
        vec![question.answer(PLAIN, &[question.own(CNAME, &name("cdn.example"))], &[])]
    })
    .await;
    assert_eq!(unknown(&elsewhere).code, "dns_alias_elsewhere");
    assert_eq!(unknown(&elsewhere).params["to"], "cdn.example".into());
}

#[tokio::test]
async fn a_name_that_leads_to_itself_is_malformed() {
    let outcome = address(|question| {
        let mut bytes = question.answer(ANSWER, &[question.own(A, &SHOP)], &[]);
        let place = 12 + name(&question.name).len() + 4;
        bytes[place..place + 2].copy_from_slice(&[0xc0, place as u8]);
        vec![bytes]
    })
    .await;
    assert_eq!(failed(&outcome).code, "dns_malformed");
    assert_eq!(failed(&outcome).params["said"], "a name leads to itself".into());
}

#[tokio::test]
async fn what_is_no_name_is_not_asked_for() {
    let server = NameServer::start(|_| Vec::new()).await;
    let mut check = check(server.server(), RecordType::A, ExpectedRecords::Exist);
    check.name = "shop..example".to_owned();
    let outcome = run(&Check::Dns(check), NOW_MS, PLENTY).await;
    assert_eq!(unknown(&outcome).code, "name_invalid");
}

#[tokio::test]
async fn an_answer_is_told_as_metrics() {
    let server = NameServer::start(|question| {
        let authority = [record("example", NS, &name("ns.example"))];
        vec![question.answer(ANSWER, &[question.own(A, &SHOP)], &authority)]
    })
    .await;
    let check = Check::Dns(check(server.server(), RecordType::A, ExpectedRecords::Exist));
    let outcome = run(&check, NOW_MS, PLENTY).await;
    let mut told = Readings::new();
    readings(&check, &outcome, &[("check", "name")], &mut told);
    let value = |name: &str| told.value(name, &[("check", "name")]);
    assert_eq!(value("probe_success"), Some(1.0));
    assert_eq!(value("probe_dns_query_succeeded"), Some(1.0));
    assert_eq!(value("probe_dns_answer_rrs"), Some(1.0));
    assert_eq!(value("probe_dns_authority_rrs"), Some(1.0));
    assert_eq!(value("probe_dns_additional_rrs"), Some(0.0));
    assert_eq!(value("probe_ip_protocol"), Some(4.0));
}
