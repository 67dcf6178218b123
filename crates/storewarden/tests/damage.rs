//! Our own files are damaged: the shop is served on, control says what is wrong and where the copy is,
//! and nothing of what was found is overwritten.

use crate::stand::{LIMIT, Stand, get, program};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use testkit::process::{Signal, run_to_end};

const STORE: &str = "storewarden.sqlite";
/// Control is started again without a pause, however often it says the same.
const AT_ONCE: [(&str, &str); 1] = [("STOREWARDEN_RESTART_AT_ONCE", "1")];
const READY: &str = "control is ready";
/// Where the number of a store's format stands in the file: sqlite.org/fileformat2.html, section 1.3.
const FORMAT_AT: usize = 60;

fn state(stand: &Stand) -> PathBuf {
    stand.folder.path().join("state")
}

/// Ends all in order, which leaves the store whole in one file.
async fn end(stand: &mut Stand) {
    stand.signal(Signal::Terminate);
    stand.supervisor().wait().await.unwrap();
    stand.supervisor = None;
}

async fn until_in_control(stand: &Stand) {
    testkit::wait_until("control's answer", LIMIT, async || {
        match get(stand.control, "/api/v1/health").await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err((other, stand.log())),
        }
    })
    .await;
}

/// Damages the store while nothing runs, and starts: the shop is served, control says `word` and begins
/// only once the store is whole again.
async fn check(stand: &mut Stand, damage: impl FnOnce(&mut Vec<u8>), word: &str, is_kept: bool) {
    end(stand).await;
    let file = state(stand).join(STORE);
    let said = |what: &str| stand.log().matches(what).count();
    let (before, begun) = (said(word), said(READY));
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damage(&mut damaged);
    fs::write(&file, &damaged).unwrap();
    stand.start_with(&AT_ONCE);
    stand.until_served(stand.edge).await;
    let said = |what: &str| stand.log().matches(what).count();
    testkit::wait_until("control's word", LIMIT, async || {
        if said(word) > before + 1 { Ok(()) } else { Err(stand.log()) }
    })
    .await;
    assert!(fs::read(&file).unwrap() == damaged, "{word}: it was changed");
    assert_eq!(said(READY), begun, "{word}: control has begun");
    let copies = copies(&state(stand));
    assert_eq!(copies.iter().any(|copy| fs::read(copy).unwrap() == damaged), is_kept, "{word}");
    fs::write(&file, whole).unwrap();
    until_in_control(stand).await;
}

fn copies(state: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path());
    let is_copy = |path: &PathBuf| path.to_string_lossy().contains(".sqlite.damaged-");
    all.filter(is_copy).collect()
}

fn flip(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte ^= 0xa5);
}

#[tokio::test]
async fn a_damaged_store_is_named_and_kept_while_the_shop_is_served() {
    let mut stand = Stand::up().await;
    until_in_control(&stand).await;
    let damaged = "it is damaged (";
    check(&mut stand, |bytes| flip(&mut bytes[..16]), damaged, true).await;
    check(&mut stand, |bytes| flip(&mut bytes[4096..4200]), damaged, true).await;
    check(&mut stand, |bytes| bytes.truncate(3 * 4096), damaged, true).await;
    check(&mut stand, |bytes| *bytes = b"something else".to_vec(), damaged, true).await;
    let newer = |bytes: &mut Vec<u8>| bytes[FORMAT_AT] = 1;
    check(&mut stand, newer, "start the newer program again", false).await;
    // Whatever is wrong with the records, the command line can say so too.
    end(&mut stand).await;
    flip(&mut fs::read(state(&stand).join(STORE)).unwrap()[..16]);
    fs::write(state(&stand).join(STORE), "something else").unwrap();
    let ledger = program().args(["ledger", "verify", "--state"]).arg(state(&stand));
    let error = run_to_end(ledger, LIMIT).unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[tokio::test]
async fn damaged_measurements_cost_nothing_but_themselves() {
    let mut stand = Stand::up().await;
    until_in_control(&stand).await;
    let series = state(&stand).join("series");
    // Two writes: a last one that is not whole is no damage, but what a cut leaves.
    let mut lengths = BTreeSet::new();
    testkit::wait_until("two measurements", LIMIT, async || {
        lengths.extend(Some(folder_bytes(&series.join("log"))).filter(|bytes| *bytes > 0));
        if lengths.len() > 1 { Ok(()) } else { Err((lengths.clone(), stand.log())) }
    })
    .await;
    end(&mut stand).await;
    let mut damaged = 0;
    each_file(&series, &mut |path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0xa5;
            damaged += 1;
            fs::write(path, bytes).unwrap();
        }
    });
    assert!(damaged >= 2, "{damaged} files were there to damage");
    stand.start_with(&AT_ONCE);
    until_in_control(&stand).await;
    stand.until_served(stand.edge).await;
    testkit::wait_until("copies of what was damaged", LIMIT, async || {
        let kept = series.join("quarantine");
        if folder_bytes(&kept) > 0 { Ok(()) } else { Err(stand.log()) }
    })
    .await;
}

fn each_file(folder: &Path, deed: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, deed) } else { deed(&path) }
    }
}

fn folder_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    each_file(folder, &mut |path| bytes += fs::metadata(path).map_or(0, |found| found.len()));
    bytes
}
