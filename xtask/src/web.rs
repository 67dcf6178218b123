//! The user interface: built by npm into `web/dist`, which the binary embeds. Built again only when its sources changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, ensure};

use crate::install;
use crate::process;
use crate::workspace::{Workspace, files_below};

/// Builds `web/dist` when its sources differ from those it was built from.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let web = workspace.path("web");
    let note = workspace.notes()?.join("web-sources");
    let sources = fingerprint(&web)?;
    let is_built = web.join("dist/index.html").is_file();
    if is_built && std::fs::read_to_string(&note).is_ok_and(|noted| noted == sources) {
        println!("user interface: unchanged");
        return Ok(());
    }
    fetch(workspace)?;
    println!("user interface: npm run build");
    process::run(process::command("npm", &["run", "--silent", "build"]).current_dir(&web))?;
    std::fs::write(&note, sources).with_context(|| format!("write {}", note.display()))
}

/// Its types and tests: the scripts `check` and `test` of `web/package.json`; and that the types of the API are those
/// of the API's own document.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    fetch(workspace)?;
    for script in ["check", "test"] {
        println!("user interface: npm run {script}");
        let mut npm = process::command("npm", &["run", "--silent", "--if-present", script]);
        process::run(npm.current_dir(workspace.path("web")))?;
    }
    check_api_types(workspace)
}

/// Writes `web/src/api/schema.ts` again from docs/openapi.json; it must come out as committed.
fn check_api_types(workspace: &Workspace) -> anyhow::Result<()> {
    println!("user interface: npm run api");
    let path = workspace.path("web/src/api/schema.ts");
    let read =
        || std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()));
    let committed = read()?;
    process::run(
        process::command("npm", &["run", "--silent", "api"]).current_dir(workspace.path("web")),
    )?;
    ensure!(
        committed == read()?,
        "docs/openapi.json has changed since web/src/api/schema.ts was made of it. It was made again now: see whether the pages still fit, and commit it"
    );
    Ok(())
}

/// Fetches what `web/package-lock.json` names, when that changed.
pub(crate) fn fetch(workspace: &Workspace) -> anyhow::Result<()> {
    fetch_packages(workspace, "web")
}

/// `npm ci` in `folder`, when its lock file differs from the one fetched before.
pub(crate) fn fetch_packages(workspace: &Workspace, folder: &str) -> anyhow::Result<()> {
    install::ensure_node()?;
    let path = workspace.path(folder);
    let note = workspace.notes()?.join(format!("npm-{}", folder.replace('/', "-")));
    let lock = path.join("package-lock.json");
    let lock =
        std::fs::read_to_string(&lock).with_context(|| format!("read {}", lock.display()))?;
    let is_fetched = path.join("node_modules").is_dir();
    if is_fetched && std::fs::read_to_string(&note).is_ok_and(|noted| noted == lock) {
        return Ok(());
    }
    println!(
        "{folder}: npm ci (fetches what {folder}/package-lock.json names into {folder}/node_modules)"
    );
    process::run(
        process::command("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&path),
    )?;
    std::fs::write(&note, lock).with_context(|| format!("write {}", note.display()))
}

/// A fingerprint of names and contents of every source file below `folder`; only ever compared with one of this machine.
fn fingerprint(folder: &Path) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files_below(folder)? {
        file.strip_prefix(folder).unwrap_or(&file).hash(&mut hasher);
        std::fs::read(&file).with_context(|| format!("read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Scratch;

    #[test]
    fn a_fingerprint_follows_names_and_contents_but_not_what_is_built() {
        let scratch = Scratch::new("fingerprint").unwrap();
        let write = |name: &str, text: &str| {
            let path = scratch.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("src/app.ts", "one");
        let first = fingerprint(scratch.path()).unwrap();
        write("dist/index.html", "built");
        write("node_modules/x/index.js", "fetched");
        assert_eq!(fingerprint(scratch.path()).unwrap(), first);
        write("src/app.ts", "two");
        let second = fingerprint(scratch.path()).unwrap();
        assert_ne!(second, first);
        std::fs::rename(scratch.path().join("src/app.ts"), scratch.path().join("src/main.ts"))
            .unwrap();
        assert_ne!(fingerprint(scratch.path()).unwrap(), second);
    }
}
