//! What databases suffer from, found on real servers, and mended by the statement that is told.

mod mysql;
mod postgres;
mod sqlite;

use databases::care::{self, Examination, Finding, Mend, Options, Setting, SettingState, Trouble};
use kernel::config::DatabaseUrl;
use std::time::Duration;

/// Tables are large early here, and counters old enough at once.
fn options() -> Options {
    Options { unused_after: Duration::ZERO, large_rows: 1000, ..Options::default() }
}

pub(crate) async fn examine(url: &DatabaseUrl) -> Examination {
    care::examine(url, &options()).await.unwrap()
}

/// The findings as code and subject, those of settings left out: private servers are set for speed.
pub(crate) fn told(examination: &Examination) -> Vec<String> {
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

/// The setting that a finding changes.
pub(crate) fn setting_of(examination: &Examination, name: &str) -> Setting {
    match mend_of(examination, name) {
        Mend::ChangeSetting { setting } => setting,
        other => panic!("{other:?}"),
    }
}

/// A setting is changed, holds, is found no more, and is what it was when that is taken back.
pub(crate) async fn change_setting_there_and_back(url: &DatabaseUrl, setting: &Setting) {
    let back = Setting {
        from: setting.to.clone(),
        to: setting.from.clone(),
        set: setting.back.clone(),
        back: setting.set.clone(),
        ..setting.clone()
    };
    let before = care::setting_seen(url, setting).await.unwrap();
    assert_eq!((before.state, before.may), (SettingState::Other, Some(true)), "{before:?}");
    assert_eq!(before.value, setting.from);
    for _ in 0..2 {
        care::change_setting(url, setting).await.unwrap();
        let seen = care::setting_seen(url, setting).await.unwrap();
        assert!(seen.is_done(setting), "{seen:?}");
        assert_eq!(seen.state == SettingState::Waiting, setting.restart, "{seen:?}");
    }
    care::change_setting(url, &back).await.unwrap();
    let after = care::setting_seen(url, setting).await.unwrap();
    assert_eq!((after.state, after.value), (before.state, before.value));
}

/// Every index that is told to be made or dropped is, and is as it was when that is taken back.
pub(crate) async fn mend_indexes_there_and_back(url: &DatabaseUrl) {
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
