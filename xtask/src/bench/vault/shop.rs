//! The files of a shop that nobody has: pictures, small files and a dump, the same ones for the same seed.
//!
//! Pictures do not compress, as real ones don't; small files and the dump do, about as real ones do.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Of a whole shop.
const MEDIA_BYTES: u64 = 1_500 << 20;
const SMALL_FILES: u64 = 20_000;
const DUMP_BYTES: u64 = 200 << 20;
/// Pictures in one folder, and small files in one.
const PER_FOLDER: u64 = 200;
const PER_SMALL_FOLDER: u64 = 40;

/// One that every shop has, from whoever looks for a picture.
pub(super) const SOME_FOLDER: &str = "media/000";

const WORDS: [&str; 32] = [
    "lamp",
    "shade",
    "order",
    "customer",
    "return",
    "const",
    "price",
    "import",
    "function",
    "table",
    "brass",
    "walnut",
    "export",
    "async",
    "await",
    "delivery",
    "invoice",
    "street",
    "value",
    "null",
    "true",
    "variant",
    "stock",
    "class",
    "public",
    "static",
    "private",
    "interface",
    "readonly",
    "promise",
    "channel",
    "currency",
];

/// xorshift64*: fast, and the same everywhere.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    fn word(&mut self) -> &'static str {
        let index = usize::try_from(self.below(WORDS.len() as u64)).expect("invariant: below 32");
        WORDS[index]
    }
}

/// How much of everything: 1.0 is a whole shop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale(pub(super) f64);

impl Scale {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are far below 2⁵² and scales above nought"
    )]
    fn of(self, whole: u64) -> u64 {
        (whole as f64 * self.0) as u64
    }
}

/// Makes the shop in a folder that does not exist yet.
pub(super) fn make(folder: &Path, scale: Scale, seed: u64) -> anyhow::Result<()> {
    let mut dice = Dice::new(seed);
    let mut left = scale.of(MEDIA_BYTES);
    let mut number = 0;
    while left > 0 {
        // From thumbnails to a film now and then.
        let size = match dice.below(20) {
            0 => (4 << 20) + dice.below(12 << 20),
            1..=4 => (1 << 20) + dice.below(2 << 20),
            _ => (40 << 10) + dice.below(400 << 10),
        };
        let size = size.min(left);
        picture(&picture_path(folder, number), size, &mut dice)?;
        left -= size;
        number += 1;
    }
    for number in 0..scale.of(SMALL_FILES) {
        small_file(&small_path(folder, number), &mut dice)?;
    }
    dump(&folder.join("dump.sql"), scale.of(DUMP_BYTES), &mut dice)
}

/// Changes one picture and one small file in a hundred, and appends to the dump.
pub(super) fn change(folder: &Path, scale: Scale, seed: u64) -> anyhow::Result<()> {
    let mut dice = Dice::new(seed ^ 0xC0FF_EE00);
    let mut number = 0;
    while picture_path(folder, number).exists() {
        if number % 100 == 0 {
            let size = (40 << 10) + dice.below(2 << 20);
            picture(&picture_path(folder, number), size, &mut dice)?;
        }
        number += 1;
    }
    for number in (0..scale.of(SMALL_FILES)).step_by(100) {
        small_file(&small_path(folder, number), &mut dice)?;
    }
    let path = folder.join("dump.sql");
    let file = fs::OpenOptions::new().append(true).open(&path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    rows(file, scale.of(DUMP_BYTES) / 100, &mut dice)
        .with_context(|| format!("write {}", path.display()))
}

/// Another dump, which no repository has yet.
pub(super) fn other_dump(path: &Path, scale: Scale, seed: u64) -> anyhow::Result<()> {
    dump(path, scale.of(DUMP_BYTES), &mut Dice::new(seed ^ 0x0D06_F00D))
}

fn picture_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("media/{:03}/{number:06}.jpg", number / PER_FOLDER))
}

fn small_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!(
        "code/{:03}/{:02}/{number:06}.ts",
        number / PER_SMALL_FOLDER / 20,
        number / PER_SMALL_FOLDER % 20
    ))
}

fn create(path: &Path) -> anyhow::Result<BufWriter<fs::File>> {
    let parent = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    let file = fs::File::create(path).with_context(|| format!("create {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn picture(path: &Path, size: u64, dice: &mut Dice) -> anyhow::Result<()> {
    let mut file = create(path)?;
    let mut write = || {
        for _ in 0..size / 8 {
            file.write_all(&dice.next().to_le_bytes())?;
        }
        file.flush()
    };
    write().with_context(|| format!("write {}", path.display()))
}

fn small_file(path: &Path, dice: &mut Dice) -> anyhow::Result<()> {
    let mut file = create(path)?;
    let mut write = || {
        for _ in 0..20 + dice.below(200) {
            for _ in 0..1 + dice.below(8) {
                write!(file, "{} ", dice.word())?;
            }
            writeln!(file, "// {:x}", dice.below(1 << 20))?;
        }
        file.flush()
    };
    write().with_context(|| format!("write {}", path.display()))
}

fn dump(path: &Path, bytes: u64, dice: &mut Dice) -> anyhow::Result<()> {
    let mut file = create(path)?;
    rows(&mut file, bytes, dice)
        .and_then(|()| file.flush())
        .with_context(|| format!("write {}", path.display()))
}

fn rows(to: impl Write, bytes: u64, dice: &mut Dice) -> std::io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, to);
    let mut written = 0;
    let mut id = 0_u64;
    while written < bytes {
        let row = format!(
            "INSERT INTO order_line VALUES ({id},'{}-{:08}','{} {} {}',{},{},'2026-{:02}-{:02} {:02}:{:02}:{:02}');\n",
            dice.word(),
            dice.below(100_000_000),
            dice.word(),
            dice.word(),
            dice.word(),
            dice.below(100_000),
            dice.below(9) + 1,
            dice.below(12) + 1,
            dice.below(28) + 1,
            dice.below(24),
            dice.below(60),
            dice.below(60),
        );
        to.write_all(row.as_bytes())?;
        written += row.len() as u64;
        id += 1;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_shop() {
        let scratch = crate::process::Scratch::new("shop-test").unwrap();
        let scale = Scale(0.001);
        for name in ["a", "b"] {
            make(&scratch.path().join(name), scale, 7).unwrap();
            change(&scratch.path().join(name), scale, 7).unwrap();
        }
        for file in ["dump.sql", "media/000/000000.jpg", "code/000/00/000000.ts"] {
            let read = |name: &str| fs::read(scratch.path().join(name).join(file)).unwrap();
            assert!(read("a") == read("b") && !read("a").is_empty(), "{file}");
        }
    }
}
