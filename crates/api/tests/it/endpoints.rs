//! Every role at every door: the table of permissions as a document, and the document held against
//! a running API.

use super::running::{Running, TOKEN, now_ms};
use api::{At, Endpoint, Need, endpoints};
use kernel::{Actor, Grant, Permission, Role, Scope, ShopId};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt::Write as _, path::Path};
use store::{NewPerson, NewSession, SignInMethod, TokenRecord};

const MEND: &str = "UPDATE_GOLDEN=1 cargo nextest run -p api endpoints";

const HEAD: &str = "# Endpoints

Who may ask for what. Made from `crates/api/src/permissions.rs`; a test asks every endpoint as every
role and holds what comes back against this table.

Where: **machine** wants a role at all shops; **shop** at the shop of the path, which does not exist
(404) for whoever may not see it; **any shop** lets in whoever has the role anywhere, and shows each
their part; **oneself** is for people in a browser. Tokens get in by the permission, where their
scope has it; the command line of the machine everywhere but at **oneself**.

| method | path | permission | where | roles |
|---|---|---|---|---|
";

fn row(endpoint: &Endpoint) -> String {
    let everybody = Role::ALL.map(Role::as_str).join(", ");
    let (permission, place, roles) = match endpoint.need {
        Need::Nothing => ("", "anybody", everybody),
        Need::SignedIn => ("", "signed in", everybody),
        Need::Oneself => ("", "oneself", everybody),
        Need::Permission(permission, at) => {
            let place = match at {
                At::Machine => "machine",
                At::Shop => "shop",
                At::Somewhere => "any shop",
            };
            let roles = Role::ALL.into_iter().filter(|role| role.may(permission));
            (permission.as_str(), place, roles.map(Role::as_str).collect::<Vec<_>>().join(", "))
        }
    };
    let Endpoint { method, path, .. } = endpoint;
    format!("| {method} | `{path}` | {permission} | {place} | {roles} |\n")
}

fn committed() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/endpoints.md");
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn endpoints_are_as_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/endpoints.md");
    let mut document = HEAD.to_owned();
    for endpoint in endpoints() {
        write!(document, "{}", row(endpoint)).unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let is_same = committed() == document;
    assert!(is_same, "docs/endpoints.md is not what the table is now; run: {MEND}");
}

#[test]
fn every_endpoint_has_a_line_and_every_line_an_endpoint() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| (path.clone(), method.to_uppercase()))
    });
    let mut routes: Vec<(String, String)> = routes.collect();
    let lines = endpoints().iter().map(|row| (row.path.to_owned(), row.method.to_owned()));
    let mut lines: Vec<(String, String)> = lines.collect();
    assert!(lines.is_sorted_by_key(|(path, _)| path.clone()), "the table is ordered by path");
    routes.sort();
    lines.sort();
    assert_eq!(lines, routes, "left: permissions.rs, right: router.rs");
}

/// A line of the document.
struct Line<'a> {
    method: &'a str,
    path: &'a str,
    permission: &'a str,
    place: &'a str,
    roles: Vec<&'a str>,
}

fn lines(document: &str) -> Vec<Line<'_>> {
    let rows = document.lines().filter(|line| line.contains("| `/"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Line {
            method: cells[0],
            path: cells[1].trim_matches('`'),
            permission: cells[2],
            place: cells[3],
            roles: cells[4].split(", ").collect(),
        }
    })
    .collect()
}

/// Somebody who asks.
enum Who {
    Nobody,
    /// With a secret that was never made, in this header.
    Guesser(&'static str, &'static str),
    Person(&'static str, Option<(Role, Option<&'static str>)>),
    Token(&'static str, &'static [Permission], Option<&'static str>),
    Machine,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Through,
    NotSignedIn,
    Forbidden,
    NoSuchShop,
}

const HERE: &str = "lamps";
const ELSEWHERE: &str = "socks";

fn everybody() -> Vec<Who> {
    use Permission::{
        Acknowledge, Approve, ChangeConfiguration, Operate, ReadLedger, See, SeePeople,
    };
    let mut all = vec![
        Who::Nobody,
        Who::Guesser("cookie", "storewarden_session=guessed"),
        Who::Guesser("authorization", "Bearer guessed"),
        Who::Guesser("authorization", "Basic YTpi"),
        Who::Person("without-role", None),
        Who::Token("sees", &[See], None),
        Who::Token("operates-here", &[See, Operate], Some(HERE)),
        Who::Token("sees-elsewhere", &[See, Operate], Some(ELSEWHERE)),
        Who::Token(
            "decides",
            &[Approve, ChangeConfiguration, Acknowledge, ReadLedger, SeePeople],
            None,
        ),
        Who::Machine,
    ];
    let names = [
        ["owner", "owner-here", "owner-elsewhere"],
        ["operator", "operator-here", "operator-elsewhere"],
        ["developer", "developer-here", "developer-elsewhere"],
        ["client", "client-here", "client-elsewhere"],
        ["auditor", "auditor-here", "auditor-elsewhere"],
    ];
    for (role, names) in Role::ALL.into_iter().zip(names) {
        for (name, shop) in names.into_iter().zip([None, Some(HERE), Some(ELSEWHERE)]) {
            all.push(Who::Person(name, Some((role, shop))));
        }
    }
    all
}

