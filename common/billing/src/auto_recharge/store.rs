//! The SQL of settings and runs.

use sqlx::PgConnection;
use time::Date;
use uuid::Uuid;

use super::{Card, CardPage, Pause, PauseReason, Run, RunState, Settings};
use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, RechargeRunId, UserId, WalletId};
use kernel::money::{Credits, Currency, Money};

/// Settings as their columns are.
struct Row {
    wallet_id: WalletId,
    user_id: UserId,
    organization_id: Option<OrganizationId>,
    livemode: bool,
    enabled: bool,
    consented_at: Option<Timestamp>,
    threshold: Credits,
    amount_minor: i64,
    currency: String,
    max_monthly_minor: Option<i64>,
    customer: Option<String>,
    payment_method: Option<String>,
    card_brand: Option<String>,
    card_last4: Option<String>,
    card_exp_month: Option<i64>,
    card_exp_year: Option<i64>,
    declines: i32,
    next_attempt_at: Option<Timestamp>,
    paused_at: Option<Timestamp>,
    pause_reason: Option<PauseReason>,
    capped_month: Option<Date>,
    card_user_id: Option<UserId>,
    card_given_at: Option<Timestamp>,
    card_order: Option<PaymentId>,
    too_small_told_at: Option<Timestamp>,
}

impl TryFrom<Row> for Settings {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let currency: Currency =
            row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let card = row.customer.zip(row.payment_method).map(|(customer, payment_method)| Card {
            customer,
            payment_method,
            brand: row.card_brand.unwrap_or_default(),
            last4: row.card_last4.unwrap_or_default(),
            exp_month: row.card_exp_month.unwrap_or_default(),
            exp_year: row.card_exp_year.unwrap_or_default(),
        });
        Ok(Self {
            wallet_id: row.wallet_id,
            user_id: row.user_id,
            organization_id: row.organization_id,
            livemode: row.livemode,
            enabled: row.enabled,
            consented_at: row.consented_at,
            threshold: row.threshold,
            amount: Money::new(row.amount_minor, currency),
            max_monthly_minor: row.max_monthly_minor,
            card,
            declines: row.declines,
            next_attempt_at: row.next_attempt_at,
            pause: row.paused_at.zip(row.pause_reason).map(|(at, reason)| Pause { at, reason }),
            capped_month: row.capped_month,
            card_owner: row.card_user_id,
            card_page: row
                .card_given_at
                .zip(row.card_order)
                .map(|(given_at, order)| CardPage { given_at, order }),
            too_small_told_at: row.too_small_told_at,
        })
    }
}

/// A query for settings: all columns, and the condition that follows.
macro_rules! select_settings {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select wallet_id as "wallet_id: WalletId", user_id as "user_id: UserId",
                      organization_id as "organization_id: OrganizationId", livemode, enabled, consented_at,
                      threshold as "threshold: Credits", amount_minor, currency, max_monthly_minor, customer,
                      payment_method, card_brand, card_last4, card_exp_month, card_exp_year, declines,
                      next_attempt_at, paused_at, pause_reason as "pause_reason: PauseReason", capped_month,
                      card_user_id as "card_user_id: UserId", card_given_at, card_order as "card_order: PaymentId",
                      too_small_told_at
               from auto_recharge "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn settings(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<Settings>, sqlx::Error> {
    let row = select_settings!("where wallet_id = $1", wallet.0).fetch_optional(connection).await?;
    row.map(Settings::try_from).transpose()
}

pub(super) async fn settings_lock(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<Settings>, sqlx::Error> {
    let row =
        select_settings!("where wallet_id = $1 for update", wallet.0).fetch_optional(connection).await?;
    row.map(Settings::try_from).transpose()
}

/// Locks the settings of several wallets, in the order of their ids.
pub(super) async fn settings_lock_all(
    connection: &mut PgConnection,
    wallets: &[WalletId],
) -> Result<Vec<Settings>, sqlx::Error> {
    let wallets: Vec<Uuid> = wallets.iter().map(|id| id.0).collect();
    let rows = select_settings!("where wallet_id = any($1) order by wallet_id for update", &wallets)
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(Settings::try_from).collect()
}

/// Locks the settings of the wallets, or the one of an organization, that charge a card of this user.
pub(super) async fn settings_lock_of_card_owner(
    connection: &mut PgConnection,
    user: &UserId,
    organization: Option<OrganizationId>,
) -> Result<Vec<Settings>, sqlx::Error> {
    let rows = select_settings!(
        "where card_user_id = $1 and ($2::bigint is null or organization_id = $2) order by wallet_id for update",
        user.as_str(),
        organization.map(|id| id.0)
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Settings::try_from).collect()
}

/// The settings of wallets that were ever to be recharged, those that wait alone if so wanted; the lowest ids above
/// `after` first.
pub(super) async fn settings_list(
    connection: &mut PgConnection,
    only_paused: bool,
    after: WalletId,
    limit: i64,
) -> Result<Vec<Settings>, sqlx::Error> {
    let rows = select_settings!(
        "where wallet_id > $1 and (not $2 or paused_at is not null) order by wallet_id limit $3",
        after.0,
        only_paused,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Settings::try_from).collect()
}

/// The wallet that charges this card, if one does.
pub(super) async fn wallet_of_card(
    connection: &mut PgConnection,
    payment_method: &str,
) -> Result<Option<(WalletId, String)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select wallet_id as "wallet_id: WalletId", customer as "customer!" from auto_recharge
           where payment_method = $1"#,
        payment_method
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.wallet_id, row.customer)))
}

