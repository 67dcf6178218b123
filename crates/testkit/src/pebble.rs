//! Debian's `pebble`: a real ACME authority on the loopback, with its name server.

use crate::{folder, free_port, owned::Owned, wait_until};
use host::process::Spawn;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const PEBBLE: &str = "/usr/bin/pebble";
const NAMES: &str = "/usr/bin/pebble-challtestsrv";

/// An authority that believes every name to be this machine's, and asks a web server on it for
/// challenges. It ends with its value.
#[derive(Debug)]
pub struct Pebble {
    folder: TempDir,
    acme: SocketAddr,
    environment: Vec<(&'static str, &'static str)>,
    names: SocketAddr,
    pebble: Option<Owned>,
    _name_server: Owned,
}

impl Pebble {
    /// Whether there is an authority to test with. In CI there must be.
    ///
    /// # Panics
    /// In CI without one.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "says in the test's output why nothing was tested")]
    pub fn is_installed() -> bool {
        let installed = Path::new(PEBBLE).exists() && Path::new(NAMES).exists();
        assert!(installed || std::env::var_os("CI").is_none(), "CI needs Debian's package pebble");
        if !installed {
            println!("skipped: Debian's package pebble is not installed");
        }
        installed
    }

    /// Asks for challenges at this port, whatever the host.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(challenges: u16, environment: &[(&'static str, &'static str)]) -> Self {
        let folder = folder();
        write_certificates(folder.path());
        let (acme, names) = (free_port(), free_port());
        let config = format!(
            r#"{{"pebble": {{"listenAddress": "{acme}", "managementListenAddress": "{}",
            "certificate": "{}", "privateKey": "{}", "httpPort": {challenges}, "tlsPort": {},
            "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}"#,
            free_port(),
            folder.path().join("server.pem").display(),
            folder.path().join("server.key").display(),
            free_port().port(),
        );
        std::fs::write(folder.path().join("pebble.json"), config).expect("write its configuration");
        let name_server = Spawn::new(NAMES)
            .args(["-dns01", &names.to_string(), "-management", &free_port().to_string()])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""])
            .output_to(folder.path().join("names.log"))
            .start()
            .expect("start the name server");
        let environment = environment.to_vec();
        let _name_server = Owned(name_server);
        let mut pebble = Self { folder, acme, environment, names, pebble: None, _name_server };
        pebble.restart().await;
        pebble
    }

    /// Starts it, the first time or again with everything forgotten.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        if let Some(mut pebble) = self.pebble.take() {
            pebble.0.stop(Duration::from_secs(5)).await.expect("end the authority");
        }
        let config = self.folder.path().join("pebble.json");
        let mut spawn = Spawn::new(PEBBLE)
            .args(["-config".as_ref(), config.as_os_str()])
            .args(["-dnsserver", &self.names.to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .output_to(self.folder.path().join("pebble.log"));
        for (name, value) in &self.environment {
            spawn = spawn.env(name, value);
        }
        self.pebble = Some(Owned(spawn.start().expect("start the authority")));
        wait_until("pebble to listen", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(self.acme).await.map(drop)
        })
        .await;
    }

    /// The address of its directory.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.acme)
    }

    /// The root certificate (PEM) of its own https.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }
}

fn write_certificates(folder: &Path) {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::new(Vec::new()).expect("no name is no wrong name");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("a root").pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address is a name");
    let server_pem = server.signed_by(&key, &issuer).expect("a certificate").pem();
    write(&folder.join("root.pem"), &root_pem);
    write(&folder.join("server.pem"), &server_pem);
    write(&folder.join("server.key"), &key.serialize_pem());
}

/// A certificate for these names with its key, as PEM files in a folder: `chain.pem`, `key.pem`. It
/// signs itself, and is trusted by whoever trusts it as a root.
///
/// # Panics
/// When it cannot be made or written.
pub fn self_signed(folder: &Path, names: &[&str]) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).expect("names");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    let (chain_file, key_file) = (folder.join("chain.pem"), folder.join("key.pem"));
    write(&chain_file, &chain);
    write(&key_file, &key.serialize_pem());
    (chain_file, key_file)
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("write into a folder of the test's own");
}
