//! The commands that ask a running Storewarden, and what a restart of control remembers.

use crate::stand::{LIMIT, Stand, get, program};
use std::fs;
use testkit::process::{Signal, Spawn, run_to_end, signal};

/// What a command says; its error holds exit code and standard error.
fn say(stand: &Stand, arguments: &[&str]) -> Result<String, String> {
    let state = stand.folder.path().join("state");
    let output = run_to_end(program().args(arguments).arg("--state").arg(state), LIMIT);
    let output = output.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// Waits until `status` says a text.
async fn until_said(stand: &Stand, text: &str) -> String {
    testkit::wait_until(&format!("`{text}` from status"), LIMIT, async || {
        match say(stand, &["status"]) {
            Ok(said) if said.contains(text) => Ok(said),
            other => Err((other, stand.log())),
        }
    })
    .await
}

#[tokio::test]
async fn status_says_how_the_shop_is() {
    let stand = Stand::up().await;
    let said = until_said(&stand, "the configuration names no database").await;
    assert!(said.contains("? a"), "unknown has its own sign: {said}");
    assert!(said.contains("unknown in the last hour"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours for a reader that is no terminal: {said:?}");
    let json: serde_json::Value =
        serde_json::from_str(&say(&stand, &["status", "--json"]).unwrap()).unwrap();
    assert_eq!(json["shops"][0]["verdict"]["code"], "orders_unknown");
    assert_eq!(json["shops"][0]["orders"]["today"], serde_json::Value::Null);
    assert_eq!(json["edge"]["connected"], true);
}

#[tokio::test]
async fn without_a_control_commands_say_so_with_a_code_of_their_own() {
    let folder = testkit::folder();
    for command in ["status", "sign-in", "reload"] {
        let spawn = program().arg(command).arg("--state").arg(folder.path());
        let error = run_to_end(spawn, LIMIT).unwrap_err().to_string();
        assert!(error.contains("exit status: 4"), "{error}");
        assert!(error.contains("Storewarden does not run with the state directory"), "{error}");
    }
}

#[tokio::test]
async fn a_link_from_the_command_line_signs_a_browser_in_once() {
    let stand = Stand::up().await;
    let link = testkit::wait_until("a link", LIMIT, async || say(&stand, &["sign-in"])).await;
    let path = link.trim().strip_prefix(&format!("http://{}", stand.control)).unwrap().to_owned();
    let first = get(stand.control, &path).await.unwrap();
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    assert_eq!(get(stand.control, &path).await.unwrap().status, 403);
}

#[tokio::test]
async fn a_refused_configuration_is_told_and_outlived() {
    let stand = Stand::up().await;
    until_said(&stand, "serving").await;
    let good = fs::read_to_string(stand.config()).unwrap();
    fs::write(stand.config(), good.replace("hosts", "hots")).unwrap();
    let error = say(&stand, &["reload"]).unwrap_err();
    for part in ["exit status: 3", "hots", "the configuration before stays in force"] {
        assert!(error.contains(part), "{error}");
    }
    until_said(&stand, "The configuration was not taken over").await;

    // A control that starts while the file is not valid goes on from what was in force.
    let control = stand.pid("control");
    signal(control, Signal::Kill).unwrap();
    stand.until_replaced("control", control).await;
    until_said(&stand, "The configuration was not taken over").await;
    assert_eq!(get(stand.edge, "/").await.unwrap().status, 200);

    fs::write(stand.config(), good).unwrap();
    let said = say(&stand, &["reload"]).unwrap();
    assert!(said.contains("is in force"), "{said}");
    testkit::wait_until("the finding's end", LIMIT, async || match say(&stand, &["status"]) {
        Ok(said) if !said.contains("not taken over") => Ok(()),
        other => Err(other),
    })
    .await;
}

#[tokio::test]
async fn a_reload_from_the_command_line_opens_new_addresses_too() {
    let stand = Stand::up().await;
    until_said(&stand, "serving").await;
    let another = testkit::free_port();
    stand.configure(&[stand.edge, another]);
    say(&stand, &["reload"]).unwrap();
    stand.until_served(another).await;
}

#[tokio::test]
async fn a_drain_outlives_control() {
    let stand = Stand::up().await;
    until_said(&stand, "up,").await;
    let token = fs::read_to_string(stand.folder.path().join("state").join("api-token")).unwrap();
    let status: serde_json::Value =
        serde_json::from_str(&say(&stand, &["status", "--json"]).unwrap()).unwrap();
    let name = status["shops"][0]["instances"][0]["name"].as_str().unwrap();
    let request = format!(
        "POST /api/v1/shops/a/instances/{name}/drain HTTP/1.1\r\nhost: {}\r\n\
         authorization: Bearer {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        stand.control,
        token.trim()
    );
    let drained = testkit::exchange(stand.control, request, LIMIT).await.unwrap();
    assert_eq!(drained.status, 200, "{}", drained.text());
    until_said(&stand, "draining").await;
    let control = stand.pid("control");
    signal(control, Signal::Kill).unwrap();
    stand.until_replaced("control", control).await;
    until_said(&stand, "draining").await;
}

#[test]
fn check_explains_a_good_file_and_all_mistakes_of_a_bad_one() {
    let folder = testkit::folder();
    let file = folder.path().join("shop.toml");
    let check = |text: &str, arguments: &[&str]| {
        fs::write(&file, text).unwrap();
        let spawn: Spawn = program().arg("check").arg(&file).args(arguments);
        run_to_end(spawn, LIMIT).map_err(|error| error.to_string())
    };
    let good = "version = 1\n[shop.a]\nplatform = \"generic\"\nhosts = [\"a.example\"]\n\
                app = [\"127.0.0.1:3001\"]\n";
    let explained = String::from_utf8(check(good, &[]).unwrap().stdout).unwrap();
    assert!(explained.contains("[shop.a]") && explained.contains("a.example"), "{explained}");
    let json = check(good, &["--json"]).unwrap().stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for key in
        json["sections"].as_array().unwrap().iter().flat_map(|at| at["keys"].as_array().unwrap())
    {
        assert_ne!(key["key"], "", "what lines it up for people stays away: {key}");
    }
    let error = check("version = 1\n[shop.a]\nplatform = \"x\"\nhots = []\n", &[]).unwrap_err();
    for part in ["exit status: 3", "shop.toml:3:", "shop.toml:4:", "mistakes"] {
        assert!(error.contains(part), "{error}");
    }
}
