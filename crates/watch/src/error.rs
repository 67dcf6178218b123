//! What can go wrong while watching.

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Database(#[from] databases::DatabaseError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
