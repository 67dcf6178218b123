//! `cargo xtask bench edge`: the edge beside Debian's nginx.
use crate::workspace::Workspace;
pub(crate) fn run(_workspace: &Workspace, _arguments: &[String]) -> anyhow::Result<()> {
    Ok(())
}
