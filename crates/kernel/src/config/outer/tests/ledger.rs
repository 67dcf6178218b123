//! `[ledger]`: destinations in every form, and what is wrong with them.

use super::*;
use crate::config::{DestinationSettings, LedgerSettings, S3Settings, Secret};

fn ledger(text: &str) -> Result<LedgerSettings, ConfigErrors> {
    let environment = |name: &str| match name {
        "HOOK" => Some("https://hooks.example/secret".to_owned()),
        "AWS_ACCESS_KEY_ID" | "ID" => Some("AKID".to_owned()),
        "AWS_SECRET_ACCESS_KEY" | "SECRET" => Some("s3cret".to_owned()),
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        _ => None,
    };
    let known =
        Known { platforms: &platforms(), environment: &environment, time_zone: &|_| Ok(()) };
    parse(&format!("{HEAD}[ledger]\n{text}"), known).map(|read| read.ledger)
}

fn s3(region: &str, endpoint: &str, prefix: &str) -> DestinationSettings {
    DestinationSettings::S3(S3Settings {
        endpoint: endpoint.into(),
        region: region.into(),
        bucket: "lamps".into(),
        prefix: prefix.into(),
        key_id: Secret::new("AKID".into()),
        secret: Secret::new("s3cret".into()),
    })
}

#[test]
fn destinations_are_read_in_every_form() {
    let check = |text: &str, expect: &[DestinationSettings]| {
        let read = ledger(text).unwrap_or_else(|errors| panic!("{text}: {:?}", errors.0));
        assert_eq!(read.to, expect, "{text}");
    };
    assert_eq!(read(HEAD).unwrap().ledger, LedgerSettings { checkpoint_ms: 600_000, to: vec![] });
    let folder = || DestinationSettings::Folder("/mnt/usb".into());
    let hook = |url: &str| DestinationSettings::Webhook(Secret::new(url.into()));
    check("to = \"/mnt/usb\"", &[folder()]);
    check(
        "to = [\"/mnt/usb\", \"https://a.example/x/\"]",
        &[folder(), hook("https://a.example/x")],
    );
    check("to = \"${HOOK}\"", &[hook("https://hooks.example/secret")]);
    let amazon = "https://s3.eu-west-1.amazonaws.com";
    check("to = \"s3://lamps/a/b/\"", &[s3("eu-west-1", amazon, "a/b")]);
    check("to = [\"s3://lamps\"]", &[s3("eu-west-1", amazon, "")]);
    let own = "s3 = \"s3://lamps/x\", key_id = \"${ID}\", secret = \"${SECRET}\"";
    let amazon = "https://s3.us-east-1.amazonaws.com";
    check(&format!("to = {{ {own} }}"), &[s3("us-east-1", amazon, "x")]);
    let place = "endpoint = \"http://127.0.0.1:9000/\", region = \"here\"";
    let expect = [s3("here", "http://127.0.0.1:9000", "x")];
    check(&format!("to = [{{ {own}, {place} }}]"), &expect);
}

#[test]
fn what_is_wrong_with_a_destination_is_said_without_its_secret() {
    let check = |text: &str, expect: &[&str]| {
        let errors = ledger(text).expect_err(text).0;
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expect.len(), "{said:?}");
        for (said, expect) in said.iter().zip(expect) {
            assert!(said.contains(expect) && !said.contains("s3cret"), "{text}: {said}");
        }
    };
    check("checkpoint = \"1s\"", &["`checkpoint` is 1s, but must be 1m to 1d"]);
    check("to = []", &["`to` is an empty list"]);
    check("to = 3", &["`to` has a number"]);
    check("to = [true]", &["`to` has true"]);
    check("to = \"usb/s3cret\"", &["`to` is neither a whole path nor an address of the web"]);
    check("to = \"${NOT_SET}\"", &["`to` needs the variable `NOT_SET`"]);
    check("to = \"s3://\"", &["which is no bucket's name"]);
    check("to = \"s3://a/../b\"", &["which is no prefix of names"]);
    check(
        "to = { s3 = \"lamps\", key_id = \"${ID}\", secret = \"s3cret\" }",
        &["`secret` stands here in clear"],
    );
    check("to = {}", &["has no `s3`", "has no `key_id`", "has no `secret`"]);
    check(
        "to = { s3 = \"a\", key = \"x\", key_id = \"${ID}\", secret = \"${SECRET}\" }",
        &["a destination of [ledger] has no key `key`"],
    );
    check("destination = \"/mnt\"", &["[ledger] has no key `destination`"]);
}
