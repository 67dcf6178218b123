//! Logs that grow, turn, shrink and vanish while they are followed.

use super::*;
use std::io::Write as _;

const MOST: usize = 1 << 30;

struct Play {
    folder: tempfile::TempDir,
    tail: Tail,
}

impl Play {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        fs::write(&path, text).unwrap();
        let (tail, is_lost) = Tail::new(&path, &[]);
        assert!(!is_lost);
        Self { folder, tail }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = fs::OpenOptions::new().append(true).create(true).open(self.path(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn read(&mut self) -> String {
        let mut lines = Vec::new();
        let mut take = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        self.tail.turn(MOST, &mut take).unwrap();
        lines.join(" ")
    }

    /// As after a restart; whether lines were lost meanwhile.
    fn again(&mut self) -> bool {
        let places = serde_json::to_string(&self.tail.places()).unwrap();
        let places: Vec<Place> = serde_json::from_str(&places).unwrap();
        let (tail, is_lost) = Tail::new(&self.path("access.log"), &places);
        self.tail = tail;
        is_lost
    }
}

#[test]
fn lines_are_read_once_and_half_ones_when_they_are_whole() {
    let mut play = Play::new("a\nb\nhal");
    assert_eq!(play.read(), "a b");
    assert_eq!(play.read(), "");
    play.write("access.log", "f\r\n\nc\n");
    assert!(!play.again());
    assert_eq!(play.read(), "half c");
    assert_eq!(play.read(), "");
}

#[test]
fn a_renamed_log_is_read_to_its_end_beside_the_new_one() {
    let mut play = Play::new("a\n");
    assert_eq!(play.read(), "a");
    play.write("access.log", "b\n");
    fs::rename(play.path("access.log"), play.path("access.log.1")).unwrap();
    // The server writes there until it is told.
    play.write("access.log.1", "c\n");
    assert_eq!(play.read(), "b c");
    play.write("access.log", "e\n");
    play.write("access.log.1", "d\n");
    assert_eq!(play.read(), "d e");
    play.write("access.log.1", "late\n");
    play.write("access.log", "f\n");
    assert!(!play.again());
    assert_eq!(play.read(), "late f");
    for _ in 0..=IDLE_TURNS {
        assert_eq!(play.read(), "");
    }
    assert!(play.tail.leaving.is_empty());
}

#[test]
fn a_log_that_was_rotated_while_nobody_read_is_read_on_where_it_is() {
    let mut play = Play::new("a\n");
    assert_eq!(play.read(), "a");
    play.write("access.log", "b\n");
    fs::rename(play.path("access.log"), play.path("access.log-20261122")).unwrap();
    play.write("access.log", "c\n");
    assert!(!play.again());
    assert_eq!(play.read(), "b c");
    // Compressed: what was not read of it is gone, and that is said.
    play.write("access.log", "d\n");
    fs::remove_file(play.path("access.log")).unwrap();
    play.write("access.log.1.gz", "c\nd\n");
    play.write("access.log", "other\n");
    assert!(play.again());
    assert_eq!(play.read(), "other");
}

#[test]
fn a_log_that_is_copied_away_and_cut_loses_nothing_that_is_in_the_copy() {
    let mut play = Play::new("first line\nsecond\n");
    assert_eq!(play.read(), "first line second");
    play.write("access.log", "third\n");
    fs::copy(play.path("access.log"), play.path("access.log.1")).unwrap();
    fs::write(play.path("access.log"), "a new day\n").unwrap();
    assert_eq!(play.read(), "third a new day");
    // Grown past where we were, and yet another file: how it begins tells.
    fs::copy(play.path("access.log"), play.path("access.log.1")).unwrap();
    fs::write(play.path("access.log"), "another day, with a longer line\n").unwrap();
    assert_eq!(play.read(), "another day, with a longer line");
    // What was in the copies is read.
    assert_eq!(play.read(), "");
    fs::write(play.path("access.log"), "").unwrap();
    assert_eq!(play.read(), "");
    assert!(!play.again());
    play.write("access.log", "on\n");
    assert_eq!(play.read(), "on");
}

#[test]
fn lines_that_are_too_long_are_passed_over_and_counted() {
    let mut play = Play::new("a\n");
    play.write("access.log", &format!("{}\nb\n", "x".repeat(LONGEST_LINE + 1)));
    play.write("access.log", &format!("{}\nc\n", "y".repeat(3 * BLOCK)));
    let (mut lines, mut too_long) = (Vec::new(), 0);
    for _ in 0..3 {
        let mut take = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        too_long += play.tail.turn(MOST, &mut take).unwrap().too_long;
    }
    assert_eq!((lines.join(" "), too_long), ("a b c".to_owned(), 2));
}

#[test]
fn a_log_that_is_not_there_says_so_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let (mut tail, _) = Tail::new(&path, &[]);
    let error = tail.turn(MOST, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    fs::write(&path, "a\n").unwrap();
    let mut count = 0;
    tail.turn(MOST, &mut |_| count += 1).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_turn_reads_no_more_than_it_may_and_tells_what_is_left() {
    let text = "0123456789\n".repeat(100_000);
    let mut play = Play::new(&text);
    let mut count = 0;
    let turn = play.tail.turn(1, &mut |_| count += 1).unwrap();
    assert!(count < 100_000 && turn.behind_bytes > 0, "{count} {turn:?}");
    while play.tail.turn(BLOCK, &mut |_| count += 1).unwrap().behind_bytes > 0 {}
    assert_eq!(count, 100_000);
}
