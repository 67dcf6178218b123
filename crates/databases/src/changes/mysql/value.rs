//! A column's value in a row of the binary log, as the text protocol would write it, so that it is what
//! stands in a dump. The forms are those of MariaDB's and MySQL's `Field::pack` (log_event.h, field.cc).

use super::json;
use crate::dump::Field;
use std::fmt::Write as _;

/// How a column's values are written in the binary log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Integer {
        bytes: usize,
        is_unsigned: bool,
        width: usize,
    },
    Float,
    /// With so many digits after the point, or as many as it takes.
    Double {
        decimals: Option<usize>,
        width: usize,
    },
    Decimal {
        precision: usize,
        scale: usize,
        width: usize,
    },
    Year,
    Date,
    Time {
        digits: usize,
    },
    DateTime {
        digits: usize,
    },
    Timestamp {
        digits: usize,
    },
    Bytes {
        length_bytes: usize,
        content: Content,
    },
    Enum {
        bytes: usize,
        names: Vec<Vec<u8>>,
    },
    Set {
        bytes: usize,
        names: Vec<Vec<u8>>,
    },
    Bit {
        bytes: usize,
    },
    /// MySQL's, which MariaDB's is not: that is text.
    Json {
        length_bytes: usize,
    },
}

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    AsTheyAre,
    /// BINARY(n): zeros at the end are not in the log.
    Padded(usize),
    Uuid,
    Inet6,
    Inet4,
}

/// What is left of a row.
#[derive(Debug)]
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn little(&mut self, bytes: usize) -> Option<u64> {
        let mut number = [0; 8];
        number.get_mut(..bytes)?.copy_from_slice(self.take(bytes)?);
        Some(u64::from_le_bytes(number))
    }

    fn big(&mut self, bytes: usize) -> Option<u64> {
        let mut number = [0; 8];
        number[8_usize.checked_sub(bytes)?..].copy_from_slice(self.take(bytes)?);
        Some(u64::from_be_bytes(number))
    }

    /// A number of 1 to 9 bytes (MySQL internals, "length encoded integer").
    pub(super) fn packed(&mut self) -> Option<u64> {
        match self.little(1)? {
            number @ 0..=250 => Some(number),
            252 => self.little(2),
            253 => self.little(3),
            254 => self.little(8),
            _ => None,
        }
    }

    pub(super) fn packed_bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.packed()?).ok()?;
        self.take(length)
    }
}

impl Form {
    /// The next value of the row; `None` for a row that is cut short or malformed.
    pub(super) fn read(&self, rest: &mut Rest<'_>) -> Option<Field> {
        let value = match self {
            Self::Integer { bytes, is_unsigned, width } => {
                let number = rest.little(*bytes)?;
                let shift = 64 - 8 * *bytes as u32;
                match is_unsigned {
                    true => padded(&number.to_string(), *width),
                    false => ((number << shift).cast_signed() >> shift).to_string().into_bytes(),
                }
            }
            Self::Float => {
                let number = f32::from_le_bytes(rest.take(4)?.try_into().ok()?);
                double(f64::from(number)).into_bytes()
            }
            Self::Double { decimals, width } => {
                let number = f64::from_le_bytes(rest.take(8)?.try_into().ok()?);
                let text = match decimals {
                    Some(decimals) => format!("{number:.decimals$}"),
                    None => double(number),
                };
                padded(&text, *width)
            }
            Self::Decimal { precision, scale, width } => {
                padded(&decimal(rest, *precision, *scale)?, *width)
            }
            Self::Year => match rest.little(1)? {
                0 => b"0000".to_vec(),
                years => (1900 + years).to_string().into_bytes(),
            },
            Self::Date => {
                let number = rest.little(3)?;
                let (year, month, day) = (number >> 9, number >> 5 & 15, number & 31);
                format!("{year:04}-{month:02}-{day:02}").into_bytes()
            }
            Self::Time { digits } => time(rest, *digits)?.into_bytes(),
            Self::DateTime { digits } => date_time(rest, *digits)?.into_bytes(),
            Self::Timestamp { digits } => timestamp(rest, *digits)?.into_bytes(),
            Self::Bytes { length_bytes, content } => {
                let length = usize::try_from(rest.little(*length_bytes)?).ok()?;
                content.of(rest.take(length)?)?
            }
            Self::Enum { bytes, names } => match usize::try_from(rest.little(*bytes)?).ok()? {
                0 => Vec::new(),
                number => names.get(number - 1)?.clone(),
            },
            Self::Set { bytes, names } => {
                let bits = rest.little(*bytes)?;
                let chosen: Vec<_> = names
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| *bit < 64 && bits >> bit & 1 == 1)
                    .map(|(_, name)| name.as_slice())
                    .collect();
                chosen.join(b",".as_slice())
            }
            Self::Bit { bytes } => rest.take(*bytes)?.to_vec(),
            Self::Json { length_bytes } => {
                let length = usize::try_from(rest.little(*length_bytes)?).ok()?;
                json::text(rest.take(length)?)?
            }
        };
        Some(Some(value))
    }
}

