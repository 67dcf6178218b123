//! A real mail server: aiosmtpd (PyPI), in an environment of Python's in the cache folder. Without
//! Python, or without a way to PyPI, its test says so and passes.

use super::{Channel, route};
use host::process::{Process, Spawn, run_to_end};
use kernel::config::{
    AlertSettings, ChannelSettings, Language, Secret, SmtpSecurity, SmtpSettings,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("smtp/server.py");
const START: Duration = Duration::from_secs(30);

pub(crate) struct MailServer {
    process: Process,
    folder: TempDir,
    plain: u16,
    encrypted: u16,
}

impl MailServer {
    pub(crate) async fn start() -> Option<Self> {
        let python = match python() {
            Ok(python) => python,
            Err(why) => {
                eprintln!("SKIPPED: no mail server to try against: {why}");
                return None;
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("server.py"), SCRIPT).unwrap();
        let names = vec!["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(path("chain.pem"), made.cert.pem()).unwrap();
        fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let process = Spawn::new(python)
            .arg(path("server.py"))
            .arg(folder.path())
            .output_to(path("log"))
            .start()
            .unwrap();
        let ports = testkit::wait_until("the mail server's ports", START, async || {
            let text = fs::read_to_string(path("ports")).map_err(|error| error.to_string())?;
            let mut ports = text.split_whitespace().map(|port| port.parse::<u16>().unwrap());
            ports.next().zip(ports.next()).ok_or(text)
        });
        let (plain, encrypted) = ports.await;
        Some(Self { process, folder, plain, encrypted })
    }

    pub(crate) fn channel(&self, to: &[&str], encrypted: bool) -> Channel {
        let smtp = SmtpSettings {
            host: "localhost".into(),
            port: if encrypted { self.encrypted } else { self.plain },
            security: if encrypted { SmtpSecurity::StartTls } else { SmtpSecurity::None },
            user: encrypted.then(|| "warden".into()),
            password: encrypted.then(|| Secret::new("a mail secret".into())),
            from: "storewarden@lamps.example".into(),
            root: encrypted.then(|| self.folder.path().join("chain.pem")),
        };
        let to = to.iter().map(|address| (*address).to_owned()).collect();
        let route = route(ChannelSettings::Email(to), Language::German);
        let settings = AlertSettings { smtp: Some(smtp), ..AlertSettings::default() };
        Channel::new(&route, &settings, &super::client().unwrap()).unwrap()
    }

    /// The mails that came since the last look, as the server wrote them down.
    pub(crate) fn take(&self) -> Vec<serde_json::Value> {
        let path = self.folder.path().join("mails");
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, "").unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) async fn stop(mut self) {
        self.process.stop(Duration::from_secs(2)).await.unwrap();
    }
}

/// Python with aiosmtpd, made once and kept.
fn python() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let place = cache.ok_or("there is no cache folder")?.join("storewarden/aiosmtpd");
    let python = place.join("bin/python");
    let works = || {
        let spawn = Spawn::new(&python).args(["-c", "import aiosmtpd"]);
        run_to_end(spawn, Duration::from_secs(20)).is_ok()
    };
    if works() {
        return Ok(python);
    }
    let run = |spawn: Spawn| {
        run_to_end(spawn, Duration::from_secs(120)).map(|_| ()).map_err(|error| error.to_string())
    };
    run(Spawn::new("python3").args(["-m", "venv"]).arg(&place))?;
    run(Spawn::new(&python).args(["-m", "pip", "install", "--quiet", "aiosmtpd==1.4.6"]))?;
    if works() { Ok(python) } else { Err("aiosmtpd does not run".to_owned()) }
}
