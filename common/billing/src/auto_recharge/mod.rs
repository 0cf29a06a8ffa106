//! Auto-recharge: a saved card is charged when a wallet's balance falls below its threshold, and never more in a
//! calendar month (in UTC) than the wallet's cap.
//!
//! A recharge is a *run*. It is decided and counted against the cap in one transaction ([`operations::reserve`]),
//! before the provider is asked; from then on it holds its amount until it has definitively failed. A charge whose
//! outcome is not known is asked about again under the same key, never under a new one. Credits come the way of every
//! payment: the run's order is paid ([`conclusion`]). There is one open run for a wallet, which the database enforces.
//!
//! The reason for a recharge is use: a debit, a capture, or a refusal for lack of credits, which the ledger notes in
//! the wallet's row ([`ledger::levels`]). What falls otherwise charges no card. Whatever takes money back stops
//! recharging until the owner acts ([`operations::money_taken_back`]).
//!
//! Locks are taken in this order: payments, settings, runs, wallets.

pub mod announcements;
pub mod cards;
pub mod charging;
pub mod conclusion;
pub mod custody;
pub mod operations;
mod pausing;
pub mod rules;
mod store;
#[cfg(test)]
mod tests;
mod wallet_store;

use jobs::job;
use serde::{Deserialize, Serialize};
use time::Date;

use kernel::clock::Timestamp;
use kernel::ids::{OrganizationId, PaymentId, RechargeRunId, UserId, WalletId};
use kernel::money::{AmountError, Credits, Money};

use crate::catalog::prices::CreditPrice;
use crate::payments::ordering::OrderError;
use kernel::text_enum;

text_enum! {
    /// Where a run stands.
    RunState {
        /// Counted against the cap; the provider has not been asked.
        Reserved => "reserved",
        /// The provider is being asked.
        Charging => "charging",
        /// The provider was asked and did not say what came of it.
        Unknown => "unknown",
        /// The card's bank wants its holder, who has a page to pay on.
        RequiresAction => "requires_action",
        /// Paid and credited.
        Succeeded => "succeeded",
        /// Not paid, and it will not be.
        Failed => "failed",
    }
}

text_enum! {
    /// Why recharging waits for the user.
    PauseReason {
        /// The card was declined several times in a row.
        Declined => "declined",
        /// The bank says that this card will not be charged again: lost, stolen, …
        CardRefused => "card_refused",
        /// The card has expired.
        CardExpired => "card_expired",
        /// The card was removed at the provider.
        CardRemoved => "card_removed",
        /// The bank wants the holder to authenticate, who did not.
        NotAuthenticated => "not_authenticated",
        /// The provider refused the charge for another reason, which operators have to look at.
        ChargeRefused => "charge_refused",
        /// Money that was paid for the wallet's credits was given back.
        MoneyTakenBack => "money_taken_back",
        /// A payment for the wallet's credits is disputed, or its card's bank warns that it may be fraud.
        Disputed => "disputed",
        /// Who saved the card has left the organization, or may not buy for it any more.
        CardOwnerLeft => "card_owner_left",
        /// The wallet's owner has stopped it for now.
        ByOwner => "by_owner",
        /// An administrator has stopped it.
        ByAdmin => "by_admin",
    }
}

text_enum! {
    /// Why a wallet is not recharged now.
    Skip {
        /// It is not switched on.
        Disabled => "disabled",
        /// No card is saved.
        NoCard => "no_card",
        /// It waits for the user.
        Paused => "paused",
        /// The card has expired, so it waits for the user from now on.
        CardExpired => "card_expired",
        /// One is under way.
        InProgress => "auto_recharge_in_progress",
        /// What can be spent is not below the threshold, and enough for what was last asked for.
        ThresholdNotMet => "threshold_not_met",
        /// It is below the threshold, but not by use since the last recharge: credits have lapsed, or were taken back.
        NothingUsed => "nothing_used",
        /// The card was declined a short while ago.
        CoolingDown => "cooling_down",
        /// It was recharged a short while ago, or as often as it may be in a day.
        RecentlyRecharged => "recently_recharged",
        /// A use was refused that the amount is too small for, and the balance is not low otherwise.
        AmountTooSmall => "amount_too_small",
        /// The user has just paid for credits that will be here in a moment.
        PurchaseUnderWay => "purchase_under_way",
        /// So many in a day are no use that anybody meant.
        DailyLimitReached => "daily_limit_reached",
        /// What the monthly cap leaves cannot be charged.
        MonthlyCapReached => "monthly_cap_reached",
    }
}

