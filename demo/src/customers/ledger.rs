//! What happened to the customers, exactly: tests hold it against the rows of the shop's database.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use super::{
    Left,
    client::{Answer, Trouble, TroubleKind},
};

/// Failures kept with their details; the counts go on beyond it.
const MOST_DETAILS: usize = 500;

/// An order that the shop said it has: it must be in the database, once, forever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledged {
    pub number: String,
    pub email: String,
    pub cart: String,
    pub total_minor: i64,
    /// Path of the page that shows it to its buyer, and to nobody who does not know it; none where
    /// the shop has no pages.
    pub page: Option<String>,
    pub at_ms: i64,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub at_ms: i64,
    pub method: String,
    pub path: String,
    /// The status, or how far the request had come, in words.
    pub kind: String,
    pub detail: String,
    /// Whether the request may be repeated without a second thought (GET).
    pub idempotent: bool,
    /// Whether the failure came after the answer had begun.
    pub answer_had_begun: bool,
    /// The instance that answered, when one did.
    pub instance: Option<String>,
}

impl Failure {
    pub(super) fn status(method: &str, path: &str, answer: &Answer) -> Self {
        Self {
            instance: answer.header("x-instance").map(str::to_owned),
            ..Self::new(method, path, answer.status.to_string(), answer.text())
        }
    }

    pub(super) fn trouble(method: &str, path: &str, trouble: &Trouble) -> Self {
        let kind = match trouble.kind {
            TroubleKind::Connect => "no connection",
            TroubleKind::Unsent => "not sent",
            TroubleKind::Broken => "connection broken",
            TroubleKind::Truncated => "answer cut off",
            TroubleKind::Timeout => "timeout",
        };
        Self {
            answer_had_begun: trouble.kind == TroubleKind::Truncated,
            ..Self::new(method, path, kind.to_owned(), &trouble.text)
        }
    }

    /// A shop that answered, but not what it had promised before.
    pub(super) fn wrong(path: &str, kind: &str, detail: &str) -> Self {
        Self::new("POST", path, kind.to_owned(), detail)
    }

    fn new(method: &str, path: &str, kind: String, detail: &str) -> Self {
        Self {
            at_ms: now_ms(),
            method: method.to_owned(),
            path: path.to_owned(),
            kind,
            detail: detail.chars().take(400).collect(),
            idempotent: method == "GET",
            answer_had_begun: false,
            instance: None,
        }
    }
}

/// The counts since the doors opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Customers who came in.
    pub customers: u64,
    /// Customers inside now.
    pub inside: u64,
    /// Customers who found the room full. Above 0 the rate asked for is not what the shop saw.
    pub turned_away: u64,
    /// Requests answered well.
    pub pages: u64,
    /// Orders acknowledged, and what they are worth.
    pub orders: u64,
    pub revenue_minor: i64,
    /// Customers who left without an order because they wanted to, and because the shop failed.
    pub undecided: u64,
    pub annoyed: u64,
    /// Requests that failed, and by method and kind.
    pub failures: u64,
    pub failures_by_kind: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Book {
    figures: Figures,
    acknowledged: Vec<Acknowledged>,
    failures: VecDeque<Failure>,
}

/// The customers' book. Reading it gives a copy of that moment.
#[derive(Debug, Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

impl Ledger {
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.book().figures.clone()
    }

    /// Every order that was acknowledged, in the order of the answers.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.book().acknowledged.clone()
    }

    /// The newest failures, at most 500, oldest first.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.book().failures.iter().cloned().collect()
    }

    pub(super) fn came_in(&self) {
        let mut book = self.book();
        book.figures.customers += 1;
        book.figures.inside += 1;
    }

    pub(super) fn left(&self, why: Result<(), Left>) {
        let mut book = self.book();
        book.figures.inside -= 1;
        match why {
            Ok(()) => {}
            Err(Left::Undecided) => book.figures.undecided += 1,
            Err(Left::Annoyed) => book.figures.annoyed += 1,
        }
    }

    pub(super) fn turned_away(&self) {
        self.book().figures.turned_away += 1;
    }

    pub(super) fn page(&self) {
        self.book().figures.pages += 1;
    }

    pub(super) fn failed(&self, failure: Failure) {
        let mut book = self.book();
        book.figures.failures += 1;
        let kind = format!("{} {}", failure.method, failure.kind);
        *book.figures.failures_by_kind.entry(kind).or_default() += 1;
        if book.failures.len() == MOST_DETAILS {
            book.failures.pop_front();
        }
        book.failures.push_back(failure);
    }

    pub(super) fn acknowledge(&self, order: Acknowledged) {
        let mut book = self.book();
        book.figures.orders += 1;
        book.figures.revenue_minor += order.total_minor;
        book.acknowledged.push(order);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
