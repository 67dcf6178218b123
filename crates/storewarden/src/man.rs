//! Manual pages: one for each command, of the same source as its help.

use crate::cli::{Cli, Exit};
use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

const SECTION: &str = "1";

/// Writes all pages into a folder, which is made when it is not there.
pub(crate) fn run(folder: &Path) -> anyhow::Result<Exit> {
    fs::create_dir_all(folder)
        .with_context(|| format!("make the folder `{}`", folder.display()))?;
    let mut program = Cli::command();
    program.build();
    write(&program, None, folder)?;
    Ok(Exit::Fine)
}

fn write(command: &Command, parent: Option<&str>, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{}.{SECTION}", name(command)));
    let written = File::create(&path).and_then(|file| {
        let mut file = BufWriter::new(file);
        page(command, parent, &mut file)?;
        file.flush()
    });
    written.with_context(|| format!("write `{}`", path.display()))?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write(inner, Some(name(command)), folder)?;
    }
    Ok(())
}

/// `storewarden-runs-list`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, parent: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .source(format!("Storewarden {}", env!("CARGO_PKG_VERSION")))
        .manual("Storewarden");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    let is_parent = command.get_subcommands().any(|inner| !inner.is_hide_set());
    if is_parent {
        man.render_subcommands_section(out)?;
    }
    exit_status(out)?;
    match parent {
        Some(parent) => see_also(parent, out),
        None => Ok(()),
    }
}

fn exit_status(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in Exit::TABLE {
        roff.control("TP", []);
        roff.text([bold(code.to_string())]);
        roff.text([roman(meaning)]);
    }
    roff.to_writer(out)
}

fn see_also(parent: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold(parent), roman(format!("({SECTION})"))]);
    roff.to_writer(out)
}
