//! `storewarden user` and `storewarden token`: who may do what, through a running control.

use crate::{
    cli::{Exit, Json, State},
    client::{Answer, ask, ask_with},
    completions::shops,
    moment::Here,
    remote::{good, print, print_bytes},
    table::{Side, table},
};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use kernel::{Grant, Permission, PersonId, Role, RoleError, ShopId, TokenName};
use serde::Deserialize;
use serde_json::{Value, json};

/// What to do with people.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody, and print an invitation: a link, good once within three days
    Add {
        /// Under which they sign in
        id: PersonId,
        #[command(flatten)]
        roles: Roles,
        /// What they are called [default: the id]
        #[arg(long)]
        name: Option<String>,
        /// Under which they may sign in as well
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        asking: Asking,
    },
    /// List everybody with their roles
    List {
        #[command(flatten)]
        asking: Asking,
    },
    /// Give somebody other roles, in place of those they have
    Role {
        id: PersonId,
        #[command(flatten)]
        roles: Roles,
        #[command(flatten)]
        asking: Asking,
    },
    /// Print a new invitation; with it they choose another password
    Invite {
        id: PersonId,
        #[command(flatten)]
        asking: Asking,
    },
    /// Print a link that signs one browser in as this person, once, within fifteen minutes
    Link {
        id: PersonId,
        #[command(flatten)]
        asking: Asking,
    },
    /// Take away password, second factor and sessions, and print an invitation
    Reset {
        id: PersonId,
        #[command(flatten)]
        asking: Asking,
    },
    /// Remove somebody, with their sessions
    Remove {
        id: PersonId,
        #[command(flatten)]
        asking: Asking,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Roles {
    /// owner, operator, developer, client or auditor; with @SHOP at one shop alone. Can be repeated
    #[arg(long = "role", value_name = "ROLE[@SHOP]", required = true, value_parser = grant)]
    roles: Vec<Grant>,
}

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program, and print it this once
    Create {
        /// What it is called
        name: TokenName,
        /// see, operate, approve, change_configuration, acknowledge, read_ledger, see_people or
        /// send_metrics. Can be repeated
        #[arg(long = "may", value_name = "PERMISSION", required = true)]
        permissions: Vec<Permission>,
        /// At this shop alone; can be repeated [default: at all]
        #[arg(long = "shop", value_name = "SHOP", add = ArgValueCandidates::new(shops))]
        shops: Vec<ShopId>,
        /// After how many days it ends
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        #[command(flatten)]
        asking: Asking,
    },
    /// List tokens; none is shown itself
    List {
        #[command(flatten)]
        asking: Asking,
    },
    /// End a token for good
    Revoke {
        name: TokenName,
        #[command(flatten)]
        asking: Asking,
    },
}

/// Where control is, and how its answer is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    json: Json,
}

fn grant(text: &str) -> Result<Grant, String> {
    let (role, shop) = match text.split_once('@') {
        Some((role, shop)) => (role, Some(shop)),
        None => (text, None),
    };
    let role = role.parse::<Role>().map_err(|error: RoleError| error.to_string())?;
    let shop = shop.map(str::parse::<ShopId>).transpose();
    Ok(Grant { role, shop: shop.map_err(|error| format!("the shop's id {error}"))? })
}

/// Carries out a command on people.
pub(crate) fn user(command: UserCommand) -> anyhow::Result<Exit> {
    let of = |id: &PersonId, deed: &str| format!("/api/v1/people/{id}{deed}");
    match command {
        UserCommand::Add { id, roles, name, email, asking } => {
            let wish = json!({ "id": id, "name": name, "email": email, "grants": roles.roles });
            let answer = asking.ask("POST", "/api/v1/people", Some(&wish))?;
            asking.tell(&answer, |added: Added| link_text(&added.invitation))
        }
        UserCommand::List { asking } => {
            let answer = asking.ask("GET", "/api/v1/people", None)?;
            asking.tell(&answer, |people: People| people_text(&people.people, &Here::now()))
        }
        UserCommand::Role { id, roles, asking } => {
            let wish = json!({ "grants": roles.roles });
            let answer = asking.ask("PATCH", &of(&id, ""), Some(&wish))?;
            asking.tell(&answer, |person: Person| people_text(&[person], &Here::now()))
        }
        UserCommand::Invite { id, asking } => {
            let answer = asking.ask("POST", &of(&id, "/invite"), None)?;
            asking.tell(&answer, |link: Link| link_text(&link))
        }
        UserCommand::Reset { id, asking } => {
            let answer = asking.ask("POST", &of(&id, "/reset"), None)?;
            asking.tell(&answer, |link: Link| link_text(&link))
        }
        UserCommand::Link { id, asking } => {
            let wish = json!({ "person": id });
            let answer = asking.ask("POST", "/api/v1/sign-in-links", Some(&wish))?;
            asking.tell(&answer, |link: Link| link_text(&link))
        }
        UserCommand::Remove { id, asking } => {
            asking.ask("DELETE", &of(&id, ""), None)?;
            asking.done(&format!("{id} is removed."))
        }
    }
}

/// Carries out a command on tokens.
pub(crate) fn token(command: TokenCommand) -> anyhow::Result<Exit> {
    match command {
        TokenCommand::Create { name, permissions, shops, days, asking } => {
            let shops = if shops.is_empty() { None } else { Some(shops) };
            let wish =
                json!({ "name": name, "permissions": permissions, "shops": shops, "days": days });
            let answer = asking.ask("POST", "/api/v1/tokens", Some(&wish))?;
            asking.tell(&answer, |made: Made| format!("{}\n", made.token))
        }
        TokenCommand::List { asking } => {
            let answer = asking.ask("GET", "/api/v1/tokens", None)?;
            asking.tell(&answer, |tokens: Tokens| tokens_text(&tokens.tokens, &Here::now()))
        }
        TokenCommand::Revoke { name, asking } => {
            asking.ask("DELETE", &format!("/api/v1/tokens/{name}"), None)?;
            asking.done(&format!("{name} is revoked."))
        }
    }
}

