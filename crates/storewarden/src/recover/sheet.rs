//! The recovery sheet on paper: how it is written, and what can be read from it again.

use crate::moment::Here;
use ::watch::backups::{RecoverySheet, SheetPlace};

/// The letters of a phrase, in groups; what is easily taken for another one is none of them.
const GROUPS: usize = 5;
const GROUP: usize = 5;
const TITLE: &str = "Recovery sheet of ";
const PLACES: &str = "Where the backups are:";
const NOT_OPENED: &str = "NOT OPENED BY THIS PHRASE";

/// What a sheet says to whoever recovers by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) shop: Option<String>,
    pub(super) phrase: Option<String>,
    pub(super) places: Vec<ReadPlace>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReadPlace {
    pub(crate) place: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
}

/// As it is printed and put into a safe.
pub(crate) fn written(sheet: &RecoverySheet, here: &Here) -> String {
    let RecoverySheet { shop, made_ms, phrase, places } = sheet;
    let all: String = places.iter().map(place).collect();
    let opened = places.iter().find(|one| one.key.is_some());
    let first = opened.map_or("…", |one| one.place.as_str());
    let at = opened.and_then(|one| one.endpoint.as_ref().zip(one.region.as_ref()));
    let at = at.map(|(endpoint, region)| format!(" --endpoint {endpoint} --region {region}"));
    let at = at.unwrap_or_default();
    let keys = match opened.map(|one| one.kind.as_str()) {
        Some("s3") => {
            "\nNot on this sheet, and needed beside it: the two keys of the storage. Keep them elsewhere too.\n"
        }
        Some("sftp") => {
            "\nNot on this sheet, and needed beside it: the key that signs in there. Keep it elsewhere too.\n"
        }
        _ => "",
    };
    format!(
        "\
{TITLE}{shop}, made {}

Print it, and keep it where this machine is not. Whoever has it opens every backup of this shop, and
with it Storewarden's own records. It is kept nowhere else, and is not said again; another sheet can
be made at any time.

      {phrase}

{PLACES}

{all}{keys}
Try it now, while all is well: into a folder of its own, which can go afterwards.

      storewarden recover --from {first}{at} --root /var/tmp/try

When this machine is gone: install Storewarden on another one, and give it this page as a text file,
or the phrase and the place by hand:

      storewarden recover --sheet FILE
      storewarden recover --from {first}{at}

Without Storewarden, with restic (https://restic.net):

      RESTIC_PASSWORD={phrase} restic -r {first} restore latest --target /srv/restored

Files come back below /srv/restored by their old paths, databases below /srv/restored/databases.
",
        here.moment(*made_ms)
    )
}

fn place(one: &SheetPlace) -> String {
    let SheetPlace { place, endpoint, region, repository, key, trouble, .. } = one;
    let mut text = format!("  {place}\n");
    if let (Some(endpoint), Some(region)) = (endpoint, region) {
        text.push_str(&format!("      at {endpoint}, region {region}\n"));
    }
    match (trouble, repository, key) {
        (None, Some(repository), Some(key)) => {
            let (repository, key) = (short(repository), short(key));
            text.push_str(&format!("      repository {repository}, key {key}\n"));
        }
        (Some(trouble), ..) => {
            text.push_str(&format!("      {NOT_OPENED}: {}\n", trouble.message));
        }
        _ => {}
    }
    text
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// What of it is there: a page that was typed again may be a phrase and nothing else.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read {
        shop: text.lines().find_map(titled),
        phrase: text.lines().find_map(|line| phrase(line).ok()),
        places: Vec::new(),
    };
    let below = text.lines().skip_while(|line| line.trim() != PLACES).skip(1);
    let listed = below.take_while(|line| line.is_empty() || line.starts_with("  "));
    for line in listed.filter(|line| !line.is_empty()) {
        let is_detail = line.starts_with("   ");
        let line = line.trim();
        match read.places.last_mut().filter(|_| is_detail) {
            Some(place) => {
                if let Some(at) = line.strip_prefix("at ") {
                    let (endpoint, region) = at.split_once(", region ").unwrap_or((at, ""));
                    place.endpoint = Some(endpoint.to_owned());
                    place.region = (!region.is_empty()).then(|| region.to_owned());
                } else if line.starts_with(NOT_OPENED) {
                    read.places.pop();
                }
            }
            None => read.places.push(ReadPlace { place: line.to_owned(), ..ReadPlace::default() }),
        }
    }
    read
}

