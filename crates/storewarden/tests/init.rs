//! The first configuration, of whatever runs on the machine that runs the tests, and what it never
//! does.

use crate::stand::{LIMIT, program};
use std::{fs, net::TcpListener, os::unix::fs::MetadataExt as _};
use testkit::process::run_to_end;

fn init(arguments: &[&str]) -> Result<String, String> {
    let spawn = program().arg("init").args(arguments);
    let output = run_to_end(spawn, LIMIT).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_file_that_is_there_is_never_touched() {
    let folder = testkit::folder();
    let file = folder.path().join("shop.toml");
    fs::write(&file, "mine").unwrap();
    let path = file.to_str().unwrap();
    let error = init(&["--config", path]).unwrap_err();
    for part in ["exit status: 1", "stays as it is", "--print"] {
        assert!(error.contains(part), "{error}");
    }
    // What points nowhere is somebody's too.
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(folder.path().join("gone"), &link).unwrap();
    assert!(init(&["--config", link.to_str().unwrap()]).is_err());
    assert!(init(&["--config", path, "--print"]).unwrap().contains("version = 1"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn what_is_written_is_valid_or_says_what_it_lacks() {
    let folder = testkit::folder();
    let file = folder.path().join("shop.toml");
    // Not a shop, and yet somebody: the test's own folder shows no platform.
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = init(&["--config", file.to_str().unwrap(), "--json"]).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    assert_eq!(said["text"].as_str().unwrap(), fs::read_to_string(&file).unwrap());
    let checked = run_to_end(program().arg("check").arg(&file), LIMIT);
    assert_eq!(said["valid"].as_bool().unwrap(), checked.is_ok(), "{said:#} {checked:?}");
    assert_eq!(
        said["valid"].as_bool().unwrap(),
        said["detected"]["shops"].as_array().is_some_and(|shops| !shops.is_empty())
    );
}