impl Content {
    fn of(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let filled = |length: usize| {
            let mut all = bytes.to_vec();
            (all.len() <= length).then(|| {
                all.resize(length, 0);
                all
            })
        };
        Some(match self {
            Self::AsTheyAre => bytes.to_vec(),
            Self::Padded(length) => filled(length)?,
            Self::Uuid => uuid(&filled(16)?.try_into().ok()?).into_bytes(),
            Self::Inet6 => {
                let bytes: [u8; 16] = filled(16)?.try_into().ok()?;
                inet6(&bytes).into_bytes()
            }
            Self::Inet4 => {
                let bytes: [u8; 4] = filled(4)?.try_into().ok()?;
                std::net::Ipv4Addr::from(bytes).to_string().into_bytes()
            }
        })
    }
}

/// ZEROFILL.
fn padded(text: &str, width: usize) -> Vec<u8> {
    let mut all = vec![b'0'; width.saturating_sub(text.len())];
    all.extend_from_slice(text.as_bytes());
    all
}

/// As MariaDB and MySQL write a double: its shortest digits, in plain when the point is at most 15
/// places away from them (dtoa.c, `my_gcvt`).
pub(super) fn double(number: f64) -> String {
    if number == 0.0 {
        // A negative nought is written as one.
        return if number.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().expect("invariant: Rust writes a number there");
    if (-15..15).contains(&exponent) { format!("{number}") } else { format!("{digits}e{exponent}") }
}

/// Nine digits in four bytes, fewer in fewer; the highest bit says plus, and of a negative number every bit is
/// turned (decimal.c, `decimal2bin`).
pub(super) fn decimal(rest: &mut Rest<'_>, precision: usize, scale: usize) -> Option<String> {
    const BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let whole = precision.checked_sub(scale)?;
    let groups = [(whole % 9, 1), (9, whole / 9), (9, scale / 9), (scale % 9, 1)];
    let length = groups.iter().map(|(digits, count)| BYTES[*digits] * count).sum();
    let mut bytes = rest.take(length)?.to_vec();
    let first = bytes.first_mut()?;
    let is_negative = *first & 0x80 == 0;
    *first ^= 0x80;
    if is_negative {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut bytes = Rest(&bytes);
    let mut digits = String::new();
    for (count, times) in groups {
        for _ in 0..times {
            if count > 0 {
                let group = bytes.big(BYTES[count])?;
                write!(digits, "{group:0count$}").expect("invariant: writing to a text works");
            }
        }
    }
    let (before, after) = digits.split_at_checked(whole)?;
    let before = match before.trim_start_matches('0') {
        "" => "0",
        before => before,
    };
    let sign = if is_negative { "-" } else { "" };
    Some(if scale == 0 { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") })
}

/// The digits after the point that a value has: in one byte for two of them.
fn fraction(rest: &mut Rest<'_>, digits: usize) -> Option<String> {
    let bytes = digits.div_ceil(2);
    let number = rest.big(bytes)?;
    Some(fraction_text(number, digits))
}

/// Of a number with an even count of digits, as many as the column has.
fn fraction_text(number: u64, digits: usize) -> String {
    if digits == 0 {
        return String::new();
    }
    let even = digits.div_ceil(2) * 2;
    let mut text = format!(".{number:0even$}");
    text.truncate(1 + digits);
    text
}

fn date_time(rest: &mut Rest<'_>, digits: usize) -> Option<String> {
    let packed = rest.big(5)?.checked_sub(1 << 39)?;
    let fraction = fraction(rest, digits)?;
    Some(date_time_text(packed, &fraction))
}

fn date_time_text(packed: u64, fraction: &str) -> String {
    let (days, clock) = (packed >> 17, packed & 0x1_ffff);
    let (months, day) = (days >> 5, days & 31);
    let (year, month) = (months / 13, months % 13);
    let (hour, minute, second) = (clock >> 12, clock >> 6 & 63, clock & 63);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}")
}

/// With six digits of the second, as one number (my_time.cc, `TIME_to_longlong_datetime_packed`).
pub(super) fn packed_date_time(packed: i64) -> Option<String> {
    let packed = u64::try_from(packed).ok()?;
    Some(date_time_text(packed >> 24, &fraction_text(packed & 0xff_ffff, 6)))
}

/// The same of a time, which may be before nought.
pub(super) fn packed_time(packed: i64) -> String {
    time_text(packed < 0, packed.unsigned_abs() >> 24, packed.unsigned_abs() & 0xff_ffff, 6)
}

fn time_text(is_negative: bool, clock: u64, fraction: u64, digits: usize) -> String {
    let sign = if is_negative { "-" } else { "" };
    let (hour, minute, second) = (clock >> 12, clock >> 6 & 63, clock & 63);
    let fraction = fraction_text(fraction, digits);
    format!("{sign}{hour:02}:{minute:02}:{second:02}{fraction}")
}

fn time(rest: &mut Rest<'_>, digits: usize) -> Option<String> {
    let fraction_bytes = digits.div_ceil(2);
    let fraction_bits = 8 * fraction_bytes as u32;
    let bytes = 3 + fraction_bytes;
    // One number with the fraction in it, around a nought in the middle.
    let middle = 1_i64 << (8 * bytes - 1);
    let number = rest.big(bytes)?.cast_signed() - middle;
    let (is_negative, number) = (number < 0, number.unsigned_abs());
    let (clock, fraction) = (number >> fraction_bits, number & ((1 << fraction_bits) - 1));
    Some(time_text(is_negative, clock, fraction, digits))
}

/// In UTC, whatever the zone of who wrote it.
fn timestamp(rest: &mut Rest<'_>, digits: usize) -> Option<String> {
    let seconds = rest.big(4)?;
    let fraction = fraction(rest, digits)?;
    if seconds == 0 && fraction.bytes().all(|byte| byte == b'.' || byte == b'0') {
        return Some(format!("0000-00-00 00:00:00{fraction}"));
    }
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// The date of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Its parts are stored in the opposite order, but for newer versions of UUID (MariaDB, sql_type_uuid.h).
fn uuid(stored: &[u8; 16]) -> String {
    let is_turned = stored[6] & 0x80 != 0 && (1..0x60).contains(&stored[8]);
    let parts: [&[u8]; 5] = match is_turned {
        true => [&stored[12..], &stored[10..12], &stored[8..10], &stored[6..8], &stored[..6]],
        false => [&stored[..4], &stored[4..6], &stored[6..8], &stored[8..10], &stored[10..]],
    };
    let hexadecimal = |part: &&[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.iter().map(hexadecimal).collect::<Vec<String>>().join("-")
}

/// MariaDB writes IPv4 within IPv6 in both forms: `::ffff:1.2.3.4` and `::1.2.3.4`.
fn inet6(bytes: &[u8; 16]) -> String {
    let (zeros, last) = bytes.split_at(12);
    let is_old = zeros.iter().all(|byte| *byte == 0) && (last[0] != 0 || last[1] != 0);
    match is_old {
        true => format!("::{}.{}.{}.{}", last[0], last[1], last[2], last[3]),
        false => std::net::Ipv6Addr::from(*bytes).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_the_server_does() {
        let check = |number: f64, expect: &str| assert_eq!(double(number), expect);
        check(0.1 + 0.2, "0.30000000000000004");
        check(1e14, "100000000000000");
        check(1e15, "1e15");
        check(123_456_789_012_345.0, "123456789012345");
        check(1e-15, "0.000000000000001");
        check(1e-16, "1e-16");
        check(-1.5e300, "-1.5e300");
        check(f64::from(16_777_217_f32), "16777216");
        check(0.0, "0");
    }

    #[test]
    fn values_are_written_as_the_text_protocol_does() {
        let check = |form: Form, bytes: &[u8], expect: &str| {
            let mut rest = Rest(bytes);
            let value = form.read(&mut rest).unwrap().unwrap();
            assert_eq!(String::from_utf8_lossy(&value), expect);
            assert!(rest.0.is_empty(), "{expect}");
        };
        let signed = Form::Integer { bytes: 3, is_unsigned: false, width: 0 };
        check(signed, &[0xff, 0xff, 0xff], "-1");
        let filled = Form::Integer { bytes: 2, is_unsigned: true, width: 6 };
        check(filled, &[42, 0], "000042");
        let decimal = || Form::Decimal { precision: 14, scale: 4, width: 0 };
        check(decimal(), &[0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2], "1234567890.1234");
        check(decimal(), &[0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d], "-1234567890.1234");
        check(Form::Time { digits: 0 }, &[0x80, 0x10, 0x83], "01:02:03");
        check(Form::Time { digits: 2 }, &[0x7f, 0xff, 0xff, 0xff], "-00:00:00.01");
        check(Form::Timestamp { digits: 0 }, &[0, 0, 0, 0], "0000-00-00 00:00:00");
        check(Form::Timestamp { digits: 3 }, &[0x65, 0xe1, 0x1a, 0x80, 0x1e, 0xdc], {
            "2024-03-01 00:00:00.790"
        });
        let names = || vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
        check(Form::Set { bytes: 1, names: names() }, &[5], "a,c");
        check(Form::Enum { bytes: 1, names: names() }, &[0], "");
    }

    #[test]
    fn no_bytes_make_their_reader_panic() {
        bolero::check!().with_type::<(u8, u8, Vec<u8>)>().for_each(|(a, b, bytes)| {
            let (a, b) = (usize::from(*a) % 66, usize::from(*b) % 7);
            for form in [
                Form::Integer { bytes: b + 1, is_unsigned: a > 3, width: a },
                Form::Decimal { precision: a, scale: b, width: 0 },
                Form::Time { digits: b },
                Form::DateTime { digits: b },
                Form::Timestamp { digits: b },
                Form::Bytes { length_bytes: b.clamp(1, 4), content: Content::Padded(a) },
                Form::Bytes { length_bytes: 1, content: Content::Uuid },
                Form::Enum { bytes: 2, names: vec![Vec::new()] },
                Form::Set { bytes: b + 1, names: vec![Vec::new(); a] },
                Form::Json { length_bytes: 1 },
            ] {
                let _ = form.read(&mut Rest(bytes));
            }
        });
    }
}
