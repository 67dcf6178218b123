//! A writer that is killed with -9: what it was told is written is there.

use kernel::ShopId;
use std::{fs, io::Write, path::Path, time::Duration};
use store::{MinuteRecord, Store};
use testkit::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);

/// Eight tasks write orders minute after minute and note each that was acknowledged.
async fn write_until_killed(folder: &Path) {
    let store = Store::open(folder).unwrap();
    let tasks = (0..8).map(|task| {
        let store = store.clone();
        let mut noted = fs::File::create(folder.join(format!("acknowledged-{task}"))).unwrap();
        tokio::spawn(async move {
            let shop: ShopId = format!("shop-{task}").parse().unwrap();
            for number in 1.. {
                let at_ms = number * 60_000;
                let minute = MinuteRecord { at_ms, orders: Some(1), ..Default::default() };
                store.record_orders(&shop, vec![minute], number.to_string()).await.unwrap();
                writeln!(noted, "{number}").unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn acknowledged(folder: &Path, task: u32) -> usize {
    let text = fs::read_to_string(folder.join(format!("acknowledged-{task}")));
    text.map_or(0, |text| text.matches('\n').count())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    if let Some(folder) = testkit::role() {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = testkit::folder();
    let role = folder.path().to_str().unwrap();
    let name = "crash::what_was_acknowledged_survives_a_kill";
    let mut writer = testkit::this_test(name, role).start().unwrap();
    testkit::wait_until("some writes", LIMIT, async || {
        let counts: Vec<_> = (0..8).map(|task| acknowledged(folder.path(), task)).collect();
        if counts.iter().all(|count| *count > 20) { Ok(()) } else { Err(counts) }
    })
    .await;
    writer.signal(Signal::Kill).unwrap();
    writer.wait().await.unwrap();
    let store = Store::open(folder.path()).unwrap();
    for task in 0..8 {
        let shop = format!("shop-{task}").parse().unwrap();
        let stored = store.minutes(&shop, 0, i64::MAX).await.unwrap().len();
        assert!(stored >= acknowledged(folder.path(), task), "{shop}: {stored} are stored");
        // The mark and the minutes are of one transaction.
        let mark = store.order_mark(&shop).await.unwrap().unwrap();
        assert_eq!(mark, stored.to_string(), "{shop}");
    }
}
