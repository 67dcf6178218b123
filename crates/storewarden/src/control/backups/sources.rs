//! What of a shop and its machine goes into a backup.

use super::{super::ACCEPTED_FILE, BackedUp, Backups};
use crate::backup_worker::{Database, Sources};
use std::path::PathBuf;

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

impl Backups {
    pub(super) fn sources(&self, of: &BackedUp, mark: &str) -> Sources {
        let BackedUp { shop, settings } = of;
        let named = [&shop.media, &shop.code, &settings.also].into_iter().flatten();
        let mut paths: Vec<PathBuf> = named.cloned().collect();
        // The second has what the first includes as well, and is what was in force.
        paths.extend([self.file.clone(), self.state.join(ACCEPTED_FILE)]);
        let is_root = host::users::is_root();
        let of_machine = OF_THE_MACHINE.iter().filter(|path| is_root || !OF_ROOT.contains(path));
        let database = shop.database.as_ref().filter(|_| settings.database);
        Sources {
            mark: mark.to_owned(),
            paths,
            where_there: of_machine.map(PathBuf::from).collect(),
            exclude: settings.exclude.clone(),
            database: database.map(Database::new),
        }
    }
}
