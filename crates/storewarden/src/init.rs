//! `storewarden init`: looks at the machine and writes a configuration file of what it saw. A file
//! that is there is never touched.

pub(crate) mod machine;

use crate::{cli::Exit, remote::print};
use anyhow::{Context as _, bail};
use serde_json::json;
use shops::detect::{Detected, Draft, Sureness, draft, look};
use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

/// The owner writes, the group reads: what a service's user is a member of.
const MODE: u32 = 0o640;

/// What is to be done with what was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// The file goes to standard output, and what was found to standard error.
    pub(crate) print: bool,
    pub(crate) json: bool,
}

pub(crate) fn run(file: &Path, wish: Wish) -> anyhow::Result<Exit> {
    if !wish.print && file.symlink_metadata().is_ok() {
        bail!("{}", refusal(file));
    }
    let detected = machine::with(look)?;
    let draft = draft(&detected, &file.display().to_string());
    if !wish.print {
        write(file, &draft.text)?;
    }
    if wish.json {
        let answer = json!({
            "file": (!wish.print).then_some(file),
            "found": detected.sentences(),
            "notes": detected.notes,
            "missing": draft.missing,
            "valid": draft.valid,
            "detected": detected,
            "text": draft.text,
        });
        print(format!("{}\n", serde_json::to_string_pretty(&answer)?).as_bytes())?;
    } else if wish.print {
        eprint!("{}", found(&detected));
        print(draft.text.as_bytes())?;
    } else {
        let text = format!("{}\n{}", found(&detected), next(file, &draft));
        print(text.as_bytes())?;
    }
    Ok(Exit::Fine)
}

fn refusal(file: &Path) -> String {
    format!(
        "`{0}` is there already and stays as it is; `storewarden init --config {0} --print` shows \
         what would be written",
        file.display()
    )
}

/// Makes the file whole or not at all; whoever was faster keeps theirs.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(MODE).open(file);
    let mut new = match opened {
        Ok(new) => new,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!("{}", refusal(file)),
        Err(error) => return Err(error).context(format!("write `{}`", file.display())),
    };
    let written = new
        .write_all(text.as_bytes())
        .and_then(|()| give_to_owner_of_folder(&new, file))
        .and_then(|()| new.sync_all());
    if written.is_err() {
        // Half a file would be refused as one that is there, and it was ours a moment ago.
        fs::remove_file(file).ok();
    }
    written.with_context(|| format!("write `{}`", file.display()))
}

/// Root writes it for whom its folder belongs to, as /etc/storewarden to the service's user, who is to
/// read it, and to write it when another configuration is signed off.
fn give_to_owner_of_folder(new: &File, file: &Path) -> io::Result<()> {
    if !host::users::is_root() {
        return Ok(());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let owner = fs::metadata(folder.unwrap_or(Path::new(".")))?;
    fchown(new, Some(owner.uid()), Some(owner.gid()))
}

/// A line for each thing that was found, and for what was not visible.
fn found(detected: &Detected) -> String {
    let mut text = String::new();
    let mut line = |word: &str, said: &str| {
        writeln!(text, "{word:9}{said}").expect("invariant: a String takes all text");
    };
    for sentence in detected.sentences() {
        line(&sentence.sureness.to_string(), &sentence.text);
    }
    for note in &detected.notes {
        line("unknown", &format!("{note}."));
    }
    if detected.shops.is_empty() {
        line(&Sureness::Guess.to_string(), "No shop was seen on this machine.");
    }
    text
}

fn next(file: &Path, draft: &Draft) -> String {
    let file = file.display();
    let mut text = format!("Wrote {file}. What is still to be done:\n");
    for missing in &draft.missing {
        text.push_str(&format!("  - {missing}\n"));
    }
    text.push_str(&format!("  - read it; then: storewarden check {file}\n"));
    if draft.valid {
        text.push_str(&format!("  - storewarden up --config {file}\n"));
    }
    text
}
