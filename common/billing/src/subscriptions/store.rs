//! The SQL of subscriptions.

use sqlx::PgConnection;

use super::{Period, Subscription, SubscriptionState};
use crate::payments::{PlanPeriod, Provider};
use crate::plans::{Interval, Terms};
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, SubscriptionId, UserId, WalletId};
use kernel::money::{Credits, Money};

struct Row {
    id: SubscriptionId,
    user_id: UserId,
    wallet_id: WalletId,
    payment_id: PaymentId,
    provider: Provider,
    provider_subscription: String,
    provider_customer: Option<String>,
    livemode: bool,
    state: SubscriptionState,
    cancel_at_period_end: bool,
    current_period_end: Option<Timestamp>,
    plan_id: String,
    billing_interval: Interval,
    provider_price: Option<String>,
    amount_minor: i64,
    currency: String,
    credits: Credits,
    rollover: bool,
    told_plan_id: Option<String>,
    told_interval: Option<Interval>,
    created_at: Timestamp,
    told_at: Timestamp,
    revision: i64,
    canceled_at: Option<Timestamp>,
    carried: Credits,
}

impl TryFrom<Row> for Subscription {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let currency = row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            wallet_id: row.wallet_id,
            payment_id: row.payment_id,
            provider: row.provider,
            provider_subscription: row.provider_subscription,
            provider_customer: row.provider_customer,
            livemode: row.livemode,
            state: row.state,
            cancel_at_period_end: row.cancel_at_period_end,
            current_period_end: row.current_period_end,
            terms: Terms {
                plan_id: row.plan_id,
                interval: row.billing_interval,
                price: Money::new(row.amount_minor, currency),
                credits: row.credits,
                rollover: row.rollover,
                provider_price: row.provider_price,
            },
            told_plan: row
                .told_plan_id
                .zip(row.told_interval)
                .map(|(plan_id, interval)| PlanPeriod { plan_id, interval }),
            created_at: row.created_at,
            told_at: row.told_at,
            revision: row.revision,
            canceled_at: row.canceled_at,
            carried: row.carried,
        })
    }
}

/// A query for subscriptions: all columns, and the condition that follows.
macro_rules! select_subscriptions {
    ($condition:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: SubscriptionId", user_id as "user_id: UserId", wallet_id as "wallet_id: WalletId",
                      payment_id as "payment_id: PaymentId", provider as "provider: Provider", provider_subscription,
                      provider_customer, livemode, state as "state: SubscriptionState", cancel_at_period_end,
                      current_period_end, plan_id, billing_interval as "billing_interval: Interval", provider_price,
                      amount_minor, currency, credits as "credits: Credits", rollover, told_plan_id,
                      told_interval as "told_interval: Interval", created_at, told_at, revision,
                      canceled_at,
                      carried as "carried: Credits"
               from subscriptions "#
                + $condition
            $(, $argument)*
        )
    };
}

/// The subscription that a provider knows by this id, locked.
pub(super) async fn subscription_lock(
    connection: &mut PgConnection,
    provider: Provider,
    provider_id: &str,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!(
        "where provider = $1 and provider_subscription = $2 for update",
        provider.as_str(),
        provider_id
    )
    .fetch_optional(connection)
    .await?;
    row.map(Subscription::try_from).transpose()
}

/// How often a subscription's state, or whether it ends with its period, was changed.
pub(super) async fn revision(connection: &mut PgConnection, id: SubscriptionId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select revision from subscriptions where id = $1", id.0).fetch_one(connection).await
}

pub(super) async fn subscription(
    connection: &mut PgConnection,
    id: SubscriptionId,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!("where id = $1", id.0).fetch_optional(connection).await?;
    row.map(Subscription::try_from).transpose()
}

pub(super) async fn subscription_lock_by_id(
    connection: &mut PgConnection,
    id: SubscriptionId,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!("where id = $1 for update", id.0).fetch_optional(connection).await?;
    row.map(Subscription::try_from).transpose()
}

/// The subscriptions of a wallet: those that are not over first, then the newest first.
pub(super) async fn of_wallet(
    connection: &mut PgConnection,
    wallet: WalletId,
    limit: i64,
) -> Result<Vec<Subscription>, sqlx::Error> {
    let rows = select_subscriptions!(
        "where wallet_id = $1 order by (state = 'canceled'), created_at desc, id desc limit $2",
        wallet.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Subscription::try_from).collect()
}

pub(super) async fn newest_of_user(
    connection: &mut PgConnection,
    user: &UserId,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!(
        "where user_id = $1 order by (state = 'canceled'), created_at desc limit 1",
        user.as_str()
    )
    .fetch_optional(connection)
    .await?;
    row.map(Subscription::try_from).transpose()
}

/// The subscriptions of a wallet that are not over, besides one.
pub(super) async fn others_live(
    connection: &mut PgConnection,
    wallet: WalletId,
    besides: SubscriptionId,
) -> Result<Vec<SubscriptionId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: SubscriptionId" from subscriptions
           where wallet_id = $1 and state <> 'canceled' and id <> $2 order by id"#,
        wallet.0,
        besides.0
    )
    .fetch_all(connection)
    .await
}

