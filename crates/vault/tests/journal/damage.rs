//! Segments that are not as they were written.

use super::{commit, field, key, lookups, row, small, table, whole};
use databases::changes::{Change, Event};
use std::{fs, path::Path};
use vault::{
    VaultError,
    journal::{Reader, Writer, segments},
};

fn read(folder: &Path) -> Result<usize, VaultError> {
    let reader = Reader::open(folder, &key(), &lookups())?;
    reader.check()?;
    Ok(reader.find("public.lines", "order_id", b"1")?.len())
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_segment_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), &key(), small()).unwrap();
    let lines = table("lines", &["order_id", "id"], &[1]);
    for number in 1..40 {
        writer.append(&Event::Begin).unwrap();
        let image = whole(vec![field(number % 3), field(number)]);
        writer.append(&row(&lines, Change::Inserted(image))).unwrap();
        writer.append(&commit(number, 7)).unwrap();
    }
    writer.roll().unwrap();
    writer.close().unwrap();
    assert_eq!(read(folder.path()).unwrap(), 13);
    let segment = segments(folder.path()).unwrap().remove(0);
    let whole = fs::read(&segment.path).unwrap();
    assert_eq!((segment.bytes, segment.id), (whole.len() as u64, vault::Id::of(&whole)));
    let mut broken: Vec<Vec<u8>> =
        (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    broken.extend((0..whole.len()).map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        bytes
    }));
    for (number, bytes) in broken.iter().enumerate() {
        fs::write(&segment.path, bytes).unwrap();
        match read(folder.path()) {
            Err(VaultError::DamagedJournal { path, .. }) => assert_eq!(path, segment.path),
            other => panic!("{number}: {other:?}"),
        }
    }
}
