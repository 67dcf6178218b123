//! The help held against the committed one, and the page of commands against the commands.

use super::*;
use clap::CommandFactory as _;
use std::{fmt::Write as _, path::Path};

const MEND: &str = "UPDATE_GOLDEN=1 cargo nextest run -p storewarden help";

#[test]
fn help_is_as_committed() {
    let mut whole = Cli::command().term_width(100);
    whole.build();
    let mut text = whole.render_long_help().to_string();
    for command in whole.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        write!(text, "\n\n{}", command.render_long_help()).unwrap();
        for deed in command.get_subcommands_mut().filter(|deed| !deed.is_hide_set()) {
            write!(text, "\n\n{}", deed.render_long_help()).unwrap();
        }
    }
    let text = format!("{}\n", text.trim_end());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "tests/golden/help.txt is not the help of now; run: {MEND}");
}

/// The folder of the pages for people.
fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_page_of_commands_tells_each_of_them_with_an_example() {
    let page = page("cli.md");
    let (told, examples) = page.split_once("## Examples").unwrap();
    let mut whole = Cli::command();
    whole.build();
    for command in whole.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let deeds = command.get_subcommands().filter(|deed| !deed.is_hide_set());
        let deeds: Vec<String> = deeds.map(|deed| format!("{name} {}", deed.get_name())).collect();
        let lines = if deeds.is_empty() { vec![name.to_owned()] } else { deeds };
        for line in lines {
            // The first word of a command that has several is said by the command itself.
            let optional = line.replace(" list", " [list]");
            let is_told =
                told.contains(&format!("`{line}")) || told.contains(&format!("`{optional}"));
            assert!(is_told, "docs/cli.md does not tell of `{line}`");
            let bare = line.replace(" list", "");
            let words = [line.as_str(), bare.as_str()];
            let is_shown = words
                .iter()
                .any(|line| examples.contains(&format!("storewarden {line}")))
                || name == "runs" && examples.contains(line.rsplit(' ').next().unwrap_or(&line));
            assert!(is_shown, "docs/cli.md has no example of `{line}`");
        }
    }
}

#[test]
fn the_page_of_commands_has_every_exit_code() {
    let page = page("cli.md");
    let codes: Vec<u8> = Exit::TABLE.iter().map(|(code, _)| *code).collect();
    let exits =
        [Exit::Fine, Exit::Wrong, Exit::Configuration, Exit::Unreachable, Exit::Interrupted];
    for exit in exits {
        assert!(codes.contains(&(exit as u8)), "{exit:?} is not in the table");
    }
    for code in codes {
        assert!(page.contains(&format!("\n| {code} | ")), "docs/cli.md does not tell of {code}");
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}
