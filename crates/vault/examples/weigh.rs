//! What a shop's journal weighs, beside the rows that changed: what `cargo xtask bench orders` measures.
//!
//! `weigh STATE SHOP`, where `STATE` is a state directory.

#![expect(clippy::print_stdout, reason = "it tells what it has seen")]

use std::{error::Error, path::Path};
use vault::journal::{Lookups, Place, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [state, shop] = &arguments[..] else {
        return Err("which state directory, and which shop?".into());
    };
    let place = Place::of(Path::new(state), &shop.parse()?);
    let key = place.key()?.ok_or("no journal was begun")?;
    let reader = Reader::open(&place.folder(), &key, &Lookups::default())?;
    let (transactions, raw, stored) = reader.size();
    println!(r#"{{"transactions":{transactions},"raw_bytes":{raw},"stored_bytes":{stored}}}"#);
    Ok(())
}
