//! The plans that mend a database: each is one step, and says what takes it back.

use super::{Databases, account, kind_of};
use crate::{backup_worker::story, control::changes, control::changes::refuse, database};
use ::databases::care::{self, Finding, Mend, Trouble};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{Configuration, DatabaseUrl, ShopSettings},
    plan::{
        Act, Approval, OnFailure, Plan, PlanFact, Purpose, ServerSetting, Step, TableIndex, Undo,
    },
};
use tokio::time::timeout;

const MEND: &str = "mend_database";
const HOUR_MS: u64 = 60 * 60 * 1000;
/// An index of a large table takes hours.
const MAKE_MS: u64 = 12 * HOUR_MS;
const DROP_MS: u64 = HOUR_MS;
const TIDY_MS: u64 = 12 * HOUR_MS;
const SET_MS: u64 = 60 * 1000;

impl Databases {
    /// The plan that mends one finding of a shop's database, which is looked for anew.
    ///
    /// # Errors
    /// When it is not found, or is nothing that Storewarden mends.
    pub(in crate::control) async fn mend(
        &self,
        shop: &ShopId,
        finding: &str,
        now_ms: i64,
    ) -> Result<Plan, Refusal> {
        let (shop, url) = self.named(shop)?;
        let looked = {
            let _alone = self.looking.lock().await;
            timeout(super::EXAMINE_LIMIT, care::examine(&url, &database::options(&url))).await
        };
        let seen = match looked {
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => return Err(unanswered(&story(&error))),
            Err(_) => return Err(unanswered("it did not answer in time")),
        };
        let Some(found) = seen.findings.iter().find(|one| one.id() == finding) else {
            let message =
                format!("the database of {} does not suffer from `{finding}` now", shop.id);
            return Err(refuse(message).because("no_such_finding", [("finding", finding.into())]));
        };
        plan(&shop, kind_of(url.kind), found, now_ms)
    }
}

/// A shop of the configuration, with its database.
pub(super) fn named<'a>(
    configuration: &'a Configuration,
    shop: &ShopId,
) -> Result<(&'a ShopSettings, &'a DatabaseUrl), Refusal> {
    let found = configuration.shops.iter().find(|one| one.id == *shop);
    let found = found.ok_or_else(|| refuse("there is no such shop").because("no_shop", []))?;
    let Some(url) = &found.database else {
        let message = format!("the configuration names no database of {shop}");
        return Err(refuse(message).because("no_database", []));
    };
    Ok((found, url))
}

fn plan(shop: &ShopSettings, kind: &str, found: &Finding, now_ms: i64) -> Result<Plan, Refusal> {
    let id = || shop.id.clone();
    let of = |index: &care::Index| indexed(index, columns(&found.trouble), kind);
    let (step, facts) = match &found.mend {
        Some(Mend::MakeIndex { index }) => {
            let query = query(&found.trouble);
            let make = Act::MakeIndex { shop: id(), index: of(index), query };
            let undo = Undo::By(Act::DropIndex { shop: id(), index: of(index) });
            let before = match found.trouble {
                Trouble::InvalidIndex { .. } => "broken",
                _ => "absent",
            };
            (Step { act: make, undo, timeout_ms: MAKE_MS }, vec![fact(&shop.id, index, before)])
        }
        Some(Mend::DropIndex { index }) => {
            let drop = Act::DropIndex { shop: id(), index: of(index) };
            let undo = Undo::By(Act::MakeIndex { shop: id(), index: of(index), query: None });
            (Step { act: drop, undo, timeout_ms: DROP_MS }, vec![fact(&shop.id, index, "whole")])
        }
        Some(Mend::TidyTable { table, statement }) => {
            let (table, statement) = (table.clone(), statement.clone());
            let act = Act::TidyTable { shop: id(), table, statement };
            (Step { act, undo: Undo::NothingToUndo, timeout_ms: TIDY_MS }, Vec::new())
        }
        Some(Mend::ChangeSetting { setting }) => {
            let name = format!("setting:{}:{}", shop.id, setting.name);
            let facts = vec![PlanFact { name, version: setting.from.clone() }];
            let setting = of_setting(setting);
            let undo =
                Undo::By(Act::ChangeSetting { shop: id(), setting: setting.clone().reversed() });
            let act = Act::ChangeSetting { shop: id(), setting };
            (Step { act, undo, timeout_ms: SET_MS }, facts)
        }
        other => {
            let statement = other.as_ref().map_or("none is known", Mend::statement);
            let message =
                format!("Storewarden does not do that itself; what mends it: {statement}");
            let said = [("statement", statement.into())];
            return Err(refuse(message).because("finding_is_yours", said));
        }
    };
    if account(shop).is_none_or(|url| Some(url.kind) != shop.database.as_ref().map(|of| of.kind)) {
        let message = "`restore_as` is another kind of database than the shop's";
        return Err(refuse(message).because("restore_account_elsewhere", []));
    }
    Ok(Plan {
        kind: changes::kind(MEND),
        shop: Some(id()),
        params: Params::from([("finding".to_owned(), found.id().into())]),
        steps: vec![step],
        made_at_ms: now_ms,
        facts,
        approval: Approval::NotNeeded,
        purpose: Purpose::Change,
        on_failure: OnFailure::Undo,
        window: None,
    })
}

