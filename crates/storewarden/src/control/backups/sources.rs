//! What of a shop and its machine goes into a backup.

use super::{
    super::{ACCEPTED_FILE, HISTORY_FOLDER, now_ms, start::seal_keys_file},
    BackedUp, Backups,
};
use crate::{
    backup_worker::{Database, Notes, Records, Sources, To},
    configuration::{reference, references},
};
use kernel::config::{CertificateSource, Configuration, RepositorySettings, SftpSettings};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How the machine serves the shop, and what it does by itself: in every backup, where they are there.
const OF_THE_MACHINE: [&str; 10] = [
    "/etc/nginx",
    "/etc/apache2",
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron/crontabs",
    "/etc/systemd/system",
];
/// Who started us as anybody else may not read what is root's alone.
const OF_ROOT: [&str; 1] = ["/var/spool/cron/crontabs"];
/// A longer history of measurements stays behind: what it is worth on the day on which the machine is
/// gone is not worth the hours that it would take.
const HISTORY_BYTES: u64 = 512 << 20;

impl Backups {
    pub(super) fn sources(&self, of: &BackedUp, mark: &str) -> Sources {
        let BackedUp { shop, settings } = of;
        let named = [&shop.media, &shop.code, &settings.also].into_iter().flatten();
        let mut paths: Vec<PathBuf> = named.cloned().collect();
        let is_root = host::users::is_root();
        let of_machine = OF_THE_MACHINE.iter().filter(|path| is_root || !OF_ROOT.contains(path));
        let machine: Vec<PathBuf> = of_machine.map(PathBuf::from).collect();
        let records = self.records(of, &machine);
        let history = self.state.join(HISTORY_FOLDER);
        let is_short = bytes_in(&history).is_some_and(|bytes| bytes <= HISTORY_BYTES);
        let where_there = [machine, records.notes.places.clone()].concat();
        let where_there = where_there.into_iter().chain(is_short.then_some(history)).collect();
        // The second has what the first includes as well, and is what was in force.
        paths.extend([self.file.clone(), self.state.join(ACCEPTED_FILE)]);
        let database = shop.database.as_ref().filter(|_| settings.database);
        Sources {
            mark: mark.to_owned(),
            paths,
            where_there,
            buckets: shop.media_buckets.iter().map(|bucket| To::bucket(bucket, None)).collect(),
            exclude: settings.exclude.clone(),
            database: database.map(Database::new),
            stream: None,
            records,
            bases: self.bases(of),
        }
    }

    fn records(&self, of: &BackedUp, machine: &[PathBuf]) -> Records {
        let configuration = self.configuration.borrow().clone();
        // Who starts with a file that cannot be kept has none in force but that.
        let accepted = fs::read_to_string(self.state.join(ACCEPTED_FILE));
        let text = accepted.or_else(|_| fs::read_to_string(&self.file)).unwrap_or_default();
        let mut places = files_of(&configuration);
        let mut environment = std::collections::BTreeMap::new();
        for name in references(&text) {
            match name.strip_prefix("file:") {
                Some(path) => places.push(PathBuf::from(path)),
                None => drop(reference(&name).map(|value| environment.insert(name, value))),
            }
        }
        places.extend(
            [&of.shop.media, &of.shop.code, &of.settings.also].into_iter().flatten().cloned(),
        );
        places.sort();
        places.dedup();
        let notes = Notes {
            format: Notes::FORMAT,
            at_ms: now_ms(),
            shop: of.shop.id.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            file: self.file.clone(),
            configuration: text,
            state: self.state.clone(),
            environment,
            places,
            machine: machine.to_vec(),
        };
        Records { state: self.state.clone(), keys: seal_keys_file(&self.state), notes }
    }
}

/// What the configuration names and does not hold itself: certificates, and keys to sign in by.
fn files_of(configuration: &Configuration) -> Vec<PathBuf> {
    let root = configuration.acme.as_ref().and_then(|acme| acme.root.clone());
    let mut files: Vec<PathBuf> = root.into_iter().collect();
    for shop in &configuration.shops {
        if let CertificateSource::Files { chain, key } = &shop.certificate {
            files.extend([chain.clone(), key.clone()]);
        }
        for to in shop.backup.iter().flat_map(|backup| &backup.to) {
            if let RepositorySettings::Sftp(SftpSettings { identity, known_hosts, .. }) = to {
                files.extend([identity, known_hosts].into_iter().flatten().cloned());
            }
        }
    }
    files
}

/// What the files of a folder take; `None` where there is none, or it cannot be looked through.
fn bytes_in(folder: &Path) -> Option<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        // What is gone by now takes nothing.
        let Ok(found) = entry.metadata() else { continue };
        bytes += if found.is_dir() { bytes_in(&entry.path())? } else { found.len() };
    }
    Some(bytes)
}
