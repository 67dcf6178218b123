//! A journal of changes brought back from one of its copies, to be looked into beside what is there.

use crate::{
    cli::{Exit, State},
    configuration,
    control::ACCEPTED_FILE,
    moment::Here,
    recover::{Changes, Origin, by_sheet},
    remote::print,
};
use anyhow::{Context as _, bail};
use kernel::ShopId;
use std::{fs, path::PathBuf};
use vault::journal::Place;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// The shop's id
    shop: String,
    /// The folder that it goes into: `journal/SHOP` there, and its key beside it
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    origin: Origin,
    #[command(flatten)]
    state: State,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let shop: ShopId = arguments.shop.parse().context("understand the shop's id")?;
    let changes = match arguments.origin.is_given() {
        true => by_sheet(&arguments.origin, &shop)?,
        false => of_here(arguments, &shop)?,
    };
    let fetched = changes.fetch(&arguments.to)?;
    let until = match fetched.until_ms {
        0 => "it has no change".to_owned(),
        until_ms => format!("changes up to {}", Here::now().moment_ago(until_ms)),
    };
    print(format!("{until}\n").as_bytes())?;
    Ok(if fetched.lacks.is_empty() { Exit::Fine } else { Exit::Wrong })
}

/// By the key of this machine, from the places of the configuration in force.
fn of_here(arguments: &Arguments, shop: &ShopId) -> anyhow::Result<Changes> {
    let state = &arguments.state.directory;
    let Some(key) = Place::of(state, shop).key()? else {
        bail!(
            "there is no key of a journal of `{shop}` in `{}`: say by --sheet FILE or --from PLACE \
             where the backups are",
            state.display()
        );
    };
    let accepted = state.join(ACCEPTED_FILE);
    let text = fs::read_to_string(&accepted)
        .with_context(|| format!("read the configuration `{}`", accepted.display()))?;
    let meaning = configuration::understand(&text, &accepted);
    let configuration =
        meaning.map_err(|mistakes| anyhow::anyhow!("{}", mistakes.details.join("\n")))?;
    let settings = configuration.shops.into_iter().find(|one| one.id == *shop);
    let stream = settings.and_then(|settings| settings.stream);
    let copies = stream.map(|stream| stream.copies).unwrap_or_default();
    let places: Vec<_> = copies.into_iter().map(|copy| copy.to).collect();
    let found = Changes::of_places(shop, key, &places);
    found.with_context(|| format!("no place has a copy of the journal of `{shop}`"))
}
