//! What stands between `{{` and `}}`.

use super::{Filling, TemplateError, number};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Value,
    Labels,
    Label(String),
    Literal(Content),
    Call(Function, Vec<Expression>),
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Text(String),
    Number(f64),
    Labels(BTreeMap<String, String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Humanize,
    Humanize1024,
    HumanizeDuration,
    HumanizePercentage,
    Printf,
    Title,
    ToUpper,
    ToLower,
    StripPort,
}

const FUNCTIONS: [(&str, Function); 9] = [
    ("humanize", Function::Humanize),
    ("humanize1024", Function::Humanize1024),
    ("humanizeDuration", Function::HumanizeDuration),
    ("humanizePercentage", Function::HumanizePercentage),
    ("printf", Function::Printf),
    ("title", Function::Title),
    ("toUpper", Function::ToUpper),
    ("toLower", Function::ToLower),
    ("stripPort", Function::StripPort),
];

/// Where `}}` stands outside of quotes.
pub(super) fn end(text: &str) -> Option<usize> {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, letter) in text.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some('"') if letter == '\\' => is_escaped = true,
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '`') => quote = Some(letter),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

impl Expression {
    /// `$value | printf "%.1f"`: what stands before a `|` is the last argument of the call after it.
    pub(super) fn read(text: &str) -> Result<Self, TemplateError> {
        let syntax = || TemplateError::Syntax(text.to_owned());
        let tokens = tokens(text).ok_or_else(syntax)?;
        let mut piped: Option<Self> = None;
        for stage in tokens.split(|token| *token == Token::Pipe) {
            let mut stage = stage.iter();
            let expression = match stage.next() {
                Some(Token::Word(word)) => match word_meaning(word)? {
                    Meaning::Function(function) => {
                        let mut arguments =
                            stage.by_ref().map(operand).collect::<Result<Vec<_>, _>>()?;
                        arguments.extend(piped.take());
                        Self::call(function, arguments)?
                    }
                    Meaning::Operand(operand) => operand,
                },
                Some(token) => operand(token)?,
                None => return Err(syntax()),
            };
            // A value is no function that could take what came before, or words after it.
            if piped.is_some() || stage.next().is_some() {
                return Err(syntax());
            }
            piped = Some(expression);
        }
        piped.ok_or_else(syntax)
    }

    fn call(function: Function, arguments: Vec<Self>) -> Result<Self, TemplateError> {
        let name = FUNCTIONS.iter().find(|(_, one)| *one == function).map_or("", |(name, _)| name);
        let wrong = |wanted| TemplateError::Arguments { function: name, wanted };
        if function == Function::Printf {
            let Some(Self::Literal(Content::Text(format))) = arguments.first() else {
                return Err(wrong("a format in quotes first"));
            };
            if number::verbs(format)? != arguments.len() - 1 {
                return Err(wrong("as many values as its format has verbs"));
            }
        } else if arguments.len() != 1 {
            return Err(wrong("one value"));
        }
        Ok(Self::Call(function, arguments))
    }

    pub(super) fn value(&self, filling: &Filling<'_>) -> Content {
        match self {
            Self::Value => Content::Number(filling.value),
            Self::Labels => Content::Labels(filling.labels.clone()),
            Self::Label(name) => {
                Content::Text(filling.labels.get(name).cloned().unwrap_or_default())
            }
            Self::Literal(content) => content.clone(),
            Self::Call(function, arguments) => {
                let arguments: Vec<Content> =
                    arguments.iter().map(|argument| argument.value(filling)).collect();
                Content::Text(function.of(&arguments))
            }
        }
    }
}

