//! People, how they prove who they are, and what lies sealed.

use kernel::{
    Actor, Grant, LedgerEntry, Params, Permission, PersonId, Personal, Role, Scope, ShopId,
    TokenName,
};
use rusqlite::Connection;
use std::{collections::BTreeSet, fs, io, path::Path};
use store::{
    FILE_NAME, KEY_FILE, LedgerFilter, LedgerPaging, LinkPurpose, NewPerson, NewSession,
    PeopleOutcome, PersonChange, SealKeys, SignInMethod, Store, StoreError, StoredCertificate,
    TokenRecord,
};

fn id(text: &str) -> PersonId {
    text.parse().unwrap()
}

fn grant(role: Role, shop: Option<&str>) -> Grant {
    Grant { role, shop: shop.map(|shop| shop.parse().unwrap()) }
}

fn anna() -> NewPerson {
    NewPerson {
        id: id("anna"),
        name: "Anna".into(),
        email: Some("anna@lamps.example".into()),
        grants: vec![grant(Role::Owner, None)],
    }
}

fn bert() -> NewPerson {
    let grants = vec![grant(Role::Client, Some("b")), grant(Role::Developer, Some("a"))];
    NewPerson { id: id("bert"), name: "Bert".into(), email: None, grants }
}

pub(crate) fn session(hash: u8, person: &str, expires_ms: i64) -> NewSession {
    NewSession {
        hash: [hash; 32],
        id: format!("s{hash}"),
        person: id(person),
        method: SignInMethod::Password,
        browser: Some("Firefox".into()),
        created_ms: 10,
        expires_ms,
    }
}

async fn with_both(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    for person in [anna(), bert()] {
        assert_eq!(store.add_person(person, 5).await.unwrap(), PeopleOutcome::Done);
    }
    store
}

#[tokio::test]
async fn people_are_kept_as_they_were_added_and_changed() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    let twice = NewPerson { email: None, ..anna() };
    assert_eq!(store.add_person(twice, 5).await.unwrap(), PeopleOutcome::Taken);
    let address = NewPerson { id: id("carl"), ..anna() };
    assert_eq!(store.add_person(address, 5).await.unwrap(), PeopleOutcome::Taken);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let people = store.people().await.unwrap();
    let found: Vec<_> = people.iter().map(|p| (p.id.as_str(), p.grants.len())).collect();
    assert_eq!(found, [("anna", 1), ("bert", 2)]);
    // Ordered, whatever order they came in.
    let grants = [grant(Role::Developer, Some("a")), grant(Role::Client, Some("b"))];
    assert_eq!(people[1].grants, grants);
    assert!(!people[0].has_password && !people[0].has_second_factor);

    let change = |change| store.change_person(&people[1].id, change);
    let address = Some(Some("anna@lamps.example".to_owned()));
    let name = Some("Berta".to_owned());
    let both = PersonChange { name: name.clone(), email: address, ..Default::default() };
    assert_eq!(change(both).await.unwrap(), PeopleOutcome::Taken);
    assert_eq!(store.person(&id("bert")).await.unwrap().unwrap().name, "Bert");
    let grants = Some(vec![grant(Role::Auditor, None)]);
    let rest = PersonChange { name, grants: grants.clone(), email: Some(None) };
    assert_eq!(change(rest).await.unwrap(), PeopleOutcome::Done);
    let bert = store.person(&id("bert")).await.unwrap().unwrap();
    assert_eq!((bert.name.as_str(), Some(bert.grants)), ("Berta", grants));
    let nobody = store.change_person(&id("carl"), PersonChange::default()).await.unwrap();
    assert_eq!(nobody, PeopleOutcome::Missing);
}

async fn remove(store: &Store, name: &str) -> Result<PeopleOutcome, StoreError> {
    let entry = LedgerEntry {
        at_ms: 9,
        actor: Actor::CommandLine,
        shop: None,
        kind: "person_removed".into(),
        subject: Some(Personal::Person(name.into()).to_string()),
        params: Params::new(),
    };
    store.remove_person(&id(name), entry).await
}

