//! What a program needs of a machine, read from the program itself: libraries, and the version of the
//! C library (ELF, as elf(5) and the Linux Standard Base, "Symbol Versioning", have it).

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// Section types.
const DYNAMIC: u32 = 6;
const VERSIONS_NEEDED: u32 = 0x6fff_fffe;
/// Tags of dynamic entries.
const NEEDED: u64 = 1;

/// The libraries of a program, and the oldest C library that has all it uses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    libraries: Vec<String>,
    glibc: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

impl Needs {
    /// # Errors
    /// When the file is no program of this architecture.
    pub(crate) fn of(program: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(program).with_context(|| format!("read {}", program.display()))?;
        read(&bytes).with_context(|| format!("understand {} as a program", program.display()))
    }

    /// The dependencies as a Debian package states them.
    ///
    /// # Errors
    /// For a library whose package is not known here.
    pub(crate) fn debian(&self) -> anyhow::Result<String> {
        let Version(major, minor, _) = self.glibc;
        let mut packages = Vec::new();
        for library in &self.libraries {
            let package = match library.as_str() {
                "libgcc_s.so.1" => "libgcc-s1 (>= 3.0)".to_owned(),
                name if is_glibc(name) => format!("libc6 (>= {major}.{minor})"),
                other => bail!("no Debian package is known here for `{other}`"),
            };
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
        packages.sort();
        Ok(packages.join(", "))
    }

    /// For whoever wants to know where it runs.
    pub(crate) fn sentence(&self) -> String {
        let Version(major, minor, _) = self.glibc;
        format!("It needs glibc {major}.{minor} or newer, and {}.", self.libraries.join(", "))
    }
}

fn is_glibc(library: &str) -> bool {
    let names = ["libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux"];
    names.iter().any(|name| library.starts_with(name))
}

/// A section: its type, its bytes, and the index of the section with its names.
struct Section<'a> {
    kind: u32,
    bytes: &'a [u8],
    names: usize,
}

fn read(bytes: &[u8]) -> anyhow::Result<Needs> {
    ensure!(bytes.starts_with(b"\x7fELF\x02\x01"), "it is not a 64-bit little-endian ELF file");
    let sections = sections(bytes)?;
    let names = |section: &Section<'_>| sections.get(section.names).map(|names| names.bytes);
    let mut needs = Needs { libraries: Vec::new(), glibc: Version(0, 0, 0) };
    for section in &sections {
        let Some(names) = names(section) else { continue };
        match section.kind {
            DYNAMIC => needs.libraries.extend(libraries(section.bytes, names)?),
            VERSIONS_NEEDED => {
                for name in versions(section.bytes, names)? {
                    if let Some(version) = name.strip_prefix("GLIBC_").and_then(parse) {
                        needs.glibc = needs.glibc.max(version);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(needs)
}

fn sections(file: &[u8]) -> anyhow::Result<Vec<Section<'_>>> {
    let table = number(file, 0x28, 8)?;
    let size = number(file, 0x3a, 2)?;
    let section = |index| {
        let at = table + index * size;
        let (offset, length) = (number(file, at + 0x18, 8)?, number(file, at + 0x20, 8)?);
        Ok(Section {
            kind: u32::try_from(number(file, at + 4, 4)?)?,
            // Sections without bytes in the file, as `.bss`, point anywhere.
            bytes: file.get(offset..offset + length).unwrap_or_default(),
            names: number(file, at + 0x28, 4)?,
        })
    };
    (0..number(file, 0x3c, 2)?).map(section).collect()
}

/// The libraries of a dynamic section: entries of a tag and a value, eight bytes each.
fn libraries(entries: &[u8], names: &[u8]) -> anyhow::Result<Vec<String>> {
    let needed = entries
        .chunks_exact(16)
        .filter(|entry| entry[..8] == NEEDED.to_le_bytes())
        .map(|entry| name(names, number(entry, 8, 8)?));
    needed.collect()
}

/// The versions that are needed of all libraries: a list of libraries, each with a list of versions, chained by offsets
/// (`Elf64_Verneed`, `Elf64_Vernaux`).
fn versions(bytes: &[u8], names: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut library = 0;
    loop {
        let mut version = library + number(bytes, library + 8, 4)?;
        for _ in 0..number(bytes, library + 2, 2)? {
            found.push(name(names, number(bytes, version + 8, 4)?)?);
            version += number(bytes, version + 12, 4)?;
        }
        match number(bytes, library + 12, 4)? {
            0 => return Ok(found),
            next => library += next,
        }
    }
}

/// `2.34` or `2.2.5`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = Version(numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?);
    numbers.next().is_none().then_some(version)
}

fn name(names: &[u8], at: usize) -> anyhow::Result<String> {
    let rest = names.get(at..).context("a name lies beyond the names")?;
    let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8(name.to_vec())?)
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> anyhow::Result<usize> {
    let field = bytes.get(at..at + width).context("the file ends too early")?;
    let number = field.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Ok(usize::try_from(number)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_needs_the_c_library() {
        let needs = Needs::of(&std::env::current_exe().unwrap()).unwrap();
        assert!(needs.libraries.iter().any(|library| library == "libc.so.6"), "{needs:?}");
        assert!(needs.glibc >= Version(2, 17, 0), "{needs:?}");
        assert!(needs.debian().unwrap().starts_with("libc6 (>= 2."), "{needs:?}");
        assert!(needs.sentence().contains("glibc 2."));
    }

    #[test]
    fn a_library_without_a_known_package_is_refused() {
        let needs = Needs { libraries: vec!["libssl.so.3".into()], glibc: Version(2, 36, 0) };
        assert!(needs.debian().is_err());
    }

    #[test]
    fn versions_compare_as_numbers() {
        let check = |text: &str, expect| assert_eq!(parse(text), expect, "{text}");
        check("2.34", Some(Version(2, 34, 0)));
        check("2.2.5", Some(Version(2, 2, 5)));
        check("PRIVATE", None);
        check("2.3.4.5", None);
        assert!(parse("2.9") < parse("2.34"));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(read(b"#!/bin/sh").is_err());
        assert!(read(b"\x7fELF\x02\x01\x01").is_err());
    }
}
