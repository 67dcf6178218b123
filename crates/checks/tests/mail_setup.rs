//! What a zone says of a domain's mail, asked of a name server.

use crate::{
    name_server::{A, ANSWER, NO_NAME, NameServer, record, text},
    stand::{NOW_MS, PLENTY, failed, unknown},
};
use checks::{Check, Conclusion, MailQuestion, MailSetupCheck, Outcome, run};

/// Names with their texts, or with the address that is written there.
type Zone = &'static [(&'static str, &'static str)];

async fn ask(zone: Zone, question: MailQuestion) -> Outcome {
    let server = NameServer::start(move |question| {
        let own = zone.iter().filter(|(name, _)| *name == question.name);
        let records: Vec<_> = own
            .map(|(name, value)| match question.number {
                A => {
                    let address: std::net::Ipv4Addr = value.parse().unwrap();
                    record(name, A, &address.octets())
                }
                number => record(name, number, &text(value)),
            })
            .collect();
        let flags = if records.is_empty() { NO_NAME } else { ANSWER };
        vec![question.answer(flags, &records, &[])]
    })
    .await;
    let check = MailSetupCheck { question, server: server.server() };
    run(&Check::MailSetup(check), NOW_MS, PLENTY).await
}

async fn spf(zone: Zone) -> Outcome {
    ask(zone, MailQuestion::Spf { domain: "shop.example".to_owned() }).await
}

#[tokio::test]
async fn senders_are_worked_out_over_all_records() {
    let good = spf(&[
        ("shop.example", "google-site-verification=1"),
        ("shop.example", "v=spf1 include:mail.example mx -all"),
        ("mail.example", "v=spf1 ip4:192.0.2.0/24 redirect=more.example"),
        ("more.example", "v=spf1 ip6:2001:db8::/32 ~all"),
    ])
    .await;
    assert_eq!(good.conclusion, Conclusion::Passed);
    assert_eq!(failed(&spf(&[]).await).code, "name_not_found");
    assert_eq!(failed(&spf(&[("shop.example", "hello")]).await).code, "spf_missing");
    let several = spf(&[("shop.example", "v=spf1 -all"), ("shop.example", "v=spf1 mx")]).await;
    assert_eq!(failed(&several).code, "spf_several");
    let malformed = spf(&[("shop.example", "v=spf1 ipv4:192.0.2.1 -all")]).await;
    assert_eq!(failed(&malformed).code, "spf_malformed");
    assert_eq!(failed(&malformed).params["found"], "ipv4:192.0.2.1".into());
    let gone = spf(&[("shop.example", "v=spf1 include:gone.example -all")]).await;
    assert_eq!(failed(&gone).code, "spf_include_missing");
    assert_eq!(failed(&gone).params["other"], "gone.example".into());
}

#[tokio::test]
async fn whoever_lets_everybody_send_is_found_behind_others() {
    let own = spf(&[("shop.example", "v=spf1 +all")]).await;
    assert_eq!(failed(&own).code, "spf_lets_everybody");
    let other = spf(&[
        ("shop.example", "v=spf1 include:mail.example -all"),
        ("mail.example", "v=spf1 all"),
    ])
    .await;
    assert_eq!(failed(&other).params["name"], "mail.example".into());
    let denied = spf(&[
        ("shop.example", "v=spf1 -include:mail.example -all"),
        ("mail.example", "v=spf1 all"),
    ])
    .await;
    assert_eq!(denied.conclusion, Conclusion::Passed);
}

