//! Has the ledger kept: its checkpoints made and sent, by what the configuration says at the time.

use ::watch::{Watch, ledger_keeper::LedgerKeeper};
use anyhow::Context;
use kernel::config::LedgerSettings;
use outbound::http::{Client, ClientOptions};
use std::{path::Path, sync::Arc};
use store::{LedgerKey, Store};
use tokio::{sync::watch, task::JoinSet};

/// Begins to keep it, until `stopped`; what is sent into the answer holds from then on.
///
/// # Errors
/// When the key is none, or cannot be made.
pub(super) fn keep(
    store: Store,
    watch: Watch,
    settings: &LedgerSettings,
    state: &Path,
    (servers, stopped): (&mut JoinSet<()>, watch::Receiver<bool>),
) -> anyhow::Result<watch::Sender<LedgerSettings>> {
    let key = Arc::new(LedgerKey::open(state).context("open the ledger's key")?);
    let client = Client::new(&ClientOptions::default()).context("prepare to send checkpoints")?;
    let keeper = LedgerKeeper::new(store, key, client, settings);
    let (sender, changed) = watch::channel(settings.clone());
    servers.spawn(keeper.run(watch, changed, stopped));
    Ok(sender)
}