#[tokio::test]
async fn there_is_always_an_owner() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let first = store.owner_or_first(id("owner"), 1).await.unwrap();
    assert_eq!(first, Some(id("owner")));
    assert_eq!(store.owner_or_first(id("other"), 2).await.unwrap(), first);
    let role = |role| PersonChange { grants: Some(vec![role]), ..Default::default() };
    let here = role(grant(Role::Owner, Some("a")));
    let outcome = store.change_person(&id("owner"), here.clone()).await.unwrap();
    assert_eq!(outcome, PeopleOutcome::LastOwner);
    assert_eq!(remove(&store, "owner").await.unwrap(), PeopleOutcome::LastOwner);
    store.add_person(anna(), 3).await.unwrap();
    assert_eq!(store.change_person(&id("owner"), here).await.unwrap(), PeopleOutcome::Done);
    assert_eq!(remove(&store, "anna").await.unwrap(), PeopleOutcome::LastOwner);
    assert_eq!(remove(&store, "owner").await.unwrap(), PeopleOutcome::Done);
    assert_eq!(remove(&store, "owner").await.unwrap(), PeopleOutcome::Missing);
    // Told with the deed, and forgotten with it: one entry, of somebody who cannot be found.
    let paging = LedgerPaging::OldestFirst { after: 0 };
    let page = store.ledger(paging, 10, LedgerFilter::default()).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(!store.forget_in_ledger(Personal::Person("owner".into())).await.unwrap());
}

#[tokio::test]
async fn where_there_are_people_but_no_owner_nobody_becomes_one_by_the_way() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    store.add_person(bert(), 1).await.unwrap();
    assert_eq!(store.owner_or_first(id("owner"), 2).await.unwrap(), None);
}

#[tokio::test]
async fn a_link_works_once_in_time_and_for_its_purpose() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    let (sign_in, invitation) = (LinkPurpose::SignIn, LinkPurpose::Invitation);
    for hash in [1, 2] {
        store.add_link([hash; 32], &id("anna"), sign_in, 1_000).await.unwrap();
    }
    assert_eq!(store.use_link([3; 32], sign_in, 0).await.unwrap(), None);
    assert_eq!(store.use_link([1; 32], sign_in, 1_000).await.unwrap(), None);
    assert_eq!(store.use_link([1; 32], invitation, 0).await.unwrap(), None);
    assert_eq!(store.link([2; 32], sign_in, 999).await.unwrap(), Some(id("anna")));
    let both =
        tokio::join!(store.use_link([2; 32], sign_in, 999), store.use_link([2; 32], sign_in, 999));
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (Some(id("anna")), None));
    assert!(store.add_link([4; 32], &id("carl"), sign_in, 1_000).await.is_err());

    // A new invitation takes the place of the one before.
    for hash in [5, 6] {
        store.add_link([hash; 32], &id("bert"), invitation, 1_000).await.unwrap();
    }
    let accept = |hash: u8| store.accept_invitation([hash; 32], "hash".into(), 9);
    assert_eq!(accept(5).await.unwrap(), None);
    assert_eq!(accept(6).await.unwrap(), Some(id("bert")));
    assert_eq!(accept(6).await.unwrap(), None);
    assert!(store.person(&id("bert")).await.unwrap().unwrap().has_password);
}

#[tokio::test]
async fn a_session_ends_when_it_is_ended_over_idle_or_its_person_gone() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    for (hash, person) in [(1, "anna"), (2, "anna"), (3, "bert"), (4, "bert")] {
        store.add_session(session(hash, person, 1_000)).await.unwrap();
    }
    let lives = async |hash: u8, idle_since_ms, now_ms| {
        store.signed_in([hash; 32], idle_since_ms, now_ms).await.unwrap().is_some()
    };
    assert!(lives(1, 9, 999).await);
    assert!(!lives(1, 9, 1_000).await && !lives(1, 10, 20).await && !lives(9, 0, 0).await);
    store.touch_session([1; 32], 500).await.unwrap();
    assert!(lives(1, 499, 999).await);
    assert_eq!(store.person(&id("anna")).await.unwrap().unwrap().seen_ms, Some(500));
    let found = store.signed_in([3; 32], 0, 0).await.unwrap().unwrap();
    assert_eq!((found.session.id.as_str(), found.grants.len()), ("s3", 2));

    assert_eq!(store.end_session("s3".into(), Some(&id("anna"))).await.unwrap(), None);
    assert_eq!(store.end_session("s3".into(), None).await.unwrap(), Some(id("bert")));
    assert_eq!(store.end_session("s3".into(), None).await.unwrap(), None);
    assert_eq!(store.end_sessions(&id("anna"), Some([2; 32])).await.unwrap(), 1);
    let of = async |person: Option<&PersonId>| {
        let all = store.sessions(person, 0, 0).await.unwrap();
        all.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(of(None).await, ["s2", "s4"]);
    assert_eq!(of(Some(&id("anna"))).await, ["s2"]);
    remove(&store, "bert").await.unwrap();
    assert_eq!(of(None).await, ["s2"]);
}

