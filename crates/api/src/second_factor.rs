//! The second factor: codes of six digits that an app makes from a shared secret and the time (TOTP,
//! RFC 6238, with SHA-1 and steps of thirty seconds, since that is what apps can do), and recovery
//! codes for when the app is lost. Pure; that no code is good twice, the store sees to.

use crate::access;
use qrcode::{EcLevel, QrCode, render::svg};
use ring::hmac;
use store::TokenHash;

/// Bytes of a secret (RFC 4226, section 4, R6).
const SECRET_BYTES: usize = 20;
const STEP_MS: i64 = 30_000;
/// Codes of this many steps before and after now are taken too: clocks differ.
const SKEW: i64 = 1;
const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;

/// Recovery codes made at once.
const RECOVERY_CODES: usize = 10;
/// Random bytes of one: nobody guesses it, even from its hash.
const RECOVERY_BYTES: usize = 10;

/// The letters of Base32 (RFC 4648, section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(crate) fn new_secret() -> [u8; SECRET_BYTES] {
    rand::random()
}

/// The step whose code this is: now, or as near as clocks differ. `None` when it is none of them.
pub(crate) fn step_of(secret: &[u8], code: &str, now_ms: i64) -> Option<i64> {
    let now = now_ms.div_euclid(STEP_MS);
    let steps = (now - SKEW)..=(now + SKEW);
    // All are compared, whichever fits, so that time tells nothing.
    steps.fold(None, |found, step| if code_of(secret, step) == code { Some(step) } else { found })
}

/// The code of a step (RFC 4226, section 5.3).
fn code_of(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 0x0f);
    let four = bytes[offset..].first_chunk().copied().unwrap_or_default();
    let number = u32::from_be_bytes(four) & 0x7fff_ffff;
    format!("{:0DIGITS$}", number % MODULUS)
}

/// What an app is told (the key URI format of Google Authenticator's wiki, 2018).
pub(crate) fn uri(secret: &[u8], person: &str) -> String {
    format!("otpauth://totp/Storewarden:{person}?secret={}&issuer=Storewarden", base32(secret))
}

/// A text as a picture for a camera: SVG with nothing in it but shapes. `None`: it is too long.
pub(crate) fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// Ten recovery codes and their hashes.
pub(crate) fn new_recovery_codes() -> (Vec<String>, Vec<TokenHash>) {
    let code = || {
        let letters = base32(&rand::random::<[u8; RECOVERY_BYTES]>()).to_ascii_lowercase();
        let parts: Vec<&str> = (0..4).map(|part| &letters[part * 4..part * 4 + 4]).collect();
        parts.join("-")
    };
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| code()).collect();
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    (codes, hashes)
}

/// The hash of a recovery code, however it was typed.
pub(crate) fn recovery_hash(code: &str) -> TokenHash {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    access::hash(&letters.collect::<String>().to_ascii_lowercase())
}

/// Whether it looks like a code of an app rather than a recovery code.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[(buffer << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        let check = |seconds: i64, expect: &str| {
            assert_eq!(code_of(secret, seconds / 30), expect);
            assert_eq!(step_of(secret, expect, seconds * 1000), Some(seconds / 30));
        };
        check(59, "287082");
        check(1_111_111_109, "081804");
        check(1_111_111_111, "050471");
        check(1_234_567_890, "005924");
        check(2_000_000_000, "279037");
        check(20_000_000_000, "353130");
    }

    #[test]
    fn a_code_is_good_for_a_step_to_either_side() {
        let secret = b"12345678901234567890";
        let code = code_of(secret, 1_000);
        for (step, expect) in
            [(998, false), (999, true), (1_000, true), (1_001, true), (1_002, false)]
        {
            assert_eq!(step_of(secret, &code, step * STEP_MS).is_some(), expect, "{step}");
        }
        for bad in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(step_of(secret, bad, 0), None);
        }
    }

    /// RFC 4648, section 10, without the padding.
    #[test]
    fn base32_is_that_of_the_standard() {
        let check = |text: &str, expect: &str| assert_eq!(base32(text.as_bytes()), expect);
        check("", "");
        check("f", "MY");
        check("fo", "MZXQ");
        check("foo", "MZXW6");
        check("foob", "MZXW6YQ");
        check("fooba", "MZXW6YTB");
        check("foobar", "MZXW6YTBOI");
    }

    #[test]
    fn recovery_codes_are_ten_and_are_taken_however_typed() {
        let (codes, hashes) = new_recovery_codes();
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        assert!(codes.iter().all(|code| code.len() == 19 && !is_code(code)), "{codes:?}");
        let typed = format!(" {} ", codes[3].to_uppercase().replace('-', " "));
        assert_eq!(recovery_hash(&typed), hashes[3]);
    }

    #[test]
    fn an_app_is_told_by_text_and_by_picture() {
        let uri = uri(b"12345678901234567890", "anna");
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let expect = format!("otpauth://totp/Storewarden:anna?secret={secret}&issuer=Storewarden");
        assert_eq!(uri, expect);
        let picture = picture(&uri).unwrap();
        assert!(picture.contains("<svg") && !picture.contains("script"), "{picture}");
    }
}
