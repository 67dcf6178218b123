//! Real servers, where this machine has them: their tests say so when it has not.

use crate::server::{DEADLINE, check, collector, told};
use collect::{Clue, Login, Place, Service, StatusPage, Target, Want, discover};
use host::process::{Process, Signal, Spawn};
use outbound::http::{Client, ClientOptions};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

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
    let place = Place::Unix(socket);
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

    let survey = host::survey::survey(Path::new("/proc"), Path::new("/etc/passwd")).unwrap();
    let client = Client::new(&ClientOptions::default()).unwrap();
    let found = discover(&survey, folder.path(), &[], &client, DEADLINE).await;
    let redis = found.iter().find(|one| one.place == address.to_string()).unwrap();
    assert_eq!((redis.service, redis.wants), (Service::Redis, Some(Want::Login)));
    assert_eq!(redis.clue, Clue::Listens { pid: Some(running.0.pid()) });
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
