//! Bodies as WASDI's clients send them, and its answers. Names are camelCase, and a field without a value is left out.

use billing::catalog::Pack;
use billing::packages::Package;
use billing::payments::{Dialect, Provider};
use kernel::clock::Timestamp;
use kernel::ids::UserId;
use kernel::money::Credits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::values::Amount;

/// An answer or an error in one text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = wasdi::Message)]
pub(super) struct Message {
    message: String,
}

impl Message {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// A type of package that can be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = wasdi::PackageType)]
pub(super) struct PackageType {
    type_id: String,
    name: String,
    description: String,
}

impl From<Pack> for PackageType {
    fn from(pack: Pack) -> Self {
        Self { type_id: pack.id, name: pack.name, description: pack.description }
    }
}

/// A package to add. Other fields of a package may be sent along and are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = wasdi::NewPackage)]
pub(super) struct NewPackage {
    /// Where the caller has a package of this name, the next free one is taken: `Mine(1)`.
    #[schema(max_length = 200)]
    pub(super) name: Option<String>,
    #[schema(max_length = 2_000)]
    pub(super) description: Option<String>,
    /// One of the types.
    #[serde(rename = "type")]
    pub(super) pack_id: Option<String>,
    /// Gives the package without payment; only administrators can.
    pub(super) buy_success: Option<bool>,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = wasdi::Package)]
pub(super) struct PackageBody {
    credit_package_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Its type; of what was bought otherwise, what kind of purchase it was.
    #[serde(rename = "type")]
    package_type: String,
    /// Milliseconds since 1970; 0 until it is paid, and if it was given.
    buy_date: i64,
    user_id: String,
    /// Whether it is paid, or given.
    buy_success: bool,
    /// Of an unpaid package, all that it will have.
    credits_remaining: Amount,
    /// Milliseconds since 1970; 0 until it is paid, and if it was given.
    last_update: i64,
}

impl PackageBody {
    fn new(package: Package, user: &UserId) -> Self {
        let is_own = package.dialect == Dialect::Wasdi;
        let is_paid = package.state.is_paid();
        let given = is_own && package.provider == Provider::Manual;
        let bought = package.completed_at.filter(|_| !given).map_or(0, milliseconds);
        let unpaid = if is_paid { Credits::ZERO } else { package.credits };
        Self {
            credit_package_id: package.id.to_string(),
            name: if is_own { package.label.name } else { Some(package.summary) },
            description: package.label.description,
            package_type: package.pack_id.unwrap_or_else(|| package.kind.as_str().to_owned()),
            buy_date: bought,
            user_id: user.to_string(),
            buy_success: is_paid,
            credits_remaining: Amount(package.remaining.unwrap_or(unpaid)),
            last_update: bought,
        }
    }
}

/// Packages by date of purchase, and by age within a date.
pub(super) fn sorted(packages: Vec<Package>, user: &UserId, ascending: bool) -> Vec<PackageBody> {
    let mut bodies: Vec<PackageBody> =
        packages.into_iter().map(|package| PackageBody::new(package, user)).collect();
    // The sort is stable, and packages come by age.
    bodies.sort_by_key(|body| body.buy_date);
    if !ascending {
        bodies.reverse();
    }
    bodies
}

fn milliseconds(at: Timestamp) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use billing::packages::Label;
    use billing::payments::{Kind, State};
    use kernel::ids::PaymentId;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn package(name: Option<&str>, completed_at: Option<Timestamp>) -> Package {
        Package {
            id: PaymentId::new(),
            dialect: Dialect::Wasdi,
            kind: Kind::OneTime,
            provider: Provider::Stripe,
            state: if completed_at.is_some() { State::Completed } else { State::Created },
            credits: Credits::from_whole(50).unwrap(),
            remaining: completed_at.map(|_| Credits::from_millionths(12_500_000)),
            summary: "Purchase 50 credits".to_owned(),
            pack_id: Some("Fifty".to_owned()),
            label: Label { name: name.map(str::to_owned), description: None },
            created_at: datetime!(2025-03-21 15:00 UTC),
            completed_at,
        }
    }

    fn body(package: Package) -> serde_json::Value {
        let user = UserId::try_from("alice".to_owned()).unwrap();
        serde_json::to_value(PackageBody::new(package, &user)).unwrap()
    }

    #[test]
    fn dates_are_milliseconds_and_what_is_missing_is_left_out() {
        let paid = package(Some("Mine"), Some(datetime!(2025-03-21 15:08:25.123456 UTC)));
        let id = paid.id;
        let expected = json!({"creditPackageId": id, "name": "Mine", "type": "Fifty", "buyDate": 1_742_569_705_123_i64,
                              "userId": "alice", "buySuccess": true, "creditsRemaining": 12.5,
                              "lastUpdate": 1_742_569_705_123_i64});
        assert_eq!(body(paid), expected);
        let unpaid = package(None, None);
        let id = unpaid.id;
        let expected = json!({"creditPackageId": id, "type": "Fifty", "buyDate": 0, "userId": "alice",
                              "buySuccess": false, "creditsRemaining": 50, "lastUpdate": 0});
        assert_eq!(body(unpaid), expected);
    }

    #[test]
    fn what_was_given_has_no_date_and_what_was_bought_elsewhere_says_what_it_is() {
        let at = Some(datetime!(2025-03-21 15:08:25 UTC));
        let given = body(Package { provider: Provider::Manual, ..package(Some("Mine"), at) });
        assert_eq!((&given["buyDate"], &given["buySuccess"]), (&json!(0), &json!(true)));
        let foreign = Package { dialect: Dialect::Samsar, pack_id: None, ..package(None, at) };
        let foreign = body(foreign);
        assert_eq!((&foreign["name"], &foreign["type"]), (&json!("Purchase 50 credits"), &json!("one_time")));
    }

    #[test]
    fn packages_are_sorted_by_purchase_and_then_by_age() {
        let (early, late) = (datetime!(2025-03-21 15:00 UTC), datetime!(2025-03-22 15:00 UTC));
        let packages = || {
            vec![
                package(Some("a"), None),
                package(Some("b"), Some(late)),
                package(Some("c"), Some(early)),
                package(Some("d"), None),
            ]
        };
        let user = UserId::try_from("alice".to_owned()).unwrap();
        let names = |ascending| -> Vec<String> {
            sorted(packages(), &user, ascending).into_iter().filter_map(|body| body.name).collect()
        };
        assert_eq!(names(true), ["a", "d", "c", "b"]);
        assert_eq!(names(false), ["b", "c", "d", "a"]);
    }
}
