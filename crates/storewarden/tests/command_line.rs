//! The whole command line as somebody meets it who does something wrong, has nothing running, or
//! may not do it: what is said, and with which exit code. And what a shell and `man` make of it.

use crate::stand::{LIMIT, Stand, program};
use std::{fs, path::Path};
use testkit::process::{Spawn, run_to_end};

/// A line of arguments that goes wrong: its exit code and what it says on standard error.
struct Slip<'a>(&'a str, u8, &'a str);

fn check(Slip(line, exit, says): &Slip<'_>, state: &Path) {
    // Quoted words are one argument.
    let words = line.split('\'').enumerate().flat_map(|(index, part)| {
        let is_quoted = index % 2 == 1;
        if is_quoted { vec![part] } else { part.split_whitespace().collect() }
    });
    let spawn = program().args(words.collect::<Vec<_>>()).env("STATE_DIRECTORY", state);
    let error = run_to_end(spawn, LIMIT).expect_err(line).to_string();
    assert!(error.contains(&format!("exit status: {exit}")), "{line}: {error}");
    assert!(error.contains(says), "{line} should say `{says}`: {error}");
}

#[test]
fn what_cannot_be_understood_is_told_with_what_could() {
    let folder = testkit::folder();
    for slip in [
        // All commands are shown; of a text that long, the error keeps the end.
        Slip("", 2, "Put the installed program in the place of the one that runs"),
        Slip("statsu", 2, "a similar subcommand exists: 'status'"),
        Slip("restart", 2, "<SHOP>"),
        Slip("restart lamps --forced", 2, "<INSTANCE>"),
        Slip("runs show seven", 2, "invalid value 'seven' for '<RUN>'"),
        Slip("runs hurry 7", 2, "--reason"),
        Slip("runs list --last 0", 2, "0 is not in 1..=200"),
        Slip("incidents list --level awful", 2, "possible values: unknown, attention, broken"),
        Slip("incidents list --since yesterday", 2, "write a length such as 90s"),
        Slip("incidents silence", 2, "--until"),
        Slip("incidents own 7", 2, "<OWNER>"),
        Slip("user add anna --role king", 2, "expected one of owner, operator"),
        Slip("user add Anna --role owner", 2, "invalid value 'Anna'"),
        Slip("token create ci --may everything", 2, "invalid value 'everything'"),
        Slip("status --watch --json", 2, "cannot be used with"),
        Slip("completions tcsh", 2, "possible values: bash, elvish, fish, powershell, zsh"),
        Slip("ledger export --from noon", 2, "write a day such as"),
    ] {
        check(&slip, folder.path());
    }
}

#[test]
fn where_nothing_runs_every_command_says_so_and_how_to_start_it() {
    let folder = testkit::folder();
    for line in [
        "status",
        "status --json",
        "sign-in",
        "reload",
        "drain lamps app-1",
        "undrain lamps app-1",
        "restart lamps app-1 --yes",
        "deploy lamps 42 --yes",
        "clean-up --yes",
        "runs",
        "runs list",
        "runs show 1",
        "runs follow 1",
        "runs approve 1",
        "incidents",
        "incidents show 1",
        "incidents ack 1",
        "incidents silence --until 1h",
        "user list",
        "token list",
    ] {
        check(&Slip(line, 4, "start it with `storewarden up --config FILE"), folder.path());
        check(&Slip(line, 4, folder.path().to_str().unwrap()), folder.path());
    }
    for slip in [
        Slip("check missing.toml", 1, "read the configuration file `missing.toml`"),
        Slip("up --config missing.toml", 1, "read the configuration file `missing.toml`"),
        Slip("ledger show", 1, "look for a ledger in"),
        Slip("status --watch", 1, "--watch needs a terminal"),
    ] {
        check(&slip, folder.path());
    }
}

#[test]
fn who_may_not_ask_is_told_who_may() {
    if testkit::is_root() {
        println!("skipped: root may read everything");
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    let folder = testkit::folder();
    fs::write(folder.path().join("api-address"), "127.0.0.1:1").unwrap();
    let token = folder.path().join("api-token");
    fs::write(&token, "secret").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o000)).unwrap();
    check(&Slip("status", 4, "you may not read"), folder.path());
}