impl Asking {
    /// A good answer; anything else is an error.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let state = &self.state.directory;
        good(match body {
            Some(body) => ask_with(state, method, path, body)?,
            None => ask(state, method, path)?,
        })
    }

    fn tell<T: for<'de> Deserialize<'de>>(
        &self,
        answer: &Answer,
        text: impl FnOnce(T) -> String,
    ) -> anyhow::Result<Exit> {
        if self.json.json {
            print_bytes(&answer.body)?;
        } else {
            print(text(answer.json()?).as_bytes())?;
        }
        Ok(Exit::Fine)
    }

    /// Of an answer without a body.
    fn done(&self, sentence: &str) -> anyhow::Result<Exit> {
        let text = if self.json.json { "{}" } else { sentence };
        print(format!("{text}\n").as_bytes())?;
        Ok(Exit::Fine)
    }
}

#[derive(Debug, Deserialize)]
struct Link {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Added {
    invitation: Link,
}

#[derive(Debug, Deserialize)]
struct People {
    people: Vec<Person>,
}

#[derive(Debug, Deserialize)]
struct Person {
    id: PersonId,
    name: String,
    grants: Vec<Grant>,
    has_password: bool,
    has_second_factor: bool,
    seen_ms: Option<i64>,
}

// No `Debug`: the token is in it.
#[derive(Deserialize)]
struct Made {
    token: String,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Debug, Deserialize)]
struct Token {
    name: TokenName,
    permissions: Vec<Permission>,
    shops: Option<Vec<ShopId>>,
    has_expired: bool,
    expires_ms: i64,
    used_ms: Option<i64>,
}

fn link_text(link: &Link) -> String {
    format!("{}\n", link.url)
}

fn people_text(people: &[Person], here: &Here) -> String {
    if people.is_empty() {
        return "Nobody may sign in yet: storewarden sign-in makes the first owner.\n".to_owned();
    }
    let row = |person: &Person| {
        let proof = match (person.has_password, person.has_second_factor) {
            (false, _) => "no password yet",
            (true, false) => "password",
            (true, true) => "password, second factor",
        };
        let roles: Vec<String> = person.grants.iter().map(ToString::to_string).collect();
        let roles = if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") };
        let seen = person.seen_ms.map_or_else(|| "never".to_owned(), |at_ms| here.ago(at_ms));
        [person.id.to_string(), person.name.clone(), roles, proof.to_owned(), seen]
    };
    let rows: Vec<[String; 5]> = people.iter().map(row).collect();
    table(["ID", "NAME", "ROLES", "SIGNS IN BY", "SEEN"].map(|name| (name, Side::Left)), &rows)
}

fn tokens_text(tokens: &[Token], here: &Here) -> String {
    if tokens.is_empty() {
        return "No tokens.\n".to_owned();
    }
    let row = |token: &Token| {
        let permissions: Vec<&str> = token.permissions.iter().map(|one| one.as_str()).collect();
        let shops = match &token.shops {
            Some(shops) => shops.iter().map(ShopId::as_str).collect::<Vec<_>>().join(", "),
            None => "all shops".to_owned(),
        };
        let end = if token.has_expired { "expired " } else { "" };
        let end = format!("{end}{}", here.ago(token.expires_ms));
        let used = token.used_ms.map_or_else(|| "never".to_owned(), |at_ms| here.ago(at_ms));
        [token.name.to_string(), permissions.join(", "), shops, end, used]
    };
    let rows: Vec<[String; 5]> = tokens.iter().map(row).collect();
    table(["NAME", "MAY", "AT", "ENDS", "USED"].map(|name| (name, Side::Left)), &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn a_role_is_said_with_or_without_a_shop() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let found = grant(text).map(|grant| grant.to_string());
            assert_eq!(found, expect.map(ToOwned::to_owned).map_err(ToOwned::to_owned));
        };
        check("owner", Ok("owner"));
        check("client@lamps", Ok("client@lamps"));
        let kings =
            "`king` is no role; expected one of owner, operator, developer, client, auditor";
        check("king", Err(kings));
        check("client@", Err("the shop's id is empty"));
    }

    #[test]
    fn people_and_tokens_are_listed_a_line_each() {
        let person = |has_password, has_second_factor, grants: &[&str]| Person {
            id: "anna".parse().unwrap(),
            name: "Anna".into(),
            grants: grants.iter().map(|text| grant(text).unwrap()).collect(),
            has_password,
            has_second_factor,
            seen_ms: None,
        };
        let here = Here { now_ms: 600_000, zone: TimeZone::UTC };
        let people = [person(false, false, &[]), person(true, true, &["operator", "owner@lamps"])];
        let expect = "\
ID    NAME  ROLES                  SIGNS IN BY              SEEN
anna  Anna  no role                no password yet          never
anna  Anna  operator, owner@lamps  password, second factor  never
";
        assert_eq!(people_text(&people, &here), expect);
        let token = Token {
            name: "deploy".parse().unwrap(),
            permissions: vec![Permission::See, Permission::Operate],
            shops: Some(vec!["lamps".parse().unwrap()]),
            has_expired: true,
            expires_ms: 540_000,
            used_ms: Some(0),
        };
        let expect = "\
NAME    MAY           AT     ENDS               USED
deploy  see, operate  lamps  expired 1 min ago  10 min ago
";
        assert_eq!(tokens_text(&[token], &here), expect);
        assert_eq!(tokens_text(&[], &here), "No tokens.\n");
    }
}
