//! The SQL of payments, their items, and their customers.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Dialect, Invoice, Item, Kind, Labels, Mode, OpenedCheckout, Payment, PlanPeriod, Progress, Provider,
    ReturnUrls, State,
};
use crate::plans::Interval;
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::{Credits, Currency, Money};

/// A query for payments: all columns, and the condition that follows.
macro_rules! select_payments {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query!(
            r#"select id as "id: PaymentId", number, user_id as "user_id: UserId", wallet_id as "wallet_id: WalletId",
                      organization_id as "organization_id: OrganizationId", dialect as "dialect: Dialect",
                      kind as "kind: Kind", provider as "provider: Provider", mode as "mode: Mode", livemode,
                      state as "state: State", credits as "credits: Credits", amount_minor, currency, summary,
                      return_urls as "return_urls: Json<ReturnUrls>", attempt, provider_customer, provider_session,
                      provider_payment, checkout_url, session_status, payment_status, payment_intent_status,
                      receipt_url, failure, charged_minor, created_at, expires_at, page_expires_at, completed_at,
                      plan_id,
                      billing_interval as "billing_interval: Interval", credits_expire_at, discount_minor,
                      bonus_credits as "bonus_credits: Credits", has_reversals, accepted_minor, accepted_currency,
                      invoice_id, invoice_number, invoice_pdf_url, invoice_page_url, expires_after_days,
                      bonus_expires_after_days, reference, metadata as "metadata: Json<Metadata>"
               from payments "#
                + $condition
            $(, $argument)*
        )
        .try_map(|row| {
            Ok(Payment {
                id: row.id,
                number: row.number,
                user_id: row.user_id,
                wallet_id: row.wallet_id,
                organization_id: row.organization_id,
                dialect: row.dialect,
                kind: row.kind,
                provider: row.provider,
                mode: row.mode,
                livemode: row.livemode,
                state: row.state,
                credits: row.credits,
                amount: money(row.amount_minor, &row.currency)?,
                summary: row.summary,
                return_urls: row.return_urls.map(|urls| urls.0),
                attempt: row.attempt,
                provider_customer: row.provider_customer,
                provider_session: row.provider_session,
                provider_payment: row.provider_payment,
                checkout_url: row.checkout_url,
                progress: Progress {
                    session_status: row.session_status,
                    payment_status: row.payment_status,
                    payment_intent_status: row.payment_intent_status,
                    receipt_url: row.receipt_url,
                    failure: row.failure,
                    charged_minor: row.charged_minor,
                    invoice: row.invoice_id.map(|id| Invoice {
                        id,
                        number: row.invoice_number,
                        pdf_url: row.invoice_pdf_url,
                        page_url: row.invoice_page_url,
                    }),
                },
                created_at: row.created_at,
                expires_at: row.expires_at,
                page_expires_at: row.page_expires_at,
                completed_at: row.completed_at,
                plan: row
                    .plan_id
                    .zip(row.billing_interval)
                    .map(|(plan_id, interval)| PlanPeriod { plan_id, interval }),
                credits_expire_at: row.credits_expire_at,
                expires_after_days: row.expires_after_days,
                discount_minor: row.discount_minor,
                bonus: row.bonus_credits,
                bonus_expires_after_days: row.bonus_expires_after_days,
                labels: Labels {
                    reference: row.reference,
                    metadata: row.metadata.map(|metadata| metadata.0).unwrap_or_default(),
                },
                has_reversals: row.has_reversals,
                accepted: match (row.accepted_minor, row.accepted_currency) {
                    (Some(minor), Some(currency)) => Some(money(minor, &currency)?),
                    (None, _) | (_, None) => None,
                },
            })
        })
    };
}

fn money(minor: i64, currency: &str) -> Result<Money, sqlx::Error> {
    let currency: Currency = currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Money::new(minor, currency))
}

/// One payment.
///
/// # Errors
/// Database errors only.
pub async fn payment_by_id(
    connection: &mut PgConnection,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    select_payments!("where id = $1", id.0).fetch_optional(connection).await
}

/// Payments of some ids, in no order.
pub(crate) async fn payments_by_id(
    connection: &mut PgConnection,
    ids: &[PaymentId],
) -> Result<Vec<Payment>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    select_payments!("where id = any($1)", &ids).fetch_all(connection).await
}

