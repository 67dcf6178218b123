//! Rust text with its comments and strings blanked, so that a rule about code never trips over words about code.
//!
//! Not a parser: it knows comments, strings, raw strings and the difference between a character and a lifetime, no more.

/// `text` of the same length in characters and lines: what is neither comment nor literal stays, the rest is spaces.
pub(super) fn code_only(text: &str) -> String {
    let mut scanner = Scanner { rest: text, code: String::with_capacity(text.len()) };
    while let Some(next) = scanner.rest.chars().next() {
        match next {
            '/' if scanner.rest.starts_with("//") => scanner.blank_line(),
            '/' if scanner.rest.starts_with("/*") => scanner.blank_block(),
            '"' => scanner.blank_string(),
            'r' | 'b' | 'c' if scanner.is_at_word_start() => scanner.prefixed_literal(),
            '\'' => scanner.quote(),
            _ => scanner.keep(next.len_utf8()),
        }
    }
    scanner.code
}

/// From which line on (from 1) a file is its own unit tests: the first `#[cfg(test)]`.
pub(super) fn first_test_line(code: &str) -> Option<usize> {
    code.lines()
        .position(|line| line.trim_start().starts_with("#[cfg(test)]"))
        .map(|index| index + 1)
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    fn keep(&mut self, bytes: usize) {
        let (kept, rest) = self.rest.split_at(bytes);
        self.code.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, bytes: usize) {
        let (blanked, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.code
            .extend(blanked.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    fn is_at_word_start(&self) -> bool {
        !self
            .code
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || before == '_')
    }

    fn blank_line(&mut self) {
        self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
    }

    fn blank_block(&mut self) {
        let mut depth = 0_usize;
        let mut at = 0;
        loop {
            let rest = &self.rest[at..];
            if rest.starts_with("/*") {
                depth += 1;
                at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return self.blank(at);
                }
            } else if let Some(next) = rest.chars().next() {
                at += next.len_utf8();
            } else {
                return self.blank(at);
            }
        }
    }

    fn blank_string(&mut self) {
        let mut is_escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, character)| {
            let closes = *character == '"' && !is_escaped;
            is_escaped = *character == '\\' && !is_escaped;
            closes
        });
        self.blank(end.map_or(self.rest.len(), |(at, _)| at + 1));
    }

    /// `r"…"`, `br#"…"#`, `b"…"`, `b'…'`, `c"…"`; or a word that only begins like one.
    fn prefixed_literal(&mut self) {
        let prefix = self
            .rest
            .find(|character| !matches!(character, 'r' | 'b' | 'c'))
            .unwrap_or(self.rest.len());
        let after = &self.rest[prefix..];
        let hashes = after.chars().take_while(|character| *character == '#').count();
        let is_raw = self.rest[..prefix].ends_with('r');
        if is_raw && after[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = prefix + hashes + 1;
            let close =
                self.rest[body..].find(&end).map_or(self.rest.len(), |at| body + at + end.len());
            self.blank(close);
        } else if prefix <= 2 && after.starts_with(['"', '\'']) {
            self.keep(prefix);
        } else {
            self.keep(1);
        }
    }

    /// A character literal, or the mark of a lifetime.
    fn quote(&mut self) {
        let mut characters = self.rest.char_indices().skip(1);
        let first = characters.next();
        let second = characters.next();
        match (first, second) {
            (Some((_, '\\')), Some((escaped, _))) => {
                let from = escaped + 1;
                let end = self.rest[from..].find('\'').map_or(self.rest.len(), |at| from + at + 1);
                self.blank(end);
            }
            (Some(_), Some((at, '\''))) => self.blank(at + 1),
            _ => self.keep(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kept: &str) {
        let code = code_only(text);
        assert_eq!(code.chars().count(), text.chars().count());
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), kept, "from {text:?}");
    }

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        check("let a = 1; // todo!()", "let a = 1;");
        check("a /* one /* two */ still */ b", "a b");
        check(r#"f("todo!() \" still", x)"#, "f( , x)");
        check(r##"f(r#"raw " todo!()"#, x)"##, "f( , x)");
        check(r#"f(b"bytes", br"raw", c"c")"#, "f(b , , c )");
        check("x == '\"' && y == '\\'' && z", "x == && y == && z");
        check("fn f<'a>(x: &'a str) { todo!() }", "fn f<'a>(x: &'a str) { todo!() }");
        check("let error = bar\"s\";", "let error = bar ;");
    }

    #[test]
    fn lines_stay_where_they_were() {
        let code = code_only("one\n/* two\nthree */ \"four\nfive\"\nsix");
        assert_eq!(code.lines().count(), 5);
        assert!(code.ends_with("\nsix"));
    }

    #[test]
    fn tests_begin_at_their_attribute() {
        assert_eq!(first_test_line("fn a() {}\n#[cfg(test)]\nmod tests {}"), Some(2));
        assert_eq!(first_test_line("fn a() {}"), None);
    }
}
