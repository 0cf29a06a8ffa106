//! The entries of the caller's wallet, and purchases that have not been paid.

use kernel::clock::Timestamp;
use ledger::statement::{Filter, Line, Page, Status, count, lines};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, Time};
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;

use super::envelope::{enveloped, moment, success};
use crate::http::Response;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::Amount;
use crate::problem::{Problem, ProblemKind};
use crate::state::SharedState;

const LIMIT: i64 = 20;
const LIMIT_MAX: i64 = 100;
/// A purchase in Allmine's words, and in the ledger's.
const PURCHASE: (&str, &str) = ("credit_purchase", "purchase");
/// The only source that Allmine has for entries.
const SOURCE: &str = "credit_transaction";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let description = Description::new(Access::User, "What moved in the caller's wallet")
        .says("And purchases that have not been paid.")
        .query::<i64>("page", "From 1 on; 1 unless given.")
        .query::<i64>("limit", "How many on a page, up to 100; 20 unless given.")
        .query::<String>("types", "Only these types, separated by commas, such as `credit_purchase`.")
        .query::<String>(
            "statuses",
            "Only these: `pending`, `completed`, `failed`, `refunded`, separated by commas.",
        )
        .query::<String>("direction", "Only `credit` or only `debit`.")
        .query::<String>("dateFrom", "Not before: a day of UTC, or a time as RFC 3339 writes it.")
        .query::<String>("dateTo", "Not after: a day of UTC, which is included, or a time.")
        .query::<String>("sort", "`occurredAt:desc` (unless given) or `occurredAt:asc`.")
        .answers::<Listed>(StatusCode::OK, "The page.")
        .refuses(&[StatusCode::BAD_REQUEST]);
    vec![Endpoint::get("/api/v1/users/me/transactions", list, description)]
}

/// A page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = allmine::TransactionPage)]
struct TransactionPage {
    items: Vec<Transaction>,
    page: i64,
    limit: i64,
    /// On all pages.
    total: i64,
    total_pages: i64,
}

/// A movement, or a purchase that has not been paid.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = allmine::Transaction)]
struct Transaction {
    id: Uuid,
    /// Such as `credit_purchase`.
    r#type: String,
    /// `credit` or `debit`.
    direction: &'static str,
    /// Never negative.
    amount: Amount,
    /// `pending`, `completed`, `failed` or `refunded`.
    status: &'static str,
    /// `credit_transaction`.
    source: &'static str,
    #[schema(required)]
    description: Option<String>,
    /// None of what did not move.
    #[schema(required)]
    balance_after: Option<Amount>,
    #[schema(format = DateTime)]
    occurred_at: String,
}

enveloped! {
    /// A page of transactions.
    Listed as allmine::Transactions, TransactionPage
}

impl TryFrom<Line> for Transaction {
    type Error = Problem;

    fn try_from(line: Line) -> Result<Self, Problem> {
        let is_debit = line.amount.is_negative();
        let amount = if is_debit { line.amount.checked_neg() } else { Ok(line.amount) };
        Ok(Self {
            id: line.id,
            r#type: if line.entry_type == PURCHASE.1 { PURCHASE.0.to_owned() } else { line.entry_type },
            direction: if is_debit { "debit" } else { "credit" },
            amount: Amount(amount.map_err(Problem::internal)?),
            status: line.status.as_str(),
            source: SOURCE,
            description: line.description,
            balance_after: line.balance_after.map(Amount),
            occurred_at: moment(line.occurred_at),
        })
    }
}

async fn list(api: SharedState, call: Call) -> Result<Response, Problem> {
    let principal = call.caller(&api).await?;
    let (filter, number, page) = query(&call).ok_or(ProblemKind::Invalid)?;
    let mut connection = api.pool.acquire().await?;
    let (user, wallet) = (&principal.user_id, principal.wallet_id);
    let total = count(&mut connection, user, wallet, &filter).await?;
    let lines = lines(&mut connection, user, wallet, &filter, page).await?;
    let shown = TransactionPage {
        items: lines.into_iter().map(Transaction::try_from).collect::<Result<_, _>>()?,
        page: number,
        limit: page.limit,
        total,
        total_pages: total.saturating_add(page.limit.saturating_sub(1)) / page.limit,
    };
    Ok(success(api.clock.now(), StatusCode::OK, shown))
}

