//! Applying what RevenueCat says, and giving parked purchases to those whose they are.

use serde_json::json;
use sqlx::PgConnection;

use super::{ClaimError, StoreFact, StoreNews, StorePurchase, Transaction, rules, store};
use crate::catalog::Pack;
use crate::catalog::operations::pack_by_store_product;
use audit::{self, AdminAction};
use kernel::clock::Timestamp;

use crate::payments::facts::given;
use crate::payments::ordering::payment_create;
use crate::payments::store::payment_by_id;
use crate::payments::{Dialect, Fact, Item, Kind, Labels, Mode, NewOrder, Payment, Progress, Provider};
use crate::provider_events::record::{is_applied, record};
use crate::provider_events::{ApplyError, Effect, Event, EventOutcome, IgnoreReason, PaymentNews, Remark};
use crate::reversals::{Extent, Policy, ReversalFact, ReversalKind, ReversalState, operations as reversals};
use crate::settlement::{self, SettlementItem};
use kernel::ids::{PaymentId, StorePurchaseId, UserId, WalletId};
use kernel::metrics::{NONE, catalogue};
use kernel::money::{AmountError, Money};
use uuid::Uuid;

/// Applies a fact in the caller's transaction, in which nothing else is done. Applying it again changes nothing, be
/// it the same event or another one about the same transaction.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn apply(
    connection: &mut PgConnection,
    now: Timestamp,
    policy: Policy,
    event: Option<&Event>,
    fact: &StoreFact,
) -> Result<Vec<Effect>, ApplyError> {
    if let Some(event) = event
        && is_applied(connection, event.provider, &event.id).await?
    {
        return Ok(Vec::new());
    }
    let applied = match &fact.news {
        StoreNews::Bought(transaction) => bought(connection, now, fact, transaction).await?,
        StoreNews::Refunded(transaction) => {
            refunded(connection, now, policy, fact, transaction, true).await?
        }
        StoreNews::RefundReversed(transaction) => {
            refunded(connection, now, policy, fact, transaction, false).await?
        }
        StoreNews::SamePerson => {
            linked(connection, now, &fact.buyers, |purchase| {
                purchase.buyers = rules::joined(&fact.buyers, &purchase.buyers);
            })
            .await?
        }
        StoreNews::MovedFrom(names) => {
            linked(connection, now, names, |purchase| {
                purchase.buyers.clone_from(&fact.buyers);
            })
            .await?
        }
    };
    record(connection, now, event, applied.payment_id, applied.outcome).await?;
    Ok(applied.effects)
}

/// What a fact led to, for the record of its event.
struct Applied {
    outcome: EventOutcome,
    payment_id: Option<PaymentId>,
    effects: Vec<Effect>,
}

impl Applied {
    fn without_effect(outcome: EventOutcome, payment_id: Option<PaymentId>) -> Self {
        Self { outcome, payment_id, effects: Vec::new() }
    }
}

async fn bought(
    connection: &mut PgConnection,
    now: Timestamp,
    fact: &StoreFact,
    transaction: &Transaction,
) -> Result<Applied, ApplyError> {
    let pack = pack_by_store_product(connection, &transaction.product_id).await?;
    if transaction.buys_access && pack.is_none() {
        return Ok(Applied::without_effect(EventOutcome::Ignored(IgnoreReason::NoProduct), None));
    }
    store::purchase_insert(connection, now, transaction, &fact.buyers).await?;
    let mut purchases = store::purchases_lock(connection, Some(transaction), &fact.buyers).await?;
    let mut is_first = false;
    for purchase in &mut purchases {
        // Whoever else it names, the buyer is the one that this event tells of first.
        purchase.buyers = rules::joined(&fact.buyers, &purchase.buyers);
        if rules::is_of(purchase, transaction) {
            is_first = purchase.bought_at.is_none();
            purchase.bought_at = purchase.bought_at.or(Some(fact.at));
            rules::told(purchase, transaction, is_first);
        }
    }
    let effects = credit(connection, now, &mut purchases).await?;
    let own = purchases.iter().find(|purchase| rules::is_of(purchase, transaction));
    let remark = match own {
        Some(own) if own.is_refunded => Some(Remark::Refunded),
        Some(own) if own.is_held => {
            catalogue::STORE_PURCHASES_OF_SEVERAL.increment(NONE);
            Some(Remark::Several)
        }
        Some(own) if rules::is_parked(own) => Some(Remark::Parked),
        Some(_) | None => None,
    };
    Ok(Applied {
        outcome: if is_first { EventOutcome::Applied(remark) } else { EventOutcome::NoChange(remark) },
        payment_id: own.and_then(|own| own.payment_id),
        effects,
    })
}

