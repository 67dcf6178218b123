//! Several files read as one.

use super::{HEAD, platforms};
use crate::config::{ConfigErrors, Includes, Known, Parsed, fits_pattern, parse_with};
use std::path::{Path, PathBuf};

/// The first file, and what stands in others.
fn read(first: &str, others: &[(&str, &str)]) -> Result<Parsed, ConfigErrors> {
    let matching = |wanted: &Path| {
        let name = wanted.file_name().unwrap().to_str().unwrap();
        let fits = |path: &Path| {
            let found = path.file_name().unwrap().to_str().unwrap();
            path.parent() == wanted.parent() && fits_pattern(name, found)
        };
        let found = others.iter().filter(|(path, _)| fits(Path::new(path)));
        let found: Vec<(PathBuf, String)> =
            found.map(|(path, text)| (path.into(), (*text).to_owned())).collect();
        match found.is_empty() && !name.contains('*') {
            true => Err("no such file".to_owned()),
            false => Ok(found),
        }
    };
    let includes = Includes { name: Path::new("main.toml"), matching: &matching };
    parse_with(
        first,
        Known { platforms: &platforms(), environment: &|_| None, time_zone: &|_| Ok(()) },
        includes,
    )
}

fn ids(parsed: &Parsed) -> Vec<&str> {
    parsed.configuration.shops.iter().map(|shop| shop.id.as_str()).collect()
}

const LAMPS: &str =
    "[shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\napp = \"127.0.0.1:3001\"\n";
const CHAIRS: &str =
    "[shop.chairs]\nplatform = \"generic\"\nhosts = \"chairs.example\"\napp = \"127.0.0.1:3002\"\n";

#[test]
fn included_files_are_read_as_if_they_stood_there() {
    let check = |first: &str, others: &[(&str, &str)], expect: &[&str]| {
        let parsed =
            read(first, others).unwrap_or_else(|errors| panic!("{first}: {:#?}", errors.0));
        assert_eq!(ids(&parsed), expect, "{first}");
    };
    let two =
        [("shops/chairs.toml", CHAIRS), ("shops/lamps.toml", LAMPS), ("shops/note.txt", "no TOML")];
    check("version = 1\ninclude = [\"shops/*.toml\"]\n", &two, &["chairs", "lamps"]);
    check("version = 1\ninclude = \"./shops/x/../lamps.toml\"\n", &two, &["lamps"]);
    let more = [("a.toml", CHAIRS), ("empty/.toml", "")];
    check(&format!("include = [\"a.toml\", \"none/*.toml\"]\n{HEAD}"), &more, &["lamps", "chairs"]);
    // From the folder of the file that says it; a version may be said again.
    let nested =
        [("shops/all.toml", "version = 1\ninclude = [\"sub/*\"]\n"), ("shops/sub/a", LAMPS)];
    check("version = 1\ninclude = [\"shops/all.toml\"]\n", &nested, &["lamps"]);
    // A pattern means the others.
    let itself = [("main.toml", "version = 9"), ("a.toml", LAMPS)];
    check("version = 1\ninclude = [\"*.toml\"]\n", &itself, &["lamps"]);
    // One shop's parts, and lists of tables, may stand in several files.
    let parts = [
        ("a.toml", "[shop.lamps.cache]\nenabled = false\n[[rule]]\non = \"slow\"\n"),
        ("b.toml", "[[rule]]\non = \"down\"\n"),
    ];
    let first = format!("include = [\"*.toml\"]\n{HEAD}");
    let parsed = read(&first, &parts).unwrap();
    assert!(!parsed.configuration.shops[0].cache.enabled);
    let rules: Vec<&str> =
        parsed.configuration.alerts.rules.iter().map(|r| r.on.as_str()).collect();
    assert_eq!(rules, ["slow", "down"]);
}

