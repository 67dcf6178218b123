//! The statements that put one table's rows back, in each database's words.
//!
//! A row is one of four tables: the live one, the restored one (`stage`), what live rows were (`old`)
//! and what they become (`new`). From `old` to `new` and back are the same three statements with the
//! two exchanged, each only where the live row is still as the first of them says.

use crate::dump::{Kind, Reference, Table, mysql, postgres, sqlite};

/// One table whose rows come back. Names are as they stand in a statement.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) label: String,
    kind: Kind,
    /// For INSERT, and for everything else.
    pub(super) live: String,
    pub(super) live_only: String,
    pub(super) stage: String,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) key: Vec<String>,
    /// Those of the restored table, the key's as well.
    pub(super) columns: Vec<String>,
    /// Those that can be given to a new row only.
    pub(super) fixed: Vec<String>,
    /// Whether a column's text says less than its value.
    is_float: Vec<bool>,
}

/// Which way rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From what they were to what they become.
    Forth,
    Back,
}

pub(super) fn quoted(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Postgres => postgres::quoted(name),
        Kind::MySql => mysql::quoted(name),
        Kind::Sqlite => sqlite::quoted(name),
    }
}

pub(super) fn literal(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Postgres => postgres::literal(text),
        Kind::MySql => mysql::literal(text),
        Kind::Sqlite => format!("'{}'", text.replace('\'', "''")),
    }
}

/// A table of the live database as statements name it.
pub(super) fn live_name(kind: Kind, table: &Table) -> String {
    match kind {
        Kind::Postgres => postgres::qualified(table.schema.as_deref(), &table.name),
        Kind::MySql => mysql::quoted(&table.name),
        Kind::Sqlite => format!("main.{}", sqlite::quoted(&table.name)),
    }
}

impl Job {
    /// `names`: where the restored rows lie, what they were, and what they become.
    pub(super) fn new(kind: Kind, from: &Table, live: &Table, names: [String; 3]) -> Self {
        let name = live_name(kind, live);
        let only = if kind == Kind::Postgres { format!("ONLY {name}") } else { name.clone() };
        let [stage, old, new] = names;
        let is_float = |name: &String| {
            let column = live.columns.iter().find(|column| column.name == *name);
            let type_name = column.map(|column| column.type_name.to_ascii_lowercase());
            type_name.is_some_and(|name| name.starts_with("float") || name.starts_with("double"))
        };
        let names: Vec<String> = from.columns.iter().map(|column| column.name.clone()).collect();
        Self {
            label: live.label(),
            kind,
            live: name,
            live_only: only,
            stage,
            old,
            new,
            key: live.key.iter().map(|name| quoted(kind, name)).collect(),
            fixed: Vec::new(),
            is_float: names.iter().map(is_float).collect(),
            columns: names.iter().map(|name| quoted(kind, name)).collect(),
        }
    }

    pub(super) fn names(&self) -> String {
        self.columns.join(", ")
    }

