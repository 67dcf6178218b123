//! Writes objects, several at once, for what a bucket far away needs for each answer is waited for once.

use super::{Report, Request, Standing, Wanted, endings};
use crate::{
    Id, Node, Reader, VaultError,
    packer::locked,
    progress::Meter,
    storage::{MediaTarget, Written, part_bytes},
};
use bytes::Bytes;
use outbound::bucket::{Object, Only, Part, Served};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Objects at the same time; of each a part is in memory, and what it is sent from.
const AT_ONCE: usize = 6;
/// One that is another each time it is looked at is given up.
const TRIES: usize = 3;

/// A run that writes.
pub(super) struct Writing<'a> {
    reader: &'a Reader,
    target: &'a MediaTarget,
    mark: &'a str,
    overwrite: bool,
    meter: &'a Meter<'a>,
    report: Mutex<Report>,
}

/// Notes on an object that was not there, and on one that stands in the place of another.
pub(super) fn notes(mark: &str) -> [String; 2] {
    [format!("put:{mark}"), format!("over:{mark}")]
}

/// Whether an object that is there has the content that was backed up.
enum Compared {
    Same,
    Other,
    Gone,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        reader: &'a Reader,
        request: &'a Request<'_>,
        overwrite: bool,
        meter: &'a Meter<'a>,
    ) -> Self {
        let Request { target, mark, .. } = request;
        Self { reader, target, mark, overwrite, meter, report: Mutex::default() }
    }

    /// Stops at the first that keeps all from going on.
    pub(super) fn all(self, items: &[(&Wanted, Standing)]) -> Result<Report, VaultError> {
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<VaultError>> = Mutex::new(None);
        let work = || {
            while let Some((wanted, standing)) = items.get(next.fetch_add(1, Relaxed)) {
                if let Err(error) = self.one(wanted, standing) {
                    locked(&failure).get_or_insert(error);
                    next.store(items.len(), Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..AT_ONCE {
                scope.spawn(work);
            }
            work();
        });
        match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(self.report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
        }
    }

    /// Damage of the repository is one object's affair.
    fn one(&self, wanted: &Wanted, standing: &Standing) -> Result<(), VaultError> {
        match self.bring(wanted, standing) {
            Err(error @ (VaultError::DamagedBlob { .. } | VaultError::UnknownBlob(_))) => {
                self.fail(wanted, error.story());
                Ok(())
            }
            other => other,
        }
    }

    fn bring(&self, wanted: &Wanted, standing: &Standing) -> Result<(), VaultError> {
        let mut there = match standing {
            Standing::Same => {
                locked(&self.report).kept += 1;
                return Ok(());
            }
            Standing::New => None,
            Standing::Differs(object) | Standing::Unsure(object) => Some(object.clone()),
        };
        for _ in 0..TRIES {
            match self.bring_to(wanted, there.as_ref())? {
                Written::Done => return Ok(()),
                Written::OtherIsThere => there = self.target.look_again(&wanted.key)?,
            }
        }
        self.fail(wanted, "somebody else writes it all the while".to_owned());
        Ok(())
    }

    fn bring_to(&self, wanted: &Wanted, there: Option<&Object>) -> Result<Written, VaultError> {
        let Wanted { key, node } = wanted;
        let [put, over] = notes(self.mark);
        let Some(there) = there else {
            let headers = vec![("content-type", endings::content_type(key).to_owned())];
            let served = Served { headers, note: Some(put) };
            return self.write(wanted, (&served, Only::New));
        };
        match self.compare(node, there)? {
            Compared::Same => {
                locked(&self.report).kept += 1;
                return Ok(Written::Done);
            }
            Compared::Gone => return Ok(Written::OtherIsThere),
            Compared::Other if !self.overwrite => {
                locked(&self.report).stay.add(key);
                return Ok(Written::Done);
            }
            Compared::Other => {}
        }
        // It goes on being served as it was.
        let Some(told) = self.target.told(key)? else { return Ok(Written::OtherIsThere) };
        if told.etag != there.etag {
            return Ok(Written::OtherIsThere);
        }
        let served = Served { note: Some(over), ..told.served };
        let only = match told.etag.as_str() {
            "" => Only::Always,
            etag => Only::InPlaceOf(etag),
        };
        let written = self.write(wanted, (&served, only))?;
        if written == Written::Done {
            locked(&self.report).overwritten += 1;
        }
        Ok(written)
    }

    fn write(&self, wanted: &Wanted, how: (&Served, Only<'_>)) -> Result<Written, VaultError> {
        let Wanted { key, node } = wanted;
        let part_bytes = part_bytes(node.size);
        let mut pieces = Pieces::of(self.reader, node);
        let written = if node.size <= part_bytes {
            let body = pieces.next(node.size)?;
            let written = self.target.put(key, &body, how)?;
            self.meter.add(0, node.size);
            written
        } else {
            let mut left = node.size;
            self.target.put_parts(key, node.size.div_ceil(part_bytes), how, &mut |_| {
                let length = left.min(part_bytes);
                let body = pieces.next(length)?;
                left -= length;
                self.meter.add(0, length);
                Ok(body)
            })?
        };
        if written == Written::Done {
            let mut report = locked(&self.report);
            report.put += 1;
            report.put_bytes += node.size;
        }
        Ok(written)
    }

    /// Holds an object against the pieces that the backup knows by their digests, none of which need be read.
    fn compare(&self, node: &Node, there: &Object) -> Result<Compared, VaultError> {
        if there.size_bytes != node.size {
            return Ok(Compared::Other);
        }
        let mut begin = 0;
        let ids = node.content.as_deref().unwrap_or_default();
        for group in groups(self.reader, ids)? {
            let length: u64 = group.iter().map(|(_, length)| length).sum();
            let body = match self.target.part(there, begin, begin + length)? {
                Part::Same(body) => body,
                Part::Changed => return Ok(Compared::Other),
                Part::Gone => return Ok(Compared::Gone),
            };
            let mut rest = body;
            for (id, length) in group {
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
                if Id::of(&rest.split_to(length)) != id {
                    return Ok(Compared::Other);
                }
            }
            begin += length;
            self.meter.add(0, length);
        }
        Ok(Compared::Same)
    }

    fn fail(&self, wanted: &Wanted, why: String) {
        locked(&self.report).failures.push((wanted.key.clone(), why));
    }
}

/// Pieces that follow on each other, as many as are read at once, each with its length.
fn groups(reader: &Reader, ids: &[Id]) -> Result<Vec<Vec<(Id, u64)>>, VaultError> {
    let most = part_bytes(0);
    let mut groups: Vec<Vec<(Id, u64)>> = Vec::new();
    let mut bytes = most;
    for id in ids {
        let length = reader.length(id)?;
        match groups.last_mut().filter(|_| bytes + length <= most) {
            Some(group) => {
                group.push((*id, length));
                bytes += length;
            }
            None => {
                groups.push(vec![(*id, length)]);
                bytes = length;
            }
        }
    }
    Ok(groups)
}

/// A content from its beginning, as much at a time as is asked for.
struct Pieces<'a> {
    reader: &'a Reader,
    ids: std::slice::Iter<'a, Id>,
    /// What of the last piece nobody had yet.
    left: Bytes,
}

impl<'a> Pieces<'a> {
    fn of(reader: &'a Reader, node: &'a Node) -> Self {
        let ids = node.content.as_deref().unwrap_or_default().iter();
        Self { reader, ids, left: Bytes::new() }
    }

    /// # Errors
    /// As of [`Reader::folder`], also where there is less than the backup says.
    fn next(&mut self, length: u64) -> Result<Bytes, VaultError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(length);
        while body.len() < length {
            if self.left.is_empty() {
                let id = self.ids.next().ok_or(VaultError::Malformed {
                    what: "length of an object in the backup",
                    text: length.to_string(),
                })?;
                self.left = self.reader.piece(id)?.into();
            }
            let some = (length - body.len()).min(self.left.len());
            body.extend_from_slice(&self.left.split_to(some));
        }
        Ok(body.into())
    }
}
