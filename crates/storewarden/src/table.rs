//! Tables for people: columns that are as wide as what stands in them, whatever script it is in.

use crate::terminal::{printable, width};

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    /// Numbers, whose digits stand under each other.
    Right,
}

/// Between two columns.
const GAP: &str = "  ";

/// A table of a head and rows, each line ended; empty when there is no row.
pub(crate) fn table<const N: usize>(head: [(&str, Side); N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let sides = head.map(|(_, side)| side);
    let clean = |row: &[String; N]| row.each_ref().map(|cell| printable(cell));
    let head = head.map(|(name, _)| name.to_owned());
    let rows: Vec<[String; N]> = std::iter::once(head).chain(rows.iter().map(clean)).collect();
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(widest);
    rows.iter().map(|row| line(row, sides, widths)).collect()
}

fn line<const N: usize>(row: &[String; N], sides: [Side; N], widths: [usize; N]) -> String {
    let cells = row.iter().zip(sides).zip(widths).map(|((cell, side), columns)| {
        let space = " ".repeat(columns - width(cell));
        match side {
            Side::Left => format!("{cell}{space}"),
            Side::Right => format!("{space}{cell}"),
        }
    });
    format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Side::{Left, Right};

    #[test]
    fn columns_stand_under_each_other_in_every_script() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["9", "lamps", "up"]), row(["10", "漢字", "down\u{1b}[31m"])];
        let expect = "\
RUN  SHOP   STATE
  9  lamps  up
 10  漢字   down [31m
";
        assert_eq!(table([("RUN", Right), ("SHOP", Left), ("STATE", Left)], &rows), expect);
        assert_eq!(table([("RUN", Right)], &[]), "");
    }
}