    fn of(&self, alias: &str) -> String {
        let of = |name: &String| format!("{alias}.{name}");
        self.columns.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    /// The rows of two tables with the same key.
    fn on(&self, one: &str, other: &str) -> String {
        let is = |name: &String| format!("{one}.{name} = {other}.{name}");
        self.key.iter().map(is).collect::<Vec<_>>().join(" AND ")
    }

    /// A row of a left join that has no partner.
    fn none(&self, alias: &str) -> String {
        format!("{alias}.{} IS NULL", self.key[0])
    }

    /// Whether two rows of one key are others, byte for byte.
    fn differ(&self, one: &str, other: &str) -> String {
        let column = |(name, is_float): (&String, &bool)| match self.kind {
            Kind::Postgres => format!("{one}.{name}::text IS DISTINCT FROM {other}.{name}::text"),
            Kind::MySql if *is_float => format!("NOT ({one}.{name} <=> {other}.{name})"),
            Kind::MySql => format!("NOT (BINARY {one}.{name} <=> BINARY {other}.{name})"),
            Kind::Sqlite => format!(
                "{one}.{name} COLLATE BINARY IS NOT {other}.{name} OR \
                 typeof({one}.{name}) <> typeof({other}.{name})"
            ),
        };
        let all: Vec<_> = self.columns.iter().zip(&self.is_float).map(column).collect();
        format!("({})", all.join(" OR "))
    }

    fn ends(&self, way: Way) -> (&str, &str) {
        match way {
            Way::Forth => (&self.old, &self.new),
            Way::Back => (&self.new, &self.old),
        }
    }

    /// What rows become: those that the live table lacks, or has otherwise.
    pub(super) fn fill_new(&self) -> String {
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} s LEFT JOIN {} l ON {} WHERE {} OR {}",
            self.new,
            self.names(),
            self.of("s"),
            self.stage,
            self.live_only,
            self.on("l", "s"),
            self.none("l"),
            self.differ("l", "s")
        )
    }

    /// What those rows are until now.
    pub(super) fn fill_old(&self) -> String {
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} l JOIN {} n ON {}",
            self.old,
            self.names(),
            self.of("l"),
            self.live_only,
            self.new,
            self.on("l", "n")
        )
    }

    /// And rows of the live table only, which are to go.
    pub(super) fn fill_gone(&self) -> String {
        format!(
            "INSERT INTO {} ({}) SELECT {} {}",
            self.old,
            self.names(),
            self.of("l"),
            self.alone()
        )
    }

    fn alone(&self) -> String {
        let (live, stage, on) = (&self.live_only, &self.stage, self.on("l", "s"));
        format!("FROM {live} l LEFT JOIN {stage} s ON {on} WHERE {}", self.none("s"))
    }

    pub(super) fn count_only_live(&self) -> String {
        format!("SELECT count(*) {}", self.alone())
    }

    pub(super) fn count_added(&self) -> String {
        let (old, new, on) = (&self.old, &self.new, self.on("o", "n"));
        format!("SELECT count(*) FROM {new} n LEFT JOIN {old} o ON {on} WHERE {}", self.none("o"))
    }

    pub(super) fn count_changed(&self) -> String {
        let (old, new, on) = (&self.old, &self.new, self.on("o", "n"));
        format!("SELECT count(*) FROM {new} n JOIN {old} o ON {on}")
    }

    /// Rows that are at the first end only go.
    pub(super) fn delete(&self, way: Way) -> String {
        let ((a, b), live) = (self.ends(way), &self.live_only);
        let gone = format!("NOT EXISTS (SELECT 1 FROM {b} b WHERE {})", self.on("b", "a"));
        let (on, differ) = (self.on("l", "a"), self.differ("l", "a"));
        match self.kind {
            Kind::MySql => {
                format!("DELETE l FROM {live} l JOIN {a} a ON {on} WHERE NOT {differ} AND {gone}")
            }
            Kind::Postgres => {
                format!(
                    "DELETE FROM {live} AS l USING {a} a WHERE {on} AND NOT {differ} AND {gone}"
                )
            }
            Kind::Sqlite => format!(
                "DELETE FROM {live} AS l WHERE EXISTS (SELECT 1 FROM {a} a WHERE {on} AND \
                 NOT {differ} AND {gone})"
            ),
        }
    }

    /// Rows that are at both ends become as the second says; `None`: there is nothing but the key.
    pub(super) fn update(&self, way: Way) -> Option<String> {
        let ((a, b), live) = (self.ends(way), &self.live_only);
        let is_other =
            |column: &&String| !self.key.contains(column) && !self.fixed.contains(column);
        let others: Vec<_> = self.columns.iter().filter(is_other).collect();
        if others.is_empty() {
            return None;
        }
        let set = |alias: &str| {
            let set = |column: &&String| format!("{alias}{column} = b.{column}");
            others.iter().map(set).collect::<Vec<_>>().join(", ")
        };
        let (on, from) = (self.on("l", "a"), self.on("b", "a"));
        let differ = self.differ("l", "a");
        Some(match self.kind {
            Kind::MySql => format!(
                "UPDATE {live} l JOIN {a} a ON {on} JOIN {b} b ON {from} SET {} WHERE NOT {differ}",
                set("l.")
            ),
            Kind::Postgres | Kind::Sqlite => format!(
                "UPDATE {live} AS l SET {} FROM {a} a JOIN {b} b ON {from} WHERE {on} AND NOT {differ}",
                set("")
            ),
        })
    }

    /// Rows that are at the second end only come.
    pub(super) fn insert(&self, way: Way) -> String {
        let (a, b) = self.ends(way);
        let overriding = if self.kind == Kind::Postgres { "OVERRIDING SYSTEM VALUE " } else { "" };
        format!(
            "INSERT INTO {} ({}) {overriding}SELECT {} FROM {b} b WHERE \
             NOT EXISTS (SELECT 1 FROM {a} a WHERE {}) AND \
             NOT EXISTS (SELECT 1 FROM {} l WHERE {})",
            self.live,
            self.names(),
            self.of("b"),
            self.on("a", "b"),
            self.live_only,
            self.on("l", "b")
        )
    }

    /// Rows that are not as they were to become.
    pub(super) fn count_odd(&self) -> String {
        format!(
            "SELECT count(*) FROM {} n LEFT JOIN {} l ON {} WHERE {} OR {}",
            self.new,
            self.live_only,
            self.on("l", "n"),
            self.none("l"),
            self.differ("l", "n")
        )
    }
}

