//! Which databases a recovery brings back, and where each goes to.

use super::{
    Outcome, Recovery,
    database::{self, Loading},
    journal::Journal,
};
use ::databases::restore::Standing;
use anyhow::bail;
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::path::Path;
use vault::{DumpFiles, moment::Obstacle};

impl Recovery<'_> {
    pub(super) fn preview_database(&self, name: &str) -> String {
        if self.arguments.without_database {
            return "left out".to_owned();
        }
        let Some(into) = self.database_url() else {
            return format!("{name} into a database that the configuration does not name");
        };
        let there = match database::standing(&into, &self.mark().unwrap_or_default()) {
            Some(Standing::Absent) => " (to be made)",
            Some(Standing::Empty) => " (there, and empty)",
            Some(Standing::Begun | Standing::Whole) => " (begun)",
            Some(Standing::Foreign) => " (THERE ARE TABLES IN IT)",
            None if into.kind == DatabaseKind::Sqlite => "",
            None => " (DOES NOT ANSWER YET)",
        };
        format!("{name} into {into}{there}")
    }

    /// Of a recovery that was begun before and goes on.
    fn mark(&self) -> Option<String> {
        let (state, id) = (&self.survey.state, self.snapshot.id.to_string());
        let found = Journal::find(state, self.source.repository.id(), &id).ok()??;
        Some(found.mark())
    }

    pub(super) fn loads_database(&self) -> bool {
        !self.arguments.without_database && !self.survey.databases.is_empty()
    }

    /// The database that is to be loaded into, when there is something in it.
    pub(super) fn taken_database(&self) -> Option<DatabaseUrl> {
        if !self.loads_database() {
            return None;
        }
        let is_taken = |into: &DatabaseUrl| {
            let standing = database::standing(into, "");
            standing.is_some_and(|it| !matches!(it, Standing::Absent | Standing::Empty))
        };
        self.database_url().filter(is_taken)
    }

    pub(super) fn bring_databases(
        &self,
        journal: &mut Journal,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        for name in &self.survey.databases {
            let step = format!("database {name}");
            if journal.has(&step) {
                continue;
            }
            match self.bring_database(name, journal) {
                Ok(None) => journal.did(&step)?,
                Ok(Some(obstacle)) => {
                    journal.lacks(self.as_of_dump(&obstacle.to_string()))?;
                    journal.did(&step)?;
                }
                Err(error) => outcome.failed.push(format!("{error:#}")),
            }
        }
        Ok(())
    }

    fn bring_database(&self, name: &str, journal: &Journal) -> anyhow::Result<Option<Obstacle>> {
        let Some(into) = self.database_url() else {
            bail!(
                "the database {name}: the configuration does not say where it is; say it by \
                 --database URL"
            );
        };
        let folder = Path::new(vault::drill::DATABASES).join(name);
        let files = DumpFiles::open(&self.source.reader, self.dump, &folder);
        let files = files.map_err(|error| self.source.told(error))?;
        let changes_in = journal.folder().join(super::CHANGES_STEP);
        let loading = Loading {
            name,
            into: &into,
            mark: &journal.mark(),
            brought: &self.survey.places,
            root: self.arguments.root.as_deref().unwrap_or(Path::new("/")),
            overwrite: self.arguments.overwrite,
            changes: self.changes.as_ref().map(|changes| (changes, changes_in.as_path())),
        };
        loading.run(files)
    }

    /// Where a dump goes: where somebody says, else where the configuration has it, by the account that
    /// may write.
    pub(super) fn database_url(&self) -> Option<DatabaseUrl> {
        if let Some(secret) = &self.arguments.database {
            return read_url(secret);
        }
        let shop = self.shop()?;
        shop.backup.and_then(|backup| backup.restore_as).or(shop.database)
    }
}

fn read_url(text: &str) -> Option<DatabaseUrl> {
    let kind = match text.split_once(':')?.0 {
        "postgres" | "postgresql" => DatabaseKind::Postgres,
        "mysql" | "mariadb" => DatabaseKind::MySql,
        "sqlite" => DatabaseKind::Sqlite,
        _ => return None,
    };
    Some(DatabaseUrl { kind, secret: text.to_owned() })
}
