//! `cargo xtask dist`: a Debian package and a tarball of one tree of files, the program's symbols apart, and the
//! checksums of all.
//!
//! The same program and the same commit give the same bytes, whoever packs them and where: times come from
//! `SOURCE_DATE_EPOCH` or the commit, owners are root, names are sorted.

mod debian;
mod elf;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::Refusal;
use crate::process::{self, Scratch, cargo, command};
use crate::web;
use crate::workspace::Workspace;
use elf::Needs;
use tree::Tree;

const USAGE: &str =
    "Usage: cargo xtask dist [--out DIR] [--binary FILE] [--version VERSION] [--quick]";

/// What is packed, and how.
#[derive(Debug)]
pub(crate) struct Wish {
    out: PathBuf,
    /// A program that is built already; without one, the release is built.
    binary: Option<PathBuf>,
    version: String,
    /// Barely compressed, and nothing but the package: for tests.
    quick: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    let wish = understand(workspace, arguments)?;
    let built = match &wish.binary {
        Some(binary) => binary.clone(),
        None => build(workspace)?,
    };
    let epoch = epoch(workspace)?;
    fs::create_dir_all(&wish.out).with_context(|| format!("make {}", wish.out.display()))?;
    let scratch = Scratch::new("dist")?;
    let program = scratch.path().join("storewarden");
    strip(&built, &program)?;
    let needs = Needs::of(&program)?;
    let tree =
        Tree::gather(workspace, &program, &scratch.path().join("usr"), &wish.version, epoch)?;
    let mut made = vec![debian::pack(workspace, &tree, &needs, &wish, scratch.path())?];
    if !wish.quick {
        made.push(tarball(&tree, &wish)?);
        made.push(symbols(&built, &wish)?);
    }
    checksums(&wish.out, &made)?;
    for path in &made {
        let size = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?.len();
        println!("{} ({:.1} MB)", path.display(), size as f64 / 1e6);
    }
    println!("{}", needs.sentence());
    Ok(())
}

fn understand(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<Wish> {
    let refusal = || Refusal(USAGE.to_owned());
    let mut wish = Wish {
        out: workspace.target.join("dist"),
        binary: None,
        version: version(workspace)?,
        quick: false,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or_else(refusal);
        match word.as_str() {
            "--out" => wish.out = value()?.into(),
            "--binary" => wish.binary = Some(value()?.into()),
            "--version" => wish.version = value()?,
            "--quick" => wish.quick = true,
            _ => return Err(refusal().into()),
        }
    }
    Ok(wish)
}

/// The version of the workspace.
fn version(workspace: &Workspace) -> anyhow::Result<String> {
    let path = workspace.path("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"'));
    Ok(version.context("Cargo.toml names the version of the workspace")?.to_owned())
}

/// The best program that cargo makes of this: with the interface of now in it.
fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    web::build(workspace)?;
    let arguments = ["build", "--release", "--locked", "--package", "storewarden"];
    process::run(cargo(&arguments).current_dir(&workspace.root))?;
    Ok(workspace.program("release", "storewarden"))
}

/// Seconds since 1970: `SOURCE_DATE_EPOCH` (reproducible-builds.org), else the time of the commit.
fn epoch(workspace: &Workspace) -> anyhow::Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => process::output(
            command("git", &["log", "-1", "--format=%ct"]).current_dir(&workspace.root),
        )?,
    };
    text.trim().parse().with_context(|| format!("understand `{}` as seconds", text.trim()))
}

/// Without what only a debugger reads.
fn strip(from: &Path, to: &Path) -> anyhow::Result<()> {
    process::run(command("strip", &["--strip-all", "-o"]).arg(to).arg(from))
}

/// What was stripped, for whoever has a crash to read: `addr2line -e`.
fn symbols(built: &Path, wish: &Wish) -> anyhow::Result<PathBuf> {
    let name = format!("storewarden-{}-{}.debug", wish.version, std::env::consts::ARCH);
    let path = wish.out.join(name);
    process::run(command("objcopy", &["--only-keep-debug"]).arg(built).arg(&path))?;
    process::run(command("gzip", &["--no-name", "--best", "--force"]).arg(&path))?;
    Ok(path.with_extension("debug.gz"))
}

/// As it would lie below /usr: `tar -xzf … -C /usr --strip-components=1` installs it.
fn tarball(tree: &Tree, wish: &Wish) -> anyhow::Result<PathBuf> {
    let name = format!("storewarden-{}-{}-linux", wish.version, std::env::consts::ARCH);
    let path = wish.out.join(format!("{name}.tar.gz"));
    let plain = path.with_extension("");
    let mut tar = command("tar", &["--create", "--sort=name", "--format=gnu", "--numeric-owner"]);
    tar.args(["--owner=0", "--group=0", &format!("--mtime=@{}", tree.epoch)])
        .args([&format!("--transform=s,^\\.,{name},"), "--file"])
        .arg(&plain)
        .arg("--directory")
        .arg(&tree.usr)
        .arg(".");
    process::run(&mut tar)?;
    process::run(command("gzip", &["--no-name", "--best", "--force"]).arg(&plain))?;
    Ok(path)
}

/// `sha256sum --check SHA256SUMS` in the folder says whether everything is as it was made.
fn checksums(out: &Path, made: &[PathBuf]) -> anyhow::Result<()> {
    let mut names: Vec<_> = made.iter().filter_map(|path| path.file_name()).collect();
    names.sort();
    let sums = process::output(command("sha256sum", &["--"]).args(names).current_dir(out))?;
    let path = out.join("SHA256SUMS");
    fs::write(&path, sums).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_understood_or_refused() {
        let workspace = Workspace::locate().unwrap();
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let wish =
            understand(&workspace, &words("--out o --binary b --version 9 --quick")).unwrap();
        assert_eq!(wish.out, Path::new("o"));
        assert_eq!(wish.binary.as_deref(), Some(Path::new("b")));
        assert_eq!((wish.version.as_str(), wish.quick), ("9", true));
        let wish = understand(&workspace, &[]).unwrap();
        assert_eq!(wish.version, env!("CARGO_PKG_VERSION"));
        assert!(understand(&workspace, &words("--out")).is_err());
        assert!(understand(&workspace, &words("release")).is_err());
    }
}