/// The payment that a provider's session or payment belongs to, of any owner: the caller compares the owner.
///
/// # Errors
/// Database errors only.
pub async fn payment_by_provider_id(
    connection: &mut PgConnection,
    provider_id: &str,
) -> Result<Option<Payment>, sqlx::Error> {
    select_payments!("where provider_session = $1 or provider_payment = $1", provider_id)
        .fetch_optional(connection)
        .await
}

/// The page on which a card can be saved for a wallet, if one stays open until a time.
///
/// # Errors
/// Database errors only.
pub async fn open_page_for_card(
    connection: &mut PgConnection,
    wallet: WalletId,
    until: Timestamp,
) -> Result<Option<Payment>, sqlx::Error> {
    select_payments!(
        "where wallet_id = $1 and mode = 'setup' and state = 'pending' and session_status = 'open'
           and page_expires_at > $2 order by created_at desc limit 1",
        wallet.0,
        until
    )
    .fetch_optional(connection)
    .await
}

/// The newest payment that put credits into a wallet.
///
/// # Errors
/// Database errors only.
pub async fn last_top_up(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<Payment>, sqlx::Error> {
    select_payments!(
        "where wallet_id = $1 and completed_at is not null and credits > 0
         order by completed_at desc, created_at desc limit 1",
        wallet.0
    )
    .fetch_optional(connection)
    .await
}

/// Locks payments, in the order of their ids.
pub(crate) async fn payments_lock(
    connection: &mut PgConnection,
    ids: &[PaymentId],
) -> Result<Vec<Payment>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    select_payments!("where id = any($1) order by id for update", &ids).fetch_all(connection).await
}

/// The payments that sessions or payments of a provider belong to.
pub(crate) async fn ids_by_provider_ids(
    connection: &mut PgConnection,
    keys: &[&str],
) -> Result<HashMap<String, PaymentId>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: PaymentId", provider_session, provider_payment from payments
           where provider_session = any($1) or provider_payment = any($1)"#,
        keys as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .flat_map(|row| {
            [row.provider_session, row.provider_payment].into_iter().flatten().map(move |key| (key, row.id))
        })
        .collect())
}

