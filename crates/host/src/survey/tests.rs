//! A recorded tree, and our own process in the real one.

use super::*;
use std::{net::TcpListener, os::unix::fs::symlink};

const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 100 0 0 10 0
   2: 0100007F:0BB9 0100007F:1234 01 00000000:00000000 00:00000000 00000000  1000        0 13 1 0 100 0 0 10 0
   3: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 14 1 0 100 0 0 10 0
";
const TABLE_6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1 0 100 0 0 10 0
";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n";

/// One process of the tree: what it holds open, when it started, and its group.
struct Recorded {
    pid: u32,
    name: &'static str,
    command: &'static [u8],
    uid: u32,
    started: u64,
    sockets: &'static [u64],
    group: &'static str,
}

fn record(proc: &Path, process: &Recorded) {
    let folder = proc.join(process.pid.to_string());
    fs::create_dir_all(folder.join("fd")).unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.join(name), text).unwrap();
    write("comm", format!("{}\n", process.name).as_bytes());
    write("cmdline", process.command);
    write(
        "status",
        format!("Name:\t{}\nUid:\t{1}\t{1}\t{1}\t{1}\n", process.name, process.uid).as_bytes(),
    );
    let zeros = "0 ".repeat(18);
    let Recorded { pid, name, started, .. } = process;
    write("stat", format!("{pid} ({name} ) S {zeros}{started} 0\n").as_bytes());
    write("cgroup", process.group.as_bytes());
    write("environ", b"DB_NAME=shop\0DB_PASSWORD=secret\0DB_NAME_2=x\0");
    symlink("/srv/shop", folder.join("cwd")).unwrap();
    symlink("/usr/bin/program", folder.join("exe")).unwrap();
    for (number, inode) in process.sockets.iter().enumerate() {
        symlink(format!("socket:[{inode}]"), folder.join("fd").join(number.to_string())).unwrap();
    }
}

fn recorded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let proc = folder.path();
    fs::create_dir_all(proc.join("net")).unwrap();
    fs::write(proc.join("net/tcp"), TABLE).unwrap();
    fs::write(proc.join("net/tcp6"), TABLE_6).unwrap();
    fs::write(proc.join("passwd"), PASSWD).unwrap();
    let web = Recorded {
        pid: 900,
        name: "nginx",
        command: b"nginx: master process /usr/sbin/nginx\0\0\0",
        uid: 0,
        started: 50,
        sockets: &[11, 21],
        group: "0::/system.slice/nginx.service\n",
    };
    // A worker with a lower number, after the numbers had begun anew.
    let worker = Recorded { pid: 90, uid: 33, started: 60, ..web };
    let shop = Recorded {
        pid: 1200,
        name: "node",
        command: b"node\0server.js\0--port=3001\0",
        uid: 4711,
        started: 70,
        sockets: &[12],
        group: "1:name=systemd:/system.slice/system-shop.slice/shop@3001.service\n",
    };
    for process in [&web, &worker, &shop] {
        record(proc, process);
    }
    folder
}

#[test]
fn a_recorded_machine_is_read_as_far_as_it_shows() {
    let folder = recorded();
    let found = survey(folder.path(), &folder.path().join("passwd")).unwrap();
    let lines: Vec<String> = found
        .listening
        .iter()
        .map(|listening| {
            let owner = listening.owner.as_ref().map(|owner| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let command = owner.command.clone().unwrap_or_default().join("|");
                format!("{} {} {} [{command}]", owner.pid, text(&owner.user), text(&owner.unit))
            });
            format!("{} {}", listening.address, owner.unwrap_or_else(|| "unknown".to_owned()))
        })
        .collect();
    let nginx = "900 root nginx.service [nginx: master process /usr/sbin/nginx]";
    assert_eq!(
        lines,
        [
            format!("0.0.0.0:80 {nginx}"),
            format!("[::]:80 {nginx}"),
            "127.0.0.1:3001 1200 4711 shop@3001.service [node|server.js|--port=3001]".to_owned(),
            "127.0.0.1:5432 unknown".to_owned(),
        ]
    );
    assert_eq!(found.hidden(), 1);
    assert_eq!(found.listening[2].owner.as_ref().unwrap().directory, Some("/srv/shop".into()));
}

#[test]
fn only_the_variables_that_were_asked_for_are_kept() {
    let folder = recorded();
    let found = variables(folder.path(), 1200, &["DB_NAME", "DB_HOST"]).unwrap();
    assert_eq!(found, BTreeMap::from([("DB_NAME".to_owned(), "shop".to_owned())]));
    assert_eq!(variables(folder.path(), 7, &["DB_NAME"]), None);
}

#[test]
fn our_own_process_is_found_in_the_real_tree() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let found = survey(Path::new("/proc"), Path::new("/etc/passwd")).unwrap();
    let ours = found.listening.iter().find(|listening| listening.address == address).unwrap();
    let owner = ours.owner.as_ref().unwrap();
    assert_eq!(owner.pid, std::process::id());
    assert_eq!(owner.directory, std::env::current_dir().ok());
    assert_eq!(owner.program, std::env::current_exe().ok());
    assert_eq!(owner.command, Some(std::env::args().collect()));
}

#[test]
fn nothing_secret_is_shown() {
    let command = Some(vec!["shop".to_owned(), "--database=postgres://a:secret@b/c".to_owned()]);
    let (program, directory, user, unit) = (None, None, None, None);
    let owner = Owner { pid: 1, name: None, program, command, directory, user, unit };
    assert!(!format!("{owner:?}").contains("secret"));
    assert!(!serde_json::to_string(&owner).unwrap().contains("secret"));
}

#[test]
fn services_are_told_from_sessions() {
    let check = |groups: &str, expect: Option<&str>| {
        assert_eq!(unit(groups).as_deref(), expect, "{groups}");
    };
    check("0::/system.slice/shop.service\n", Some("shop.service"));
    check("0::/system.slice/shop.service/worker\n", Some("shop.service"));
    check("0::/shop.slice/shop@1.service\n", Some("shop@1.service"));
    check("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n", None);
    check("12:pids:/a.service\n1:name=systemd:/system.slice/b.service\n", Some("b.service"));
    check("0::/\n", None);
    check("", None);
}

#[test]
fn a_tree_without_tables_is_no_empty_machine() {
    let folder = tempfile::tempdir().unwrap();
    assert!(survey(folder.path(), Path::new("/etc/passwd")).is_err());
}
