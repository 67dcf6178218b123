//! TOML itself: what is wrong with it, and as much as can still be read after a mistake.
//!
//! After a mistake its line is blanked and the rest is read again, so that one missing quote does
//! not hide the other mistakes. A second mistake in the same table gives that table up.

use super::reader::Wrong;
use std::{collections::HashSet, ops::Range};
use toml_edit::{Document, TomlError};

/// More mistakes of syntax than this are not looked for.
const MOST: usize = 20;

pub(super) struct Syntax {
    /// What could be read; its places are those of the whole text.
    pub(super) document: Option<Document<String>>,
    pub(super) mistakes: Vec<Mistake>,
}

pub(super) struct Mistake {
    pub(super) at: Range<usize>,
    pub(super) wrong: Wrong,
}

pub(super) fn parse(text: &str) -> Syntax {
    let mut rest = text.to_owned();
    let mut mistakes = Vec::new();
    let mut given_up = HashSet::new();
    for _ in 0..MOST {
        let error = match Document::parse(rest.clone()) {
            Ok(document) => return Syntax { document: Some(document), mistakes },
            Err(error) => error,
        };
        let at = error.span().unwrap_or(0..0);
        let start = at.start.min(text.len());
        let line = line_around(text, start);
        if let Some(list) = open_list(&rest, &error, &line) {
            let wrong = Wrong::new("the list that begins here is not closed", "add its `]`");
            mistakes.push(Mistake { at: list.clone(), wrong });
            blank(&mut rest, &(line_around(text, list.start).start..list.end));
            continue;
        }
        let table = table_around(text, start);
        let first_here = given_up.insert(table.start);
        if first_here {
            mistakes.push(Mistake { wrong: wrong(text, &error, &at, &line), at });
        }
        let blanked = if first_here && !is_header(&text[line.clone()]) { line } else { table };
        if rest[blanked.clone()].trim().is_empty() {
            break;
        }
        blank(&mut rest, &blanked);
    }
    Syntax { document: None, mistakes }
}

/// Makes spaces of everything but line ends, so that all other places stay where they are.
fn blank(text: &mut String, range: &Range<usize>) {
    let spaces: String =
        text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range.clone(), &spaces);
}

/// From the bracket of a list to the line that was met instead of its end.
fn open_list(text: &str, error: &TomlError, line: &Range<usize>) -> Option<Range<usize>> {
    let met = text.get(line.clone())?;
    let other_key = met.split_once('=').is_some_and(|(key, _)| is_bare_key(key.trim()));
    if !error.message().contains("array") || !(other_key || is_header(met)) {
        return None;
    }
    let before = &text[..line.start];
    let opening = before.rfind("= [").map(|at| at + 2);
    let opening = opening.or_else(|| before.rfind("=[").map(|at| at + 1))?;
    (!text[opening..line.start].contains(']')).then_some(opening..line.start)
}

fn is_bare_key(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !key.is_empty() && key.bytes().all(fits)
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_around(text: &str, at: usize) -> Range<usize> {
    // A mistake at the end of the text belongs to the last line that says something.
    let at = boundary(text, at.min(text.trim_end().len()));
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    start..end
}

/// From the last table header before the place to the one after it.
fn table_around(text: &str, at: usize) -> Range<usize> {
    let line = line_around(text, at);
    let (mut start, mut end) = (0, text.len());
    let mut offset = 0;
    for candidate in text.split_inclusive('\n') {
        if is_header(candidate) {
            if offset <= line.start {
                start = offset;
            } else {
                end = offset;
                break;
            }
        }
        offset += candidate.len();
    }
    start..end
}

fn is_header(line: &str) -> bool {
    let line = line.trim_start();
    let name = line.trim_start_matches('[');
    line.starts_with('[') && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// The mistake in words of ours, with a mend.
fn wrong(text: &str, error: &TomlError, at: &Range<usize>, line: &Range<usize>) -> Wrong {
    let message = error.message();
    let start = boundary(text, at.start.min(text.len()));
    let end = boundary(text, at.end.clamp(start, text.len()));
    let found = text[start..end].trim();
    let key = text[line.clone()].split('=').next().unwrap_or_default().trim();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["duplicate key"]) {
        return Wrong::new(format!("`{found}` stands here a second time"), "keep one of the two");
    }
    if has(&["must be quoted"]) {
        let value = text[line.clone()].split_once('=').map_or(found, |(_, value)| value);
        let value = value.split('#').next().unwrap_or_default().trim();
        if value.is_empty() {
            return no_value(key);
        }
        // An address may hold a password.
        let value = if value.contains('@') { "…" } else { value.trim_matches(['"', '\'']) };
        let mend = format!("write `{key} = \"{value}\"`");
        return Wrong::new("a text stands without its quotes", mend);
    }
    if has(&["key with no value", "missing value"]) {
        return no_value(key);
    }
    if has(&["unclosed array table", "unclosed table"]) {
        return Wrong::new("a table's name is not closed", "write it as `[name]`");
    }
    if has(&["unclosed array"]) {
        return Wrong::new("a list is not closed", "add its `]`");
    }
    if has(&["unclosed inline table"]) {
        return Wrong::new("a table is not closed", "add its `}`");
    }
    if has(&["array"]) {
        let mend = "put a comma between its values and `]` behind the last";
        return Wrong::new(format!("a list cannot be read: {message}"), mend);
    }
    if has(&["escape"]) {
        let mend = "write `\\\\`, or put the text between single quotes";
        return Wrong::new("a text has a `\\` that means nothing", mend);
    }
    if has(&["string"]) {
        let mend = "a text begins and ends with `\"`, both on one line";
        return Wrong::new("a text is not closed", mend);
    }
    let mend = "each line is `key = value`; texts stand in quotes, lists in `[ ]`, tables in `{ }`";
    Wrong::new(format!("this is not TOML: {message}"), mend)
}

fn no_value(key: &str) -> Wrong {
    Wrong::new(format!("`{key}` has no value"), format!("write `{key} = …`"))
}
