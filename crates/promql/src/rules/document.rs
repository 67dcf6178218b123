//! A document of YAML with the place of each value, and what is expected there.

use super::RuleMistake;
use saphyr::{MarkedYaml, Marker, ScanError, YamlData, YamlLoader};
use saphyr_parser::Parser;

pub(super) type Node<'a> = MarkedYaml<'a>;

/// The documents of a text, their scalars as they were written: `1` as a label's value is a text.
pub(super) fn load(text: &str) -> Result<Vec<Node<'_>>, RuleMistake> {
    let mut loader = YamlLoader::<Node<'_>>::default();
    loader.early_parse(false);
    let refused = |why: &ScanError| mistake(*why.marker(), format!("no YAML: {}", why.info()));
    Parser::new_from_str(text).load(&mut loader, true).map_err(|why| refused(&why))?;
    match loader.error() {
        Some(why) => Err(refused(why)),
        None => Ok(loader.into_documents()),
    }
}

pub(super) fn mistake(at: Marker, what: impl Into<String>) -> RuleMistake {
    RuleMistake { line: at.line().max(1), column: at.col() + 1, what: what.into() }
}

/// What reads a document, and notes all that is wrong with it instead of ending at the first.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<RuleMistake>);

impl Notes {
    pub(super) fn note(&mut self, node: &Node<'_>, what: impl Into<String>) {
        self.0.push(mistake(node.span.start, what));
    }

    /// The keys of a mapping with their values. Keys that are not `known` are noted.
    pub(super) fn fields<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        what: &str,
        known: &[&str],
    ) -> Vec<(&'n str, &'n Node<'a>)> {
        let fields = self.pairs(node, what);
        let is_known =
            |(key, _): &(&Node<'_>, _)| plain(key).is_some_and(|key| known.contains(&key));
        let (good, bad): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_known);
        for (key, _) in bad {
            let name = plain(key).unwrap_or("a key that is no text");
            self.note(key, format!("{what} has no `{name}`; it may have {}", known.join(", ")));
        }
        good.into_iter().filter_map(|(key, value)| Some((plain(key)?, value))).collect()
    }

    /// The pairs of a mapping; nothing at all is an empty one.
    pub(super) fn pairs<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        what: &str,
    ) -> Vec<(&'n Node<'a>, &'n Node<'a>)> {
        match &node.data {
            YamlData::Mapping(mapping) => mapping.iter().collect(),
            _ if is_nothing(node) => Vec::new(),
            _ => {
                self.note(node, format!("{what} is expected to be `key: value` lines"));
                Vec::new()
            }
        }
    }

    /// The items of a sequence; nothing at all is an empty one.
    pub(super) fn items<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str) -> &'n [Node<'a>] {
        match &node.data {
            YamlData::Sequence(items) => items,
            _ if is_nothing(node) => &[],
            _ => {
                self.note(node, format!("{what} is expected to be a list, `- …` lines"));
                &[]
            }
        }
    }

    /// A text, a number or whatever else is written in one piece.
    pub(super) fn text<'n>(&mut self, node: &'n Node<'_>, what: &str) -> Option<&'n str> {
        let text = plain(node);
        if text.is_none() {
            self.note(node, format!("{what} is expected to be a text"));
        }
        text
    }
}

fn plain<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match &node.data {
        YamlData::Representation(text, ..) => Some(text),
        _ => None,
    }
}

/// `key:` with nothing behind it.
pub(super) fn is_nothing(node: &Node<'_>) -> bool {
    match &node.data {
        YamlData::Representation(text, style, _) => {
            *style == saphyr::ScalarStyle::Plain && matches!(text.as_ref(), "" | "~" | "null")
        }
        _ => false,
    }
}