/// # Errors
/// Database errors only.
pub async fn items(connection: &mut PgConnection, payment: PaymentId) -> Result<Vec<Item>, sqlx::Error> {
    sqlx::query_as!(
        Item,
        r#"select pack_id, name, quantity, credits as "credits: Credits", amount_minor
           from payment_items where payment_id = $1 order by line"#,
        payment.0
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn checkout_opened(
    connection: &mut PgConnection,
    id: PaymentId,
    opened: &OpenedCheckout,
) -> Result<(), sqlx::Error> {
    // The event of a quick buyer may have come first: what it said stays. An order may outlive its page.
    sqlx::query!(
        "update payments
         set provider_session = coalesce(provider_session, $2),
             provider_payment = coalesce(provider_payment, $3),
             provider_customer = coalesce(provider_customer, $4),
             checkout_url = case when state in ('created', 'pending') then $5 end,
             expires_at = greatest(expires_at, $6),
             page_expires_at = $6,
             session_status = coalesce(session_status, 'open'),
             payment_status = coalesce(payment_status,
                                       case when mode = 'setup' then 'no_payment_required' else 'unpaid' end),
             state = case when state = 'created' then 'pending' else state end
         where id = $1",
        id.0,
        opened.session,
        opened.provider_payment,
        opened.customer,
        opened.url,
        opened.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends an open payment; says whether it was open.
pub(crate) async fn payment_fail(
    connection: &mut PgConnection,
    id: PaymentId,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update payments set state = 'failed', failure = $2 where id = $1 and state in ('created', 'pending')",
        id.0,
        reason
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what facts changed of payments that this transaction has locked.
pub(crate) async fn payments_write(
    connection: &mut PgConnection,
    payments: &[&Payment],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = payments.iter().map(|payment| payment.id.0).collect();
    let states: Vec<&str> = payments.iter().map(|payment| payment.state.as_str()).collect();
    let completed: Vec<Option<Timestamp>> = payments.iter().map(|payment| payment.completed_at).collect();
    let charged: Vec<Option<i64>> = payments.iter().map(|payment| payment.progress.charged_minor).collect();
    let attempts: Vec<i32> = payments.iter().map(|payment| payment.attempt).collect();
    let pages: Vec<Option<Timestamp>> = payments.iter().map(|payment| payment.page_expires_at).collect();
    let texts = |field: fn(&Payment) -> Option<&str>| -> Vec<Option<String>> {
        payments.iter().map(|payment| field(payment).map(str::to_owned)).collect()
    };
    sqlx::query!(
        "update payments
         set state = new.state, completed_at = new.completed_at, provider_session = new.provider_session,
             provider_payment = new.provider_payment, checkout_url = new.checkout_url,
             session_status = new.session_status, payment_status = new.payment_status,
             payment_intent_status = new.payment_intent_status, receipt_url = new.receipt_url, failure = new.failure,
             attempt = new.attempt, page_expires_at = new.page_expires_at, charged_minor = new.charged_minor,
             invoice_id = new.invoice_id, invoice_number = new.invoice_number, invoice_pdf_url = new.invoice_pdf_url,
             invoice_page_url = new.invoice_page_url
         from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[], $12::integer[], $13::timestamptz[],
                     $14::bigint[], $15::text[], $16::text[], $17::text[], $18::text[])
              as new (id, state, completed_at, provider_session, provider_payment, checkout_url, session_status,
                      payment_status, payment_intent_status, receipt_url, failure, attempt, page_expires_at,
                      charged_minor, invoice_id, invoice_number, invoice_pdf_url, invoice_page_url)
         where payments.id = new.id",
        &ids,
        &states as &[&str],
        &completed as &[Option<Timestamp>],
        &texts(|payment| payment.provider_session.as_deref()) as &[Option<String>],
        &texts(|payment| payment.provider_payment.as_deref()) as &[Option<String>],
        &texts(|payment| payment.checkout_url.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.session_status.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.payment_status.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.payment_intent_status.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.receipt_url.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.failure.as_deref()) as &[Option<String>],
        &attempts,
        &pages as &[Option<Timestamp>],
        &charged as &[Option<i64>],
        &texts(|payment| Some(payment.progress.invoice.as_ref()?.id.as_str())) as &[Option<String>],
        &texts(|payment| payment.progress.invoice.as_ref()?.number.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.invoice.as_ref()?.pdf_url.as_deref()) as &[Option<String>],
        &texts(|payment| payment.progress.invoice.as_ref()?.page_url.as_deref()) as &[Option<String>]
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn payments_take_stale(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    // Asked again after an hour only, so that one that the provider keeps open does not crowd out the others; and ever
    // more seldom, so that one of which nothing can be learned is not asked about for ever.
    sqlx::query_scalar!(
        r#"update payments set checked_at = $1
           where id in (
               select id from payments
               where state in ('created', 'pending') and expires_at <= $1
                 and (checked_at is null
                      or checked_at <= $1 - greatest(interval '1 hour', ($1::timestamptz - expires_at) / 8))
               order by expires_at limit $2 for update skip locked)
           returning id as "id: PaymentId""#,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

pub(super) async fn payment_take_check(
    connection: &mut PgConnection,
    now: Timestamp,
    id: PaymentId,
    not_since: Timestamp,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "update payments set checked_at = $2
         where id = $1 and state in ('created', 'pending') and coalesce(checked_at, created_at) <= $3",
        id.0,
        now,
        not_since
    )
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// The customer that a wallet has at a provider.
///
/// # Errors
/// Database errors only.
pub async fn customer(
    connection: &mut PgConnection,
    provider: Provider,
    wallet: WalletId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select customer_id from provider_customers where provider = $1 and wallet_id = $2",
        provider.as_str(),
        wallet.0
    )
    .fetch_optional(connection)
    .await
}

/// The customers that wallets have at a provider.
///
/// # Errors
/// Database errors only.
pub async fn customers(
    connection: &mut PgConnection,
    provider: Provider,
    wallets: &[WalletId],
) -> Result<Vec<String>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    sqlx::query_scalar!(
        "select customer_id from provider_customers where provider = $1 and wallet_id = any($2)",
        provider.as_str(),
        &wallets
    )
    .fetch_all(connection)
    .await
}

/// Records the customer that a wallet has at a provider, in place of one that is `gone`; returns the one that holds,
/// which was there before if two came at once.
///
/// # Errors
/// Database errors only.
pub async fn customer_keep(
    connection: &mut PgConnection,
    now: Timestamp,
    provider: Provider,
    wallet: WalletId,
    customer_id: &str,
    gone: Option<&str>,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into provider_customers (provider, wallet_id, customer_id, created_at) values ($1, $2, $3, $4)
         on conflict (provider, wallet_id) do update
             set customer_id = case when provider_customers.customer_id = $5 then excluded.customer_id
                                    else provider_customers.customer_id end
         returning customer_id",
        provider.as_str(),
        wallet.0,
        customer_id,
        now,
        gone
    )
    .fetch_one(connection)
    .await
}
