//! Dumps that are not as they were written.

use super::suite;
use crate::scratch;
use databases::dump::{Folder, Reader};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{fs, path::Path};

/// Opens, checks, reads all rows and looks for one: whether all of it went well.
fn is_good(path: &Path) -> bool {
    let Ok(reader) = Reader::open(Folder::at(path)) else { return false };
    let all = reader.check(&|_| {}).is_ok();
    let each = reader.tables().iter().all(|table| {
        reader.rows(table).is_ok_and(|mut rows| rows.all(|row| row.is_ok()))
            && reader.lookup(table, "id", b"7").is_ok()
    });
    // Rows may be good where only the schema is not.
    all && each
}

#[tokio::test]
async fn every_cut_and_every_flipped_bit_is_found() {
    let folder = scratch::folder();
    let file = folder.path().join("shop.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT); CREATE INDEX i ON t (code);
                 INSERT INTO t VALUES (7, 'a'), (8, 'b\tc'), (9, NULL);";
    connection.execute_batch(table).unwrap();
    let secret = format!("sqlite:{}", file.display());
    let taken = suite::dump(&DatabaseUrl { kind: DatabaseKind::Sqlite, secret }).await;
    let path = taken.folder.path().join("dump");
    assert!(is_good(&path));
    for name in ["manifest.json", "schema-pre.sql", "tables/t/rows", "tables/t/index"] {
        let name = path.join(name);
        let whole = fs::read(&name).unwrap();
        for length in 0..whole.len() {
            fs::write(&name, &whole[..length]).unwrap();
            // The line feed at the manifest's end is nobody's loss.
            let is_same = name.ends_with("manifest.json") && length + 1 == whole.len();
            assert!(is_same || !is_good(&path), "{} cut to {length}", name.display());
        }
        if !name.ends_with("manifest.json") {
            for place in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << (place % 8);
                fs::write(&name, &bytes).unwrap();
                assert!(!is_good(&path), "{} flipped at {place}", name.display());
            }
        }
        fs::write(&name, &whole).unwrap();
    }
    assert!(is_good(&path));
}
