//! Exporters whose metrics are fetched, as a Prometheus would.

use super::Secret;
use crate::ShopId;
use std::path::PathBuf;

/// `[[scrape]]`: exporters of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeSettings {
    /// Unique among them: the label `job`.
    pub name: String,
    /// Whole addresses, each once; their host and port are the label `instance`.
    pub targets: Vec<String>,
    /// How often each is fetched; a fetch may take as long, ten seconds at most.
    pub every_ms: u64,
    /// Of which shop they are: the label `shop`, by which people see them who see that shop alone.
    pub shop: Option<ShopId>,
    /// Shown there as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// A root certificate (PEM) to trust besides the system's.
    pub root: Option<PathBuf>,
}