/// Takes over that the money of a purchase went back, or came again, and has its credits follow. One that is not
/// credited yet is not credited as long as it is refunded. The refund may be reported before the purchase.
async fn refunded(
    connection: &mut PgConnection,
    now: Timestamp,
    policy: Policy,
    fact: &StoreFact,
    transaction: &Transaction,
    is_refunded: bool,
) -> Result<Applied, ApplyError> {
    if pack_by_store_product(connection, &transaction.product_id).await?.is_some() {
        store::purchase_insert(connection, now, transaction, &fact.buyers).await?;
    }
    let mut purchases = store::purchases_lock(connection, Some(transaction), &[]).await?;
    let Some(purchase) = purchases.first_mut() else {
        return Ok(Applied::without_effect(EventOutcome::Ignored(IgnoreReason::NoProduct), None));
    };
    if !rules::refund(purchase, is_refunded, fact.at) {
        store::purchase_write(connection, purchase).await?;
        return Ok(Applied::without_effect(EventOutcome::NoChange(None), purchase.payment_id));
    }
    let reversal = purchase.payment_id.map(|id| reversal_fact(purchase, id, is_refunded, fact.at));
    let mut effects = credit(connection, now, &mut purchases).await?;
    if let Some(reversal) = reversal {
        effects.extend(reversals::apply(connection, now, policy, None, &reversal).await?);
    }
    let payment_id = purchases.first().and_then(|purchase| purchase.payment_id);
    Ok(Applied { outcome: EventOutcome::Applied(None), payment_id, effects })
}

/// Stores give back all or nothing.
fn reversal_fact(
    purchase: &StorePurchase,
    payment_id: PaymentId,
    is_refunded: bool,
    at: Timestamp,
) -> ReversalFact {
    let transaction = rules::provider_payment(purchase);
    let (standing, status) = if is_refunded {
        (ReversalState::Taken, "CUSTOMER_SUPPORT")
    } else {
        (ReversalState::Restored, "REFUND_REVERSED")
    };
    ReversalFact {
        provider: Provider::Revenuecat,
        livemode: is_live(purchase),
        object_id: transaction.clone(),
        kind: ReversalKind::Refund,
        standing,
        status: status.to_owned(),
        step: rules::step(is_refunded, at),
        extent: Extent::All,
        installation: None,
        payment_id: Some(payment_id),
        provider_payments: vec![transaction],
    }
}

fn is_live(purchase: &StorePurchase) -> bool {
    purchase.environment == rules::PRODUCTION
}

/// Changes whose the parked purchases are that are known under one of these names. What is credited stays where it
/// is: it may be spent, and the store sells it once.
async fn linked(
    connection: &mut PgConnection,
    now: Timestamp,
    names: &[String],
    change: impl Fn(&mut StorePurchase),
) -> Result<Applied, ApplyError> {
    let mut purchases = store::purchases_lock(connection, None, names).await?;
    let before = purchases.clone();
    purchases.iter_mut().for_each(change);
    let effects = credit(connection, now, &mut purchases).await?;
    let changed = purchases != before;
    let outcome = if changed { EventOutcome::Applied(None) } else { EventOutcome::NoChange(None) };
    Ok(Applied { outcome, payment_id: None, effects })
}

/// Makes a payment of each purchase whose buyer, product and quantity are known, credits them together, and writes
/// all.
async fn credit(
    connection: &mut PgConnection,
    now: Timestamp,
    purchases: &mut [StorePurchase],
) -> Result<Vec<Effect>, ApplyError> {
    let mut paid = Vec::new();
    for purchase in purchases.iter_mut() {
        if rules::is_parked(purchase)
            && let Some(pack) = pack_by_store_product(connection, &purchase.product_id).await?
            && !hold(purchase, &pack)
            && let Some((user, wallet)) = buyer(connection, purchase).await?
        {
            let order = order(now, purchase, user, wallet, pack)?;
            let payment = payment_create(connection, now, &order).await?;
            purchase.payment_id = Some(payment.id);
            paid.push(PaymentNews::Fact(Box::new(paid_fact(&payment, purchase))));
        }
        store::purchase_write(connection, purchase).await?;
    }
    let items: Vec<SettlementItem<'_>> = paid.iter().map(|news| SettlementItem::new(None, news)).collect();
    settlement::apply(connection, now, &items).await
}

