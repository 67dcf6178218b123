//! Dumps a database, loads the dump into an empty one, and holds every row against the first:
//! `cargo run -p databases --example dump_copy postgres://…/shop postgres://…/empty`. For trying out
//! with a real shop what tests try with made ones.

use databases::dump::{Dump, Folder, Options, Reader, Side, compare, load};
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::{error::Error, time::Instant};

#[expect(clippy::print_stdout, reason = "says to a person what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(url);
    let (Some(Some(from)), Some(Some(into))) = (arguments.next(), arguments.next()) else {
        return Err("name two databases: where from, and an empty one".into());
    };
    let folder = tempfile::tempdir()?;
    let files = Folder::at(folder.path().join("dump"));
    let begun = Instant::now();
    files.take(Dump::begin(&from, Options::new(0))?)?;
    println!("dumped in {:.2} s", begun.elapsed().as_secs_f64());
    let reader = Reader::open(files)?;
    let begun = Instant::now();
    let report = load(&reader, &into, None, &|_| {})?;
    println!("loaded in {:.2} s: {report:?}", begun.elapsed().as_secs_f64());
    println!("left out: {:?}", reader.manifest().left_out);
    let begun = Instant::now();
    let left = Side::<Folder>::Live(&from);
    let differences = compare(&left, &Side::<Folder>::Live(&into), None)?;
    println!("compared in {:.2} s: {differences:?}", begun.elapsed().as_secs_f64());
    if differences.is_empty() { Ok(()) } else { Err("they differ".into()) }
}

fn url(text: String) -> Option<DatabaseUrl> {
    let kind = match text.split(':').next()? {
        "postgres" | "postgresql" => DatabaseKind::Postgres,
        "mysql" | "mariadb" => DatabaseKind::MySql,
        "sqlite" => DatabaseKind::Sqlite,
        _ => return None,
    };
    Some(DatabaseUrl { kind, secret: text })
}
