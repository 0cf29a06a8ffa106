//! What the console reads of the own API's answers: of each, the fields that it shows.

use std::collections::BTreeMap;

use identity::operators::OperatorRole;
use kernel::clock::Timestamp;
use kernel::money::{Credits, Money};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::json;
use crate::http::values::{GivenMoment, MoneyValue};

/// Credits, read exactly from the number's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount(pub(super) Credits);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        json::credits(&raw).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Credits of all wallets together, as the API wrote them: they may be more than one wallet can have.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Total(Box<RawValue>);

impl Total {
    pub(super) fn plain(&self) -> &str {
        self.0.get()
    }
}

/// A time.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) Timestamp);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        GivenMoment::deserialize(deserializer).map(|given| Self(given.0))
    }
}

/// Declares structs that are read of answers.
macro_rules! views {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })+) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Deserialize)]
            #[serde(rename_all = "camelCase")]
            pub(super) struct $name { $($(#[$meta])* pub(super) $field: $type,)* }
        )+
    };
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

views! {
    Current { operator: Operator, }
    Operator {
        operator_id: String,
        email: String,
        name: String,
        role: OperatorRole,
        created_at: At,
        accepted_at: Option<At>,
        disabled_at: Option<At>,
    }
    OperatorSession {
        session_id: String,
        created_at: At,
        last_seen_at: At,
        address: Option<String>,
        user_agent: Option<String>,
        current: bool,
    }
    SignedIn { session_token: String, }
    Ticket { ticket: String, }
    Hit {
        #[serde(rename = "type")] kind: String,
        id: String,
        title: Option<String>,
        state: Option<String>,
        wallet_id: Option<String>,
        user_id: Option<String>,
        email: Option<String>,
        at: Option<At>,
    }
    Attention {
        quarantined_events: i64,
        dead_letters: i64,
        parked_purchases: i64,
        paused_recharges: i64,
        paid_not_credited: i64,
        failing_webhook_endpoints: i64,
        outbox_jobs: i64,
        outbox_oldest_seconds: i64,
        queue_waited_seconds: i64,
    }
    Statistics { data: Vec<Figures>, total: Figures, }
    /// Of an interval, or of all together.
    Figures {
        starts_at: Option<At>,
        sold: Exchanged,
        spent: Total,
        lapsed: Total,
        refunded: Exchanged,
        /// Of an interval: at its end.
        outstanding: Option<Total>,
    }
    Exchanged { credits: Total, money: Vec<MoneyValue>, }
    CheckIn { enabled: bool, credits_per_day: Amount, streak_bonuses: Vec<StreakBonus>, time_zone: String, }
    StreakBonus { days: i64, credits: Amount, }
    Wallet {
        wallet_id: String,
        user_id: Option<String>,
        org_id: Option<String>,
        balance: Amount,
        available: Amount,
        held: Amount,
        debt: Amount,
        lapsing: Vec<Lapsing>,
    }
    Lapsing { credits: Amount, at: At, }
    Account {
        user_id: String,
        email: Option<String>,
        name: Option<String>,
        created_at: At,
        blocked_at: Option<At>,
        block_reason: Option<String>,
        erased_at: Option<At>,
    }
    Organization { org_id: String, name: String, members: Vec<Member>, }
    Member { user_id: String, role: String, limit: Option<Limit>, }
    Limit { credits: Amount, per: String, left: Amount, }
    Entry {
        entry_id: String,
        #[serde(rename = "type")] kind: String,
        credits: Amount,
        balance_after: Amount,
        description: Option<String>,
        member_id: Option<String>,
        belongs_to: Option<BelongsTo>,
        created_at: At,
    }
    BelongsTo { #[serde(rename = "type")] kind: String, id: String, }
    Grant {
        grant_id: String,
        kind: String,
        source: String,
        credits: Amount,
        remaining: Amount,
        expires_at: Option<At>,
        created_at: At,
    }
    Hold {
        hold_id: String,
        user_id: String,
        held: Amount,
        description: Option<String>,
        created_at: At,
        expires_at: At,
    }
    Order {
        order_id: String,
        number: i64,
        wallet_id: String,
        user_id: String,
        status: String,
        kind: String,
        provider: String,
        provider_payment: Option<String>,
        summary: String,
        credits: Amount,
        bonus_credits: Amount,
        amount: MoneyValue,
        charged: Option<MoneyValue>,
        refunded: MoneyValue,
        withdrawn: MoneyValue,
        credits_reversed: Amount,
        checkout_url: Option<String>,
        failure: Option<String>,
        receipt_url: Option<String>,
        reference: Option<String>,
        metadata: BTreeMap<String, String>,
        created_at: At,
        paid_at: Option<At>,
        expires_at: At,
    }
    Step {
        at: At,
        #[serde(rename = "type")] kind: String,
        id: String,
        what: String,
        state: Option<String>,
        reason: Option<String>,
        actor: Option<String>,
        credits: Option<Amount>,
        balance: Option<Amount>,
        amount: Option<MoneyValue>,
    }
    Subscription {
        subscription_id: String,
        provider: String,
        provider_subscription: String,
        plan_id: String,
        interval: String,
        price_minor: i64,
        currency: kernel::money::Currency,
        credits: Amount,
        state: String,
        cancel_at_period_end: bool,
        current_period_end: Option<At>,
    }
    Recharge {
        enabled: bool,
        state: String,
        threshold_credits: Amount,
        amount: MoneyValue,
        max_monthly: Option<MoneyValue>,
        spent_this_month: MoneyValue,
        pause: Option<Pause>,
        card: Option<Card>,
        last_run: Option<Run>,
    }
    PausedWallet { wallet_id: String, user_id: String, state: String, pause: Option<Pause>, }
    Pause { at: At, reason: String, }
    Card { brand: String, last4: String, exp_month: i64, exp_year: i64, }
    Run { state: String, amount: MoneyValue, failure: Option<String>, at: At, }
    Event {
        id: String,
        provider: String,
        #[serde(rename = "type")] kind: String,
        order_id: Option<String>,
        state: String,
        reason: Option<String>,
        received_at: At,
        handled_at: At,
        #[serde(default)] text: Option<String>,
        #[serde(default)] said: Option<Said>,
        #[serde(default)] order: Option<Expected>,
    }
    Said {
        is_paid: bool,
        amount: Option<MoneyValue>,
        livemode: bool,
        order_id: Option<String>,
        user_id: Option<String>,
        session: Option<String>,
        provider_payment: Option<String>,
        customer: Option<String>,
    }
    Expected {
        order_id: String,
        state: String,
        amount: MoneyValue,
        credits: Amount,
        livemode: bool,
        user_id: String,
        wallet_id: String,
        session: Option<String>,
        provider_payment: Option<String>,
        customer: Option<String>,
        summary: String,
    }
    Letter {
        id: String,
        role: String,
        kind: Option<String>,
        reason: String,
        attempts: i64,
        died_at: At,
        state: String,
        #[serde(default)] message: Option<Value>,
    }
    System {
        version: String,
        mode: String,
        processes: Vec<Process>,
        queues: Option<Vec<Queue>>,
        schedule: Vec<ScheduleRun>,
        reconciliation: Option<Reconciliation>,
        migrations: Vec<Migration>,
    }
    Process {
        service: String,
        version: String,
        address: Option<String>,
        connections: i64,
        connected_since: At,
    }
    Queue {
        name: String,
        messages: i64,
        consumers: i64,
        waited_seconds: Option<i64>,
        taken_at: Option<At>,
    }
    ScheduleRun { name: String, every_seconds: i64, last_run_at: At, failure: Option<String>, }
    Reconciliation { findings: i64, paid_not_credited: i64, }
    Migration { number: i64, name: String, applied_at: At, }
    Parked {
        purchase_id: String,
        store: String,
        transaction_id: String,
        product_id: String,
        environment: String,
        buyers: Vec<String>,
        created_at: At,
        quantity: Option<i64>,
        reason: String,
    }
    Pack {
        pack_id: String,
        name: String,
        description: String,
        credits: Amount,
        price: MoneyValue,
        active: bool,
    }
    Plan { plan_id: String, name: String, monthly: Period, yearly: Option<Period>, active: bool, }
    Period { price: MoneyValue, credits: Amount, }
    Coupon {
        coupon_id: String,
        code: String,
        percent: Option<i64>,
        amount_off: Option<MoneyValue>,
        bonus_credits: Option<Amount>,
        credits: Option<Amount>,
        redemptions: i64,
        max_redemptions: Option<i64>,
        expires_at: Option<At>,
        active: bool,
    }
    Price { currency: String, credits: Amount, minor: i64, }
    Offers { packs: Vec<Offer>, plans: Vec<PlanOffer>, credits: Vec<CreditOffer>, }
    Offer { name: String, description: String, credits: Amount, price: MoneyValue, }
    PlanOffer { name: String, description: String, monthly: Period, yearly: Option<Period>, }
    CreditOffer { credits: Amount, price: MoneyValue, }
    Endpoint {
        endpoint_id: String,
        url: String,
        event_types: Vec<String>,
        enabled: bool,
        disabled_reason: Option<String>,
        consecutive_failures: i64,
        failing_since: Option<At>,
    }
    Delivery {
        delivery_id: String,
        #[serde(rename = "type")] kind: String,
        state: String,
        next_attempt_at: Option<At>,
        created_at: At,
        attempts: Vec<Attempt>,
    }
    Attempt { number: i64, response_status: Option<i64>, failure: Option<String>, duration_ms: i64, ended_at: At, }
    Key {
        api_key_id: String,
        name: String,
        prefix: Option<String>,
        scopes: Vec<String>,
        wallets_of: Option<String>,
        created_at: At,
        expires_at: Option<At>,
        last_used_at: Option<At>,
        revoked_at: Option<At>,
    }
    Action {
        actor: String,
        action: String,
        subject: String,
        details: Box<RawValue>,
        address: Option<String>,
        at: At,
    }
}

impl Account {
    pub(super) fn is_kept_out(&self) -> bool {
        self.blocked_at.is_some() || self.erased_at.is_some()
    }
}

impl Amount {
    pub(super) fn is_positive(self) -> bool {
        self.0.is_positive()
    }
}

/// As money is written here.
pub(super) fn money(value: MoneyValue) -> String {
    super::LOCALE.money(Money::from(value))
}

/// As credits are written here.
pub(super) fn credits(amount: Amount) -> String {
    super::LOCALE.credits(amount.0)
}
