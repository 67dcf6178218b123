//! `[shop.ID.backup]`: what is read, and what is wrong with it.

use super::*;
use crate::config::{
    BackupSchedule, BackupSettings, KeepSettings, LockMode, LockSettings, RepositorySettings,
    SftpSettings,
};

const HOUR: u64 = 3_600_000;

#[track_caller]
fn backup(text: &str) -> BackupSettings {
    let text = format!("{HEAD}[shop.lamps.backup]\n{text}");
    let read = read(&text).unwrap_or_else(|errors| panic!("{text}: {:?}", errors.0));
    read.shops[0].backup.clone().expect("a backup")
}

#[test]
fn one_line_is_a_backup_with_every_default() {
    assert!(read(HEAD).unwrap().shops[0].backup.is_none());
    let read = backup("to = \"/mnt/usb\"");
    assert_eq!(read.to, [RepositorySettings::Folder("/mnt/usb".into())]);
    assert_eq!(read.schedule, BackupSchedule::Every { ms: 24 * HOUR });
    let within_ms = Some(30 * 24 * HOUR);
    let keep =
        KeepSettings { within_ms, last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    assert_eq!(read.keep, keep);
    assert_eq!((read.password.is_none(), read.database), (true, true));
    // A day lies between two, and the next one takes its time.
    assert_eq!((read.lose_at_most_ms, read.back_within_ms), (25 * HOUR, HOUR));
    assert_eq!(backup("to = \"/b\"\nevery = \"2h\"").lose_at_most_ms, 24 * HOUR);
    assert_eq!(
        backup("to = \"/b\"\nat = \"02:30\"").schedule,
        BackupSchedule::Daily { minute: 150 }
    );
    let keep = backup("to = \"/b\"\nkeep = { daily = 7, last = 3 }").keep;
    assert_eq!((keep.within_ms, keep.daily, keep.last), (None, 7, 3));
}

#[test]
fn with_a_stream_the_database_may_be_asked_for_more_often_than_files_are_saved() {
    let text = format!(
        "{HEAD}database = \"postgres://shop@127.0.0.1/shop\"\n\
         backup = {{ to = \"/b\", lose_at_most = \"15m\" }}\nstream = {{}}"
    );
    let read = read(&text).unwrap_or_else(|errors| panic!("{text}: {:?}", errors.0));
    let backup = read.shops[0].backup.clone().expect("a backup");
    assert_eq!((backup.lose_at_most_ms, backup.lose_files_at_most_ms), (HOUR / 4, 25 * HOUR));
    assert_eq!(backup.database_every_ms, 7 * 24 * HOUR);
    // A journal on this machine alone goes with it, and one of a database that is left out brings nothing back.
    let check = |more: &str, stream: &str| {
        let text = format!(
            "{HEAD}database = \"postgres://shop@127.0.0.1/shop\"\n\
             backup = {{ to = \"/b\", lose_at_most = \"15m\"{more} }}\nstream = {stream}"
        );
        let errors = super::read(&text).expect_err(&text).0;
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains("1d lie between two backups"), "{said:?}");
    };
    check("", "{ copy = false }");
    check(", database = false", "{}");
}

