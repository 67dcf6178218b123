//! What a machine that is lost takes with it: how long ago the oldest change was committed that a copy elsewhere
//! has not, looked at again and again while the shop sells.

use crate::{
    sftp,
    stream::{
        CAP, Following, LONG, TABLE, journalled, now_ms, options, place, settings, until_followed,
    },
};
use databases::private::Postgres;
use kernel::config::{DatabaseKind, RepositorySettings, S3Settings, Secret, StreamCopySettings};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use testkit::{Seaweed, Sshd, wait_until};
use vault::{
    journal::{Place, away},
    storage::{Objects, Sftp, Storage},
    stream::Settings,
};

/// What is configured where nobody says otherwise.
const TO_A_MACHINE_MS: u64 = 200;
const TO_A_BUCKET_MS: u64 = 5_000;
/// What is promised is a second, and five; a machine under load takes three times as long.
const MACHINE_WITHIN_MS: i64 = 3_000;
const BUCKET_WITHIN_MS: i64 = 3 * 6_000;
const LOOKS: usize = 12;
/// So many orders come between two looks.
const BETWEEN: usize = 200;

fn bucket(server: &Seaweed) -> Arc<dyn Storage> {
    let settings = S3Settings {
        endpoint: server.endpoint().into(),
        region: "us-east-1".into(),
        bucket: "lamps".into(),
        prefix: "shop".into(),
        key_id: Secret::new(Seaweed::OWNER.key_id.into()),
        secret: Secret::new(Seaweed::OWNER.secret.into()),
    };
    Arc::new(Objects::new(settings, None, Vec::new()).unwrap())
}

/// How many orders somebody finds who has nothing but the place and the key.
fn found(place: &Place, storage: &dyn Storage) -> usize {
    let (back, key) = (testkit::folder(), place.key().unwrap().expect("there is a key"));
    let back = Place::of(back.path(), place.shop());
    fs::create_dir_all(back.folder()).unwrap();
    back.keep_key(&key).unwrap();
    match away::fetch(storage, &key, None, &back.folder(), &|_, _| {}).unwrap() {
        None => 0,
        Some(fetched) => {
            assert!(fetched.lacks.is_empty(), "{:?}", fetched.lacks);
            journalled(&back).unwrap().len()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_machine_takes_little_with_it() {
    if !Sshd::is_installed() || Postgres::find().is_none() {
        println!("skipped: sshd or PostgreSQL is not installed");
        return;
    }
    let Some(seaweed) = Seaweed::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await else {
        return;
    };
    seaweed.make_bucket("lamps").await;
    let sshd = Sshd::start("internal-sftp").await;
    let folder = testkit::folder();
    let (machine, far) = (PathBuf::from("/machine"), PathBuf::from("/bucket"));
    fs::create_dir(folder.path().join("machine")).unwrap();
    let at = sftp::settings(&sshd, &folder.path().join("machine"));
    let sftp: Arc<dyn Storage> = Arc::new(Sftp::new(at).unwrap());
    let storages = [(machine.clone(), sftp), (far.clone(), bucket(&seaweed))];
    let server = Postgres::start(&folder.path().join("postgres"), options(&[CAP])).await.unwrap();
    server.create_database("one").await.unwrap();
    server.execute("one", TABLE).await.unwrap();
    let copy = |path: &Path, every_ms| StreamCopySettings {
        to: RepositorySettings::Folder(path.to_owned()),
        every_ms,
    };
    let settings = Settings {
        copies: vec![copy(&machine, TO_A_MACHINE_MS), copy(&far, TO_A_BUCKET_MS)],
        ..settings(DatabaseKind::Postgres, server.url("one"))
    };
    let place = place(folder.path());
    let known = storages.clone();
    let following = Following::with(&place, &settings, move |to| {
        let RepositorySettings::Folder(path) = to else { panic!("{to}") };
        let known = known.iter().find(|(name, _)| name == path);
        Ok(Arc::clone(&known.expect("there are two").1))
    });
    until_followed(&place).await;

    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let (told, over) = (Arc::clone(&acknowledged), Arc::clone(&is_over));
    let selling = tokio::spawn(async move {
        let mut id = 0;
        while !over.load(SeqCst) {
            let row = format!("INSERT INTO orders VALUES ({id}, 1, 'N', {id})");
            server.execute("one", &row).await.unwrap();
            told.lock().unwrap().push(now_ms());
            id += 1;
        }
        server
    });
    let mut lost = [Vec::new(), Vec::new()];
    for look in 1..=LOOKS {
        wait_until("more orders", LONG, async || match acknowledged.lock().unwrap().len() {
            many if many >= look * BETWEEN => Ok(()),
            few => Err(few),
        })
        .await;
        for ((_, storage), lost) in storages.iter().zip(&mut lost) {
            let (storage, place, at_ms) = (Arc::clone(storage), place.clone(), now_ms());
            let found = tokio::task::spawn_blocking(move || found(&place, &*storage));
            let found = found.await.unwrap();
            let oldest = acknowledged.lock().unwrap().get(found).copied();
            lost.push(oldest.map_or(0, |oldest| (at_ms - oldest).max(0)));
        }
    }
    is_over.store(true, SeqCst);
    let server = selling.await.unwrap();
    following.end();
    server.stop().await.unwrap();
    let [machine, far] = lost;
    println!("lost with the machine, in ms: by SFTP {machine:?}, by a bucket {far:?}");
    // The first looks may come before there is anything at all.
    assert!(machine[2..].iter().all(|lost| *lost < MACHINE_WITHIN_MS), "{machine:?}");
    assert!(far[6..].iter().all(|lost| *lost < BUCKET_WITHIN_MS), "{far:?}");
}
