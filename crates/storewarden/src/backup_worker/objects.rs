//! What a worker does with a bucket of media that a backup is put into.

use super::{Done, Job, Trouble, Voice, job::To, work};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vault::{
    Origin,
    restore::objects::{self, Names, Request},
    storage::MediaTarget,
};

/// So many failures are told one by one.
const LINES: usize = 100;

/// What is to be done with a bucket.
#[derive(Serialize, Deserialize)]
pub(crate) struct Objects {
    pub(crate) snapshot: String,
    /// In the snapshot.
    pub(crate) path: PathBuf,
    /// [`To::S3`] with the prefix of the target.
    pub(crate) to: To,
    pub(crate) deed: ObjectsDeed,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum ObjectsDeed {
    /// Whether versions are kept; no repository is opened.
    SeeVersions,
    Count,
    Put {
        mark: String,
        overwrite: bool,
    },
    TakeBack {
        mark: String,
    },
}

/// What would be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CountedObjects {
    pub(crate) new: u64,
    /// Of these.
    pub(crate) bytes: u64,
    pub(crate) same: u64,
    pub(crate) differ: u64,
    /// Only reading them tells.
    pub(crate) unsure: u64,
    /// `None`: we may not see it.
    pub(crate) keeps_versions: Option<bool>,
}

pub(super) fn run(job: &Job, wanted: &Objects, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let trouble = |error| job.at.trouble(error);
    let (settings, _) = wanted.to.s3().expect("invariant: control tells of buckets only");
    let target = MediaTarget::new(settings, Vec::new()).map_err(trouble)?;
    if matches!(wanted.deed, ObjectsDeed::SeeVersions) {
        let keeps = target.keeps_versions().map_err(trouble)?;
        return Ok(Done::ObjectsVersions { keeps });
    }
    let repository = job.at.open(job.limits)?;
    let reader = repository.reader().map_err(trouble)?;
    let request = |mark: &str| {
        Ok::<_, Box<Trouble>>(Request {
            snapshot: work::find(job, &repository, &wanted.snapshot)?,
            path: wanted.path.clone(),
            target: &target,
            origin: Origin::of_this_process(),
            mark: mark.to_owned(),
        })
    };
    match &wanted.deed {
        ObjectsDeed::SeeVersions | ObjectsDeed::Count => {
            let counts = objects::count(&reader, &request("")?).map_err(trouble)?;
            let objects::Counts { new, new_bytes: bytes, same, differ, unsure, .. } = counts;
            let keeps_versions = target.keeps_versions().map_err(trouble)?;
            let counted = CountedObjects { new, bytes, same, differ, unsure, keeps_versions };
            Ok(Done::ObjectsCounted(counted))
        }
        ObjectsDeed::Put { mark, overwrite } => {
            let watch = voice.progress();
            let report = objects::run(&reader, &request(mark)?, *overwrite, &watch);
            told(report.map_err(trouble)?, voice)
        }
        ObjectsDeed::TakeBack { mark } => {
            let taken = objects::take_back(&reader, &request(mark)?).map_err(trouble)?;
            let objects::TakenBack { removed, brought_back, left } = taken;
            each(&left, "it stands in the place of another, which the bucket has not kept", voice);
            let Some(first) = left.first.first() else {
                return Ok(Done::ObjectsTakenBack { removed, brought_back });
            };
            let said = [("count", left.count.into()), ("first", first.as_str().into())];
            let message = format!(
                "{} objects stay, for the bucket has not kept what they were written over, the first of \
                 them {first}",
                left.count
            );
            Err(Box::new(Trouble::new("objects_left", said, message)))
        }
    }
}

fn told(report: objects::Report, voice: &Voice) -> Result<Done, Box<Trouble>> {
    let objects::Report { put, put_bytes: bytes, overwritten, kept, stay, failures } = report;
    each(&stay, "another one is in the bucket by now, and stays", voice);
    for (key, why) in failures.iter().take(LINES) {
        voice.line(format!("{key}: {why}"));
    }
    let Some((first, why)) = failures.first() else {
        let stay = stay.count;
        return Ok(Done::ObjectsPut { put, bytes, overwritten, kept, stay });
    };
    let count = failures.len() as u64;
    let said = [
        ("count", count.into()),
        ("files", (put + kept).into()),
        ("first", first.as_str().into()),
        ("error", why.as_str().into()),
    ];
    let message = format!(
        "{} objects are there, and {count} are not as they were, the first of them {first}: {why}",
        put + kept
    );
    Err(Box::new(Trouble::new("restore_incomplete", said, message)))
}

fn each(names: &Names, what: &str, voice: &Voice) {
    for name in &names.first {
        voice.line(format!("{name}: {what}"));
    }
    let more = names.count.saturating_sub(names.first.len() as u64);
    if more > 0 {
        voice.line(format!("and {more} more"));
    }
}
