//! SeaweedFS: an S3 with versions, object lock and policies, that looks who comes. A program from PyPI;
//! `cargo xtask test` installs it.

use crate::{folder, free_port, owned::Owned, wait_until};
use host::process::Spawn;
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;

/// It ends with its value, and everything in it.
#[derive(Debug)]
pub struct Seaweed {
    _server: Owned,
    endpoint: String,
    _folder: TempDir,
}

/// With whose rights somebody comes.
#[derive(Debug, Clone, Copy)]
pub struct Credentials {
    pub key_id: &'static str,
    pub secret: &'static str,
}

impl Seaweed {
    /// May do everything.
    pub const OWNER: Credentials = Credentials { key_id: "owner", secret: "owner-secret" };
    /// May read, list, write and delete, and lock what it writes.
    pub const HOST: Credentials = Credentials { key_id: "host", secret: "host-secret" };

    /// `tests` is the folder that cargo keeps for tests (`CARGO_TARGET_TMPDIR`). `None`, and a word of
    /// it, where it is not installed.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::print_stdout, reason = "says in the test's output why nothing was tested")]
    pub async fn start(tests: &Path) -> Option<Self> {
        let program = tests.join("seaweedfs/bin/weed");
        if !program.exists() {
            println!(
                "NOT TESTED: object lock, for SeaweedFS is not there; `cargo xtask test` installs it"
            );
            return None;
        }
        let folder = folder();
        write_identities(folder.path());
        let s3 = free_port();
        let mut spawn = Spawn::new(program)
            .args(["server", "-master.telemetry=false", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args(["-volume.max=200", "-filer", "-s3"])
            .arg(format!("-dir={}", folder.path().display()))
            .arg(format!("-s3.config={}", folder.path().join("identities.json").display()))
            .arg(format!("-s3.port={}", s3.port()))
            .directory(folder.path())
            .output_to(folder.path().join("seaweed.log"));
        for of in ["master.port", "volume.port", "filer.port"] {
            spawn = spawn.arg(format!("-{of}={}", free_port().port()));
        }
        for of in ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"] {
            spawn = spawn.arg(format!("-{of}={}", free_port().port()));
        }
        let _server = Owned(spawn.start().expect("start SeaweedFS"));
        wait_until("SeaweedFS to listen", Duration::from_secs(60), async || {
            tokio::net::TcpStream::connect(s3).await.map(drop)
        })
        .await;
        Some(Self { _server, endpoint: endpoint(s3), _folder: folder })
    }

    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Who may do what (github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API).
fn write_identities(folder: &Path) {
    let identity = |Credentials { key_id, secret }: Credentials, actions: &str| {
        format!(
            r#"{{"name": "{key_id}", "actions": [{actions}],
            "credentials": [{{"accessKey": "{key_id}", "secretKey": "{secret}"}}]}}"#
        )
    };
    let owner = identity(Seaweed::OWNER, r#""Admin""#);
    let may = r#""Read", "Write", "List", "PutObjectRetention""#;
    let text = format!(r#"{{"identities": [{owner}, {}]}}"#, identity(Seaweed::HOST, may));
    fs::write(folder.join("identities.json"), text).expect("write into a folder of the test's own");
}
