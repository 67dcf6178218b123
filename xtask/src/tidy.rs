//! `cargo xtask tidy`: the rules of the house that no compiler knows. Each is a function from text to findings, with a
//! test that feeds it something bad, so that no rule can be one that never fails.

mod absences;
mod dependencies;
mod idioms;
mod layout;
mod lexicon;
mod licences;
mod links;
mod locks;
mod manifests;
mod platforms;
mod policy;
mod rust_source;
mod words;

use std::fmt;

use anyhow::{Context, bail};

use crate::process::{self, cargo};
use crate::workspace::{Workspace, files_below};

/// Something that breaks a rule: where, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 where the whole file is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A text file of the checkout, by its path from the root.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let files = read_files(workspace)?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(check_file(file));
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        findings
            .extend(links::check(&file.path, &file.text, &|path| workspace.path(path).exists()));
    }
    findings.extend(manifests::check(&files));
    findings.extend(lexicon::check(&files));
    findings.extend(platforms::check(&files));
    findings.extend(check_graph(workspace, &files)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} to mend in {} files", findings.len(), paths.len());
    }
    println!("tidy: {} files follow the rules of the house", paths.len());
    Ok(())
}

/// The rules that need one file only.
fn check_file(file: &File) -> Vec<Finding> {
    let File { path, text } = file;
    let mut findings = layout::check_path(path);
    findings.extend(words::check(path, text));
    if path.ends_with(".rs") {
        findings.extend(layout::check_text(path, text));
        findings.extend(idioms::check(path, text));
    }
    findings.extend(locks::check(path, text));
    findings
}

/// The rules about who depends on whom; cargo tells what is true.
fn check_graph(workspace: &Workspace, files: &[File]) -> anyhow::Result<Vec<Finding>> {
    let metadata = |arguments: &[&str]| -> anyhow::Result<serde_json::Value> {
        let mut command = cargo(&["metadata", "--format-version", "1", "--locked"]);
        let text = process::output(command.args(arguments).current_dir(&workspace.root))?;
        serde_json::from_str(&text).context("read what `cargo metadata` printed")
    };
    let policy_text = find(files, "deny.toml")?;
    let policy = policy::Policy::read(policy_text)?;
    let mut findings = dependencies::check(&metadata(&["--no-deps"])?)?;
    findings.extend(dependencies::check_map(find(files, "ARCHITECTURE.md")?));
    findings.extend(licences::check(&metadata(&[])?, &policy)?);
    findings.extend(absences::check(workspace, &policy)?);
    Ok(findings)
}

fn find<'a>(files: &'a [File], path: &str) -> anyhow::Result<&'a str> {
    let file = files.iter().find(|file| file.path == path);
    Ok(file.with_context(|| format!("{path} is missing"))?.text.as_str())
}

/// Every file of the checkout that is text; pictures and fonts are left out.
fn read_files(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in files_below(&workspace.root)? {
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let relative = path.strip_prefix(&workspace.root).unwrap_or(&path);
        files.push(File { path: relative.to_string_lossy().into_owned(), text });
    }
    Ok(files)
}