/// Who lifts a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// The owner, by saying so, or by switching recharging off and on.
    Owner,
    /// The owner, by saying so; the card is tried once, and not before a day has passed.
    OwnerLater,
    /// The owner, by saving another card.
    NewCard,
    /// An administrator alone.
    Admin,
}

impl PauseReason {
    /// Who lifts the pause. An administrator always may, and where the owner may, another card does it as well.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::MoneyTakenBack | Self::NotAuthenticated | Self::ByOwner => Remedy::Owner,
            Self::Declined => Remedy::OwnerLater,
            Self::CardRefused
            | Self::CardExpired
            | Self::CardRemoved
            | Self::CardOwnerLeft
            | Self::ChargeRefused
            | Self::Disputed => Remedy::NewCard,
            Self::ByAdmin => Remedy::Admin,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Whose it is at the provider.
    pub customer: String,
    pub payment_method: String,
    /// Such as `visa`.
    pub brand: String,
    /// For people to tell it by.
    pub last4: String,
    /// The last month in which it is good, 1 to 12…
    pub exp_month: i64,
    /// …of this year.
    pub exp_year: i64,
}

/// A page that a card was saved on. The newest is the one on which the card was given last, as the provider says; of
/// two in the same second the one that was ordered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardPage {
    pub given_at: Timestamp,
    pub order: PaymentId,
}

/// That recharging waits for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub at: Timestamp,
    pub reason: PauseReason,
}

/// What a wallet asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub wallet_id: WalletId,
    /// Who set it up last: the buyer of what is charged.
    pub user_id: UserId,
    /// The organization whose wallet it is.
    pub organization_id: Option<OrganizationId>,
    /// Real money?
    pub livemode: bool,
    /// Whether the user wants it. Without a card nothing is charged all the same.
    pub enabled: bool,
    /// When the user last switched it on.
    pub consented_at: Option<Timestamp>,
    /// Strictly below this balance; zero never is.
    pub threshold: Credits,
    /// How much is charged each time; less where the cap leaves less.
    pub amount: Money,
    /// At most this in a calendar month in UTC, in the amount's smallest unit; none: no cap.
    pub max_monthly_minor: Option<i64>,
    pub card: Option<Card>,
    /// Declines of the card in a row.
    pub declines: i32,
    /// Not before this.
    pub next_attempt_at: Option<Timestamp>,
    /// Whether it waits for the user.
    pub pause: Option<Pause>,
    /// The month, by its first day, in which the user was notified that the cap is reached.
    pub capped_month: Option<Date>,
    /// Who saved the card.
    pub card_owner: Option<UserId>,
    /// The page that the newest card was saved on, also after the card is gone.
    pub card_page: Option<CardPage>,
    /// When the user was last notified that the amount is too small.
    pub too_small_told_at: Option<Timestamp>,
}

impl Settings {
    /// Those of a wallet that never asked for anything.
    pub fn none(
        wallet_id: WalletId,
        user_id: UserId,
        organization_id: Option<OrganizationId>,
        livemode: bool,
        defaults: &Defaults,
    ) -> Self {
        Self {
            wallet_id,
            user_id,
            organization_id,
            livemode,
            enabled: false,
            consented_at: None,
            threshold: defaults.threshold,
            amount: defaults.amount,
            max_monthly_minor: None,
            card: None,
            declines: 0,
            next_attempt_at: None,
            pause: None,
            capped_month: None,
            card_owner: None,
            card_page: None,
            too_small_told_at: None,
        }
    }

    /// Whether a fall of the balance leads to a charge, but for pauses and caps.
    pub fn is_active(&self) -> bool {
        self.enabled && self.card.is_some()
    }
}

