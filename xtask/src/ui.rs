//! `cargo xtask ui`: the user interface with live reload, its API calls sent to a Storewarden that runs.

use crate::Refusal;
use crate::process;
use crate::web;
use crate::workspace::Workspace;

/// Becomes Vite's development server. The address of the interface comes as the only argument, as the demo prints it.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let [control] = arguments else {
        let usage = "Usage: cargo xtask ui http://127.0.0.1:PORT\nwith the address of the user interface that `cargo xtask demo` prints.";
        return Err(Refusal(usage.to_owned()).into());
    };
    web::fetch(workspace)?;
    let mut npm = process::command("npm", &["run", "dev"]);
    Err(process::become_program(
        npm.current_dir(workspace.path("web")).env("STOREWARDEN_CONTROL", control),
    ))
}
