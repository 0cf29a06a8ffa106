//! What Stripe is asked to do to a subscription: end it, move it to another price, give its last payment back.

use std::collections::HashMap;

use stripe::StripeError;
use stripe_billing::invoice::ListInvoice;
use stripe_billing::invoice_payment::{ListInvoicePayment, ListInvoicePaymentStatus};
use stripe_billing::subscription::{
    CancelSubscription, RetrieveSubscription, UpdateSubscription, UpdateSubscriptionItems,
    UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior,
};
use stripe_core::refund::{CreateRefund, ListRefund};
use stripe_shared::{InvoiceStatus, Refund};

use super::client::{StripeClient, refusal};
use super::subscriptions::{Invoice, Subscription};
use crate::providers::ProviderError;
use kernel::ids::{RefundRequestId, SubscriptionId, SubscriptionInstructionId};

/// Far more than the payments of any invoice.
const PAYMENTS_OF_INVOICE: i64 = 100;
/// The most that Stripe lists at once, and far more than the refunds of any payment.
const REFUNDS_OF_PAYMENT: i64 = 100;
/// Where a refund carries the id of its request.
const REFUND_ID: &str = "purser_refund_id";

impl StripeClient {
    /// Ends a subscription at once, or finds that it is over. What is left of its period is not given back: that would
    /// be a balance which pays for a later invoice. What is due is not collected any more.
    pub async fn end_subscription(&self, id: &str) -> Result<Subscription, ProviderError> {
        let request = CancelSubscription::new(id).invoice_now(false).prorate(false);
        match self.send(&request, None).await {
            Ok(ended) => Ok(ended.into()),
            Err(error @ (ProviderError::NotFound | ProviderError::Refused { .. })) => {
                self.if_over(id, error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Has a subscription end with the period that is paid for, or finds that it is over.
    pub async fn end_subscription_later(
        &self,
        id: &str,
        instruction: SubscriptionInstructionId,
    ) -> Result<Subscription, ProviderError> {
        let request = UpdateSubscription::new(id).cancel_at_period_end(true);
        match self.send(&request, Some(format!("end:{instruction}"))).await {
            // Answered again under its key, it tells how the subscription stood the first time.
            Ok(_) => self.subscription(id).await,
            Err(error @ ProviderError::Refused { .. }) => self.if_over(id, error).await,
            Err(error) => Err(error),
        }
    }

    /// The subscription if it is over, else the error with which its end was refused.
    async fn if_over(&self, id: &str, error: ProviderError) -> Result<Subscription, ProviderError> {
        let found = self.subscription(id).await?;
        if matches!(found.status.as_str(), "canceled" | "incomplete_expired") {
            Ok(found)
        } else {
            Err(error)
        }
    }

    /// Moves a subscription to another price, with an invoice for the difference that is collected at once: if that
    /// fails, nothing is changed. One that is on the price already stays as it is, so asking again is harmless.
    pub async fn change_subscription(
        &self,
        id: &str,
        price: &str,
        instruction: SubscriptionInstructionId,
    ) -> Result<Subscription, ProviderError> {
        let found = self.send(&RetrieveSubscription::new(id), None).await?;
        let [item] = found.items.data.as_slice() else {
            let message = "The subscription bills several things: change it at Stripe.".to_owned();
            return Err(ProviderError::Refused { status: 409, message });
        };
        if item.price.id.as_str() == price {
            return Ok(found.into());
        }
        let mut changed = UpdateSubscriptionItems::new();
        changed.id = Some(item.id.to_string());
        changed.price = Some(price.to_owned());
        changed.quantity = item.quantity;
        let request = UpdateSubscription::new(id)
            .items(vec![changed])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete);
        self.send(&request, Some(format!("change:{instruction}"))).await?;
        self.subscription(id).await
    }

    /// The newest invoice of a subscription that is paid.
    pub async fn last_paid_invoice(&self, subscription: &str) -> Result<Option<Invoice>, ProviderError> {
        let request = ListInvoice::new().subscription(subscription).status(InvoiceStatus::Paid).limit(1);
        let found = self.send(&request, None).await?;
        Ok(found.data.into_iter().next().map(Invoice::from))
    }

    /// The payments that have paid an invoice; none if it was paid from the customer's balance, or out of band.
    pub async fn payments_of_invoice(&self, invoice: &str) -> Result<Vec<String>, ProviderError> {
        let request = ListInvoicePayment::new()
            .invoice(invoice)
            .status(ListInvoicePaymentStatus::Paid)
            .limit(PAYMENTS_OF_INVOICE);
        let found = self.send(&request, None).await?;
        let intents = found.data.into_iter().filter_map(|paid| paid.payment.payment_intent);
        Ok(intents.map(|intent| intent.id().to_string()).collect())
    }

    /// Gives back a part of a payment, or all of it, because of a request, whose id it carries. Asked for again it is
    /// the same refund for as long as Stripe remembers the key; after that [`Self::refund_made`] finds it.
    pub async fn refund_part(
        &self,
        intent: &str,
        request: RefundRequestId,
        minor: i64,
    ) -> Result<String, ProviderError> {
        let metadata = HashMap::from([(REFUND_ID.to_owned(), request.to_string())]);
        let asked = CreateRefund::new().payment_intent(intent).amount(minor).metadata(metadata);
        Ok(self.send(&asked, Some(format!("refund:{request}"))).await?.id.to_string())
    }

    /// The refund of a payment that carries a request's id, if there is one.
    pub async fn refund_made(
        &self,
        intent: &str,
        request: RefundRequestId,
    ) -> Result<Option<String>, ProviderError> {
        let asked = ListRefund::new().payment_intent(intent).limit(REFUNDS_OF_PAYMENT);
        let carries = |refund: &Refund| {
            let metadata = refund.metadata.as_ref();
            metadata.and_then(|metadata| metadata.get(REFUND_ID)) == Some(&request.to_string())
        };
        let found = self.send(&asked, None).await?;
        Ok(found.data.into_iter().find(carries).map(|refund| refund.id.to_string()))
    }

    /// Gives back all that is left of a payment of a subscription; none if nothing is left. Asked for again it is the
    /// same refund, and once Stripe has forgotten the key nothing is left.
    pub async fn give_back(
        &self,
        subscription: SubscriptionId,
        intent: &str,
    ) -> Result<Option<String>, ProviderError> {
        let request = CreateRefund::new().payment_intent(intent);
        match self.ask(&request, Some(format!("refund:{subscription}:{intent}"))).await {
            Ok(refund) => Ok(Some(refund.id.to_string())),
            Err(StripeError::Stripe(error, _))
                if error.code.as_ref().is_some_and(|code| code.as_str() == "charge_already_refunded") =>
            {
                Ok(None)
            }
            Err(error) => Err(refusal(error, &request)),
        }
    }
}