/// A foreign key from or to a table whose rows come back.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) child: String,
    pub(super) parent: String,
    child_label: String,
    columns: Vec<String>,
    to: Vec<String>,
    /// What keeps the rows that are looked at as they are until the end.
    lock: &'static str,
    /// Which of the jobs the ends are.
    pub(super) child_job: Option<usize>,
    pub(super) parent_job: Option<usize>,
}

impl Link {
    /// Those of all tables that have to do with these jobs.
    pub(super) fn of(kind: Kind, tables: &[Table], jobs: &[Job]) -> Vec<Self> {
        let mut links = Vec::new();
        for table in tables {
            for reference in &table.references {
                links.extend(Self::new(kind, tables, (table, reference), jobs));
            }
        }
        links
    }

    fn new(
        kind: Kind,
        tables: &[Table],
        (child, reference): (&Table, &Reference),
        jobs: &[Job],
    ) -> Option<Self> {
        let is_parent = |table: &&Table| {
            table.name.eq_ignore_ascii_case(&reference.table) && table.schema == reference.schema
        };
        let parent = tables.iter().find(is_parent)?;
        let job = |table: &Table| jobs.iter().position(|job| job.label == table.label());
        let (child_job, parent_job) = (job(child), job(parent));
        child_job.or(parent_job)?;
        let names = |names: &[String]| names.iter().map(|name| quoted(kind, name)).collect();
        let to: &[String] = if reference.to.is_empty() { &parent.key } else { &reference.to };
        Some(Self {
            child: live_name(kind, child),
            parent: live_name(kind, parent),
            child_label: child.label(),
            columns: names(&reference.columns),
            to: names(to),
            lock: if kind == Kind::MySql { " LOCK IN SHARE MODE" } else { "" },
            child_job,
            parent_job,
        })
    }

    /// `order_lines ("order") → "orders"`, for people.
    pub(super) fn said(&self) -> String {
        format!("{} ({}) → {}", self.child_label, self.columns.join(", "), self.parent)
    }

    fn on(&self, child: &str, parent: &str) -> String {
        let is = |(from, to)| format!("{child}.{from} = {parent}.{to}");
        self.columns.iter().zip(&self.to).map(is).collect::<Vec<_>>().join(" AND ")
    }

    /// Rows that came and refer to nobody.
    pub(super) fn count_lost(&self, job: &Job, way: Way) -> String {
        let (_, b) = job.ends(way);
        let there = |name: &String| format!("c.{name} IS NOT NULL");
        let there: Vec<_> = self.columns.iter().map(there).collect();
        format!(
            "SELECT count(*) FROM {b} b JOIN {} c ON {} LEFT JOIN {} p ON {} WHERE {} AND p.{} IS NULL{}",
            self.child,
            job.on("c", "b"),
            self.parent,
            self.on("c", "p"),
            there.join(" AND "),
            self.to[0],
            self.lock
        )
    }

    /// Rows of the child that referred to what is gone, or is called otherwise now.
    pub(super) fn count_orphans(&self, job: &Job, way: Way) -> String {
        let (a, _) = job.ends(way);
        format!(
            "SELECT count(*) FROM {a} a JOIN {} c ON {} LEFT JOIN {} p ON {} WHERE p.{} IS NULL{}",
            self.child,
            self.on("c", "a"),
            self.parent,
            self.on("c", "p"),
            self.to[0],
            self.lock
        )
    }

    /// Rows of the child that stay and refer to one that is about to go: the database would refuse
    /// it, or take them with it.
    pub(super) fn count_held(&self, job: &Job, way: Way) -> String {
        let (a, b) = job.ends(way);
        let goes =
            |end: &str| format!("NOT EXISTS (SELECT 1 FROM {b} b WHERE {})", job.on("b", end));
        let stays = if self.child_job == self.parent_job {
            let own = job.on("x", "c");
            format!(" AND NOT EXISTS (SELECT 1 FROM {a} x WHERE {own} AND {})", goes("x"))
        } else {
            String::new()
        };
        format!(
            "SELECT count(*) FROM {a} a JOIN {} c ON {} WHERE {}{stays}",
            self.child,
            self.on("c", "a"),
            goes("a")
        )
    }
}
