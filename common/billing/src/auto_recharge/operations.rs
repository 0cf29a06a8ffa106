//! The verbs of auto-recharge: what users ask for, and deciding whether a wallet is recharged now.

use sqlx::PgConnection;
use time::Duration;
use uuid::Uuid;

use super::announcements;
use super::pausing::{pause, write};
use super::rules::{self, Situation};
use super::{
    Card, Change, Check, Defaults, Limits, PauseReason, RechargeError, RechargeOverview, Remedy, Run,
    RunState, Settings, Skip, custody, store, wallet_store,
};
use crate::auto_recharge::ChargeRecharge;
use crate::catalog::prices::{CreditPrice, price};
use crate::payments::ordering::order_create;
use crate::payments::{Dialect, Item, Kind, Labels, Mode, NewOrder, Provider};
use jobs::outbox;
use kernel::clock::Timestamp;
use kernel::ids::{OutboxId, RechargeRunId, WalletId};
use kernel::money::{AmountError, Money};
use ledger::levels::CheckRecharge;
use ledger::operations::spendable;
use notices::tell;

/// How long the order of a run can be paid on a page, where the card's holder has to.
const PAYABLE: Duration = Duration::hours(24);
/// A purchase whose money has not come for so long no longer keeps a wallet from being recharged.
const PURCHASE_COMES_WITHIN: Duration = Duration::hours(1);
/// A page that was opened so lately may be being paid on.
const PAGE_IS_FRESH: Duration = Duration::minutes(15);
/// So many of these are asked about.
const PAGES: i64 = 3;
/// A run that was not heard of for so long is asked about.
const STALE_AFTER: Duration = Duration::minutes(5);
/// Wallets or runs taken at once.
const AT_ONCE: i64 = 200;

/// What a wallet asks for, if it ever asked for anything.
///
/// # Errors
/// Database errors only.
pub async fn settings(
    connection: &mut PgConnection,
    wallet: WalletId,
) -> Result<Option<Settings>, sqlx::Error> {
    store::settings(connection, wallet).await
}

/// Changes what a wallet asks for, in the caller's transaction. What was never said takes the defaults. What is being
/// charged is not unmade, but counts against the new cap.
///
/// # Errors
/// Database errors only.
pub async fn put(
    connection: &mut PgConnection,
    now: Timestamp,
    change: &Change,
    defaults: &Defaults,
) -> Result<Settings, sqlx::Error> {
    let Change { wallet_id, user_id, organization_id, livemode, .. } = change;
    let first = Settings::none(*wallet_id, user_id.clone(), *organization_id, *livemode, defaults);
    store::settings_insert(connection, now, &first).await?;
    let locked = store::settings_lock(connection, *wallet_id).await?;
    let mut settings = locked.ok_or(sqlx::Error::RowNotFound)?;
    settings.livemode = *livemode;
    if change.amount.is_some_and(|amount| amount != settings.amount) {
        settings.too_small_told_at = None;
    }
    let was_enabled = settings.enabled;
    if let Some(enabled) = change.enabled {
        settings.enabled = enabled;
        // To switch it on again is to say that it may go on.
        let is_new = enabled && !was_enabled;
        if is_new && settings.pause.is_some_and(|pause| pause.reason.remedy() == Remedy::Owner) {
            settings.pause = None;
        }
        if enabled {
            settings.user_id = user_id.clone();
            settings.consented_at = Some(now);
        }
    }
    settings.threshold = change.threshold.unwrap_or(settings.threshold);
    settings.amount = change.amount.unwrap_or(settings.amount);
    settings.max_monthly_minor = change.max_monthly_minor.unwrap_or(settings.max_monthly_minor);
    // Another cap may leave something; if not, the user is notified again.
    if change.max_monthly_minor.is_some() {
        settings.capped_month = None;
    }
    write(connection, now, &settings, change.enabled == Some(true)).await?;
    Ok(settings)
}

/// Where a wallet stands; one that never asked for anything, as if it had asked for `nothing`.
///
/// # Errors
/// Database errors only.
pub async fn overview(
    connection: &mut PgConnection,
    now: Timestamp,
    nothing: Settings,
) -> Result<RechargeOverview, sqlx::Error> {
    let wallet = nothing.wallet_id;
    let settings = store::settings(connection, wallet).await?.unwrap_or(nothing);
    let month = rules::month_of(now);
    let totals = store::totals(connection, wallet, month, now).await?;
    let last_run = store::run_last(connection, wallet).await?;
    let (spent_minor, resets_at) = (totals.spent_minor, rules::resets_at(month));
    Ok(RechargeOverview { settings, spent_minor, resets_at, last_run })
}