#[test]
fn places_are_read_in_every_form() {
    let check = |to: &str, expect: &str| {
        let read = backup(&format!("to = {to}"));
        assert_eq!(read.to[0].to_string(), expect, "{to}");
    };
    check("\"sftp://me@nas.example:2222/a/b/\"", "sftp://me@nas.example:2222/a/b");
    check("[\"sftp://nas/a\"]", "sftp://nas/a");
    let keys = "key_id = \"${S3_KEY_ID}\", secret = \"${S3_SECRET}\"";
    check(&format!("{{ s3 = \"s3://b/x/\", {keys} }}"), "s3://b/x");
    let read = backup("to = { sftp = \"sftp://nas/a\", identity = \"/k\" }");
    let expect = SftpSettings {
        user: None,
        host: "nas".into(),
        port: None,
        path: "/a".into(),
        identity: Some("/k".into()),
        known_hosts: None,
    };
    assert_eq!(read.to, [RepositorySettings::Sftp(expect)]);
    let read = backup(&format!("to = {{ s3 = \"s3://b/x\", {keys}, locked_for = \"2d\" }}"));
    let lock = |read: &BackupSettings| match &read.to[..] {
        [RepositorySettings::S3 { lock, .. }] => *lock,
        other => panic!("{other:?}"),
    };
    let for_ms = 48 * HOUR;
    assert_eq!(lock(&read), Some(LockSettings { for_ms, mode: LockMode::Compliance }));
    let governed = "locked_for = \"2d\", lock_mode = \"governance\"";
    let read = backup(&format!("to = {{ s3 = \"s3://b/x\", {keys}, {governed} }}"));
    assert_eq!(lock(&read), Some(LockSettings { for_ms, mode: LockMode::Governance }));
}

#[test]
fn media_lie_in_folders_and_in_buckets_that_no_backup_goes_to() {
    let keys = "key_id = \"${S3_KEY_ID}\", secret = \"${S3_SECRET}\"";
    let shop = |media: &str, backup: &str| read(&format!("{HEAD}media = {media}\n{backup}"));
    let media = format!("[\"/m\", {{ s3 = \"s3://pictures/big/\", {keys} }}]");
    let found = &shop(&media, "").unwrap().shops[0];
    assert_eq!(found.media, [PathBuf::from("/m")]);
    let [bucket] = &found.media_buckets[..] else { panic!("{found:?}") };
    assert_eq!((&*bucket.bucket, &*bucket.prefix), ("pictures", "big"));
    assert_eq!(bucket.secret.reveal(), "p@ss word");
    let one = |place: &str| format!("{{ s3 = \"s3://{place}\", {keys} }}");
    let check = |media: &str, to: &str, expect: Option<&str>| {
        let backup = format!("backup = {{ to = {to} }}");
        let errors = shop(media, &backup).err().map(|errors| errors.0[0].to_string());
        match expect {
            Some(expect) => assert!(errors.clone().unwrap().contains(expect), "{errors:?}"),
            None => assert_eq!(errors, None, "{media} {to}"),
        }
    };
    check("7", "\"/b\"", Some("`media` has a number, but folders, buckets and such are wanted"));
    check("\"/m\"", "\"/b\"", None);
    check("[\"/m\", \"/m\"]", "\"/b\"", Some("`media` has \"/m\" twice"));
    check("\"m\"", "\"/b\"", Some("`media`"));
    let two = format!("[{}, {}]", one("p/a"), one("p/a/b"));
    check(&two, "\"/b\"", Some("`media` has \"s3://p/a/b\" twice"));
    check(&format!("[{}, {}]", one("p/a"), one("p/ab")), "\"/b\"", None);
    check(&one("p/a"), &one("p/b"), None);
    check(&one("p"), &one("p/backups"), Some("the backups at s3://p/backups lie in one another"));
}

#[test]
fn processors_are_whole_ones_or_a_share_of_one() {
    let check = |cpu: &str, expect: Option<u32>| {
        let read = backup(&format!("to = \"/b\"\n{cpu}"));
        assert_eq!(read.limits.cpu_percent, expect, "{cpu}");
    };
    check("", None);
    check("cpu = 2", Some(200));
    check("cpu = \"50%\"", Some(50));
    check("cpu = \"150 %\"", Some(150));
}