/// Holds a purchase if how many were bought is not known; says whether it does.
fn hold(purchase: &mut StorePurchase, pack: &Pack) -> bool {
    purchase.is_held = rules::is_quantity_missing(purchase, pack.price);
    purchase.is_held
}

/// Who gets the credits: whom an administrator named, else the first name that is a user here.
async fn buyer(
    connection: &mut PgConnection,
    purchase: &StorePurchase,
) -> Result<Option<(UserId, WalletId)>, sqlx::Error> {
    match &purchase.user_id {
        Some(user) => store::first_user(connection, &[user.as_str()]).await,
        None => store::first_user(connection, &rules::possible_users(&purchase.buyers)).await,
    }
}

/// What it grants and costs is the catalog's. What the store charged, in whichever currency, is the store's affair.
fn order(
    now: Timestamp,
    purchase: &StorePurchase,
    user_id: UserId,
    wallet_id: WalletId,
    pack: Pack,
) -> Result<NewOrder, AmountError> {
    let quantity = purchase.quantity.unwrap_or(1);
    let minor = pack.price.minor.checked_mul(quantity).ok_or(AmountError::Overflow)?;
    Ok(NewOrder {
        user_id,
        wallet_id,
        organization_id: None,
        dialect: Dialect::Allmine,
        kind: Kind::OneTime,
        provider: Provider::Revenuecat,
        mode: Mode::Payment,
        livemode: is_live(purchase),
        items: vec![Item {
            pack_id: Some(pack.id),
            name: pack.name.clone(),
            quantity,
            credits: pack.credits,
            amount_minor: pack.price.minor,
        }],
        credits: pack.credits.checked_mul(quantity)?,
        amount: Money::new(minor, pack.price.currency),
        summary: pack.name,
        return_urls: None,
        expires_at: now,
        plan: None,
        redemption: None,
        expires_after_days: pack.expires_after_days,
        labels: Labels::default(),
        request: None,
    })
}

fn paid_fact(payment: &Payment, purchase: &StorePurchase) -> Fact {
    Fact {
        provider_payment: Some(rules::provider_payment(purchase)),
        progress: Progress { payment_status: Some("paid".to_owned()), ..Progress::default() },
        ..given(payment)
    }
}

