//! The whole text, as people see it. `UPDATE_GOLDEN=1 cargo nextest run -p kernel` writes it anew.

use super::*;
use crate::{
    config::{KnownPlatform, parse},
    snapshot::Check,
};

fn check(configuration: &str, golden: &str) {
    let health = Check { path: "/health".into(), status: (200, 299), ..Check::default() };
    let platforms = ["sample", "vendure"]
        .map(|name| KnownPlatform { name: name.into(), check: health.clone() });
    let environment = |_: &str| Some("never-shown".to_owned());
    let known = Known { platforms: &platforms, environment: &environment, time_zone: &|_| Ok(()) };
    let parsed = parse(configuration, known).expect("a valid file");
    let said = explain(&parsed, known).to_string();
    assert!(!said.contains("never-shown"), "{said}");
    let path = format!("{}/src/config/explain/tests/{golden}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&path).unwrap(), "{golden}");
}

#[test]
fn the_smallest_file_in_words() {
    let smallest = "version = 1\n[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\n\
                    app = \"127.0.0.1:3001\"\n";
    check(smallest, "smallest.txt");
}

#[test]
fn every_key_in_words() {
    check(include_str!("../../../../../docs/configuration.example.toml"), "every-key.txt");
}

#[test]
fn surprises_are_noted() {
    let text = "version = 1\ncontrol.listen = \"0.0.0.0:7780\"\nedge.listen = \"http://[::]:8080\"\n\
                [shop.lamps]\nplatform = \"sample\"\nhosts = [\"lamps.example\", \"*\"]\n\
                app = [\"127.0.0.1:3001\", \"127.0.0.1:3002\"]\ndatabase = \"sqlite:/shop.db\"\n";
    check(text, "surprises.txt");
}
