//! What databases suffer from, found on real servers, and mended by the statement that is told.

mod mysql;
mod postgres;
mod sqlite;

use databases::care::{self, Examination, Finding, Mend, Options, Trouble};
use kernel::config::DatabaseUrl;
use std::time::Duration;

/// Tables are large early here, and counters old enough at once.
fn options() -> Options {
    Options { unused_after: Duration::ZERO, large_rows: 1000, ..Options::default() }
}

async fn examine(url: &DatabaseUrl) -> Examination {
    care::examine(url, &options()).await.unwrap()
}

/// The findings as code and subject, those of settings left out: private servers are set for speed.
fn told(examination: &Examination) -> Vec<String> {
    let told = |finding: &Finding| {
        let code = serde_json::to_value(&finding.trouble).unwrap()["code"].clone();
        format!("{} {}", code.as_str().unwrap(), finding.trouble.subject())
    };
    let all = examination.findings.iter();
    all.filter(|one| !matches!(one.trouble, Trouble::Setting { .. })).map(told).collect()
}

fn mend_of(examination: &Examination, subject: &str) -> Mend {
    let found = examination.findings.iter().find(|one| one.trouble.subject() == subject);
    let found = found.unwrap_or_else(|| panic!("{subject} in {:#?}", examination.findings));
    found.mend.clone().unwrap()
}

/// Every index that is told to be made or dropped is, and is as it was when that is taken back.
async fn mend_indexes_there_and_back(url: &DatabaseUrl) {
    use databases::care::IndexState::{Absent, Whole};
    let before = examine(url).await;
    for finding in &before.findings {
        match &finding.mend {
            Some(Mend::MakeIndex { index }) => {
                care::make_index(url, index).await.unwrap();
                care::make_index(url, index).await.unwrap();
                assert_eq!(care::index_state(url, index).await.unwrap(), Whole, "{index:?}");
            }
            Some(Mend::DropIndex { index }) => {
                assert_eq!(care::index_state(url, index).await.unwrap(), Whole, "{index:?}");
                care::drop_index(url, index).await.unwrap();
                care::drop_index(url, index).await.unwrap();
                assert_eq!(care::index_state(url, index).await.unwrap(), Absent, "{index:?}");
            }
            _ => {}
        }
    }
    let about_indexes = |one: &String| one.contains("index") || one.contains("reference");
    let left: Vec<_> = told(&examine(url).await).into_iter().filter(about_indexes).collect();
    assert!(left.is_empty(), "{left:?}");
    for finding in &before.findings {
        match &finding.mend {
            Some(Mend::MakeIndex { index }) => care::drop_index(url, index).await.unwrap(),
            Some(Mend::DropIndex { index }) => care::make_index(url, index).await.unwrap(),
            _ => {}
        }
    }
    let after = examine(url).await;
    let of = |examination: &Examination| -> Vec<_> {
        told(examination).into_iter().filter(about_indexes).collect()
    };
    let (before, after) = (of(&before), of(&after));
    // What was made anew has not been used since, and so has not been seen not to be.
    for one in before.iter().filter(|one| !one.starts_with("invalid")) {
        assert!(after.contains(one), "{one} in {after:?}");
    }
}