/// Adds settings that are there and not switched on, unless there are some.
pub(super) async fn settings_insert(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into auto_recharge (wallet_id, user_id, organization_id, livemode, enabled, threshold, amount_minor,
                                    currency, created_at, updated_at)
         values ($1, $2, $3, $4, false, $5, $6, $7, $8, $8) on conflict (wallet_id) do nothing",
        settings.wallet_id.0,
        settings.user_id.as_str(),
        settings.organization_id.map(|id| id.0),
        settings.livemode,
        settings.threshold.millionths(),
        settings.amount.minor,
        settings.amount.currency.as_str(),
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes settings that this transaction has locked, without touching the wallet.
pub(super) async fn settings_write(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), sqlx::Error> {
    let card = settings.card.as_ref();
    sqlx::query!(
        "update auto_recharge
         set user_id = $2, livemode = $3, enabled = $4, consented_at = $5, threshold = $6, amount_minor = $7,
             currency = $8, max_monthly_minor = $9, customer = $10, payment_method = $11, card_brand = $12,
             card_last4 = $13, card_exp_month = $14, card_exp_year = $15, declines = $16, next_attempt_at = $17,
             paused_at = $18, pause_reason = $19, capped_month = $20, card_user_id = $21, card_given_at = $22,
             card_order = $23, too_small_told_at = $24, updated_at = $25
         where wallet_id = $1",
        settings.wallet_id.0,
        settings.user_id.as_str(),
        settings.livemode,
        settings.enabled,
        settings.consented_at,
        settings.threshold.millionths(),
        settings.amount.minor,
        settings.amount.currency.as_str(),
        settings.max_monthly_minor,
        card.map(|card| &card.customer),
        card.map(|card| &card.payment_method),
        card.map(|card| &card.brand),
        card.map(|card| &card.last4),
        card.map(|card| card.exp_month),
        card.map(|card| card.exp_year),
        settings.declines,
        settings.next_attempt_at,
        settings.pause.map(|pause| pause.at),
        settings.pause.map(|pause| pause.reason.as_str()),
        settings.capped_month,
        settings.card_owner.as_ref().map(UserId::as_str),
        settings.card_page.map(|page| page.given_at),
        settings.card_page.map(|page| page.order.0),
        settings.too_small_told_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A query for runs: all columns, and the condition that follows.
macro_rules! select_runs {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Run,
            r#"select id as "id: RechargeRunId", wallet_id as "wallet_id: WalletId",
                      payment_id as "payment_id: PaymentId", month, amount_minor, customer, payment_method,
                      state as "state: RunState", failure, reserved_at, asked_at
               from recharge_runs "#
                + $condition
            $(, $argument)*
        )
    };
}

pub(super) async fn run(
    connection: &mut PgConnection,
    id: RechargeRunId,
) -> Result<Option<Run>, sqlx::Error> {
    select_runs!("where id = $1", id.0).fetch_optional(connection).await
}

pub(super) async fn run_lock(
    connection: &mut PgConnection,
    id: RechargeRunId,
) -> Result<Option<Run>, sqlx::Error> {
    select_runs!("where id = $1 for update", id.0).fetch_optional(connection).await
}

/// Locks the runs of orders, in the order of their ids.
pub(super) async fn runs_lock(
    connection: &mut PgConnection,
    payments: &[PaymentId],
) -> Result<Vec<Run>, sqlx::Error> {
    let payments: Vec<Uuid> = payments.iter().map(|id| id.0).collect();
    select_runs!("where payment_id = any($1) order by id for update", &payments).fetch_all(connection).await
}

/// The newest run of a wallet.
pub(super) async fn run_last(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<Run>, sqlx::Error> {
    select_runs!("where wallet_id = $1 order by reserved_at desc, id desc limit 1", wallet.0)
        .fetch_optional(connection)
        .await
}

pub(super) async fn run_insert(connection: &mut PgConnection, run: &Run) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into recharge_runs (id, wallet_id, payment_id, month, amount_minor, customer, payment_method, state,
                                    reserved_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        run.id.0,
        run.wallet_id.0,
        run.payment_id.0,
        run.month,
        run.amount_minor,
        run.customer,
        run.payment_method,
        run.state.as_str(),
        run.reserved_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what changed of a run that this transaction has locked.
pub(super) async fn run_write(
    connection: &mut PgConnection,
    now: Timestamp,
    run: &Run,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update recharge_runs set state = $2, failure = $3, asked_at = $4, updated_at = $5 where id = $1",
        run.id.0,
        run.state.as_str(),
        run.failure,
        run.asked_at,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a wallet's runs come to.
pub(super) struct Totals {
    /// Of the month, without those that have failed, in the smallest unit.
    pub spent_minor: i64,
    /// How many were decided since a time.
    pub recent: i64,
    /// Those of them that have not failed.
    pub recent_charges: i64,
    /// When the first of them was.
    pub recent_since: Option<Timestamp>,
    /// Whether one is open.
    pub is_open: bool,
}

pub(super) async fn totals(
    connection: &mut PgConnection,
    wallet: WalletId,
    month: Date,
    since: Timestamp,
) -> Result<Totals, sqlx::Error> {
    sqlx::query_as!(
        Totals,
        r#"select coalesce(sum(amount_minor) filter (where month = $2 and state <> 'failed'), 0)::bigint
                      as "spent_minor!",
                  count(*) filter (where reserved_at > $3) as "recent!",
                  count(*) filter (where reserved_at > $3 and state <> 'failed') as "recent_charges!",
                  min(reserved_at) filter (where reserved_at > $3) as recent_since,
                  coalesce(bool_or(state in ('reserved', 'charging', 'unknown', 'requires_action')), false)
                      as "is_open!"
           from recharge_runs
           where id in (
               select id from recharge_runs where wallet_id = $1 and month >= $2
               union all
               select id from recharge_runs where wallet_id = $1 and reserved_at > $3
               union all
               select id from recharge_runs
               where wallet_id = $1 and state in ('reserved', 'charging', 'unknown', 'requires_action'))"#,
        wallet.0,
        month,
        since
    )
    .fetch_one(connection)
    .await
}

/// What was charged for a wallet's runs of a month, in the smallest unit.
pub(super) async fn charged(
    connection: &mut PgConnection,
    wallet: WalletId,
    month: Date,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount_minor), 0)::bigint as "charged!" from recharge_runs
           where wallet_id = $1 and month = $2 and state = 'succeeded'"#,
        wallet.0,
        month
    )
    .fetch_one(connection)
    .await
}

/// The session of the page on which the holder of a card that was replaced is to pay for the open run.
pub(super) async fn page_of_run(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select p.provider_session as "session!"
           from recharge_runs r join payments p on p.id = r.payment_id
                join auto_recharge a on a.wallet_id = r.wallet_id and a.payment_method <> r.payment_method
           where r.wallet_id = $1 and r.state = 'requires_action' and p.provider_session is not null"#,
        wallet.0
    )
    .fetch_optional(connection)
    .await
}

