//! What can happen to a wallet, and to what is bought, held and charged for it: every event that is told, live and by
//! webhook.

use kernel::ids::{ApiKeyId, EntryId, GrantId, PaymentId, SubscriptionId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::values::{Amount, Moment, MoneyValue};

macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident => $name:literal { $($(#[$meta:meta])* $field:ident: $type:ty,)* }
    )+) => {
        /// Something that happened, as it is told. An object whose `type` says what; receivers ignore fields and types
        /// that they do not know.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(tag = "type")]
        pub enum Event {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $name, rename_all = "camelCase")]
                $variant { $($(#[$meta])* $field: $type,)* },
            )+
        }

        impl Event {
            /// The types of all events.
            pub const TYPES: &'static [&'static str] = &[$($name,)+];

            /// The event's type.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)+ }
            }
        }
    };
}

events! {
    /// A wallet's credits moved: its balance, what can be spent of it, or what is held. Told for every movement.
    WalletChanged => "wallet.changed" {
        reason: Reason,
        /// How much: the change of the balance, with its sign; for `hold` and `release` the change of what is held.
        credits: Amount,
        /// The balance after it.
        balance: Amount,
        /// What can be spent after it.
        available: Amount,
        /// What is held after it.
        held: Amount,
        /// What is owed after it.
        debt: Amount,
        /// The ledger entry; what is held or released has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        entry_id: Option<EntryId>,
    }
    /// A balance fell below a level at which its owners wanted to be told.
    BalanceLow => "balance.low" {
        balance: Amount,
        /// The level; of several that were passed the lowest.
        level: Amount,
    }
    /// Credits that were granted have lapsed: their time was up.
    GrantExpired => "grant.expired" {
        #[schema(value_type = Uuid)]
        grant_id: GrantId,
        /// How many lapsed.
        credits: Amount,
        balance: Amount,
    }
    /// Credits lapse soon, unless they are spent before. Told once for a grant.
    GrantExpiring => "grant.expiring" {
        #[schema(value_type = Uuid)]
        grant_id: GrantId,
        /// How many are left now.
        credits: Amount,
        expires_at: Moment,
    }
    /// A limit on what a member or an API key may spend left too little for a use of the wallet, or leaves nothing
    /// more.
    /// Told once for each of its days or months, and again when another limit is set and reached.
    LimitReached => "limit.reached" {
        /// The member whose limit it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        member_id: Option<UserId>,
        /// The key whose limit it is. How high that is, who sees the wallet is not told.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        api_key_id: Option<ApiKeyId>,
        /// `day` or `month`.
        per: &'static str,
        /// The limit of a member.
        #[serde(skip_serializing_if = "Option::is_none")]
        credits: Option<Amount>,
        /// What is left of the limit of a member.
        #[serde(skip_serializing_if = "Option::is_none")]
        left: Option<Amount>,
        /// When it begins anew.
        resets_at: Moment,
    }
    /// Somebody has placed an order, which is not paid yet.
    OrderCreated => "order.created" {
        #[serde(flatten)]
        #[schema(inline)]
        order: Order,
    }
    /// An order is paid, and its credits are granted.
    OrderPaid => "order.paid" {
        #[serde(flatten)]
        #[schema(inline)]
        order: Order,
    }
    /// An order will not be paid.
    OrderFailed => "order.failed" {
        #[serde(flatten)]
        #[schema(inline)]
        order: Order,
        /// Why, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    }
    /// An order's time is up; it was not paid.
    OrderExpired => "order.expired" {
        #[serde(flatten)]
        #[schema(inline)]
        order: Order,
    }
    /// Money of an order went back to the buyer, or came again because a refund failed.
    OrderRefunded => "order.refunded" {
        #[serde(flatten)]
        #[schema(inline)]
        order: Order,
        /// How much has gone back by refunds so far, as the provider counts.
        refunded: MoneyValue,
    }
    /// Credits came for money.
    CreditsAdded => "credits.added" {
        credits: Amount,
        balance: Amount,
        /// The order's number.
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
    }
    /// Credits went because their money did.
    CreditsRemoved => "credits.removed" {
        /// How many; positive.
        credits: Amount,
        balance: Amount,
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
        /// How the money went: `refund`, `dispute` or `total`.
        reason: &'static str,
    }
    /// Credits came again because their money did.
    CreditsRestored => "credits.restored" {
        credits: Amount,
        balance: Amount,
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
        reason: &'static str,
    }
    /// As `order.failed`, with the order's number. Not told of automatic recharges.
    PaymentFailed => "payment.failed" {
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
    }
    /// As `order.expired`, with the order's number. Not told of automatic recharges.
    PaymentExpired => "payment.expired" {
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
    }
    /// A subscription began, was paid for, changed, or ended.
    SubscriptionUpdated => "subscription.updated" {
        #[schema(value_type = Uuid)]
        subscription_id: SubscriptionId,
        plan_id: String,
        status: &'static str,
        /// Whether it ends with its present period.
        cancel_at_period_end: bool,
    }
    /// A wallet can be recharged automatically from now on.
    RechargeEnabled => "auto_recharge.enabled" {
        #[schema(required)]
        card_brand: Option<String>,
        #[schema(required)]
        card_last4: Option<String>,
    }
    /// A wallet was recharged.
    RechargeSucceeded => "auto_recharge.succeeded" {
        amount_cents: i64,
        credits: Amount,
        payment_id: i64,
        #[schema(value_type = Uuid)]
        order_id: PaymentId,
    }
    /// What was charged this month has reached a part of the cap.
    RechargeCapWarning => "auto_recharge.cap_warning" {
        /// How much of the cap, in percent.
        percent: i64,
        charged_cents: i64,
        #[schema(required)]
        max_monthly_cents: Option<i64>,
        resets_at: Moment,
    }
    /// The card was declined, the first time in a row.
    RechargeFailed => "auto_recharge.failed" {
        amount_cents: i64,
        /// The bank's reason, in a word.
        reason: String,
        next_attempt_at: Moment,
    }
    /// Nothing is charged until somebody has done something.
    RechargePaused => "auto_recharge.paused" {
        reason: &'static str,
    }
    /// Charging goes on.
    RechargeResumed => "auto_recharge.resumed" {
        /// What it had been paused for.
        reason: &'static str,
    }
    /// The bank wants the card's holder, who can pay on this page.
    RechargeActionRequired => "auto_recharge.action_required" {
        amount_cents: i64,
        url: String,
    }
    /// Nothing is charged although the balance is low: a limit is reached.
    RechargeSkipped => "auto_recharge.skipped" {
        /// `monthly_cap_reached` or `daily_limit_reached`.
        reason: &'static str,
        /// The cap, if it is what was reached.
        #[serde(skip_serializing_if = "Option::is_none")]
        max_monthly_cents: Option<i64>,
        resets_at: Moment,
    }
    /// What is charged each time is too small for what is used.
    RechargeAmountTooSmall => "auto_recharge.amount_too_small" {
        amount_cents: i64,
        threshold_credits: Amount,
    }
}

/// Why a wallet changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = native::WalletChange)]
pub enum Reason {
    /// Credits were spent.
    Debit,
    /// Credits were reserved.
    Hold,
    /// Reserved credits were spent.
    Capture,
    /// Reserved credits are free again.
    Release,
    /// Credits lapsed.
    Lapse,
    /// Credits were bought or given.
    Grant,
    /// An administrator added or took credits.
    Adjustment,
    /// Credits followed money that went back, or came again.
    Reversal,
    /// What a debit had spent was given back.
    DebitRefund,
    /// Credits that were granted were taken back.
    Void,
    /// Credits came from another wallet, or went to one.
    Transfer,
}

/// What events say of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    #[schema(value_type = Uuid)]
    pub order_id: PaymentId,
    /// Its number, which some APIs call its id.
    pub number: i64,
    /// Your own id of it, if you gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `one_time`, `auto_recharge` or `subscription`.
    pub kind: &'static str,
    pub provider: &'static str,
    /// What it grants.
    pub credits: Amount,
    /// Its price.
    pub amount: MoneyValue,
}
