//! One suite for every channel, against servers that check the call: taken, refused for good,
//! refused for now, no answer. Mail goes to a real mail server, aiosmtpd.

pub(crate) mod http;
mod smtp;

use super::*;
use crate::incidents::{Event, Notice};
use http::{Received, Server};
use kernel::{
    FindingState, Incident, IncidentFinding, IncidentState, Level, Money, Params,
    config::{Language, Secret},
};
use smtp::MailServer;

const SHORT: Duration = Duration::from_millis(300);

/// How the other side behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    RefusesForGood,
    RefusesForNow,
    Silent,
}

pub(crate) fn route(channel: ChannelSettings, language: Language) -> NotifySettings {
    NotifySettings {
        name: "owner".into(),
        channel,
        language,
        level: Level::Unknown,
        shops: vec![],
        after_ms: 0,
        repeat_ms: None,
        resolved: true,
        mute: vec![],
    }
}

fn incident() -> Incident {
    let shop: Option<kernel::ShopId> = Some("lamps".parse().unwrap());
    let params =
        Params::from([("failed".to_owned(), 7_u64.into()), ("total".to_owned(), 9_u64.into())]);
    let errors = IncidentFinding {
        shop: shop.clone(),
        id: "errors_up".into(),
        code: "errors_up".into(),
        level: Level::Attention,
        params: Params::from([("share".to_owned(), 0.034.into())]),
        since_ms: 0,
        state: FindingState::Firing,
    };
    Incident {
        id: 42,
        shop,
        cause: "errors".into(),
        state: IncidentState::Open,
        level: Level::Broken,
        code: "checkout_errors".into(),
        params,
        opened_ms: 0,
        resolved_ms: None,
        owner: None,
        acknowledged: None,
        resolution: None,
        lost: Some(Money { minor: 34_860, currency: kernel::Currency::EUR }),
        findings: vec![errors],
    }
}

fn message(language: Language) -> Message {
    let route = route(ChannelSettings::Email(vec![]), language);
    let notice = Notice {
        dedup: "incident-42-1-owner-opened".into(),
        route: "owner".into(),
        event: Event::Opened,
        incident: incident(),
    };
    let name = |_: &kernel::ShopId| "Lämpchen & Söhne <Wien>".to_owned();
    Message::of(&notice, &route, name, "http://127.0.0.1:7780", 720_000)
}

#[test]
fn a_message_says_it_in_its_readers_language() {
    let english = message(Language::English);
    assert_eq!(english.title, "Lämpchen & Söhne <Wien>: 7 of 9 checkouts failed");
    assert_eq!(
        english.text,
        "7 of 9 checkouts failed.\n– 3.4 % of requests end in an error\nFor 12 min.\n\
         About 348.60 EUR lost so far.\n\nIncident 42 · http://127.0.0.1:7780/incidents/42"
    );
    let german = message(Language::German);
    assert_eq!(german.title, "Lämpchen & Söhne <Wien>: 7 von 9 Bestellvorgängen scheiterten");
    assert_eq!(
        german.text,
        "7 von 9 Bestellvorgängen scheiterten.\n– 3,4 % der Anfragen enden mit einem Fehler\n\
         Seit 12 min.\nBisher etwa 348,60 EUR verloren.\n\n\
         Störung 42 · http://127.0.0.1:7780/incidents/42"
    );
}

/// What every channel must do, whatever it speaks.
async fn conforms(channel: &Channel, manner: Manner) {
    let began = std::time::Instant::now();
    let deadline = if manner == Manner::Silent { SHORT } else { DEADLINE };
    let outcome = channel.send(&message(Language::German), deadline).await;
    match manner {
        Manner::Takes => assert!(outcome.is_ok(), "{channel:?}: {outcome:?}"),
        Manner::RefusesForGood => {
            assert!(
                matches!(outcome, Err(WatchError::NotifyRefused(_))),
                "{channel:?}: {outcome:?}"
            );
        }
        Manner::RefusesForNow => {
            assert!(
                matches!(outcome, Err(WatchError::NotifyFailed(_))),
                "{channel:?}: {outcome:?}"
            );
        }
        Manner::Silent => {
            assert!(
                matches!(outcome, Err(WatchError::NotifyFailed(_))),
                "{channel:?}: {outcome:?}"
            );
            assert!(began.elapsed() < DEADLINE, "{channel:?} waited {:?}", began.elapsed());
        }
    }
}

/// A channel, and what its server must have received.
type WebChannel = (ChannelSettings, fn(&Received));

