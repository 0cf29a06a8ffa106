//! Allmine's credit packages: the public list, and a free purchase for tests and development. In production
//! (`PURSER_MODE=live`) the free purchase is refused to everyone: there packages are bought in app stores
//! (`/webhooks/revenuecat`). The list of transactions includes purchases that are not paid yet.
//!
//! A package is a pack of the catalog whose id has 24 hexadecimal digits. The same product is sold in every store:
//! `storeType` repeats the requested store, `apple` unless given.

mod envelope;
mod packages;
mod transactions;
mod words;

use billing::payments::Dialect;

use crate::http::description::named_schema;
use crate::http::group::{ApiGroup, is_under};
use words::{Failed, word};

/// Everything under `/api/v1`.
pub(super) const GROUP: ApiGroup = ApiGroup {
    name: "allmine",
    about: "Allmine's credit packages, and what moved. Every answer is `{isSuccess, statusCode, data, errors, \
            timestamp}`; with an error, `data` is null. The purchase is for tests and development: in production it \
            is refused.",
    dialect: Some(Dialect::Allmine),
    owns: |path| is_under(path, "/api/v1"),
    endpoints: || [packages::endpoints(), transactions::endpoints()].into_iter().flatten().collect(),
    word,
    error: Some(named_schema::<Failed>),
};
