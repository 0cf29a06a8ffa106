//! Auto-recharge, for every dialect: changing what a wallet asks for, and the page on which a card is saved.

use billing::auto_recharge::{Change, Check, Settings, operations};
use billing::payments::store::open_page_for_card;
use billing::payments::{Dialect, Kind, Mode, NewOrder, Provider};
use jobs::outbox;
use kernel::ids::{OrganizationId, UserId, WalletId};
use kernel::money::{Credits, Money};
use ledger::levels::CheckRecharge;
use time::Duration;

use crate::Shared;
use crate::checkout::{self, NotOrdered, Ordered, PAYABLE};
use crate::commands::carry_out;
use crate::http::Call;

/// A page that closes sooner is not offered again.
const STILL_OPEN: Duration = Duration::minutes(10);

/// Whose wallet is recharged, and at whose wish.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Who asks.
    pub(crate) user_id: UserId,
    /// The wallet.
    pub(crate) wallet_id: WalletId,
    /// The organization whose wallet it is.
    pub(crate) organization_id: Option<OrganizationId>,
}

/// What is to change; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// On or off.
    pub(crate) enabled: Option<bool>,
    /// Strictly below this balance.
    pub(crate) threshold: Option<Credits>,
    /// How much each time.
    pub(crate) amount: Option<Money>,
    /// The cap; `Some(None)` takes it away.
    pub(crate) max_monthly_minor: Option<Option<i64>>,
}

/// The settings of a wallet that never asked for anything.
pub(crate) fn nothing(api: &Shared, owner: &Owner) -> Settings {
    let (user, livemode) = (owner.user_id.clone(), api.config.mode.is_live());
    Settings::none(owner.wallet_id, user, owner.organization_id, livemode, &api.config.auto_recharge)
}

/// Changes what a wallet asks for. Where it can be charged, a look is taken at it; none says what came of it when that
/// takes long.
pub(crate) async fn change(
    api: &Shared,
    owner: &Owner,
    wishes: Wishes,
) -> Result<(Settings, Option<Check>), sqlx::Error> {
    let change = Change {
        wallet_id: owner.wallet_id,
        user_id: owner.user_id.clone(),
        organization_id: owner.organization_id,
        livemode: api.config.mode.is_live(),
        enabled: wishes.enabled,
        threshold: wishes.threshold,
        amount: wishes.amount,
        max_monthly_minor: wishes.max_monthly_minor,
    };
    let now = api.clock.now();
    let mut transaction = api.pool.begin().await?;
    let settings = operations::put(&mut transaction, now, &change, &api.config.auto_recharge).await?;
    if !settings.is_active() {
        transaction.commit().await?;
        return Ok((settings, None));
    }
    let job = CheckRecharge { wallet_id: owner.wallet_id };
    let outbox_id = outbox::insert(&mut transaction, now, &job).await?;
    transaction.commit().await?;
    let check = carry_out(api, &job, outbox_id).await;
    Ok((settings, check))
}

/// Has the page opened on which a card is saved, or answers the one that is open.
pub(crate) async fn save_card(
    api: &Shared,
    call: &Call,
    scope: String,
    owner: &Owner,
    dialect: Dialect,
) -> Result<Ordered, NotOrdered> {
    let now = api.clock.now();
    let mut connection = api.pool.acquire().await?;
    let open = open_page_for_card(&mut connection, owner.wallet_id, now.saturating_add(STILL_OPEN)).await?;
    drop(connection);
    if let Some(page) = open {
        return Ok(Ordered::Open(Box::new(page)));
    }
    let order = NewOrder {
        user_id: owner.user_id.clone(),
        wallet_id: owner.wallet_id,
        organization_id: owner.organization_id,
        dialect,
        kind: Kind::AutoRecharge,
        provider: Provider::Stripe,
        mode: Mode::Setup,
        livemode: api.config.mode.is_live(),
        items: Vec::new(),
        credits: Credits::ZERO,
        amount: Money::new(0, api.config.auto_recharge.amount.currency),
        summary: "Save a card for auto-recharge".to_owned(),
        return_urls: None,
        expires_at: now + PAYABLE,
        plan: None,
        redemption: None,
    };
    checkout::order(api, call, scope, "/auto-recharge/card", &order).await
}
