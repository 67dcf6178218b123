//! `media` of a shop: what it keeps beside its database, in folders and in buckets.

use super::{Section, absolute_path};
use crate::config::{
    BackupSettings, RepositorySettings, S3Settings, outer::destinations::Destinations,
};
use std::path::PathBuf;

/// What a shop keeps beside its database.
enum Media {
    Folder(PathBuf),
    Bucket(S3Settings),
}

const MEDIA: Destinations<Media> = Destinations {
    key: "media",
    example: "[\"/var/lib/shop\", \"s3://bucket/media\"]",
    name: "a bucket of media",
    folder: Media::Folder,
    bucket: |_, bucket| bucket.map(Media::Bucket),
    other: |section, text| section.checked("media", text, absolute_path).map(Media::Folder),
    other_table: |_| None,
};

/// `media` of a shop: folders, and buckets with what opens them.
pub(in crate::config::outer) fn media(section: &Section<'_>) -> (Vec<PathBuf>, Vec<S3Settings>) {
    let (mut folders, mut buckets): (Vec<PathBuf>, Vec<S3Settings>) = Default::default();
    let twice = |name: String| {
        let message = format!("`media` has \"{name}\" twice");
        section.wrong(section.place_of("media"), message, "keep one of the two");
    };
    for media in MEDIA.read(section) {
        match media {
            Media::Folder(path) if folders.contains(&path) => twice(path.display().to_string()),
            Media::Folder(path) => folders.push(path),
            // Their places in a backup are told apart by the name alone.
            Media::Bucket(bucket) if buckets.iter().any(|other| overlap(other, &bucket)) => {
                twice(RepositorySettings::S3 { bucket, lock: None }.to_string());
            }
            Media::Bucket(bucket) => buckets.push(bucket),
        }
    }
    (folders, buckets)
}

/// Whether one of them holds what the other does.
fn overlap(one: &S3Settings, other: &S3Settings) -> bool {
    let whole = |settings: &S3Settings| format!("{}/", settings.prefix).replace("//", "/");
    let (a, b) = (whole(one), whole(other));
    let is_all = |prefix: &str| prefix == "/";
    one.bucket == other.bucket
        && (is_all(&a) || is_all(&b) || a.starts_with(&b) || b.starts_with(&a))
}

/// Backups of media that lie among the media would grow with every backup.
pub(in crate::config::outer) fn refuse_own_media(
    section: &Section<'_>,
    media: &[S3Settings],
    backup: Option<&BackupSettings>,
) {
    let places = backup.into_iter().flat_map(|backup| &backup.to);
    let is_among = |place: &&RepositorySettings| match place {
        RepositorySettings::S3 { bucket, .. } => {
            media.iter().any(|media| media.endpoint == bucket.endpoint && overlap(media, bucket))
        }
        _ => false,
    };
    if let Some(place) = places.into_iter().find(is_among) {
        let message = format!("`media` and the backups at {place} lie in one another");
        let mend = "give one of them another bucket, or prefixes of which none begins as the other";
        section.wrong(section.place_of("media"), message, mend);
    }
}