impl Function {
    fn of(self, arguments: &[Content]) -> String {
        let argument = &arguments[0];
        let number = |change: fn(f64) -> String| match argument.number() {
            Some(number) => change(number),
            // A text that is no number stays what it is.
            None => argument.to_string(),
        };
        match self {
            Self::Humanize => number(number::humanize),
            Self::Humanize1024 => number(number::humanize_1024),
            Self::HumanizeDuration => number(number::humanize_duration),
            Self::HumanizePercentage => number(number::humanize_percentage),
            Self::Printf => number::printf(&argument.to_string(), &arguments[1..]),
            Self::Title => title(&argument.to_string()),
            Self::ToUpper => argument.to_string().to_uppercase(),
            Self::ToLower => argument.to_string().to_lowercase(),
            Self::StripPort => strip_port(&argument.to_string()),
        }
    }
}

fn title(text: &str) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let changed = if begins { letter.to_uppercase().to_string() } else { letter.to_string() };
        begins = !letter.is_alphanumeric() && letter != '_' && letter != '\'';
        changed
    };
    text.chars().map(letter).collect()
}

/// `[::1]:80` and `host:80` without their ports; anything else as it is.
fn strip_port(text: &str) -> String {
    let Some((host, port)) = text.rsplit_once(':') else { return text.to_owned() };
    let is_port = port.bytes().all(|one| one.is_ascii_digit());
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) if is_port => host.to_owned(),
        None if is_port && !host.contains(':') => host.to_owned(),
        _ => text.to_owned(),
    }
}

impl Content {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Labels(_) => None,
        }
    }
}

/// As Go prints it by `%v`.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => f.write_str(&number::shortest(*number)),
            Self::Labels(labels) => {
                let pairs: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                write!(f, "map[{}]", pairs.join(" "))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Pipe,
}

/// `None`: a quote that does not end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '|' => {
                tokens.push(Token::Pipe);
                1
            }
            '"' | '`' => {
                let (inside, length) = quoted(rest)?;
                tokens.push(Token::Text(inside));
                length
            }
            _ => {
                let is_end =
                    |letter: char| letter.is_whitespace() || matches!(letter, '|' | '"' | '`');
                let length = rest.find(is_end).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..length].to_owned()));
                length
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// A text in quotes without them, and how many bytes it took with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut letters = text.char_indices();
    let (_, open) = letters.next()?;
    let mut inside = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == open => return Some((inside, at + 1)),
            '\\' if open == '"' => match letters.next()?.1 {
                'n' => inside.push('\n'),
                't' => inside.push('\t'),
                other => inside.push(other),
            },
            _ => inside.push(letter),
        }
    }
    None
}

enum Meaning {
    Function(Function),
    Operand(Expression),
}

fn operand(token: &Token) -> Result<Expression, TemplateError> {
    match token {
        Token::Text(text) => Ok(Expression::Literal(Content::Text(text.clone()))),
        Token::Word(word) => match word_meaning(word)? {
            Meaning::Operand(operand) => Ok(operand),
            Meaning::Function(_) => Err(TemplateError::Syntax(word.clone())),
        },
        Token::Pipe => Err(TemplateError::Syntax("|".to_owned())),
    }
}

fn word_meaning(word: &str) -> Result<Meaning, TemplateError> {
    if let Some((_, function)) = FUNCTIONS.iter().find(|(name, _)| *name == word) {
        return Ok(Meaning::Function(*function));
    }
    let label = word.strip_prefix("$labels.").or_else(|| word.strip_prefix(".Labels."));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'_')
    };
    let operand = match (word, label) {
        ("$value" | ".Value", _) => Expression::Value,
        ("$labels" | ".Labels", _) => Expression::Labels,
        (_, Some(label)) if is_name(label) => Expression::Label(label.to_owned()),
        (_, Some(_)) => return Err(TemplateError::Syntax(word.to_owned())),
        _ => match word.parse() {
            Ok(number) if word.as_bytes()[0].is_ascii_digit() || word.starts_with('-') => {
                Expression::Literal(Content::Number(number))
            }
            _ => return Err(TemplateError::Unsupported(word.to_owned())),
        },
    };
    Ok(Meaning::Operand(operand))
}