impl Who {
    fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Guesser(_, value) => value,
            Self::Person(name, _) | Self::Token(name, ..) => name,
            Self::Machine => "the machine",
        }
    }

    /// What the document says will become of them.
    fn expect(&self, line: &Line<'_>) -> Outcome {
        let (sees, may) = match self {
            _ if line.place == "anybody" => return Outcome::Through,
            Self::Nobody | Self::Guesser(..) => return Outcome::NotSignedIn,
            _ if line.place == "signed in" => return Outcome::Through,
            Self::Person(..) if line.place == "oneself" => return Outcome::Through,
            _ if line.place == "oneself" => return Outcome::Forbidden,
            Self::Machine => return Outcome::Through,
            Self::Person(_, None) => (false, false),
            Self::Person(_, Some((role, shop))) => {
                // All of them see.
                (
                    reaches(*shop, "shop"),
                    line.roles.contains(&role.as_str()) && reaches(*shop, line.place),
                )
            }
            Self::Token(_, permissions, shop) => {
                let has = |name: &str| permissions.iter().any(|one| one.as_str() == name);
                (
                    has("see") && reaches(*shop, "shop"),
                    has(line.permission) && reaches(*shop, line.place),
                )
            }
        };
        match (may, line.place) {
            (true, _) => Outcome::Through,
            (false, "shop") if !sees => Outcome::NoSuchShop,
            (false, _) => Outcome::Forbidden,
        }
    }

    /// Headers by which they prove who they are; a session of their own for every request, since
    /// some requests end it.
    async fn headers(&self, running: &Running, number: usize) -> Vec<(String, String)> {
        let one = |name: &str, value: String| (name.to_owned(), value);
        match self {
            Self::Nobody => Vec::new(),
            Self::Guesser(name, value) => vec![one(name, (*value).to_owned())],
            Self::Machine => vec![one("authorization", format!("Bearer {TOKEN}"))],
            Self::Token(name, ..) => vec![one("authorization", format!("Bearer secret-of-{name}"))],
            Self::Person(name, _) => {
                let secret = format!("{name}-{number}");
                let session = NewSession {
                    hash: hash(&secret),
                    id: secret.clone(),
                    person: name.parse().unwrap(),
                    method: SignInMethod::Password,
                    browser: None,
                    created_ms: now_ms(),
                    expires_ms: now_ms() + 60_000,
                };
                running.state.store.add_session(session).await.unwrap();
                let cookie = format!("storewarden_session={secret}");
                vec![one("cookie", cookie), one("sec-fetch-site", "same-origin".to_owned())]
            }
        }
    }

    async fn arrive(&self, running: &Running) {
        let shop = |shop: &str| shop.parse::<ShopId>().unwrap();
        let store = &running.state.store;
        match self {
            Self::Person(name, role) => {
                let grant = |(role, at): (Role, Option<&str>)| Grant { role, shop: at.map(shop) };
                let person = NewPerson {
                    id: name.parse().unwrap(),
                    name: (*name).to_owned(),
                    email: None,
                    grants: role.map(grant).into_iter().collect(),
                };
                store.add_person(person, now_ms()).await.unwrap();
            }
            Self::Token(name, permissions, at) => {
                let shops = at.map(|at| [shop(at)].into());
                let token = TokenRecord {
                    name: name.parse().unwrap(),
                    scope: Scope { permissions: permissions.iter().copied().collect(), shops },
                    made_by: Actor::CommandLine,
                    created_ms: now_ms(),
                    expires_ms: now_ms() + 60_000,
                    used_ms: None,
                };
                store.add_token(token, hash(&format!("secret-of-{name}"))).await.unwrap();
            }
            Self::Nobody | Self::Guesser(..) | Self::Machine => {}
        }
    }
}

fn reaches(shop: Option<&str>, place: &str) -> bool {
    match place {
        "machine" => shop.is_none(),
        "shop" => shop.is_none_or(|shop| shop == HERE),
        "any shop" => true,
        other => panic!("the document has no place `{other}`"),
    }
}

pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[tokio::test]
async fn everybody_gets_through_the_doors_of_the_document_and_no_others() {
    let running = Running::start().await;
    let (document, cast) = (committed(), everybody());
    for who in &cast {
        who.arrive(&running).await;
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, line) in lines(&document).iter().enumerate() {
        for who in &cast {
            let outcome = ask(&running, who, line, number).await;
            assert_eq!(
                outcome,
                who.expect(line),
                "{} {} as {}",
                line.method,
                line.path,
                who.name()
            );
            *count.entry(line.place).or_default() += 1;
        }
    }
    assert_eq!(count.values().sum::<usize>(), endpoints().len() * 25);
    assert_eq!(count.len(), 6, "every kind of place was asked at: {count:?}");
}

/// Asks so that whoever gets in changes nothing: what is named is not there, and bodies are
/// missing.
async fn ask(running: &Running, who: &Who, line: &Line<'_>, number: usize) -> Outcome {
    let path = line.path.replace("{shop}", HERE).replace("{instance}", "app-9");
    let path = path.replace("{id}", "4711").replace("{name}", "nothing");
    let path = path.replace("{run}", "4711").replace("{deed}", "approve");
    let path = path.replace("{snapshot}", "latest").replace("{signal}", "start");
    assert!(!path.contains('{'), "say here what stands for the rest of {path}");
    let headers = who.headers(running, number).await;
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = running.ask_until_head(line.method, &path, &headers).await;
    let code = if answer.status < 400 { String::new() } else { answer.code_or_nothing() };
    match (answer.status, code.as_str()) {
        (401, "unauthenticated") => Outcome::NotSignedIn,
        (403, "forbidden" | "nobody_signed_in") => Outcome::Forbidden,
        (404, "not_found") if answer.body.contains("there is no shop") => Outcome::NoSuchShop,
        _ => Outcome::Through,
    }
}