/// The filter and page of the query; none if it cannot be read.
fn query(call: &Call) -> Option<(Filter, i64, Page)> {
    let number: i64 = call.parameter("page").unwrap_or("1").parse().ok().filter(|number| *number >= 1)?;
    let limit: i64 = match call.parameter("limit") {
        None => LIMIT,
        Some(text) => text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))?,
    };
    let (from, until) = (moments(call, "dateFrom", from)?, moments(call, "dateTo", until)?);
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        return None;
    }
    let statuses = match listed(call, "statuses") {
        None => None,
        Some(names) => Some(names.into_iter().map(status).collect::<Option<Vec<Status>>>()?),
    };
    let types = listed(call, "types").map(|names| {
        names.into_iter().map(|name| if name == PURCHASE.0 { PURCHASE.1 } else { name }.to_owned()).collect()
    });
    let filter = Filter {
        types,
        statuses,
        is_credit: match call.parameter("direction") {
            None => None,
            Some("credit") => Some(true),
            Some("debit") => Some(false),
            Some(_) => return None,
        },
        from,
        until,
    };
    let oldest_first = match call.parameter("sort") {
        None | Some("occurredAt" | "-occurredAt" | "occurredAt:desc" | "desc") => false,
        Some("occurredAt:asc" | "asc") => true,
        Some(_) => return None,
    };
    let offset = number.checked_sub(1)?.checked_mul(limit)?;
    Some((filter, number, Page { limit, offset, oldest_first }))
}

/// The values of a parameter that may be repeated, or have a list.
fn listed<'a>(call: &'a Call, name: &str) -> Option<Vec<&'a str>> {
    let given = call.query.iter().filter(|(key, _)| key.strip_suffix("[]").unwrap_or(key) == name);
    let values: Vec<&str> = given
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .collect();
    (!values.is_empty()).then_some(values)
}

fn status(name: &str) -> Option<Status> {
    Status::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name)).ok()
}

/// A time in the query, if it has one; none if the time cannot be read.
fn moments(call: &Call, name: &str, read: fn(&str) -> Option<Timestamp>) -> Option<Option<Timestamp>> {
    match call.parameter(name) {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn from(text: &str) -> Option<Timestamp> {
    day(text).map(midnight).or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok())
}

/// The first moment after the range.
fn until(text: &str) -> Option<Timestamp> {
    match day(text) {
        Some(day) => day.next_day().map(midnight),
        None => OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_add(Duration::MICROSECOND),
    }
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok().filter(|day| day.year() >= 0)
}

fn midnight(day: Date) -> Timestamp {
    day.with_time(Time::MIDNIGHT).assume_utc()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use time::macros::datetime;

    use super::*;

    #[test]
    fn days_are_whole_and_times_are_exact() {
        assert_eq!(from("2026-11-24"), Some(datetime!(2026-11-24 00:00 UTC)));
        assert_eq!(until("2026-11-24"), Some(datetime!(2026-11-25 00:00 UTC)));
        assert_eq!(from("2026-11-24T10:00:00+03:00"), Some(datetime!(2026-11-24 07:00 UTC)));
        assert_eq!(until("2026-11-24T10:00:00.000Z"), Some(datetime!(2026-11-24 10:00:00.000001 UTC)));
        for text in
            ["", "24.11.2026", "2026-13-01", "2026-11-24T10:00:00", "now", "9999-12-32", "-2026-11-24"]
        {
            assert_eq!((from(text), until(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn statuses_have_one_spelling() {
        assert_eq!(status("refunded"), Some(Status::Refunded));
        assert_eq!((status("Refunded"), status("")), (None, None));
    }
}