/// Notes that another subscription of the same wallet is not over either, if that is so.
pub(super) async fn doubled_note(
    connection: &mut PgConnection,
    now: Timestamp,
    id: SubscriptionId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update subscriptions s set doubled_at = $2
         where id = $1 and doubled_at is null and state <> 'canceled'
           and exists (select from subscriptions o
                       where o.wallet_id = s.wallet_id and o.state <> 'canceled' and o.id <> s.id)",
        id.0,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Wallets of which that was noted, each with its subscriptions that are not over: one may be left.
pub(super) async fn doubled(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(WalletId, Vec<SubscriptionId>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select w.wallet_id as "wallet_id: WalletId",
                  array(select o.id from subscriptions o
                        where o.wallet_id = w.wallet_id and o.state <> 'canceled' order by o.id) as "ids!"
           from (select distinct wallet_id from subscriptions
                 where doubled_at is not null and state <> 'canceled' order by wallet_id limit $1) w"#,
        limit
    )
    .fetch_all(connection)
    .await?;
    let ids = |ids: Vec<uuid::Uuid>| ids.into_iter().map(SubscriptionId).collect();
    Ok(rows.into_iter().map(|row| (row.wallet_id, ids(row.ids))).collect())
}

/// Keeps a new subscription, unless there is one of its order or of its id at the provider.
pub(super) async fn subscription_insert(
    connection: &mut PgConnection,
    subscription: &Subscription,
) -> Result<(), sqlx::Error> {
    let terms = &subscription.terms;
    sqlx::query!(
        "insert into subscriptions (id, user_id, wallet_id, payment_id, provider, provider_subscription,
                                    provider_customer, livemode, state, plan_id, billing_interval, provider_price,
                                    amount_minor, currency, credits, rollover, created_at, told_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         on conflict do nothing",
        subscription.id.0,
        subscription.user_id.as_str(),
        subscription.wallet_id.0,
        subscription.payment_id.0,
        subscription.provider.as_str(),
        subscription.provider_subscription,
        subscription.provider_customer,
        subscription.livemode,
        subscription.state.as_str(),
        terms.plan_id,
        terms.interval.as_str(),
        terms.provider_price,
        terms.price.minor,
        terms.price.currency.as_str(),
        terms.credits.millionths(),
        terms.rollover,
        subscription.created_at,
        subscription.told_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes what may change of a locked subscription, and counts its revisions.
pub(super) async fn subscription_write(
    connection: &mut PgConnection,
    subscription: &Subscription,
) -> Result<(), sqlx::Error> {
    let terms = &subscription.terms;
    sqlx::query!(
        "update subscriptions
         set state = $2, cancel_at_period_end = $3, current_period_end = $4, plan_id = $5, billing_interval = $6,
             provider_price = $7, amount_minor = $8, currency = $9, credits = $10, rollover = $11, told_at = $12,
             canceled_at = $13, provider_customer = $14, carried = $15, told_plan_id = $16, told_interval = $17,
             revision = revision + (case when (state, cancel_at_period_end) = ($2, $3) then 0 else 1 end)
         where id = $1",
        subscription.id.0,
        subscription.state.as_str(),
        subscription.cancel_at_period_end,
        subscription.current_period_end,
        terms.plan_id,
        terms.interval.as_str(),
        terms.provider_price,
        terms.price.minor,
        terms.price.currency.as_str(),
        terms.credits.millionths(),
        terms.rollover,
        subscription.told_at,
        subscription.canceled_at,
        subscription.provider_customer,
        subscription.carried.millionths(),
        subscription.told_plan.as_ref().map(|told| &told.plan_id),
        subscription.told_plan.as_ref().map(|told| told.interval.as_str())
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes what other subscriptions of a customer at the provider carry: the balance at the provider that it stands for
/// is the customer's, and pays the next invoice of any of them.
pub(super) async fn carried_take(
    connection: &mut PgConnection,
    subscription: &Subscription,
    customer: &str,
) -> Result<Credits, sqlx::Error> {
    let taken = sqlx::query_scalar!(
        r#"with others as (
               select id, carried from subscriptions
               where provider = $1 and provider_customer = $2 and id <> $3 and carried < 0
               order by id for update
           ), emptied as (
               update subscriptions set carried = 0 from others where subscriptions.id = others.id
           )
           select coalesce(sum(carried), 0)::bigint as "taken!: Credits" from others"#,
        subscription.provider.as_str(),
        customer,
        subscription.id.0
    );
    taken.fetch_one(connection).await
}

/// Writes what is carried on to the next payment.
pub(super) async fn carried_write(
    connection: &mut PgConnection,
    subscription: &Subscription,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update subscriptions set carried = $2 where id = $1",
        subscription.id.0,
        subscription.carried.millionths()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes how much a payment got back of what it made up for.
pub(super) async fn given_back_write(
    connection: &mut PgConnection,
    payment: PaymentId,
    in_all: Credits,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update subscription_periods set given_back = $2 where payment_id = $1",
        payment.0,
        in_all.millionths()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records which payment pays for which period.
pub(super) async fn period_write(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    period: &Period,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into subscription_periods (payment_id, subscription_id, begins_at, ends_at, made_up)
         values ($1, $2, $3, $4, $5)
         on conflict (payment_id) do nothing",
        period.payment.0,
        subscription.0,
        period.begins_at,
        period.ends_at,
        period.made_up.millionths()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The paid periods that end after `since`.
pub(super) async fn periods_since(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    since: Timestamp,
) -> Result<Vec<Period>, sqlx::Error> {
    sqlx::query_as!(
        Period,
        r#"select payment_id as "payment: PaymentId", begins_at, ends_at, made_up as "made_up: Credits",
                  given_back as "given_back: Credits"
           from subscription_periods
           where subscription_id = $1 and ends_at > $2"#,
        subscription.0,
        since
    )
    .fetch_all(connection)
    .await
}
