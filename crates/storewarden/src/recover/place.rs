//! Where the backups are, from what somebody has at hand: read as the configuration would be.

use super::sheet::ReadPlace;
use crate::backup_worker::Place;
use anyhow::{Context as _, anyhow, bail};
use kernel::config::{Known, Secret, parse};
use std::path::{Path, PathBuf};

/// Amazon's own names, which people who have such keys know.
const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// What a place needs beside its name.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Storage {
    /// S3: where it answers. Its keys are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// S3: the bucket's region
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// SFTP: the private key that signs in
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// SFTP: the machines that are known
    #[arg(long, value_name = "FILE")]
    known_hosts: Option<PathBuf>,
}

impl Storage {
    /// # Errors
    /// What the place lacks, or is odd about it.
    pub(crate) fn place(
        &self,
        named: &ReadPlace,
        phrase: &str,
        ask: &dyn Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Place> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut keys = Vec::new();
        if named.place.starts_with("s3://") {
            for name in [KEY_ID, SECRET] {
                let value = environment(name).map_or_else(|| ask(name), Ok);
                keys.push((name, value.with_context(|| format!("a bucket needs {name}"))?));
            }
        }
        let found = |name: &str| {
            let given = keys.iter().find(|(known, _)| *known == name);
            given.map(|(_, value)| value.clone())
        };
        let reference = |name: &str| found(name).or_else(|| environment(name));
        let known = Known { time_zone: &|_| Ok(()), ..shops::known(&reference) };
        let text = self.configuration(named)?;
        let parsed = parse(&text, known).map_err(|errors| {
            let first = errors.0.into_iter().next().expect("invariant: there is a mistake");
            anyhow!("{}: {}; {}", named.place, first.message, first.mend)
        })?;
        let backup = parsed.shops.first().and_then(|shop| shop.backup.as_ref());
        let to = backup.and_then(|backup| backup.to.first());
        let Some(to) = to else { bail!("{} is no place for backups", named.place) };
        Ok(Place::new(to, &Secret::new(phrase.to_owned()), true))
    }

    fn configuration(&self, named: &ReadPlace) -> anyhow::Result<String> {
        let ReadPlace { place, endpoint, region } = named;
        let mut table = String::new();
        let mut put = |key: &str, value: Option<&str>| {
            let Some(value) = value else { return };
            let comma = if table.is_empty() { "" } else { ", " };
            table.push_str(&format!("{comma}{key} = {value:?}"));
        };
        let shown = |path: &PathBuf| whole(path).map(|path| path.display().to_string());
        let to = if place.starts_with("s3://") {
            put("s3", Some(place));
            put("endpoint", self.endpoint.as_deref().or(endpoint.as_deref()));
            put("region", self.region.as_deref().or(region.as_deref()));
            put("key_id", Some(&format!("${{{KEY_ID}}}")));
            put("secret", Some(&format!("${{{SECRET}}}")));
            format!("{{ {table} }}")
        } else if place.starts_with("sftp://") {
            put("sftp", Some(place));
            put("identity", self.identity.as_ref().map(shown).transpose()?.as_deref());
            put("known_hosts", self.known_hosts.as_ref().map(shown).transpose()?.as_deref());
            format!("{{ {table} }}")
        } else {
            format!("{:?}", whole(Path::new(place))?.display().to_string())
        };
        Ok(format!(
            "version = 1\n[shop.recovered]\nplatform = \"generic\"\nhosts = [\"*\"]\napp = \"127.0.0.1:9\"\n\
             [shop.recovered.backup]\nto = [{to}]\n"
        ))
    }
}

fn whole(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("understand the path `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_understood_as_in_the_configuration() {
        let check = |place: &str, expect: Result<&str, &str>| {
            let named = ReadPlace { place: place.to_owned(), ..ReadPlace::default() };
            let storage = Storage {
                endpoint: Some("http://127.0.0.1:1".to_owned()),
                identity: Some("/k".into()),
                ..Storage::default()
            };
            let made = storage.place(&named, "phrase", &|_| Ok("key".to_owned()));
            match (made, expect) {
                (Ok(made), Ok(name)) => assert_eq!(made.name, name),
                (Err(error), Err(said)) => {
                    assert!(format!("{error:#}").contains(said), "{place}: {error:#}");
                }
                (made, _) => panic!("{place}: {:?}", made.map(|made| made.name)),
            }
        };
        check("/mnt/usb/lamps", Ok("/mnt/usb/lamps"));
        check("s3://backups/lamps", Ok("s3://backups/lamps"));
        check("sftp://me@away:2222/lamps", Ok("sftp://me@away:2222/lamps"));
        check("s3://", Err("s3://"));
        check("sftp://me:word@away/lamps", Err("password"));
    }
}