fn indexed(index: &care::Index, columns: Vec<String>, kind: &str) -> TableIndex {
    let care::Index { table, name, make, drop } = index.clone();
    TableIndex { table, name, columns, kind: kind.to_owned(), make, drop }
}

fn of_setting(setting: &care::Setting) -> ServerSetting {
    let care::Setting { name, from, to, set, back, restart, lasts } = setting.clone();
    ServerSetting { name, from, to, set, back, restart, lasts }
}

/// That an index is still what it was when the plan was made.
fn fact(shop: &ShopId, index: &care::Index, version: &str) -> PlanFact {
    let name = format!("index:{shop}:{}:{}", index.table, index.name);
    PlanFact { name, version: version.to_owned() }
}

fn columns(trouble: &Trouble) -> Vec<String> {
    match trouble {
        Trouble::MissingIndex { columns, .. } | Trouble::UnindexedReference { columns, .. } => {
            columns.clone()
        }
        _ => Vec::new(),
    }
}

fn query(trouble: &Trouble) -> Option<String> {
    match trouble {
        Trouble::MissingIndex { query, .. } => Some(query.clone()),
        _ => None,
    }
}

fn unanswered(error: &str) -> Refusal {
    let message = format!("the database cannot be looked at: {error}");
    refuse(message).because("database_unanswered", [("error", error.into())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::databases::care::Why;

    const SHOP: &str = "version = 1\n[shop.lamps]\nplatform = \"generic\"\nhosts = [\"a.example\"]\n\
        app = \"127.0.0.1:9000\"\ndatabase = \"postgres://shop@127.0.0.1/shop\"\n";

    fn planned(trouble: Trouble, mend: Option<Mend>) -> Result<Plan, Refusal> {
        let path = std::path::Path::new("storewarden.toml");
        let configuration = crate::configuration::understand(SHOP, path).unwrap();
        plan(&configuration.shops[0], "postgres", &Finding { trouble, mend }, 1)
    }

    fn index() -> care::Index {
        care::Index {
            table: "public.a".to_owned(),
            name: "a_b_idx".to_owned(),
            make: "CREATE".to_owned(),
            drop: "DROP".to_owned(),
        }
    }

    #[test]
    fn what_is_made_is_dropped_to_take_it_back_and_the_other_way_round() {
        let missing = Trouble::MissingIndex {
            table: "public.a".to_owned(),
            columns: vec!["b".to_owned()],
            rows: 1,
            calls: 1,
            mean_ms: 1.0,
            query: "SELECT 1".to_owned(),
        };
        let twice = Trouble::DuplicateIndex {
            table: "public.a".to_owned(),
            index: "a_b_idx".to_owned(),
            like: "c".to_owned(),
            bytes: None,
        };
        for (trouble, mend, expect) in [
            (missing, Mend::MakeIndex { index: index() }, ["make_index", "drop_index", "absent"]),
            (twice, Mend::DropIndex { index: index() }, ["drop_index", "make_index", "whole"]),
        ] {
            let made = planned(trouble, Some(mend)).unwrap();
            let step = &made.steps[0];
            let back = step.undo.act().unwrap().code();
            assert_eq!([step.act.code(), back, &made.facts[0].version], expect);
            assert_eq!(made.facts[0].name, "index:lamps:public.a:a_b_idx");
        }
    }

    #[test]
    fn what_is_a_persons_is_refused_with_its_statement() {
        let line = "fsync = on".to_owned();
        let trouble = Trouble::Setting {
            name: "fsync".to_owned(),
            value: "off".to_owned(),
            advised: "on".to_owned(),
            why: Why::DamagedByACrash,
        };
        let refused = planned(trouble, Some(Mend::Setting { line }));
        let refused = refused.unwrap_err();
        assert!(refused.message.ends_with("fsync = on"), "{refused:?}");
        assert_eq!(refused.reason.unwrap().code, "finding_is_yours");
    }
}
