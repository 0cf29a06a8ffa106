//! Auto-recharge, for every dialect: changing a wallet's settings, and the page on which a card is saved.

use billing::auto_recharge::{Change, Check, Settings, operations};
use billing::payments::store::open_page_for_card;
use billing::payments::{Dialect, Kind, Labels, Mode, NewOrder, Provider};
use jobs::outbox;
use kernel::ids::{OrganizationId, UserId, WalletId};
use kernel::money::{Credits, Money};
use ledger::levels::CheckRecharge;
use time::Duration;

use crate::checkout::{self, Ordered, PAYABLE};
use crate::commands::carry_out;
use crate::http::call::Call;
use crate::problem::Problem;
use crate::state::SharedState;

/// A page that closes sooner than this is not offered again.
const STILL_OPEN: Duration = Duration::minutes(10);

/// The wallet to recharge, and the user who asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) user_id: UserId,
    pub(crate) wallet_id: WalletId,
    /// The organization that owns the wallet; none if the user does.
    pub(crate) organization_id: Option<OrganizationId>,
}

/// Settings to change; those that are none stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsChange {
    pub(crate) enabled: Option<bool>,
    /// A charge needs a balance strictly below it.
    pub(crate) threshold: Option<Credits>,
    /// The price of one charge.
    pub(crate) amount: Option<Money>,
    /// The cap on a calendar month's charges; `Some(None)` removes it.
    pub(crate) max_monthly_minor: Option<Option<i64>>,
}

/// The settings of a wallet without any of its own.
pub(crate) fn initial_settings(api: &SharedState, owner: &Owner) -> Settings {
    let (user, livemode) = (owner.user_id.clone(), api.config.mode.is_live());
    Settings::none(owner.wallet_id, user, owner.organization_id, livemode, &api.config.auto_recharge)
}

/// Changes a wallet's settings. If its card can be charged, a worker checks the balance; the check is none if it
/// cannot, or if the answer takes long.
pub(crate) async fn change(
    api: &SharedState,
    owner: &Owner,
    requested: SettingsChange,
) -> Result<(Settings, Option<Check>), sqlx::Error> {
    let change = Change {
        wallet_id: owner.wallet_id,
        user_id: owner.user_id.clone(),
        organization_id: owner.organization_id,
        livemode: api.config.mode.is_live(),
        enabled: requested.enabled,
        threshold: requested.threshold,
        amount: requested.amount,
        max_monthly_minor: requested.max_monthly_minor,
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

/// Opens the page on which a card is saved, or answers the one that is open.
pub(crate) async fn save_card(
    api: &SharedState,
    call: &Call,
    scope: String,
    owner: &Owner,
    dialect: Dialect,
) -> Result<Ordered, Problem> {
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
        expires_after_days: None,
        labels: Labels::default(),
        request: None,
    };
    checkout::order(api, call, scope, "/auto-recharge/card", &order).await
}