/// Wallets for which a recharge is due that could be charged and have no open run; the lowest ids above `after` first.
pub(super) async fn wallets_due(
    connection: &mut PgConnection,
    now: Timestamp,
    month: Date,
    after: WalletId,
    limit: i64,
) -> Result<Vec<WalletId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select w.id as "wallet_id: WalletId"
           from wallets w
           -- Few wallets are due, so they are walked, each with its settings: the fence keeps them in this order.
           cross join lateral (
               select from auto_recharge a
               where a.wallet_id = w.id and a.enabled and a.payment_method is not null and a.paused_at is null
                 and (a.next_attempt_at is null or a.next_attempt_at <= $1)
                 and (a.capped_month is null or a.capped_month < $2) offset 0) as settings
           where w.id > $3 and w.recharge_due_below is not null and w.balance - w.held < w.recharge_due_below
             and not exists (
                 select from recharge_runs
                 where wallet_id = w.id
                   and state in ('reserved', 'charging', 'unknown', 'requires_action'))
           order by w.id limit $4"#,
        now,
        month,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Runs of which nothing was heard since a time, the oldest first; marks them as looked at.
pub(super) async fn runs_take_stale(
    connection: &mut PgConnection,
    now: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<RechargeRunId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"update recharge_runs set updated_at = $1
           where id in (
               select id from recharge_runs
               where state in ('reserved', 'charging', 'unknown') and updated_at <= $2
               order by updated_at limit $3 for update skip locked)
           returning id as "id: RechargeRunId""#,
        now,
        before,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Wallets whose cap was reached in an earlier month; forgets that it was.
pub(super) async fn capped_take(
    connection: &mut PgConnection,
    month: Date,
    limit: i64,
) -> Result<Vec<WalletId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"update auto_recharge set capped_month = null
           where wallet_id in (
               select wallet_id from auto_recharge where enabled and capped_month < $1
               limit $2 for update skip locked)
           returning wallet_id as "wallet_id: WalletId""#,
        month,
        limit
    )
    .fetch_all(connection)
    .await
}