#[tokio::test]
async fn ten_lookups_are_enough_and_a_circle_ends() {
    let ten = spf(&[
        ("shop.example", "v=spf1 a mx a:b.example a:c.example include:mail.example -all"),
        ("mail.example", "v=spf1 a mx ptr exists:d.example a:e.example -all"),
    ])
    .await;
    assert_eq!(ten.conclusion, Conclusion::Passed);
    let eleven = spf(&[
        ("shop.example", "v=spf1 a mx a:b.example a:c.example include:mail.example -all"),
        ("mail.example", "v=spf1 a mx ptr exists:d.example a:e.example a:f.example -all"),
    ])
    .await;
    assert_eq!(failed(&eleven).code, "spf_too_many_lookups");
    let circle = spf(&[("shop.example", "v=spf1 include:shop.example -all")]).await;
    assert_eq!(failed(&circle).code, "spf_too_many_lookups");
}

#[tokio::test]
async fn a_key_is_looked_for_under_its_selector() {
    async fn dkim(zone: Zone) -> Outcome {
        let (domain, selector) = ("shop.example".to_owned(), "s1".to_owned());
        ask(zone, MailQuestion::Dkim { domain, selector }).await
    }
    const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let good = dkim(&[("s1._domainkey.shop.example", KEY)]).await;
    assert_eq!(good.conclusion, Conclusion::Passed);
    let other = dkim(&[("s2._domainkey.shop.example", KEY)]).await;
    assert_eq!(failed(&other).code, "dkim_missing");
    let two =
        dkim(&[("s1._domainkey.shop.example", KEY), ("s1._domainkey.shop.example", KEY)]).await;
    assert_eq!(failed(&two).code, "dkim_several");
    let revoked = dkim(&[("s1._domainkey.shop.example", "v=DKIM1; p=")]).await;
    assert_eq!(failed(&revoked).code, "dkim_revoked");
}

#[tokio::test]
async fn a_policy_may_stand_above() {
    async fn dmarc(zone: Zone) -> Outcome {
        ask(zone, MailQuestion::Dmarc { domain: "mail.shop.example".to_owned() }).await
    }
    let own = dmarc(&[("_dmarc.mail.shop.example", "v=DMARC1; p=reject")]).await;
    assert_eq!(own.conclusion, Conclusion::Passed);
    let above = dmarc(&[("_dmarc.shop.example", "v=DMARC1; p=reject; sp=none")]).await;
    assert_eq!(failed(&above).code, "dmarc_none");
    assert_eq!(failed(&dmarc(&[]).await).code, "dmarc_missing");
    let two = dmarc(&[
        ("_dmarc.mail.shop.example", "v=DMARC1; p=reject"),
        ("_dmarc.mail.shop.example", "v=DMARC1; p=none"),
    ])
    .await;
    assert_eq!(failed(&two).code, "dmarc_several");
}

#[tokio::test]
async fn a_list_that_refuses_or_is_dead_says_nothing_of_an_address() {
    async fn listed(zone: Zone, address: &str) -> Outcome {
        let (address, list) = (address.parse().unwrap(), "list.example".to_owned());
        ask(zone, MailQuestion::Unlisted { address, list }).await
    }
    const PROBE: (&str, &str) = ("2.0.0.127.list.example", "127.0.0.2");
    let clean = listed(&[PROBE], "192.0.2.9").await;
    assert_eq!(clean.conclusion, Conclusion::Passed);
    let bad = listed(&[PROBE, ("9.2.0.192.list.example", "127.0.0.4")], "192.0.2.9").await;
    assert_eq!(failed(&bad).code, "listed");
    let dead = listed(&[], "192.0.2.9").await;
    assert_eq!(unknown(&dead).code, "block_list_dead");
    let refused = listed(&[("2.0.0.127.list.example", "127.255.255.254")], "192.0.2.9").await;
    assert_eq!(unknown(&refused).code, "block_list_refuses");
    assert_eq!(unknown(&refused).params["found"], "127.255.255.254".into());
    let later = listed(&[PROBE, ("9.2.0.192.list.example", "127.255.255.255")], "192.0.2.9").await;
    assert_eq!(unknown(&later).code, "block_list_refuses");
    let parked = listed(&[("2.0.0.127.list.example", "198.51.100.1")], "192.0.2.9").await;
    assert_eq!(unknown(&parked).code, "block_list_dead");
}
