//! SeaweedFS: an S3 with versions, object lock and policies, that looks who comes. A program from PyPI;
//! `cargo xtask test` installs it.

use crate::{exchange, folder, free_port, owned::Owned, wait_until};
use host::process::{Signal, Spawn};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// It ends with its value, and everything in it.
#[derive(Debug)]
pub struct Seaweed {
    program: PathBuf,
    process: Option<Owned>,
    s3: SocketAddr,
    filer: SocketAddr,
    /// Its other ports, by the options that name them.
    ports: Vec<(&'static str, u16)>,
    endpoint: String,
    folder: TempDir,
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
    /// May read and list, and nothing else.
    pub const READER: Credentials = Credentials { key_id: "reader", secret: "reader-secret" };

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
        let (s3, filer) = (free_port(), free_port());
        let ports = [
            "master.port",
            "volume.port",
            "master.port.grpc",
            "volume.port.grpc",
            "filer.port.grpc",
            "s3.port.grpc",
        ];
        let ports = ports.map(|of| (of, free_port().port())).to_vec();
        let endpoint = endpoint(s3);
        let mut seaweed = Self { program, process: None, s3, filer, ports, endpoint, folder };
        seaweed.begin().await;
        Some(seaweed)
    }

    /// Starts it again at the same address, with what it keeps.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn begin(&mut self) {
        let folder = self.folder.path();
        let mut spawn = Spawn::new(&self.program)
            .args(["server", "-master.telemetry=false", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args(["-volume.max=200", "-filer", "-s3"])
            // Else two of them want the same ports for these.
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .arg(format!("-dir={}", folder.display()))
            .arg(format!("-s3.config={}", folder.join("identities.json").display()))
            .arg(format!("-s3.port={}", self.s3.port()))
            .arg(format!("-filer.port={}", self.filer.port()))
            .directory(folder)
            .output_to(folder.join("seaweed.log"));
        for (of, port) in &self.ports {
            spawn = spawn.arg(format!("-{of}={port}"));
        }
        self.process = Some(Owned(spawn.start().expect("start SeaweedFS")));
        let address = self.s3;
        wait_until("SeaweedFS to listen", Duration::from_secs(60), async || {
            tokio::net::TcpStream::connect(address).await.map(drop)
        })
        .await;
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // It may have ended by itself.
        let _gone = process.0.signal(Signal::Kill);
        let _gone = process.0.wait().await;
    }

    /// A bucket of this name, without object lock: where it keeps files, a folder is one.
    ///
    /// # Panics
    /// When it is not made within a minute.
    pub async fn make_bucket(&self, name: &str) {
        let limit = Duration::from_secs(60);
        let request = format!(
            "POST /buckets/{name}/ HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n",
            self.filer
        );
        wait_until("a bucket", limit, async || {
            match exchange(self.filer, request.clone(), limit).await {
                Ok(answer) if answer.status == 201 => Ok(()),
                other => Err(other.map(|answer| answer.status).map_err(|error| error.to_string())),
            }
        })
        .await;
    }

    /// Puts an object (`BUCKET/KEY`, of plain signs), past everybody's rights.
    ///
    /// # Panics
    /// When it is not put within a minute.
    pub async fn put_file(&self, path: &str, content: &[u8]) {
        let status = self.ask_filer("PUT", path, content).await.0;
        assert_eq!(status, 201, "{path} is put");
    }

    /// Deletes one likewise.
    ///
    /// # Panics
    /// When it is not deleted within a minute.
    pub async fn delete_file(&self, path: &str) {
        let status = self.ask_filer("DELETE", path, b"").await.0;
        assert_eq!(status, 204, "{path} is deleted");
    }

    /// The content of one; `None`: there is none.
    ///
    /// # Panics
    /// When nobody answers within a minute.
    pub async fn file(&self, path: &str) -> Option<Vec<u8>> {
        let (status, content) = self.ask_filer("GET", path, b"").await;
        assert!([200, 404].contains(&status), "{path}: {status}");
        (status == 200).then_some(content)
    }

    async fn ask_filer(&self, method: &str, path: &str, content: &[u8]) -> (u16, Vec<u8>) {
        let limit = Duration::from_secs(60);
        let mut request = format!(
            "{method} /buckets/{path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            self.filer,
            content.len()
        )
        .into_bytes();
        request.extend_from_slice(content);
        let answer = wait_until("an answer of the filer", limit, async || {
            exchange(self.filer, &request, limit).await.map_err(|error| error.to_string())
        })
        .await;
        (answer.status, answer.body)
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
    let text = format!(
        r#"{{"identities": [{owner}, {}, {}]}}"#,
        identity(Seaweed::HOST, may),
        identity(Seaweed::READER, r#""Read", "List""#),
    );
    fs::write(folder.join("identities.json"), text).expect("write into a folder of the test's own");
}
