//! What a journal of orders takes, and how fast it is asked.

use super::{commit, field, key, row, table, whole};
use databases::{
    changes::{Change, Event},
    dump::Field,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::time::Instant;
use vault::journal::{Lookups, Options, Reader, Writer};

const ORDERS: u64 = 4000;

fn order(dice: &mut SmallRng, id: u64, state: &str) -> Vec<Field> {
    let name =
        ["Anna Schmidt", "Jörg Weber", "Lucia Rossi", "Piet de Vries"][dice.random_range(0..4)];
    vec![
        field(id),
        field(format!("B{:08}", 30_000_000 + id)),
        field(state),
        field(format!("kunde{}@example.org", dice.random_range(0..100_000))),
        field(name),
        field(format!("{}.{:02}", dice.random_range(5..400), dice.random_range(0..100))),
        field("EUR"),
        field(format!(
            "2026-11-{:02} {:02}:{:02}:17.{:06}",
            id % 28 + 1,
            id % 24,
            id % 60,
            dice.random_range(0..1_000_000)
        )),
        field(format!("{:032x}", dice.random::<u128>())),
        None,
    ]
}

#[test]
fn it_takes_less_than_three_tenths_of_what_came_index_included() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = SmallRng::seed_from_u64(7);
    let columns = [
        "id",
        "number",
        "state",
        "mail",
        "name",
        "total",
        "currency",
        "placed_at",
        "token",
        "note",
    ];
    let orders = table("orders", &columns, &[0]);
    let lines = table(
        "lines",
        &["id", "order_id", "sku", "title", "quantity", "net", "tax", "created_at"],
        &[0],
    );
    let lookups = Lookups(
        [
            ("public.lines".to_owned(), vec!["order_id".to_owned()]),
            ("public.orders".to_owned(), vec!["number".to_owned(), "mail".to_owned()]),
        ]
        .into(),
    );
    let options = Options { lookups: lookups.clone(), ..Options::default() };
    let mut writer = Writer::open(folder.path(), &key(), options).unwrap();
    let begun = Instant::now();
    let mut changes = 0;
    for id in 1..=ORDERS {
        let placed = order(&mut dice, id, "placed");
        let mut paid = placed.clone();
        paid[2] = field("paid");
        writer.append(&Event::Begin).unwrap();
        writer.append(&row(&orders, Change::Inserted(whole(placed.clone())))).unwrap();
        for number in 0..dice.random_range(1..6) {
            let sku = dice.random_range(0..2000);
            let image = vec![
                field(id * 10 + number),
                field(id),
                field(format!("LAMP-{sku:05}")),
                field(format!("Stehlampe Modell {sku}, Messing, dimmbar")),
                field(dice.random_range(1..4)),
                field(format!("{}.{:02}", dice.random_range(5..400), sku % 100)),
                field("0.19"),
                placed[7].clone(),
            ];
            writer.append(&row(&lines, Change::Inserted(whole(image)))).unwrap();
            changes += 1;
        }
        let ms = 1_800_000_000_000 + i64::try_from(id).unwrap() * 1000;
        writer.append(&commit(id * 10, ms)).unwrap();
        writer.append(&Event::Begin).unwrap();
        let change = Change::Updated { before: Some(whole(placed)), after: whole(paid.clone()) };
        writer.append(&row(&orders, change)).unwrap();
        changes += 2;
        if id % 500 == 0 {
            writer.append(&row(&orders, Change::Deleted(whole(paid)))).unwrap();
            changes += 1;
        }
        writer.append(&commit(id * 10 + 1, ms + 1)).unwrap();
        if id % 20 == 0 {
            writer.sync().unwrap();
        }
    }
    writer.roll().unwrap();
    writer.close().unwrap();
    println!("{changes} changes written and packed in {:?}", begun.elapsed());
    let begun = Instant::now();
    let reader = Reader::open(folder.path(), &key(), &lookups).unwrap();
    let (transactions, raw, stored) = reader.size();
    println!("opened in {:?}: {raw} bytes came, {stored} are stored", begun.elapsed());
    assert_eq!(transactions, ORDERS * 2);
    assert!(stored * 10 <= raw * 3, "{stored} of {raw}");
    let begun = Instant::now();
    let found = reader.find("public.orders", "number", b"B30002500").unwrap();
    let parts = reader.find("public.lines", "order_id", b"2500").unwrap();
    println!("an order and its lines in {:?}", begun.elapsed());
    assert_eq!(found.len(), 3);
    assert!(!parts.is_empty());
    let begun = Instant::now();
    let deleted = reader.deleted("public.orders", 0..=i64::MAX).unwrap();
    println!("deleted ones in {:?}", begun.elapsed());
    assert_eq!(deleted.len() as u64, ORDERS / 500);
}
