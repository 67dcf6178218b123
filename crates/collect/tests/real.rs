//! Real servers, where this machine has them: their tests say so when it has not.

use crate::{
    databases::value,
    server::{DEADLINE, check, collector, told},
};
use collect::{Clue, Login, Place, Service, StatusPage, Target, Want, discover};
use host::process::{Process, Signal, Spawn};
use outbound::http::{Client, ClientOptions};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// It ends with its value.
struct Running(Process);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which its log then tells.
        let _gone = self.0.signal(Signal::Kill);
    }
}

/// The first of these programs that is installed.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        println!("NOT TESTED: none of {names:?} is installed");
    }
    found
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn start(spawn: Spawn, folder: &Path) -> Running {
    Running(spawn.output_to(folder.join("log")).start().unwrap())
}

/// Until it answers.
async fn ready(target: Target, folder: &Path) -> kernel::readings::Readings {
    let mut collector = collector(target);
    testkit::wait_until("the server to answer", Duration::from_secs(60), async || {
        let (outcome, readings) = told(&mut collector).await;
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        outcome.map(|()| readings).map_err(|error| format!("{error}: {}", log()))
    })
    .await
}

#[tokio::test]
async fn redis() {
    let Some(program) = program(&["valkey-server", "redis-server"]) else { return };
    let folder = folder();
    let socket = folder.path().join("socket");
    let spawn = Spawn::new(program)
        .args([
            "--bind",
            "127.0.0.1",
            "--requirepass",
            "secret",
            "--maxmemory",
            "104857600",
            "--save",
            "",
        ])
        .args(["--dir", folder.path().to_str().unwrap(), "--unixsocket", socket.to_str().unwrap()]);
    let address = testkit::free_port();
    let running = start(spawn.args(["--port", &address.port().to_string()]), folder.path());
    let place = Place::Unix(socket.clone());
    let login = Login { user: "default".into(), password: "secret".into() };
    let readings =
        ready(Target::Redis { place: place.clone(), login: Some(login) }, folder.path()).await;
    check(
        &readings,
        "redis_up 1\nredis_memory_max_bytes 104857600\nredis_connected_clients 1\nredis_evicted_keys_total 0",
    );
    let (outcome, _) = told(&mut collector(Target::Redis { place, login: None })).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("NOAUTH"), "{text}");

    bullmq_in(&socket).await;

    let survey = host::survey::survey(Path::new("/proc"), Path::new("/etc/passwd")).unwrap();
    let client = Client::new(&ClientOptions::default()).unwrap();
    let found = discover(&survey, folder.path(), &[], &client, DEADLINE).await;
    let redis = found.iter().find(|one| one.place == address.to_string()).unwrap();
    assert_eq!((redis.service, redis.wants), (Service::Redis, Some(Want::Login)));
    assert_eq!(redis.clue, Clue::Listens { pid: Some(running.0.pid()) });
}

/// Keys as BullMQ writes them.
async fn bullmq_in(socket: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let ago = |minutes: u128| now - minutes * 60_000;
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let commands = format!(
        "AUTH secret\r\nHSET q:mails:meta version x\r\nLPUSH q:mails:wait 1 2\r\nHSET q:mails:1 timestamp {}\r\nHSET q:mails:2 timestamp {now}\r\n\
         ZADD q:mails:prioritized 5 3\r\nHSET q:mails:3 timestamp {}\r\nLPUSH q:mails:active 4\r\nHSET q:mails:4 processedOn {}\r\n\
         ZADD q:mails:failed {now} 5 {} 6\r\nHSET q:idle:meta version x\r\nPING\r\n",
        ago(20),
        ago(50),
        ago(30),
        ago(90)
    );
    stream.write_all(commands.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"+PONG\r\n") {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0);
    }
    assert!(!heard.contains(&b'-'), "{}", String::from_utf8_lossy(&heard));
    let target = Target::BullMq {
        platform: "medusa".into(),
        place: Place::Unix(socket.into()),
        login: Some(Login { user: String::new(), password: "secret".into() }),
        queues: ["q:mails", "q:idle", "q:none"].map(str::to_owned).to_vec(),
    };
    let (outcome, readings) = told(&mut collector(target)).await;
    outcome.unwrap();
    check(
        &readings,
        r#"storewarden_queue_up 1
        storewarden_queue_readable{platform="medusa",queue="mails"} 1
        storewarden_queue_waiting{platform="medusa",queue="mails"} 3
        storewarden_queue_running{platform="medusa",queue="mails"} 1
        storewarden_queue_failed{platform="medusa",queue="mails"} 1
        storewarden_queue_oldest_waiting_seconds{platform="medusa",queue="idle"} 0
        storewarden_queue_oldest_running_seconds{platform="medusa",queue="idle"} 0
        storewarden_queue_readable{platform="medusa",queue="none"} 0"#,
    );
    let age = |name| value(&readings, name, Some(("queue", "mails"))).unwrap();
    assert!((3000.0..3900.0).contains(&age("storewarden_queue_oldest_waiting_seconds")));
    assert!((1800.0..2700.0).contains(&age("storewarden_queue_oldest_running_seconds")));
}

#[tokio::test]
async fn nginx() {
    let Some(program) = program(&["nginx"]) else { return };
    let folder = folder();
    let address = testkit::free_port();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", folder.path().display()))
        .concat();
    let text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary}\
         server {{ listen {address}; location = /nginx_status {{ stub_status; }} }} }}\n",
        folder = folder.path().display()
    );
    fs::write(folder.path().join("config"), text).unwrap();
    let spawn = Spawn::new(program)
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(folder.path().join("config"));
    let _running = start(spawn, folder.path());
    let readings =
        ready(Target::Nginx { url: format!("http://{address}/nginx_status") }, folder.path()).await;
    check(&readings, "nginx_up 1\nnginx_connections_active 1\nnginx_connections_writing 1");
}

#[tokio::test]
async fn php_fpm() {
    let names = [
        "php-fpm",
        "php-fpm8.5",
        "php-fpm8.4",
        "php-fpm8.3",
        "php-fpm8.2",
        "php-fpm8.1",
        "php-fpm7.4",
    ];
    let Some(program) = program(&names) else { return };
    let folder = folder();
    let socket = folder.path().join("socket");
    let user = if host::users::is_root() { "user = nobody\ngroup = nogroup\n" } else { "" };
    let text = format!(
        "[global]\nerror_log = /dev/stderr\ndaemonize = no\n[shop]\n{user}listen = {}\npm = static\n\
         pm.max_children = 1\npm.status_path = /status-of-the-shop\n",
        socket.display()
    );
    let config = folder.path().join("config");
    fs::write(&config, text).unwrap();
    let spawn = Spawn::new(program).args(["-n", "-F", "-y"]).arg(&config);
    let _running = start(spawn, folder.path());
    let page = |path: &str| {
        let place = Place::Unix(socket.clone());
        Target::PhpFpm(StatusPage::FastCgi { place, path: path.into() })
    };
    let readings = ready(page("/status-of-the-shop"), folder.path()).await;
    check(
        &readings,
        "phpfpm_up 1\nphpfpm_total_processes{pool=\"shop\"} 1\nphpfpm_active_processes{pool=\"shop\"} 1",
    );
    let (outcome, _) = told(&mut collector(page("/other"))).await;
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("404"), "{text}");
}