#[tokio::test]
async fn a_new_password_ends_what_was_begun_with_the_old_one() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    for hash in [1, 2] {
        store.add_session(session(hash, "anna", 1_000)).await.unwrap();
    }
    store.add_session(session(3, "bert", 1_000)).await.unwrap();
    store.add_link([1; 32], &id("anna"), LinkPurpose::SignIn, 1_000).await.unwrap();
    store.set_password(&id("anna"), "hash".into(), Some([2; 32])).await.unwrap();
    let left = store.sessions(None, 0, 0).await.unwrap();
    assert_eq!(left.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["s2", "s3"]);
    assert_eq!(store.link([1; 32], LinkPurpose::SignIn, 0).await.unwrap(), None);
    for name in ["anna", "anna@lamps.example"] {
        let found = store.credentials(name).await.unwrap().unwrap();
        assert_eq!((found.person.as_str(), found.password.as_deref()), ("anna", Some("hash")));
    }
    assert_eq!(store.credentials("Anna").await.unwrap(), None);
    assert!(store.reset_credentials(&id("anna")).await.unwrap());
    assert_eq!(store.credentials("anna").await.unwrap().unwrap().password, None);
    assert!(!store.reset_credentials(&id("carl")).await.unwrap());
}

#[tokio::test]
async fn no_code_is_good_twice() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    let anna = id("anna");
    assert!(!store.use_second_factor(&anna, 7).await.unwrap(), "there is none yet");
    store.begin_second_factor(&anna, b"planted-totp-secret").await.unwrap();
    assert_eq!(store.credentials("anna").await.unwrap().unwrap().second_factor, None);
    let begun = store.begun_second_factor(&anna).await.unwrap().unwrap();
    assert_eq!(begun, b"planted-totp-secret");
    store.confirm_second_factor(&anna, 7, vec![[1; 32], [2; 32]]).await.unwrap();
    assert_eq!(store.begun_second_factor(&anna).await.unwrap(), None);
    let found = store.credentials("anna").await.unwrap().unwrap();
    assert_eq!(found.second_factor.as_deref(), Some(b"planted-totp-secret".as_slice()));
    assert!(!format!("{found:?}").contains("112"), "{found:?}");

    assert!(!store.use_second_factor(&anna, 7).await.unwrap());
    let both = tokio::join!(store.use_second_factor(&anna, 8), store.use_second_factor(&anna, 8));
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (true, false));
    assert!(!store.use_recovery_code(&id("bert"), [1; 32]).await.unwrap());
    let both = tokio::join!(
        store.use_recovery_code(&anna, [1; 32]),
        store.use_recovery_code(&anna, [1; 32])
    );
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (true, false));
    assert_eq!(store.person(&anna).await.unwrap().unwrap().recovery_codes, 1);
    store.put_recovery_codes(&anna, vec![[3; 32]]).await.unwrap();
    assert!(!store.use_recovery_code(&anna, [2; 32]).await.unwrap());
    store.remove_second_factor(&anna).await.unwrap();
    assert!(!store.use_recovery_code(&anna, [3; 32]).await.unwrap());
    assert!(!store.use_second_factor(&anna, 9).await.unwrap());
}

