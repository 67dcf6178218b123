//! The Debian package: the tree below /usr with Debian's control files around it, packed by dpkg-deb(1).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Wish;
use super::elf::Needs;
use super::tree::{Tree, set_mode, set_time};
use crate::process::{self, command};
use crate::workspace::Workspace;

const SCRIPTS: [&str; 5] = ["config", "preinst", "postinst", "prerm", "postrm"];
/// What the scripts and units need beside the program's libraries.
const DEPENDS: &str =
    "systemd (>= 247), init-system-helpers (>= 1.52), debconf (>= 0.5) | debconf-2.0";

/// Packs the tree, which is moved into `scratch/package`. Returns the package's path.
pub(super) fn pack(
    workspace: &Workspace,
    tree: &Tree,
    needs: &Needs,
    wish: &Wish,
    scratch: &Path,
) -> anyhow::Result<PathBuf> {
    let root = scratch.join("package");
    let control = root.join("DEBIAN");
    fs::create_dir_all(&control).with_context(|| format!("make {}", control.display()))?;
    let architecture = architecture()?;
    let template = read(&workspace.path("packaging/debian/control"))?;
    let text = fill(
        &template,
        &[
            ("VERSION", &wish.version),
            ("ARCHITECTURE", architecture),
            ("INSTALLED_SIZE", &tree.kilobytes()?.to_string()),
            ("DEPENDS", &format!("{}, {DEPENDS}", needs.debian()?)),
        ],
    )?;
    place(&control.join("control"), text.as_bytes(), 0o644, tree.epoch)?;
    for script in SCRIPTS {
        let text = read(&workspace.path(&format!("packaging/debian/{script}")))?;
        place(&control.join(script), text.as_bytes(), 0o755, tree.epoch)?;
    }
    let templates = read(&workspace.path("packaging/debian/templates"))?;
    place(&control.join("templates"), templates.as_bytes(), 0o644, tree.epoch)?;
    // The same tree goes into the tarball afterwards, so it is lent and not copied.
    let lent = root.join("usr");
    fs::rename(&tree.usr, &lent).with_context(|| format!("move to {}", lent.display()))?;
    process::run(command("rm", &["-f"]).arg(lent.join("share/doc/storewarden/LICENSE")))?;
    for folder in [&lent.join("share/doc/storewarden"), &control, &root] {
        set_mode(folder, 0o755)?;
        set_time(folder, tree.epoch)?;
    }
    sums(&root, &control, tree.epoch)?;
    let path = wish.out.join(format!("storewarden_{}_{architecture}.deb", wish.version));
    let compression: &[&str] = if wish.quick { &["-Zgzip", "-z1"] } else { &["-Zxz"] };
    let mut build = command("dpkg-deb", &["--build", "--root-owner-group"]);
    build.args(compression).arg(&root).arg(&path).env("SOURCE_DATE_EPOCH", tree.epoch.to_string());
    process::output(&mut build)?;
    fs::rename(&lent, &tree.usr).with_context(|| format!("move to {}", tree.usr.display()))?;
    Ok(path)
}

/// `md5sums`, by which dpkg --verify finds what was changed (deb-md5sums(5)).
fn sums(root: &Path, control: &Path, epoch: u64) -> anyhow::Result<()> {
    let files = crate::workspace::files_below(&root.join("usr"))?;
    let names = files.iter().filter_map(|path| path.strip_prefix(root).ok());
    let text = process::output(command("md5sum", &["--"]).args(names).current_dir(root))?;
    place(&control.join("md5sums"), text.as_bytes(), 0o644, epoch)
}

fn place(path: &Path, bytes: &[u8], mode: u32, epoch: u64) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))?;
    set_mode(path, mode)?;
    set_time(path, epoch)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Debian's name of this machine's architecture.
fn architecture() -> anyhow::Result<&'static str> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("Debian's name for `{other}` is not known here"),
    })
}

/// Puts values in the places of `@NAME@`; one that is left is a slip.
fn fill(template: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    let text = values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    let left = text.split('@').nth(1).filter(|name| {
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
    });
    match left {
        Some(name) => bail!("nothing was said for `@{name}@`"),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_whole_or_refused() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(fill(text, &[("A", "1"), ("B", "2")]).ok().as_deref(), expect, "{text}");
        };
        check("@A@-@B@", Some("1-2"));
        check("mail me@example.org", Some("mail me@example.org"));
        check("@A@ @C@", None);
    }
}