fn web_channels(server: &Server) -> [WebChannel; 3] {
    let url = |path: &str| Secret::new(format!("http://{}/{path}", server.address));
    let token = || Some(Secret::new("tk_secret".into()));
    [
        (ChannelSettings::Webhook { url: url("hook?key=k"), token: token() }, check_webhook),
        (ChannelSettings::Slack { url: url("services/T/B/x") }, check_slack),
        (ChannelSettings::Ntfy { url: url("lamps-alerts"), token: token() }, check_ntfy),
    ]
}

fn check_webhook(received: &Received) {
    assert_eq!(received.line, "POST /hook?key=k HTTP/1.1");
    assert_eq!(received.header("authorization"), Some("Bearer tk_secret"));
    assert_eq!(received.header("idempotency-key"), Some("incident-42-1-owner-opened"));
    let json = &received.json;
    assert_eq!((json["version"].as_i64(), json["event"].as_str()), (Some(1), Some("opened")));
    assert_eq!(
        (json["incident"]["id"].as_i64(), json["level"].as_str()),
        (Some(42), Some("broken"))
    );
    assert_eq!(json["incident"]["params"]["failed"], 7);
    assert_eq!(json["id"], "incident-42-1-owner-opened");
}

fn check_slack(received: &Received) {
    assert_eq!(received.line, "POST /services/T/B/x HTTP/1.1");
    assert_eq!(received.header("authorization"), None);
    let text = received.json["text"].as_str().unwrap();
    assert!(text.starts_with("*Lämpchen &amp; Söhne &lt;Wien&gt;: 7 von 9"), "{text}");
}

fn check_ntfy(received: &Received) {
    assert_eq!(received.line, "POST / HTTP/1.1");
    assert_eq!(received.header("authorization"), Some("Bearer tk_secret"));
    let json = &received.json;
    assert_eq!(
        (json["topic"].as_str(), json["priority"].as_i64()),
        (Some("lamps-alerts"), Some(5))
    );
    assert!(json["title"].as_str().unwrap().starts_with("Lämpchen & Söhne"));
    assert_eq!(json["click"], "http://127.0.0.1:7780/incidents/42");
}

#[tokio::test]
async fn webhook_slack_and_ntfy_conform() {
    for manner in [Manner::Takes, Manner::RefusesForGood, Manner::RefusesForNow, Manner::Silent] {
        let server = Server::start(manner).await;
        for (settings, check) in web_channels(&server) {
            let route = route(settings, Language::German);
            let channel =
                Channel::new(&route, &AlertSettings::default(), &client().unwrap()).unwrap();
            conforms(&channel, manner).await;
            let received = server.take();
            assert_eq!(received.len(), 1, "each is called once");
            check(&received[0]);
            assert!(!format!("{channel:?}").contains("secret"));
        }
    }
}

#[tokio::test]
async fn mail_conforms_and_arrives_whole() {
    let Some(server) = MailServer::start().await else { return };
    for (manner, to) in [
        (Manner::Takes, "anna@lamps.example"),
        (Manner::RefusesForGood, "nobody@lamps.example"),
        (Manner::RefusesForNow, "later@lamps.example"),
        (Manner::Silent, "silent@lamps.example"),
    ] {
        conforms(&server.channel(&[to], false), manner).await;
    }
    let mails = server.take();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail["to"], serde_json::json!(["anna@lamps.example"]));
    assert_eq!(mail["from"], "storewarden@lamps.example");
    assert_eq!(mail["subject"], "Lämpchen & Söhne <Wien>: 7 von 9 Bestellvorgängen scheiterten");
    assert_eq!(mail["message_id"], "<incident-42-1-owner-opened@lamps.example>");
    assert_eq!(mail["references"], "<incident-42@lamps.example>");
    assert_eq!(mail["auto_submitted"], "auto-generated");
    assert!(mail["body"].as_str().unwrap().contains("Störung 42 · http://127.0.0.1:7780"));

    // One address that is refused leaves the other its mail.
    let both = server.channel(&["nobody@lamps.example", "anna@lamps.example"], false);
    conforms(&both, Manner::RefusesForGood).await;
    assert_eq!(server.take().len(), 1);

    // Encrypted and signed in, or not at all.
    conforms(&server.channel(&["anna@lamps.example"], true), Manner::Takes).await;
    let mails = server.take();
    assert_eq!(
        (mails[0]["tls"].as_bool(), mails[0]["user"].as_str()),
        (Some(true), Some("warden"))
    );
    server.stop().await;
}