#[tokio::test]
async fn a_token_ends_when_it_is_over_or_revoked() {
    let folder = testkit::folder();
    let store = Store::open(folder.path()).unwrap();
    let name: TokenName = "deploy".parse().unwrap();
    let shops: BTreeSet<ShopId> = BTreeSet::from(["a".parse().unwrap()]);
    let permissions = BTreeSet::from([Permission::See, Permission::Operate]);
    let token = TokenRecord {
        name: name.clone(),
        scope: Scope { permissions, shops: Some(shops) },
        made_by: Actor::CommandLine,
        created_ms: 1,
        expires_ms: 1_000,
        used_ms: None,
    };
    assert!(store.add_token(token.clone(), [1; 32]).await.unwrap());
    assert!(!store.add_token(token.clone(), [2; 32]).await.unwrap());
    assert_eq!(store.token([1; 32], 999).await.unwrap(), Some(token.clone()));
    assert_eq!(store.token([1; 32], 1_000).await.unwrap(), None);
    assert_eq!(store.token([2; 32], 0).await.unwrap(), None);
    store.touch_token(&name, 60).await.unwrap();
    assert_eq!(store.tokens().await.unwrap(), [TokenRecord { used_ms: Some(60), ..token }]);
    assert!(store.remove_token(&name).await.unwrap());
    assert!(!store.remove_token(&name).await.unwrap());
    assert_eq!(store.token([1; 32], 0).await.unwrap(), None);
}

fn certificate(key_pem: &str) -> StoredCertificate {
    let (host_key, chain_pem) = ("acme/a".into(), "chain".into());
    StoredCertificate { host_key, chain_pem, key_pem: key_pem.into(), not_after_ms: 1 }
}

fn holds(folder: &Path, secret: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = match fs::read(entry.unwrap().path()) {
            // SQLite takes its own files away when it is closed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            read => read.unwrap(),
        };
        bytes.windows(secret.len()).any(|part| part == secret)
    })
}

#[tokio::test]
async fn no_file_of_the_store_holds_a_secret_in_clear() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    store.put_certificate(certificate("planted-private-key")).await.unwrap();
    store.put_acme_account("https://ca".into(), "planted-account".into()).await.unwrap();
    store.begin_second_factor(&id("anna"), b"planted-totp").await.unwrap();
    assert!(!holds(folder.path(), b"planted-"));
    assert_eq!(store.certificates().await.unwrap()[0].key_pem, "planted-private-key");
    assert_eq!(store.acme_account("https://ca").await.unwrap().as_deref(), Some("planted-account"));
}

#[tokio::test]
async fn secrets_of_an_older_store_are_sealed_where_they_lie() {
    let folder = testkit::folder();
    drop(Store::open(folder.path()).unwrap());
    let file = folder.path().join(FILE_NAME);
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "INSERT INTO certificate (host_key, chain_pem, key_pem, not_after_ms)
             VALUES ('acme/a', 'chain', 'planted-private-key', 1);
             INSERT INTO acme_account (directory, credentials)
             VALUES ('https://ca', 'planted-account');",
        )
        .unwrap();
    drop(connection);
    assert!(holds(folder.path(), b"planted-"));
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.certificates().await.unwrap(), [certificate("planted-private-key")]);
    let account = store.acme_account("https://ca").await.unwrap();
    assert_eq!(account.as_deref(), Some("planted-account"));
    assert!(!holds(folder.path(), b"planted-"));
}

#[tokio::test]
async fn a_new_key_takes_over_from_the_old_and_a_lost_one_loses_the_secrets_alone() {
    let folder = testkit::folder();
    let store = with_both(folder.path()).await;
    store.put_certificate(certificate("private")).await.unwrap();
    store.begin_second_factor(&id("anna"), b"totp").await.unwrap();
    drop(store);
    // Another key beneath the first: it seals from now on, and then it alone is enough.
    let key = folder.path().join(KEY_FILE);
    let other = testkit::folder();
    let other_key = other.path().join(KEY_FILE);
    SealKeys::open(&other_key).unwrap();
    let both = fs::read_to_string(&key).unwrap() + &fs::read_to_string(&other_key).unwrap();
    fs::write(&key, both).unwrap();
    drop(Store::open(folder.path()).unwrap());
    fs::remove_file(&key).unwrap();
    let keys = SealKeys::open(&other_key).unwrap();
    let store = Store::open_with(folder.path(), keys).unwrap();
    assert_eq!(store.certificates().await.unwrap(), [certificate("private")]);
    assert_eq!(store.begun_second_factor(&id("anna")).await.unwrap().unwrap(), b"totp");
    drop(store);

    let store = Store::open(folder.path()).unwrap();
    assert!(store.certificates().await.unwrap().is_empty());
    assert!(store.begun_second_factor(&id("anna")).await.is_err());
    assert_eq!(store.people().await.unwrap().len(), 2);
}