/// Credits parked purchases whose buyer and product have become known, up to `limit`, in the caller's transaction;
/// returns how many were looked at.
///
/// # Errors
/// [`ApplyError`]; the transaction is then to be rolled back.
pub async fn claim_due(
    connection: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<(usize, Vec<Effect>), ApplyError> {
    let mut purchases = store::purchases_take_due(connection, limit).await?;
    let effects = credit(connection, now, &mut purchases).await?;
    Ok((purchases.len(), effects))
}

/// Gives a parked purchase to a user for an administrator, who may say how many were bought where the store does not,
/// in the caller's transaction; [`claim_due`] credits it. Giving it to the same user again changes nothing.
///
/// # Errors
/// [`ClaimError`].
pub async fn assign(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: StorePurchaseId,
    user: &UserId,
    quantity: Option<i64>,
) -> Result<(), ClaimError> {
    let found = store::purchase_lock(connection, id).await?.filter(|purchase| purchase.bought_at.is_some());
    let mut purchase = found.ok_or(ClaimError::NoPurchase)?;
    if let Some(id) = purchase.payment_id {
        let owner = payment_by_id(connection, id).await?.map(|payment| payment.user_id);
        return if owner.as_ref() == Some(user) { Ok(()) } else { Err(ClaimError::Claimed) };
    }
    if purchase.is_refunded {
        return Err(ClaimError::Refunded);
    }
    if purchase.dismissed_at.is_some() {
        return Err(ClaimError::Dismissed);
    }
    let Some(pack) = pack_by_store_product(connection, &purchase.product_id).await? else {
        return Err(ClaimError::NoPack(purchase.product_id));
    };
    if let Some((told, given)) = purchase.quantity.zip(quantity).filter(|(told, given)| told != given) {
        return Err(ClaimError::OtherQuantity { told, given });
    }
    let is_missing = rules::is_quantity_missing(&purchase, pack.price);
    if is_missing && quantity.is_none() {
        return Err(ClaimError::NoQuantity);
    }
    match &purchase.user_id {
        Some(owner) if owner == user && !is_missing => return Ok(()),
        Some(owner) if owner != user => return Err(ClaimError::Claimed),
        Some(_) | None => {}
    }
    if identity::operations::user(connection, user).await?.is_none() {
        return Err(ClaimError::NoUser(user.clone()));
    }
    purchase.user_id = Some(user.clone());
    purchase.quantity = purchase.quantity.or(quantity);
    purchase.is_held = false;
    store::purchase_write(connection, &purchase).await?;
    let action = AdminAction {
        actor: actor.to_owned(),
        action: "parked_purchase.claim".to_owned(),
        subject: id.to_string(),
        details: json!({
            "user_id": user, "transaction": rules::provider_payment(&purchase), "quantity": purchase.quantity,
        }),
    };
    Ok(audit::record(connection, now, &action).await?)
}

/// Locks a purchase that waits for its buyer or product.
async fn lock_parked(
    connection: &mut PgConnection,
    id: StorePurchaseId,
) -> Result<StorePurchase, ClaimError> {
    let found = store::purchase_lock(connection, id).await?.filter(|purchase| purchase.bought_at.is_some());
    let purchase = found.ok_or(ClaimError::NoPurchase)?;
    match &purchase {
        StorePurchase { payment_id: Some(_), .. } => Err(ClaimError::Claimed),
        StorePurchase { is_refunded: true, .. } => Err(ClaimError::Refunded),
        StorePurchase { dismissed_at: Some(_), .. } => Err(ClaimError::Dismissed),
        StorePurchase { .. } => Ok(purchase),
    }
}

/// Decides for an administrator that nobody gets a parked purchase, in the caller's transaction.
///
/// # Errors
/// [`ClaimError`]; nothing is changed then.
pub async fn dismiss(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: StorePurchaseId,
    reason: &str,
) -> Result<StorePurchase, ClaimError> {
    let mut purchase = lock_parked(connection, id).await?;
    purchase.dismissed_at = Some(now);
    store::purchase_write(connection, &purchase).await?;
    record_action(connection, now, actor, "dismiss", &purchase, Some(reason)).await?;
    Ok(purchase)
}

/// Records that an administrator has a parked purchase looked at again, in the caller's transaction; [`claim_due`]
/// credits it if its buyer and product are known now.
///
/// # Errors
/// [`ClaimError`]; nothing is changed then.
pub async fn retry(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    id: StorePurchaseId,
    reason: Option<&str>,
) -> Result<StorePurchase, ClaimError> {
    let mut purchase = lock_parked(connection, id).await?;
    // What the pack costs may have been mended.
    purchase.is_held = false;
    store::purchase_write(connection, &purchase).await?;
    record_action(connection, now, actor, "retry", &purchase, reason).await?;
    Ok(purchase)
}

async fn record_action(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: &str,
    verb: &str,
    purchase: &StorePurchase,
    reason: Option<&str>,
) -> Result<(), sqlx::Error> {
    let action = AdminAction {
        actor: actor.to_owned(),
        action: format!("parked_purchase.{verb}"),
        subject: purchase.id.to_string(),
        details: json!({ "reason": reason, "transaction": rules::provider_payment(purchase) }),
    };
    audit::record(connection, now, &action).await
}

/// A purchase.
///
/// # Errors
/// Database errors only.
pub async fn purchase(
    connection: &mut PgConnection,
    id: StorePurchaseId,
) -> Result<Option<StorePurchase>, sqlx::Error> {
    store::purchase_by_id(connection, id).await
}

/// What is parked, oldest first, up to `limit`, beginning behind a purchase or with the first.
///
/// # Errors
/// Database errors only.
pub async fn parked(
    connection: &mut PgConnection,
    after: Option<StorePurchaseId>,
    limit: i64,
) -> Result<Vec<StorePurchase>, sqlx::Error> {
    store::purchases_parked(connection, after.unwrap_or(StorePurchaseId(Uuid::nil())), limit).await
}

/// How much is parked.
///
/// # Errors
/// Database errors only.
pub async fn parked_count(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    store::parked_count(connection).await
}

/// Whether something is parked that may be this user's.
///
/// # Errors
/// Database errors only.
pub async fn is_awaited(connection: &mut PgConnection, user: &UserId) -> Result<bool, sqlx::Error> {
    store::is_awaited(connection, user.as_str()).await
}
