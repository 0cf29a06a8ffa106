//! Every job that workers do. What each is for stands beside its payload.

use billing::app_stores::ClaimPurchases;
use billing::auto_recharge::{
    BeginRechargeMonth, ChargeRecharge, DetachCard, SaveRechargeCard, SweepRecharges,
};
use billing::checkins::ApplyCheckin;
use billing::payments::{
    ApplyPaymentFact, ConfirmSession, CreateCheckout, ExpirePayments, UpdateCustomers, VerifyPayment,
};
use billing::provider_events::{ApplyProviderEvents, VerifyObject};
use billing::quarantine::CreditProviderEvent;
use billing::reconciliation::ReconcilePayments;
use billing::refunds::RefundPayment;
use billing::reversals::ApplyPaymentReversal;
use billing::subscriptions::instructions::{ChangeSubscription, EndSubscription};
use billing::subscriptions::{ApplySubscriptionFact, OpenPortal};
use ledger::adjustments::AdjustCredits;
use ledger::expiring::TellExpiringGrants;
use ledger::holds::ExpireHolds;
use ledger::levels::CheckRecharge;
use ledger::operations::ExpireGrants;
use notices::SendNotices;
use outgoing_webhooks::{DeliverWebhook, RetryWebhooks};

jobs::job_set! {
    /// Any job of this version.
    AnyJob {
        ApplyProviderEvents,
        ApplyPaymentFact,
        ApplySubscriptionFact,
        ApplyPaymentReversal,
        ApplyCheckin,
        ClaimPurchases,
        AdjustCredits,
        CreditProviderEvent,
        ExpireGrants,
        TellExpiringGrants,
        ExpireHolds,
        CreateCheckout,
        OpenPortal,
        EndSubscription,
        ChangeSubscription,
        RefundPayment,
        UpdateCustomers,
        VerifyPayment,
        VerifyObject,
        ConfirmSession,
        ExpirePayments,
        ReconcilePayments,
        CheckRecharge,
        ChargeRecharge,
        SaveRechargeCard,
        DetachCard,
        SweepRecharges,
        BeginRechargeMonth,
        SendNotices,
        DeliverWebhook,
        RetryWebhooks,
    }
}
