//! The browser's step: a demo of its own in a temporary folder, and a real browser that uses its interface.
use crate::workspace::Workspace;
pub(super) fn run(_workspace: &Workspace) -> anyhow::Result<()> {
    Ok(())
}
