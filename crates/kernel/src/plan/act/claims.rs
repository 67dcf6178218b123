//! What part of the house an act is about, and what a run holds because of it.

use super::{Act, OldData};
use crate::ShopId;
use serde::{Deserialize, Serialize};

/// Whose business an act is; each has one performer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Instances,
    Configuration,
    Records,
    Certificates,
    WebServer,
    Backups,
    Databases,
}

/// What a run lays its hands on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    Configuration,
    /// All instances of one shop: acting on two of them at once could take both away.
    Instances {
        shop: ShopId,
    },
    Records {
        what: OldData,
    },
    /// The web server of this machine, and who listens for visitors.
    WebServer,
    /// What the edge shows of one shop when somebody comes by https.
    Certificate {
        shop: ShopId,
    },
    /// One repository, by its place: who adds to it or removes from it.
    Repository {
        place: String,
    },
    /// The database of a shop, and what is restored beside it.
    Database {
        shop: ShopId,
    },
    /// A folder of this machine that something is restored into; a bucket by its `s3://NAME/PREFIX`.
    Folder {
        path: String,
    },
}

/// A subject that a run holds while it acts: alone, or beside others that only rely on it.
///
/// Two claims on one subject conflict unless both are shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    pub subject: Subject,
    /// `false` sorts first: of one subject the exclusive claim leads.
    pub shared: bool,
}

impl Claim {
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.subject == other.subject && !(self.shared && other.shared)
    }
}

impl Act {
    #[must_use]
    pub fn area(&self) -> Area {
        match self {
            Self::ApplyConfiguration { .. } => Area::Configuration,
            Self::RemoveOldData { .. } => Area::Records,
            Self::OrderCertificate { .. }
            | Self::ServeCertificate { .. }
            | Self::RestoreCertificate { .. } => Area::Certificates,
            Self::ConfigureWebServer { .. }
            | Self::RecordPages { .. }
            | Self::YieldPorts { .. }
            | Self::UnyieldPorts { .. }
            | Self::TakePorts { .. }
            | Self::ReturnPorts { .. }
            | Self::ComparePages { .. } => Area::WebServer,
            Self::BackUp { .. }
            | Self::CopySnapshot { .. }
            | Self::ForgetSnapshots { .. }
            | Self::CheckRepository { .. }
            | Self::RestoreFiles { .. }
            | Self::RestoreObjects { .. }
            | Self::TakeObjectsBack { .. }
            | Self::RestoreDatabase { .. }
            | Self::ReplayChanges { .. }
            | Self::DropRestored { .. }
            | Self::SwapDatabase { .. }
            | Self::RestoreRows { .. }
            | Self::ReturnRows { .. }
            | Self::RemoveAside { .. }
            | Self::RestoreOrder { .. }
            | Self::TakeOrderBack { .. }
            | Self::CarryOrders { .. }
            | Self::KeepErased { .. }
            | Self::DrillBackup { .. } => Area::Backups,
            Self::MakeIndex { .. }
            | Self::DropIndex { .. }
            | Self::TidyTable { .. }
            | Self::ChangeSetting { .. }
            | Self::MakeReplica { .. }
            | Self::RemoveReplica { .. }
            | Self::FencePrimary { .. }
            | Self::LiftFence { .. }
            | Self::PointShop { .. }
            | Self::PromoteReplica { .. } => Area::Databases,
            _ => Area::Instances,
        }
    }

    /// What a run holds because of it. A change of the configuration waits for whatever relies on
    /// the one in force, and the other way round.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        let exclusive = |subject| Claim { subject, shared: false };
        let relied_on = || Claim { subject: Subject::Configuration, shared: true };
        match self {
            Self::ApplyConfiguration { .. } => vec![exclusive(Subject::Configuration)],
            Self::RemoveOldData { what, .. } => vec![exclusive(Subject::Records { what: *what })],
            // Who only reads waits for nobody: the repository's own locks keep what they read. And
            // hours of backup keep nobody from changing the configuration.
            Self::BackUp { to: place, .. }
            | Self::CopySnapshot { to: place, .. }
            | Self::ForgetSnapshots { at: place, .. } => {
                vec![exclusive(Subject::Repository { place: place.clone() })]
            }
            Self::CheckRepository { .. } => Vec::new(),
            Self::RestoreDatabase { shop, .. }
            | Self::ReplayChanges { shop, .. }
            | Self::DropRestored { shop, .. }
            | Self::SwapDatabase { shop, .. }
            | Self::RestoreRows { shop, .. }
            | Self::ReturnRows { shop, .. }
            | Self::RemoveAside { shop, .. }
            | Self::RestoreOrder { shop, .. }
            | Self::TakeOrderBack { shop, .. }
            | Self::CarryOrders { shop, .. }
            | Self::KeepErased { shop, .. }
            | Self::MakeIndex { shop, .. }
            | Self::DropIndex { shop, .. }
            | Self::TidyTable { shop, .. }
            | Self::ChangeSetting { shop, .. }
            | Self::MakeReplica { shop, .. }
            | Self::RemoveReplica { shop, .. }
            | Self::FencePrimary { shop, .. }
            | Self::LiftFence { shop, .. }
            | Self::PointShop { shop, .. }
            | Self::PromoteReplica { shop, .. } => {
                vec![exclusive(Subject::Database { shop: shop.clone() })]
            }
            Self::RestoreFiles { target: path, .. }
            | Self::RestoreObjects { target: path, .. }
            | Self::TakeObjectsBack { target: path, .. }
            | Self::DrillBackup { scratch: path, .. } => {
                vec![exclusive(Subject::Folder { path: path.clone() })]
            }
            Self::ConfigureWebServer { .. }
            | Self::RecordPages { .. }
            | Self::YieldPorts { .. }
            | Self::UnyieldPorts { .. }
            | Self::TakePorts { .. }
            | Self::ReturnPorts { .. }
            | Self::ComparePages { .. } => vec![exclusive(Subject::WebServer), relied_on()],
            Self::OrderCertificate { shop, .. }
            | Self::ServeCertificate { shop, .. }
            | Self::RestoreCertificate { shop, .. } => {
                vec![exclusive(Subject::Certificate { shop: shop.clone() }), relied_on()]
            }
            _ => {
                let shop = self.instance().map(|(shop, _)| shop.clone());
                let instances = shop.map(|shop| exclusive(Subject::Instances { shop }));
                instances.into_iter().chain([relied_on()]).collect()
            }
        }
    }
}
