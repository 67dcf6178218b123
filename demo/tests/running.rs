//! Shops that run for the length of a test.

use std::{
    fs::Permissions, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, time::Duration,
};

use demo::{
    customers::{Answer, Client},
    shop::{self, Options},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// An instance of the shop inside the test's process; it stops when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub(crate) async fn start(name: &str, database: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let options = Options {
            name: name.into(),
            database: database.into(),
            capacity: 64,
            does_jobs: false,
            work: Duration::from_millis(1),
            pictures: None,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let server = tokio::spawn(shop::serve(listener, options, stopped));
        let running = Self { address, stop: Some(stop), server };
        // Waits inside the listener's queue until the shop has been filled.
        assert_eq!(running.client().request("GET", "/health", None).await.unwrap().status, 200);
        running
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, &self.address.to_string())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().request("GET", path, None).await.expect("an answer")
    }

    /// Stops as SIGTERM does.
    pub(crate) async fn stop(mut self) {
        self.stop.take().expect("not stopped yet").send(()).expect("still running");
        self.server.await.expect("no panic").expect("no error");
    }
}

pub(crate) fn sqlite_in(directory: &Path) -> String {
    format!("sqlite:{}", directory.join("shop.db").display())
}

/// A temporary folder that the user whom PostgreSQL runs as may enter.
pub(crate) fn passable_directory() -> TempDir {
    let passable = Permissions::from_mode(0o711);
    tempfile::Builder::new().permissions(passable).tempdir().expect("a temporary folder")
}
