//! What the plan to the front looks at, by tables.

use super::*;

fn change(path: &Path) -> FileChange {
    let path = path.display().to_string();
    FileChange { path, text: "after".to_owned(), before: "before".to_owned() }
}

#[test]
fn files_are_before_after_between_or_somebody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let files = [change(&a), change(&b)];
    let check = |texts: [&str; 2], expect: Standing| {
        fs::write(&a, texts[0]).unwrap();
        fs::write(&b, texts[1]).unwrap();
        assert_eq!(standing(&files, &[]), expect, "{texts:?}");
    };
    check(["before", "before"], Standing::Before);
    check(["after", "before"], Standing::Between);
    check(["after", "after"], Standing::After);
    check(["after", "another"], Standing::Elsewhere);
    assert_eq!(standing(&[files[0].back()], &[]), Standing::Before, "of the way back");
    let between = files.clone().map(|file| FileChange { text: "another".to_owned(), ..file });
    assert_eq!(standing(&files, &between), Standing::Between);
}

#[test]
fn what_became_of_ports_is_told_by_what_was_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let servers = WebServers { state: folder.path().to_owned(), now_ms: || 0 };
    let shop = || "lamps".parse().unwrap();
    let listen = || vec!["http://127.0.0.1:1".to_owned()];
    let probes = || {
        let acts = [
            Act::YieldPorts { shop: shop(), listen: listen() },
            Act::UnyieldPorts { shop: shop(), listen: listen() },
        ];
        acts.map(|act| servers.look(&act).unwrap())
    };
    assert_eq!(probes(), [Probe::NotDone, Probe::Done]);
    let mut wanted = Ports { number: 1, listen: listen(), holder: None };
    ports::want(folder.path(), &wanted).unwrap();
    assert_eq!(probes(), [Probe::Done, Probe::NotDone]);
    wanted.holder = Some(1);
    ports::want(folder.path(), &wanted).unwrap();
    assert_eq!(probes(), [Probe::Partial, Probe::NotDone]);
    ports::forget(folder.path()).unwrap();
    assert_eq!(probes(), [Probe::NotDone, Probe::Done]);
}

#[test]
fn addresses_are_read_with_and_without_their_scheme() {
    let read = |text: &str| addresses(&[text.to_owned()]).map(|all| all[0].to_string());
    assert_eq!(read("http://0.0.0.0:80").as_deref(), Ok("0.0.0.0:80"));
    assert_eq!(read("https://[::]:443").as_deref(), Ok("[::]:443"));
    assert_eq!(read("127.0.0.1:8081").as_deref(), Ok("127.0.0.1:8081"));
    assert!(read("http://shop.example").is_err());
}

#[test]
fn what_the_web_server_does_not_take_back_is_the_edges_again() {
    let folder = tempfile::tempdir().unwrap();
    let yielded = Ports { number: 1, listen: vec!["http://127.0.0.1:1".to_owned()], holder: None };
    ports::want(folder.path(), &yielded).unwrap();
    let main = "/nowhere/nginx.conf".into();
    let back = Return { main, at: Vec::new(), files: Vec::new(), shared: Vec::new() };
    back.stay_in_front(folder.path()).unwrap();
    assert_eq!(ports::wanted(folder.path()).unwrap(), None, "nothing is left to anybody else");
}
