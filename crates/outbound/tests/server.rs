//! A server for tests that answers every request as it is told, and tells what it was asked.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
    /// Counts connections from 1.
    pub(crate) connection: usize,
}

/// Ends with the value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

type Answer = Arc<dyn Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync>;

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, answer).await
    }

    pub(crate) async fn start_with(
        tls: Option<tokio_rustls::TlsAcceptor>,
        answer: impl Fn(&Asked) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, told): (Answer, _) = (Arc::new(answer), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            for connection in 1.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, told) = (Arc::clone(&answer), Arc::clone(&told));
                match tls.clone() {
                    None => drop(tokio::spawn(serve(stream, connection, answer, told))),
                    Some(tls) => drop(tokio::spawn(async move {
                        // A client that does not trust us breaks off; it says so itself.
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, connection, answer, told).await;
                        }
                    })),
                }
            }
        });
        Self { address, asked, task }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    answer: Answer,
    told: Arc<Mutex<Vec<Asked>>>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (answer, told) = (Arc::clone(&answer), Arc::clone(&told));
        async move {
            let (head, body) = request.into_parts();
            let asked = Asked {
                method: head.method.to_string(),
                target: head.uri.to_string(),
                headers: head.headers,
                body: body.collect().await.unwrap().to_bytes(),
                connection,
            };
            told.lock().unwrap().push(asked.clone());
            Ok::<_, Infallible>(answer(&asked))
        }
    });
    // How a connection ends is the client's business, and what the tests look at.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