#[tokio::test]
async fn names_that_nobody_has_are_told_with_those_there_are() {
    let stand = Stand::up().await;
    let state = stand.folder.path().join("state");
    testkit::wait_until("control's answer", LIMIT, async || {
        let spawn = program().args(["sign-in", "--state"]).arg(&state);
        run_to_end(spawn, LIMIT).map_err(|error| error.to_string())
    })
    .await;
    let near = "there is no shop `aa`; did you mean `a`?";
    for slip in [
        Slip("status aa", 1, near),
        Slip("runs list --shop aa", 1, near),
        Slip("runs --shop aa", 1, near),
        Slip("incidents --shop aa", 1, near),
        Slip("incidents list --shop aa", 1, near),
        Slip("incidents silence --until 1h --shop aa", 1, near),
        Slip("drain aa app-1", 1, near),
        Slip("restart aa", 1, near),
        Slip("restart aa app-1", 1, near),
        Slip("deploy aa 42", 1, near),
        Slip("user add anna --role client@aa", 1, near),
        Slip("token create ci --may see --shop aa", 1, near),
        Slip("runs list --shop elsewhere", 1, "there is no shop `elsewhere`; there is `a`"),
        Slip("restart a nobody", 1, "there is no instance `nobody`; there is `app-"),
        Slip("drain a nobody", 1, "there is no instance `nobody`; there is"),
        Slip("runs list --in runing", 1, "did you mean `running`?"),
        Slip("runs show 99", 1, "there is no run `99`"),
        Slip("runs follow 99", 1, "there is no run `99`"),
        Slip("runs cancel 99", 1, "there is no run `99`"),
        Slip("incidents show 99", 1, "there is no incident `99`"),
        Slip("incidents resolve 99 mended", 1, "there is no incident `99`"),
        Slip("incidents silence --until 2020-01-01", 1, "a silence ends after it begins"),
        Slip("incidents end-silence 99", 1, "there is no silence `99`"),
        Slip("user link nobody", 1, "there is no person `nobody`"),
        Slip("token revoke nobody", 1, "there is no token `nobody`"),
        Slip("clean-up", 1, "nobody is there to say yes: add --yes"),
    ] {
        check(&slip, &state);
    }
}

/// What bash offers after these words.
fn completed(words: &[&str], state: &Path) -> Vec<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_storewarden")).parent().unwrap();
    let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let (last, current) = (words.len() - 1, words[words.len() - 1]);
    let script = format!(
        "source <(storewarden completions bash)\nCOMP_WORDS=({line})\nCOMP_CWORD={last}\n\
         COMP_TYPE=9\n_clap_complete_storewarden storewarden '{current}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    let spawn = Spawn::new("bash").args(["--norc", "-c", &script]);
    let output = run_to_end(spawn.env("PATH", path).env("STATE_DIRECTORY", state), LIMIT).unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn bash_completes_commands_shops_and_instances() {
    let stand = Stand::up().await;
    let state = stand.folder.path().join("state");
    assert_eq!(completed(&["storewarden", "inc"], &state), ["incidents"]);
    assert_eq!(
        completed(&["storewarden", "runs", "decl"], &state),
        ["declare-done", "declare-not-done"]
    );
    let all = completed(&["storewarden", ""], &state);
    assert!(all.contains(&"status".into()) && !all.contains(&"edge".into()), "{all:?}");
    testkit::wait_until("the shop's name", LIMIT, async || {
        let shops = completed(&["storewarden", "restart", ""], &state);
        if shops.contains(&"a".into()) { Ok(()) } else { Err(shops) }
    })
    .await;
    let instances = completed(&["storewarden", "drain", "a", ""], &state);
    assert!(instances.iter().any(|name| name.starts_with("app-")), "{instances:?}");
    // Where nothing runs there is nothing to offer, and nothing is said.
    let shops = completed(&["storewarden", "restart", "x"], stand.folder.path());
    assert!(shops.is_empty(), "{shops:?}");
}

#[test]
fn manual_pages_are_understood_without_a_warning() {
    let folder = testkit::folder();
    let pages = folder.path().join("man1");
    run_to_end(program().arg("man").arg(&pages), LIMIT).unwrap();
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        let text = fs::read_to_string(&path).unwrap();
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS", "EXIT STATUS"] {
            assert!(text.contains(part), "{} lacks {part}:\n{text}", path.display());
        }
        if !Path::new("/usr/bin/groff").exists() {
            continue;
        }
        let spawn = Spawn::new("groff").args(["-man", "-ww", "-Tutf8", "-Kutf8"]).arg(&path);
        let output = run_to_end(spawn, LIMIT).unwrap();
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert!(warnings.is_empty(), "{}: {warnings}", path.display());
    }
    names.sort();
    for name in ["storewarden.1", "storewarden-clean-up.1", "storewarden-runs-declare-done.1"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    assert!(!names.contains(&"storewarden-edge.1".to_owned()), "what is hidden has no page");
}
