//! Words, quotes, comments and blocks. What the words mean is not known here.

use crate::detect::Place;
use std::{ops::Range, path::Path};

/// Deeper blocks are no configuration that a person wrote.
const DEEPEST: usize = 32;

/// One directive with its arguments and, if it has one, its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) block: Option<Vec<Self>>,
    pub(super) place: Place,
    /// Its bytes in the file, from its first word to its `;` or `}`.
    pub(super) span: Range<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) directives: Vec<Directive>,
    /// Lines with what is wrong there.
    pub(super) faults: Vec<(usize, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

/// Reads a text as far as it makes sense; what comes after a fault is read all the same.
pub(super) fn parse(file: &Path, text: &str) -> Parsed {
    let mut parser = Parser { tokens: Tokens { text, at: 0, line: 1 }, file, faults: Vec::new() };
    let directives = parser.block(0);
    Parsed { directives, faults: parser.faults }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    file: &'a Path,
    faults: Vec<(usize, String)>,
}

impl Parser<'_> {
    fn block(&mut self, depth: usize) -> Vec<Directive> {
        let mut directives = Vec::new();
        let mut words: Vec<String> = Vec::new();
        let mut begins = 1;
        let mut first = 0;
        while let Some((token, line, at)) = self.tokens.next() {
            let block = match token {
                Token::Word(word) => {
                    if words.is_empty() {
                        (begins, first) = (line, at);
                    }
                    words.push(word);
                    continue;
                }
                Token::End => None,
                Token::Close => {
                    self.unended(&words, begins);
                    if depth > 0 {
                        return directives;
                    }
                    self.faults.push((line, "has a `}` too many".to_owned()));
                    words.clear();
                    continue;
                }
                // Lua and the like: another language, whose braces are not ours.
                Token::Open
                    if words.first().is_some_and(|word| word.ends_with("_by_lua_block")) =>
                {
                    self.tokens.skip_block();
                    self.faults.push((begins, format!("has a `{}`, which is not read", words[0])));
                    words.clear();
                    continue;
                }
                Token::Open if depth >= DEEPEST => {
                    self.faults.push((line, "has blocks too deep to be read".to_owned()));
                    self.tokens.skip_block();
                    words.clear();
                    continue;
                }
                Token::Open => Some(self.block(depth + 1)),
            };
            let mut all = std::mem::take(&mut words).into_iter();
            if let Some(name) = all.next() {
                let place = Place::new(self.file, begins);
                let span = first..self.tokens.at;
                directives.push(Directive { name, args: all.collect(), block, place, span });
            }
        }
        self.unended(&words, begins);
        if depth > 0 {
            self.faults.push((self.tokens.line, "ends within a block".to_owned()));
        }
        directives
    }

    fn unended(&mut self, words: &[String], line: usize) {
        if let Some(first) = words.first() {
            self.faults.push((line, format!("has a `{first}` without its `;`")));
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Tokens<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        self.line += usize::from(next == '\n');
        Some(next)
    }

    /// The next token, with its line and where it begins.
    fn next(&mut self) -> Option<(Token, usize, usize)> {
        loop {
            match self.peek()? {
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.take();
                    }
                }
                c if c.is_whitespace() => {
                    self.take();
                }
                _ => break,
            }
        }
        let (line, begins) = (self.line, self.at);
        let token = match self.peek()? {
            '{' => Token::Open,
            '}' => Token::Close,
            ';' => Token::End,
            quote @ ('"' | '\'') => {
                self.take();
                return Some((Token::Word(self.quoted(quote)), line, begins));
            }
            _ => return Some((Token::Word(self.word()), line, begins)),
        };
        self.take();
        Some((token, line, begins))
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut word = String::new();
        while let Some(c) = self.take() {
            match c {
                c if c == quote => break,
                '\\' => match self.take() {
                    Some(c) if c == quote || c == '\\' => word.push(c),
                    Some(c) => word.extend(['\\', c]),
                    None => break,
                },
                c => word.push(c),
            }
        }
        word
    }

    /// Up to what ends it; `${name}` has braces of its own.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek() {
            match c {
                '{' if word.ends_with('$') => {
                    while let Some(c) = self.take() {
                        word.push(c);
                        if c == '}' {
                            break;
                        }
                    }
                    continue;
                }
                '{' | '}' | ';' => break,
                c if c.is_whitespace() => break,
                '\\' => {
                    word.extend(self.take());
                    word.extend(self.take());
                    continue;
                }
                _ => {}
            }
            word.extend(self.take());
        }
        word
    }

    fn skip_block(&mut self) {
        let mut depth = 1;
        while let Some(c) = self.take() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn shown(directives: &[Directive]) -> String {
        let mut text = String::new();
        for Directive { name, args, block, .. } in directives {
            write!(text, "{name}({})", args.join("|")).unwrap();
            if let Some(block) = block {
                write!(text, "{{{}}}", shown(block)).unwrap();
            }
            text.push(' ');
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn directives_are_words_and_blocks() {
        let check = |text: &str, expect: &str, faults: &[(usize, &str)]| {
            let parsed = parse(Path::new("/c"), text);
            assert_eq!(shown(&parsed.directives), expect, "{text}");
            let said: Vec<(usize, &str)> =
                parsed.faults.iter().map(|(line, what)| (*line, what.as_str())).collect();
            assert_eq!(said, faults, "{text}");
        };
        check("a b;c{d 1 2;}", "a(b) c(){d(1|2)}", &[]);
        check("# x; {\na 'b c' \"d\\\"e\"; # f", "a(b c|d\"e)", &[]);
        check("a b#c;", "a(b#c)", &[]);
        check("log ${x}_y{;", "log(${x}_y){}", &[(1, "ends within a block")]);
        check("location ~ \\.php$ { a b; }", "location(~|\\.php$){a(b)}", &[]);
        check("a\nb c;\n}", "a(b|c)", &[(3, "has a `}` too many")]);
        check("a {b c}", "a(){}", &[(1, "has a `b` without its `;`")]);
        check("a", "", &[(1, "has a `a` without its `;`")]);
        let lua = "content_by_lua_block { if a then { } end } b c;";
        check(lua, "b(c)", &[(1, "has a `content_by_lua_block`, which is not read")]);
        check("", "", &[]);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            parse(Path::new("/c"), text);
        });
    }
}
