//! The key by which a domain's mail is signed: RFC 6376, 3.6.1.

use super::{of, short, tag, tags, texts};
use crate::{
    dns::resolver::Resolver,
    outcome::{Conclusion, Reason},
    trace::Trace,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use x509_parser::{
    prelude::FromDer,
    public_key::{PublicKey, RSAPublicKey},
    x509::SubjectPublicKeyInfo,
};

/// RFC 8301, 3.2: whoever receives does not take a shorter one.
const SHORTEST_RSA_BITS: usize = 1024;
/// RFC 8463, 4.2.
const ED25519_BYTES: usize = 32;

pub(super) async fn judge(
    resolver: &Resolver,
    domain: &str,
    selector: &str,
    trace: &mut Trace,
) -> Result<(), Conclusion> {
    let name = format!("{selector}._domainkey.{domain}");
    let texts = texts(resolver, &name, trace).await?.unwrap_or_default();
    let judged = match texts.as_slice() {
        [] => Err(of("dkim_missing", &name)),
        // RFC 6376, 3.6.2.2: what comes of it is undefined.
        [_, _, ..] => Err(of("dkim_several", &name)),
        [text] => judge_record(text, &name),
    };
    judged.map_err(Conclusion::Failed)
}

fn judge_record(text: &str, name: &str) -> Result<(), Reason> {
    let malformed = || of("dkim_malformed", name).with("found", short(text));
    let tags = tags(text).ok_or_else(malformed)?;
    let version = tags.iter().position(|(name, _)| name == "v");
    let is_version = version.is_none_or(|place| place == 0 && tags[place].1 == "DKIM1");
    let key = tag(&tags, "p").filter(|_| is_version).ok_or_else(malformed)?;
    let key: String = key.split_ascii_whitespace().collect();
    if key.is_empty() {
        return Err(of("dkim_revoked", name));
    }
    let key = STANDARD.decode(key).map_err(|_| malformed())?;
    match tag(&tags, "k").unwrap_or("rsa").to_ascii_lowercase().as_str() {
        "rsa" => {
            let bits = rsa_bits(&key).ok_or_else(malformed)?;
            if bits < SHORTEST_RSA_BITS {
                return Err(of("dkim_key_short", name).with("bits", bits as u64));
            }
            Ok(())
        }
        "ed25519" if key.len() == ED25519_BYTES => Ok(()),
        _ => Err(malformed()),
    }
}

/// Of a key as certificates have it, or of one without its frame, which RFC 6376, 3.6.1 names and some publish.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    if let Ok((_, framed)) = SubjectPublicKeyInfo::from_der(key) {
        return match framed.parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            _ => None,
        };
    }
    RSAPublicKey::from_der(key).ok().map(|(_, key)| key.key_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The integers of a key, and the frame around it: ITU-T X.690, 8.
    fn der(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut bytes = vec![kind];
        match length {
            0..128 => bytes.push(length as u8),
            128..256 => bytes.extend([0x81, length as u8]),
            _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        bytes.extend(content);
        bytes
    }

    fn rsa(bits: usize) -> Vec<u8> {
        let modulus = [&[0][..], &vec![0xc1; bits / 8]].concat();
        let key = der(0x30, &[der(2, &modulus), der(2, &[1, 0, 1])].concat());
        let kind = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\0";
        der(0x30, &[&kind[..], &der(3, &[&[0][..], &key].concat())].concat())
    }

    #[test]
    fn keys_are_judged_by_kind_and_length() {
        let check = |text: &str, code: Option<&str>| {
            let judged = judge_record(text, "k._domainkey.shop.example");
            assert_eq!(judged.err().map(|reason| reason.code), code, "{text}");
        };
        let long = STANDARD.encode(rsa(2048));
        check(&format!("v=DKIM1; k=rsa; p={long}"), None);
        check(&format!("p={} {}", &long[..40], &long[40..]), None);
        check(&format!("v=DKIM1; k=ed25519; p={long}"), Some("dkim_malformed"));
        check(&format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode([7; 32])), None);
        check(&format!("v=DKIM1; p={}", STANDARD.encode(rsa(512))), Some("dkim_key_short"));
        check(&format!("v=DKIM1; p={}", &long[..100]), Some("dkim_malformed"));
        check("v=DKIM1; p=", Some("dkim_revoked"));
        check("v=DKIM1; k=rsa", Some("dkim_malformed"));
        check("v=DKIM1; p=%%%", Some("dkim_malformed"));
        check(&format!("k=rsa; v=DKIM1; p={long}"), Some("dkim_malformed"));
        check(&format!("v=DKIM2; p={long}"), Some("dkim_malformed"));
        check("hello", Some("dkim_malformed"));
    }

    #[test]
    fn no_record_and_no_key_make_it_panic() {
        bolero::check!().with_type::<(String, Vec<u8>)>().for_each(|(text, key)| {
            let judged = judge_record(text, "k");
            assert!(judged.is_err() || text.contains("p="), "{text}");
            let framed = format!("p={}", STANDARD.encode(key));
            // By chance there is no key of a thousand bits.
            assert!(judge_record(&framed, "k").is_err(), "{framed}");
        });
    }
}