/// The sessions of pages on which the user of a wallet that is low may have paid a moment ago, before any event of it
/// arrived. If the provider says that one was paid, there is no need to charge as well.
///
/// # Errors
/// Database errors only.
pub async fn pages_to_ask(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
) -> Result<Vec<String>, sqlx::Error> {
    wallet_store::pages_open(connection, wallet, now.saturating_sub(PAGE_IS_FRESH), PAGES).await
}

/// What was decided about a wallet, with the jobs that follow.
#[derive(Clone, Debug)]
pub struct Decided {
    /// For the caller.
    pub check: Check,
    /// Written to the outbox.
    pub jobs: Vec<OutboxId>,
}

/// Decides whether a wallet is recharged now and, if so, opens a run and counts it against the cap, all in the caller's
/// transaction. Nobody else decides about the wallet meanwhile: its settings are locked.
///
/// # Errors
/// Database errors only.
pub async fn reserve(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    limits: &Limits,
) -> Result<Decided, RechargeError> {
    let Some(mut settings) = store::settings_lock(connection, wallet).await? else {
        return Ok(skipped(Skip::Disabled, Vec::new()));
    };
    if !custody::may_be_charged(connection, &settings).await? {
        let notice =
            custody::let_go_of_card(connection, now, &mut settings, PauseReason::CardOwnerLeft).await?;
        return Ok(skipped(Skip::Paused, notice.into_iter().collect()));
    }
    let month = rules::month_of(now);
    // Runs before the balance: a run that has succeeded by then has its credits in the balance that is read next.
    let totals = store::totals(connection, wallet, month, now.saturating_sub(Duration::DAY)).await?;
    let spendable = spendable(connection, now, wallet).await?;
    let since = now.saturating_sub(PURCHASE_COMES_WITHIN);
    // Whoever set it up agreed to the price that holds when it is charged.
    let price = price(connection, settings.amount.currency).await?.unwrap_or(limits.contract_price);
    let situation = Situation {
        now,
        price,
        is_open: totals.is_open,
        spent_minor: totals.spent_minor,
        runs_today: totals.recent,
        runs_per_day: limits.per_day,
        purchase_under_way: wallet_store::purchase_under_way(connection, wallet, since).await?,
        available: spendable.available,
        due_below: spendable.recharge_due_below,
    };
    match rules::decide(&settings, &situation) {
        Ok((amount_minor, card)) => {
            let pause = rules::pause_after(limits.pause, totals.recent_charges.saturating_add(1));
            let card = card.clone();
            settings.next_attempt_at = Some(now.saturating_add(pause));
            store::settings_write(connection, now, &settings).await?;
            let order = order(now, &settings, amount_minor, &price)?;
            open(connection, now, &settings, &card, &order).await
        }
        Err(reason) => {
            let notice = say(connection, now, &mut settings, reason, totals.recent_since).await?;
            Ok(skipped(reason, notice.into_iter().collect()))
        }
    }
}

/// Notifies the user why nothing is charged, unless they know.
async fn say(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
    reason: Skip,
    recent_since: Option<Timestamp>,
) -> Result<Option<OutboxId>, sqlx::Error> {
    let month = rules::month_of(now);
    let event = match reason {
        Skip::CardExpired => return pause(connection, now, settings, PauseReason::CardExpired).await,
        Skip::AmountTooSmall => return tell_too_small(connection, now, settings).await,
        Skip::MonthlyCapReached if settings.capped_month != Some(month) => {
            settings.capped_month = Some(month);
            announcements::capped(settings, now)
        }
        Skip::DailyLimitReached => {
            // When the first of them is a day old, there may be another.
            let until = recent_since.unwrap_or(now).saturating_add(Duration::DAY);
            settings.next_attempt_at = Some(until);
            announcements::limited(until)
        }
        _ => return Ok(None),
    };
    store::settings_write(connection, now, settings).await?;
    tell(connection, now, settings.wallet_id, event).await.map(Some)
}

/// Notifies the user, once in a while, that the amount is too small for what is used.
pub(super) async fn tell_too_small(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &mut Settings,
) -> Result<Option<OutboxId>, sqlx::Error> {
    if !rules::tells_too_small(settings.too_small_told_at, now) {
        return Ok(None);
    }
    settings.too_small_told_at = Some(now);
    store::settings_write(connection, now, settings).await?;
    tell(connection, now, settings.wallet_id, announcements::amount_too_small(settings)).await.map(Some)
}

fn skipped(reason: Skip, jobs: Vec<OutboxId>) -> Decided {
    Decided { check: Check::Skipped { reason }, jobs }
}

