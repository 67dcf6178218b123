//! What must hold of every kind of database. All of it blocks, so it runs beside the test.

use crate::scratch;
use databases::{
    DatabaseError,
    dump::{
        Dump, Folder, LoadProgress, LoadReport, Options, Reader, Side, TableDifference, compare,
        load,
    },
};
use kernel::config::DatabaseUrl;
use std::{cell::RefCell, error::Error};
use tempfile::TempDir;

/// A dump in a folder that goes with it.
pub(crate) struct Taken {
    pub(crate) folder: TempDir,
    pub(crate) reader: Reader<Folder>,
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) async fn try_dump(url: &DatabaseUrl, options: Options) -> Result<Taken, DatabaseError> {
    let url = url.clone();
    blocking(move || {
        let folder = scratch::folder();
        let files = Folder::at(folder.path().join("dump"));
        files.take(Dump::begin(&url, options)?)?;
        let reader = Reader::open(files)?;
        reader.check(&|_| {})?;
        Ok(Taken { folder, reader })
    })
    .await
}

pub(crate) async fn dump(url: &DatabaseUrl) -> Taken {
    match try_dump(url, Options::new(7)).await {
        Ok(taken) => taken,
        Err(error) => panic!("{}", story(&error)),
    }
}

pub(crate) async fn loaded(
    taken: Taken,
    into: &DatabaseUrl,
    only_tables: Option<&[&str]>,
) -> (Taken, Result<LoadReport, DatabaseError>) {
    let into = into.clone();
    let only: Option<Vec<String>> =
        only_tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    blocking(move || {
        let last = RefCell::new(LoadProgress::default());
        let report = load(&taken.reader, &into, only.as_deref(), &|stands| {
            let before = last.replace(stands.clone());
            assert!(before.bytes_done <= stands.bytes_done && stands.rows_done <= stands.rows);
        });
        if report.is_ok() {
            let last = last.into_inner();
            assert_eq!((last.bytes_done, last.rows_done), (last.bytes, last.rows));
        }
        (taken, report)
    })
    .await
}

/// Every row of two databases.
pub(crate) async fn differences(one: &DatabaseUrl, other: &DatabaseUrl) -> Vec<TableDifference> {
    let (one, other) = (one.clone(), other.clone());
    blocking(move || {
        let (one, other) = (Side::<Folder>::Live(&one), Side::<Folder>::Live(&other));
        compare(&one, &other, None).unwrap()
    })
    .await
}

/// Every row of a dump and a database.
pub(crate) async fn differences_to(
    taken: Taken,
    url: &DatabaseUrl,
) -> (Taken, Vec<TableDifference>) {
    let url = url.clone();
    blocking(move || {
        let found = compare(&Side::Dump(&taken.reader), &Side::<Folder>::Live(&url), None).unwrap();
        (taken, found)
    })
    .await
}

/// Dumps `from`, loads it into the empty `into`, and holds all three against each other.
pub(crate) async fn round_trip(from: &DatabaseUrl, into: &DatabaseUrl) -> Taken {
    let (taken, report) = loaded(dump(from).await, into, None).await;
    let report = report.unwrap_or_else(|error| panic!("{}", story(&error)));
    let rows: u64 = taken.reader.tables().iter().map(|table| table.row_count).sum();
    assert_eq!((report.rows, report.left_out), (rows, vec![]));
    assert_eq!(differences(from, into).await, []);
    let (taken, found) = differences_to(taken, into).await;
    assert_eq!(found, []);
    taken
}

pub(crate) fn story(error: &DatabaseError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// The values of one column, in the order of the rows; NULL is `-`.
pub(crate) fn values(taken: &Taken, table: &str, column: &str) -> Vec<String> {
    let table = taken.reader.table(table).unwrap();
    let at = table.column(column).unwrap();
    let text = |field: &Option<Vec<u8>>| match field {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => "-".to_owned(),
    };
    taken.reader.rows(table).unwrap().map(|row| text(&row.unwrap().fields[at])).collect()
}