/// A change of settings by a user; what is none stays.
#[derive(Clone, Debug)]
pub struct Change {
    pub wallet_id: WalletId,
    pub user_id: UserId,
    /// The organization whose wallet it is.
    pub organization_id: Option<OrganizationId>,
    /// Real money?
    pub livemode: bool,
    pub enabled: Option<bool>,
    /// Strictly below this balance.
    pub threshold: Option<Credits>,
    /// How much each time.
    pub amount: Option<Money>,
    /// The cap; `Some(None)` takes it away.
    pub max_monthly_minor: Option<Option<i64>>,
}

/// How often a wallet is charged at most, independent of its cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At least this long after a charge comes the next; each further one of a day waits twice as long, up to an hour.
    pub pause: std::time::Duration,
    /// Charges in 24 hours.
    pub per_day: i64,
    /// What credits cost where the catalog has no price: only over Samsar's API is recharging sold without one.
    pub contract_price: CreditPrice,
}

impl Limits {
    /// No wallet is charged twice within less.
    pub const PAUSE_MIN: std::time::Duration = std::time::Duration::from_secs(60);
}

impl Default for Limits {
    fn default() -> Self {
        Self { pause: Self::PAUSE_MIN, per_day: 10, contract_price: CreditPrice::per_hundred(100) }
    }
}

/// What is asked for until a user says otherwise. There is no cap.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Strictly below this balance.
    pub threshold: Credits,
    /// How much each time.
    pub amount: Money,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: RechargeRunId,
    pub wallet_id: WalletId,
    pub payment_id: PaymentId,
    /// The month, by its first day, whose cap it counts against.
    pub month: Date,
    /// How much, in the smallest unit.
    pub amount_minor: i64,
    /// Whose card is charged.
    pub customer: String,
    pub payment_method: String,
    pub state: RunState,
    pub failure: Option<String>,
    /// When it was decided.
    pub reserved_at: Timestamp,
    /// When the provider was first asked.
    pub asked_at: Option<Timestamp>,
}

/// What a look at a wallet led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Check {
    /// It is being recharged.
    Charging {
        run_id: RechargeRunId,
        /// How much is charged, in the smallest unit.
        amount_minor: i64,
        /// What it buys.
        credits: Credits,
    },
    /// It is not.
    Skipped { reason: Skip },
}

/// Where a wallet stands.
#[derive(Clone, Debug)]
pub struct RechargeOverview {
    /// What it asks for.
    pub settings: Settings,
    /// What is charged or reserved in this month, in the smallest unit.
    pub spent_minor: i64,
    /// When the next month begins.
    pub resets_at: Timestamp,
    pub last_run: Option<Run>,
}

/// Why the provider declined a charge of a card, in its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decline {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// Such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// Such as `do_not_try_again`.
    pub advice_code: Option<String>,
    /// The card network's own advice.
    pub network_advice_code: Option<String>,
}

/// Charges a wallet's card for a recharge that is decided, or finds out what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChargeRecharge {
    pub run_id: RechargeRunId,
}
job!(ChargeRecharge: "recharge.charge" on Recharge, 8 attempts);

/// Records the card that was saved for recharging a wallet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaveRechargeCard {
    /// The order, of mode `setup`, on whose page it was given.
    pub payment_id: PaymentId,
}
job!(SaveRechargeCard: "recharge.card" on Recharge, 8 attempts);

/// Takes a card from its customer at the provider, unless a wallet is recharged from it: it was removed, or its owner
/// may not buy for the wallet any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DetachCard {
    /// Whose it is at the provider.
    pub customer: String,
    pub payment_method: String,
}
job!(DetachCard: "recharge.card.detach" on Recharge, 8 attempts);

/// Looks for wallets to recharge that nothing has asked about, and for recharges of which nothing was heard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepRecharges {}
job!(SweepRecharges: "recharge.sweep" on Recharge, 3 attempts);

/// Has the wallets looked at whose monthly cap was reached in an earlier month.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BeginRechargeMonth {}
job!(BeginRechargeMonth: "recharge.month" on Recharge, 3 attempts);

/// Why a recharge cannot be decided.
#[derive(Debug, thiserror::Error)]
pub enum RechargeError {
    #[error(transparent)]
    Amount(#[from] AmountError),
    #[error(transparent)]
    Order(OrderError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<OrderError> for RechargeError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Database(error) => Self::Database(error),
            OrderError::Coupon(_) | OrderError::PlacedBefore => Self::Order(error),
        }
    }
}