#[test]
fn a_shop_is_started_from_a_backup_as_the_file_says() {
    let read = backup(
        "to = \"/b\"\n[shop.lamps.backup.boot]\ncommand = [\"{files}/srv/run\", \"{\\\"a\\\":1}\"]\n\
         environment = [\"PORT={port}\", \"A_B=x=y\", \"KEY=${S3_SECRET}\"]\nwithin = \"5s\"",
    );
    let boot = read.boot.expect("a boot");
    assert_eq!(boot.command, ["{files}/srv/run", "{\"a\":1}"]);
    let given: Vec<(&str, &str)> =
        boot.environment.iter().map(|(name, value)| (&**name, value.reveal())).collect();
    assert_eq!(given, [("PORT", "{port}"), ("A_B", "x=y"), ("KEY", "p@ss word")]);
    assert_eq!((boot.within_ms, boot.path, boot.status), (5_000, None, None));
    assert!(backup("to = \"/b\"").boot.is_none());
}

#[test]
fn what_is_wrong_with_a_backup_is_said() {
    let check = |text: &str, expect: &[&str]| {
        let errors = read(&format!("{HEAD}[shop.lamps.backup]\n{text}")).expect_err(text).0;
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expect.len(), "{said:?}");
        for (said, expect) in said.iter().zip(expect) {
            assert!(said.contains(expect) && !said.contains("s3cret"), "{text}: {said}");
        }
    };
    check("", &["[shop.lamps.backup] has no `to`; write `to = ["]);
    check("to = \"usb\"", &["is neither a whole path nor begins with `s3://` or `sftp://`"]);
    check("to = \"sftp://me:s3cret@nas/a\"", &["has a password in it; sign in by a key"]);
    check("to = \"sftp://nas\"", &["which names no folder"]);
    check("to = \"sftp://-oProxyCommand=x/a\"", &["which names no machine"]);
    check("to = \"sftp://nas:x/a\"", &["whose port is none"]);
    check("to = [\"/b\", \"/b\"]", &["`to` has /b twice"]);
    check("to = \"/b\"\nat = \"25:00\"", &["which is no time of day"]);
    check("to = \"/b\"\nat = \"02:00\"\nevery = \"1h\"", &["stand beside each other"]);
    check("to = \"/b\"\nlose_at_most = \"1h\"", &["but 1d lie between two backups"]);
    check("to = \"/b\"\npassword = \"s3cret\"", &["`password` stands here in clear"]);
    check("to = \"/b\"\nexclude = \"/\"", &["which would leave out everything"]);
    check("to = \"/b\"\nmemory = \"1MiB\"", &["but must be 256MiB to"]);
    check("to = \"/b\"\ncpu = \"1%\"", &["is \"1%\", which is no share of a processor"]);
    check("to = \"/b\"\ncpu = 0", &["but must be 1 to 1024"]);
    check("to = \"/b\"\nkeep = { dayly = 3 }", &["is `daily` meant?"]);
    check("to = \"/b\"\nkeeps = \"3d\"", &["is `keep` meant?"]);
    let boot = |text: &str| format!("to = \"/b\"\n[shop.lamps.backup.boot]\n{text}");
    check(&boot("path = \"/\""), &["[shop.lamps.backup.boot] has no `command`"]);
    check(&boot("command = \"srv/run\""), &["which is no program"]);
    check(&boot("command = [\"run\", \"{prot}\"]"), &["is `{port}` meant?"]);
    let given = |line: &str| boot(&format!("command = \"run\"\nenvironment = [{line}]"));
    check(&given("\"s3cret\""), &["has a line that is not `NAME=value`"]);
    check(&given("\"A=1\", \"A=2\""), &["has `A` twice"]);
    check(&given("\"A={files_}\""), &["is `{files}` meant?"]);
    let two = "backup = { to = \"/b\" }\n[shop.socks]\nplatform = \"sample\"\n\
               hosts = \"socks.example\"\napp = \"127.0.0.1:3002\"\nbackup = { to = \"/b\" }\n";
    let errors = read(&format!("{HEAD}{two}")).expect_err("two shops").0;
    assert!(errors[0].to_string().contains("/b has the backups of shop `lamps` already"));
}