fn titled(line: &str) -> Option<String> {
    let (shop, _) = line.trim().strip_prefix(TITLE)?.split_once(',')?;
    Some(shop.trim().to_owned())
}

/// A phrase as it was made, from how somebody has typed it.
///
/// # Errors
/// What is odd about it, for whoever typed it.
pub(crate) fn phrase(typed: &str) -> Result<String, String> {
    let mut letters = String::new();
    for typed in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        letters.push(match typed.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other if other.is_ascii_alphanumeric() && other != 'U' => other,
            other => return Err(format!("`{other}` is in no phrase")),
        });
    }
    let wanted = GROUPS * GROUP;
    if letters.len() != wanted {
        return Err(format!(
            "a phrase has {wanted} letters and digits, and this has {}",
            letters.len()
        ));
    }
    let groups = letters.as_bytes().chunks(GROUP).map(String::from_utf8_lossy);
    Ok(groups.collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Params;

    const PHRASE: &str = "4T7QA-00000-11111-ZZZZZ-ABCDE";

    #[test]
    fn what_is_printed_is_read_again() {
        let opened = |place: &str, endpoint: Option<&str>| SheetPlace {
            place: place.to_owned(),
            kind: "s3".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            region: endpoint.map(|_| "eu-central-1".to_owned()),
            repository: Some("0123456789".to_owned()),
            key: Some("abcdef0123".to_owned()),
            trouble: None,
        };
        let trouble = ::watch::backups::Trouble {
            code: "x".to_owned(),
            params: Params::new(),
            message: "nobody answers".to_owned(),
        };
        let dark = SheetPlace {
            repository: None,
            key: None,
            trouble: Some(trouble),
            ..opened("sftp://me@away/x", None)
        };
        let sheet = RecoverySheet {
            shop: "lamps".parse().unwrap(),
            made_ms: 0,
            phrase: PHRASE.to_owned(),
            places: vec![
                opened("s3://b/lamps", Some("http://127.0.0.1:1")),
                dark,
                opened("/mnt/usb/my lamps", None),
            ],
        };
        let here = Here { now_ms: 0, zone: jiff::tz::TimeZone::UTC };
        let expect = Read {
            shop: Some("lamps".to_owned()),
            phrase: Some(PHRASE.to_owned()),
            places: vec![
                ReadPlace {
                    place: "s3://b/lamps".to_owned(),
                    endpoint: Some("http://127.0.0.1:1".to_owned()),
                    region: Some("eu-central-1".to_owned()),
                },
                ReadPlace { place: "/mnt/usb/my lamps".to_owned(), ..ReadPlace::default() },
            ],
        };
        assert_eq!(read(&written(&sheet, &here)), expect);
        let bare = read(&format!("{PHRASE}\n"));
        assert_eq!(bare, Read { phrase: Some(PHRASE.to_owned()), ..Read::default() });
        assert_eq!(read("nothing of the kind"), Read::default());
    }

    #[test]
    fn a_phrase_is_forgiving() {
        let check = |typed: &str, expect: Option<&str>| {
            assert_eq!(phrase(typed).ok().as_deref(), expect, "{typed}");
        };
        check(PHRASE, Some(PHRASE));
        check(" 4t7qa ooooo iLiLi zzzzz abcde\n", Some(PHRASE));
        check("4T7QA000001111ZZZZZZABCDE", Some("4T7QA-00000-1111Z-ZZZZZ-ABCDE"));
        check("4T7QA-00000", None);
        check("4T7QA-00000-11111-ZZZZZ-ABCDU", None);
        check("", None);
    }
}