#[test]
fn mistakes_are_told_of_the_file_they_stand_in() {
    let check = |first: &str, others: &[(&str, &str)], expect: &[&str]| {
        let errors = read(first, others).expect_err(first);
        let said: Vec<String> = errors
            .0
            .iter()
            .map(|error| {
                let file = error.file.as_ref().map_or("", |file| file.to_str().unwrap());
                format!("{file}:{error}")
            })
            .collect();
        assert_eq!(said, expect, "{first}");
    };
    let include = |what: &str| format!("include = {what}\n{HEAD}");
    check(
        &include("[\"a.toml\"]"),
        &[(
            "a.toml",
            "# ü\n[shop.chairs]\nplatform = \"generic\"\nhost = \"chairs.example\"\napp = \"127.0.0.1:3001\"\n",
        )],
        &[
            "a.toml:2:1: [shop.chairs] has no `hosts`; write `hosts = [\"shop.example\", \"www.shop.example\"]`",
            "a.toml:4:1: [shop.chairs] has no key `host`; is `hosts` meant?",
        ],
    );
    check(
        &include("\"a.toml\""),
        &[("a.toml", &CHAIRS.replace("3002", "3001"))],
        &["a.toml:4:7: 127.0.0.1:3001 is an instance of shop `lamps` already, in line 6; one \
           application with several hosts is one shop: add them to its `hosts`"],
    );
    check(
        &include("[\"a.toml\", \"b.toml\"]"),
        &[
            ("a.toml", CHAIRS),
            (
                "b.toml",
                "[shop.beds]\nplatform = \"generic\"\nhosts = \"chairs.example\"\napp = \"127.0.0.1:3009\"\n",
            ),
        ],
        &[
            "b.toml:3:9: host \"chairs.example\" belongs to shop `chairs` already, in line 3 of a.toml; \
           leave it to one of the two shops",
        ],
    );
    check(
        &include("\"a.toml\""),
        &[("a.toml", "[shop.lamps]\nplatform = \"generic\"\n[edge\n")],
        &[
            "a.toml:2:1: `platform` stands in line 4 of the first file too; keep one of the two",
            "a.toml:3:6: a table's name is not closed; write it as `[name]`",
        ],
    );
    check(
        &include("[\"gone.toml\", 7, \"a/*/b.toml\"]"),
        &[],
        &[
            ":1:12: `include` has \"gone.toml\", which cannot be read: no such file; write a path from \
             this file's folder, such as \"shops/*.toml\"",
            ":1:25: `include` holds what is no file's name; write `include = [\"shops/*.toml\"]`",
            ":1:28: `include` has \"a/*/b.toml\"; write `*` in the file's name alone, such as \"shops/*.toml\"",
        ],
    );
    check(
        &include("7"),
        &[],
        &[":1:11: `include` is no list of files; write `include = [\"shops/*.toml\"]`"],
    );
    check(
        &include("\"a.toml\""),
        &[("a.toml", "version = 2\n")],
        &[
            "a.toml:1:11: `version` is not that of the file which includes this one; leave it out: the \
           file that includes this one says it",
        ],
    );
}

#[test]
fn files_that_include_one_another_are_refused() {
    let check = |others: &[(&str, &str)], expect: &str| {
        let errors = read(&format!("include = \"a.toml\"\n{HEAD}"), others).unwrap_err();
        let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(expect), "{said:?}");
    };
    check(&[("a.toml", "include = \"a.toml\"")], "leads back here");
    check(
        &[("a.toml", "include = \"b.toml\""), ("b.toml", "include = \"a.toml\"")],
        "leads back here",
    );
    check(&[("a.toml", "include = \"main.toml\""), ("main.toml", "")], "leads back here");
    check(
        &[
            ("a.toml", "include = [\"b.toml\", \"c.toml\"]"),
            ("b.toml", "include = \"c.toml\""),
            ("c.toml", ""),
        ],
        "included already",
    );
}

#[test]
fn what_should_be_otherwise_is_a_warning() {
    let text =
        format!("{HEAD}[[notify]]\nname = \"owner\"\nslack = \"https://hooks.example/T/secret\"\n");
    let parsed = read(&text, &[]).unwrap();
    let said: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1);
    assert!(
        said[0].starts_with("8:9: `slack` stands here in clear") && !said[0].contains("secret")
    );
}

#[test]
fn no_texts_make_it_panic() {
    bolero::check!().with_type::<(String, String)>().for_each(|(first, other)| {
        for text in [first.clone(), format!("include = \"a.toml\"\n{first}")] {
            if let Err(errors) = read(&text, &[("a.toml", other)]) {
                for error in errors.0 {
                    let text = if error.file.is_some() { other.as_str() } else { text.as_str() };
                    assert!(error.line <= text.split('\n').count(), "{error} of {text:?}");
                }
            }
        }
    });
}
