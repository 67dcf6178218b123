//! moto: an S3 that is light, and takes every request, whoever signed it. From PyPI; `cargo xtask test`
//! installs it.

use crate::{folder, free_port, owned::Owned, wait_until};
use host::process::Spawn;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

/// It ends with its value, and everything in it.
#[derive(Debug)]
pub struct Moto {
    _server: Owned,
    endpoint: String,
    _folder: TempDir,
}

impl Moto {
    /// `tests` is the folder that cargo keeps for tests (`CARGO_TARGET_TMPDIR`). `None`, and a word of
    /// it, where it is not installed.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::print_stdout, reason = "says in the test's output why nothing was tested")]
    pub async fn start(tests: &Path) -> Option<Self> {
        let program = tests.join("moto/bin/moto_server");
        if !program.exists() {
            println!("NOT TESTED: buckets, for moto is not there; `cargo xtask test` installs it");
            return None;
        }
        let folder = folder();
        let address = free_port();
        let server = Spawn::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .output_to(folder.path().join("moto.log"))
            .start()
            .expect("start moto");
        let _server = Owned(server);
        wait_until("moto to listen", Duration::from_secs(60), async || {
            tokio::net::TcpStream::connect(address).await.map(drop)
        })
        .await;
        Some(Self { _server, endpoint: format!("http://{address}"), _folder: folder })
    }

    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
