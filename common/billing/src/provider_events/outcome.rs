//! What became of an event.

use kernel::text_enum;

/// What applying an event led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// Something changed. A store purchase may still wait for something.
    Applied(Option<Remark>),
    /// Everything it says was known.
    NoChange(Option<Remark>),
    /// It does not concern this installation.
    Ignored(IgnoreReason),
    /// It does not prove itself, so the provider is asked about its object.
    SentToVerify,
    /// It contradicts its order: nothing was credited, and a person has to look at it.
    Quarantined(Contradiction),
}

impl EventOutcome {
    /// As the database and the admin API spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::NoChange(_) => "no_change",
            Self::Ignored(_) => "ignored",
            Self::SentToVerify => "sent_to_verify",
            Self::Quarantined(_) => "quarantined",
        }
    }

    /// Whether a person may have to look at it, and needs its text for that.
    pub fn needs_person(self) -> bool {
        match self {
            Self::Quarantined(_) | Self::Ignored(IgnoreReason::Unordered) => true,
            Self::Applied(_) | Self::NoChange(_) | Self::Ignored(_) | Self::SentToVerify => false,
        }
    }

    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Applied(remark) | Self::NoChange(remark) => remark.map(Remark::as_str),
            Self::Ignored(reason) => Some(reason.as_str()),
            Self::SentToVerify => None,
            Self::Quarantined(contradiction) => Some(contradiction.as_str()),
        }
    }
}

text_enum! {
    /// Where an event stands.
    EventState {
        /// It waits for an operator.
        Open => "open",
        /// An operator had its order credited.
        Credited => "credited",
        /// An operator decided that nothing follows from it.
        Dismissed => "dismissed",
        Applied => "applied",
        NoChange => "no_change",
        Ignored => "ignored",
        SentToVerify => "sent_to_verify",
    }
}

text_enum! {
    /// Why a store purchase is not credited although its event was applied.
    Remark {
        /// Its money went back before its buyer or product was known.
        Refunded => "refunded",
        /// The price of several was paid, and how many were bought is not told: a person has to say.
        Several => "several_bought",
        /// Its buyer or its product is unknown.
        Parked => "parked",
    }
}

text_enum! {
    /// Why an event does not concern this installation.
    IgnoreReason {
        /// No event of this type matters here.
        Type => "type",
        /// It names no object to ask the provider about.
        NoObject => "no_object",
        /// It names no order of this installation: another product sells on the same account.
        NoOrder => "no_order_of_ours",
        /// It carries the mark of another installation.
        AnotherInstallation => "another_installation",
        /// Money came through a bare Payment Link that names no order: nobody ordered anything here. Either another
        /// product's, or a mistake that a person should look at.
        Unordered => "unordered_payment",
        /// It names no product of the catalog.
        NoProduct => "no_product_of_ours",
        /// The refund or dispute is of another payment, as when an order was paid twice.
        AnotherPayment => "another_payment",
        /// It happened in an environment that does not count here, such as a store's sandbox.
        Environment => "environment",
        /// It grants access that a family member paid for.
        FamilyShare => "family_share",
        /// It names no buyer.
        NoBuyer => "no_buyer",
        /// It reports no refund.
        NoRefund => "no_refund",
        /// It is about no subscription.
        NoSubscription => "no_subscription",
        /// A period, or a gift, that costs nothing.
        UnpaidPeriod => "unpaid_period",
    }
}

/// How a fact contradicts its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Another amount, or none.
    Amount,
    Currency,
    /// Another customer than the one that the checkout was opened for.
    Customer,
    /// Test money for a live order or the reverse.
    Livemode,
    /// A page for another purpose.
    Mode,
    Owner,
    /// The order is paid, and this is another payment for it: to be refunded by a person.
    PaidTwice,
    Provider,
    /// Another session than the one opened for this order.
    Session,
    /// It names an order of this installation that does not exist.
    UnknownOrder,
    /// It is paid for a known subscription, but for no plan of the catalog, or nothing tells for which.
    UnknownPlan,
}

impl Contradiction {
    /// As the database and the admin API spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Customer => "customer",
            Self::Livemode => "livemode",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::PaidTwice => "paid_twice",
            Self::Provider => "provider",
            Self::Session => "session",
            Self::UnknownOrder => "unknown_order",
            Self::UnknownPlan => "unknown_plan",
        }
    }
}
