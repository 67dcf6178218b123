//! Conditions as servers explain them: which columns have to be equal to something.

/// The columns that `condition` compares with a value, when nothing but AND joins it: of
/// `((a.email)::text = $1) AND (state = 'x')` `email` and `state`. Quoted names come without quotes.
pub(super) fn equalities(condition: &str) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for part in parts(condition) {
        if let Some(column) = column(part)
            && !columns.contains(&column)
        {
            columns.push(column);
        }
    }
    columns
}

/// What AND joins, at the outermost level; all of it when OR is there.
fn parts(condition: &str) -> Vec<&str> {
    let condition = bare(condition);
    let lower = condition.to_ascii_lowercase();
    let outer = outermost(&lower);
    if outer.iter().any(|at| lower[*at..].starts_with(" or ")) {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut begin = 0;
    for at in outer {
        if at >= begin && lower[at..].starts_with(" and ") {
            parts.push(&condition[begin..at]);
            begin = at + " and ".len();
        }
    }
    parts.push(&condition[begin..]);
    match parts.as_slice() {
        [one] => vec![*one],
        // Each may be joined of others.
        several => several.iter().flat_map(|part| self::parts(part)).collect(),
    }
}

/// Where blanks stand outside of all parentheses and quotes.
fn outermost(text: &str) -> Vec<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    let mut places = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(byte),
            (None, b'(') => depth += 1,
            (None, b')') => depth = depth.saturating_sub(1),
            (None, b' ') if depth == 0 => places.push(at),
            _ => {}
        }
    }
    places
}

/// Without parentheses around the whole.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let mut depth = 0_i32;
        let closes_early = inner.bytes().any(|byte| {
            depth += i32::from(byte == b'(') - i32::from(byte == b')');
            depth < 0
        });
        if closes_early {
            break;
        }
        text = inner.trim();
    }
    text
}

/// The column on the left of an equals sign, unless the right is one as well.
fn column(part: &str) -> Option<String> {
    let (left, right) = part.split_once(" = ")?;
    let left = left.split("::").next()?;
    let name = bare(left).rsplit('.').next()?;
    let name = name.trim_matches(['(', ')', '`', '"']);
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '$')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let right = bare(right);
    let is_value =
        right.starts_with(['$', '\'', '-']) || right.starts_with(|c: char| c.is_ascii_digit());
    (is_name && is_value).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_to_be_equal_counts() {
        for (condition, expect) in [
            ("(email = $1)", vec!["email"]),
            ("((email)::text = $1)", vec!["email"]),
            (
                "((customer_id = $1) AND ((state)::text = 'open'::text))",
                vec!["customer_id", "state"],
            ),
            ("((a = $1) OR (b = $2))", vec![]),
            ("((placed_at > $1) AND (shop = 7))", vec!["shop"]),
            ("(((a = 1) AND (b = 2)) AND (c = 3))", vec!["a", "b", "c"]),
            ("(`one`.`orders`.`email` = '1')", vec!["email"]),
            ("`one`.`orders`.`email` = '1' and `one`.`orders`.`n` > 3", vec!["email"]),
            ("(o.customer_id = c.id)", vec![]),
            ("(note = 'a and b = 1 or c')", vec!["note"]),
            ("(lower(email) = $1)", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(equalities(condition), expect, "{condition}");
        }
    }
}
