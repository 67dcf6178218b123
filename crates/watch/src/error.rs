//! What can go wrong while watching and telling.

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Database(#[from] databases::DatabaseError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    Series(#[from] series::SeriesError),
    /// A bug of ours, told where it happened.
    #[error("read the history")]
    HistoryBroke(#[source] tokio::task::JoinError),
    #[error("make a client for notices")]
    Outbound(#[from] outbound::OutboundError),
    #[error("send mail: no mail server is configured")]
    NoMailServer,
    /// The route's settings can never work.
    #[error("tell by this route: {0}")]
    NotifySettings(String),
    /// The other side will never take this message.
    #[error("tell: {0}")]
    NotifyRefused(String),
    /// The other side may take this message later.
    #[error("tell: {0}")]
    NotifyFailed(String),
    #[error(transparent)]
    Refused(#[from] crate::incidents::Refused),
    #[error("find {what} `{name}`")]
    Missing { what: &'static str, name: String },
    #[error("understand what was kept of the rules")]
    Kept(#[source] serde_json::Error),
}
