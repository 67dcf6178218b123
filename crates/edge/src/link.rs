//! The link between edge and control: one Unix socket, frames of [`kernel::link`] both ways.
//!
//! Control binds and publishes snapshots, edges connect and send facts; neither waits for the
//! other, and visitors wait for neither. The socket's mode 0600 is what keeps strangers out. The
//! format stands in docs/formats/edge-link.md.

mod control;
mod edge;
mod frames;
mod saved;

pub use control::{ControlLink, ControlLinkError, LinkEvent};
pub(crate) use edge::EdgeLink;
pub(crate) use saved::SavedSnapshot;