async fn open(
    connection: &mut PgConnection,
    now: Timestamp,
    settings: &Settings,
    card: &Card,
    order: &NewOrder,
) -> Result<Decided, RechargeError> {
    let amount_minor = order.amount.minor;
    let payment = order_create(connection, now, order).await?;
    let run = Run {
        id: RechargeRunId::new(),
        wallet_id: settings.wallet_id,
        payment_id: payment.id,
        month: rules::month_of(now),
        amount_minor,
        customer: card.customer.clone(),
        payment_method: card.payment_method.clone(),
        state: RunState::Reserved,
        failure: None,
        reserved_at: now,
        asked_at: None,
    };
    store::run_insert(connection, &run).await?;
    let job = ChargeRecharge { run_id: run.id };
    Ok(Decided {
        check: Check::Charging { run_id: run.id, amount_minor, credits: payment.credits },
        jobs: vec![outbox::insert(connection, now, &job).await?],
    })
}

fn order(
    now: Timestamp,
    settings: &Settings,
    amount_minor: i64,
    price: &CreditPrice,
) -> Result<NewOrder, AmountError> {
    let credits = price.credits_for(amount_minor)?;
    let summary = format!("Auto-recharge {credits} credits");
    let item = Item { pack_id: None, name: summary.clone(), quantity: 1, credits, amount_minor };
    Ok(NewOrder {
        // Whose card is charged has bought it.
        user_id: settings.card_owner.clone().unwrap_or_else(|| settings.user_id.clone()),
        wallet_id: settings.wallet_id,
        organization_id: settings.organization_id,
        dialect: Dialect::Native,
        kind: Kind::AutoRecharge,
        provider: Provider::Stripe,
        mode: Mode::Payment,
        livemode: settings.livemode,
        items: vec![item],
        credits,
        amount: Money::new(amount_minor, settings.amount.currency),
        summary,
        return_urls: None,
        expires_at: now.saturating_add(PAYABLE),
        plan: None,
        redemption: None,
        expires_after_days: None,
        labels: Labels::default(),
        request: None,
    })
}

/// Has everything looked at that nothing has asked about: wallets for which a recharge is due, and runs of which
/// nothing was heard. The jobs are written in the caller's transaction.
///
/// # Errors
/// Database errors only.
pub async fn sweep(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::new();
    let before = now.saturating_sub(STALE_AFTER);
    for run_id in store::runs_take_stale(connection, now, before, AT_ONCE).await? {
        written.push(outbox::insert(connection, now, &ChargeRecharge { run_id }).await?);
    }
    let month = rules::month_of(now);
    let mut after = WalletId(Uuid::nil());
    loop {
        let due = store::wallets_due(connection, now, month, after, AT_ONCE).await?;
        let Some(last) = due.last() else { return Ok(written) };
        after = *last;
        written.extend(check_all(connection, now, &due).await?);
    }
}

/// Has the wallets looked at whose cap was reached in an earlier month. The jobs are written in the caller's
/// transaction; says whether these were all.
///
/// # Errors
/// Database errors only.
pub async fn begin_month(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<(Vec<OutboxId>, bool), sqlx::Error> {
    let wallets = store::capped_take(connection, rules::month_of(now), AT_ONCE).await?;
    let is_last = i64::try_from(wallets.len()).is_ok_and(|count| count < AT_ONCE);
    Ok((check_all(connection, now, &wallets).await?, is_last))
}

async fn check_all(
    connection: &mut PgConnection,
    now: Timestamp,
    wallets: &[WalletId],
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let mut written = Vec::with_capacity(wallets.len());
    for wallet_id in wallets {
        let job = CheckRecharge { wallet_id: *wallet_id };
        written.push(outbox::insert(connection, now, &job).await?);
    }
    Ok(written)
}

/// Money that was paid for a wallet's credits goes back, or may. For any kind of payment, charging a card for what is
/// missing then would take the money again. So recharging waits for the wallet's owner, and earlier use is no longer a
/// reason to charge. Comes after the payments are locked, and before the ledger takes the credits.
///
/// # Errors
/// Database errors only.
pub async fn money_taken_back(
    connection: &mut PgConnection,
    now: Timestamp,
    wallet: WalletId,
    reason: PauseReason,
) -> Result<Vec<OutboxId>, sqlx::Error> {
    let Some(mut settings) = store::settings_lock(connection, wallet).await? else { return Ok(Vec::new()) };
    wallet_store::wallets_forget_due(connection, &[wallet]).await?;
    Ok(pause(connection, now, &mut settings, reason).await?.into_iter().collect())
}

/// How many wallets wait for a card or a person before they are recharged again.
///
/// # Errors
/// Database errors only.
pub async fn paused_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from auto_recharge where paused_at is not null"#)
        .fetch_one(connection)
        .await
}
