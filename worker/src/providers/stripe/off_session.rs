//! Cards that are saved for later and charged while their holders are away.

use serde::Deserialize;
use stripe::{StripeError, StripeRequest};
use stripe_client_core::{RequestBuilder, StripeMethod};
use stripe_core::customer::RetrievePaymentMethodCustomer;
use stripe_core::payment_intent::{CreatePaymentIntent, CreatePaymentIntentOffSession, ListPaymentIntent};
use stripe_core::setup_intent::RetrieveSetupIntent;
use stripe_shared::api_errors::ApiErrorsType;
use stripe_shared::{ApiErrors, PaymentMethod};

use super::client::{StripeClient, currency_of, metadata, refusal};
use super::objects::{Intent, Metadata, PaymentError, installation, null_is_default, payment_id};
use crate::providers::{ProviderError, Reference, USER_ID};
use billing::auto_recharge::{Card, Decline, Run};
use billing::payments::{Fact, Mode, Payment, Progress, Provider, Stage};
use kernel::clock::{self, Timestamp};
use kernel::ids::InstallationId;

/// The key of a run's id in the metadata that we give to its charge.
const RUN_ID: &str = "run_id";

/// How many charges of a customer are searched, the newest first. A wallet is charged far less often in the time in
/// which a charge may be looked for.
const CHARGES: i64 = 100;

#[derive(Clone, Debug, Deserialize)]
pub struct SetupIntent {
    /// `seti_…`
    pub id: String,
    pub livemode: bool,
    /// `succeeded`, `requires_payment_method`, `canceled`, …
    pub status: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Metadata,
    /// The customer that the card will belong to.
    #[serde(default)]
    pub customer: Option<Reference>,
    /// Why the last card was refused.
    #[serde(default)]
    pub last_setup_error: Option<PaymentError>,
}

impl SetupIntent {
    /// What it says about its order. A refused card is not the end: the holder may try another on the same page.
    pub fn fact(self) -> Fact {
        let stage = match self.status.as_str() {
            "succeeded" => Stage::Paid,
            "canceled" => Stage::Failed,
            _ => Stage::Open,
        };
        let failure = self.last_setup_error.and_then(|error| error.decline_code.or(error.code));
        Fact {
            provider: Provider::Stripe,
            livemode: self.livemode,
            stage,
            installation: installation(&self.metadata),
            payment_id: payment_id(&self.metadata),
            user_id: self.metadata.get(USER_ID).cloned(),
            session: None,
            provider_payment: Some(self.id),
            customer: self.customer.map(|customer| customer.id().to_owned()),
            mode: Some(Mode::Setup),
            money: None,
            discount_minor: None,
            progress: Progress {
                payment_intent_status: Some(self.status),
                failure: if stage == Stage::Paid { None } else { failure },
                ..Progress::default()
            },
        }
    }
}

impl Intent {
    /// Why its last charge was declined, if it still waits for another card.
    pub fn decline(&self) -> Option<Decline> {
        let error = self.last_payment_error.as_ref().filter(|_| self.status == "requires_payment_method")?;
        Some(Decline {
            code: error.code.clone(),
            decline_code: error.decline_code.clone(),
            advice_code: error.advice_code.clone(),
            network_advice_code: error.network_advice_code.clone(),
        })
    }
}

/// What became of a charge.
#[derive(Clone, Debug)]
pub enum Charged {
    /// Stripe made a payment, which says how the charge stands.
    Answered(Box<Intent>),
    /// The card was declined.
    Declined(Decline),
    /// The card, or the customer it belonged to, is gone.
    NoCard,
}

impl StripeClient {
    /// Charges the card of a run while its holder is away; the receipt goes to `email`. Asked again for the same run it
    /// answers the same charge, as long as the provider remembers its key.
    ///
    /// # Errors
    /// When it is unavailable the card may have been charged.
    pub async fn charge(
        &self,
        payment: &Payment,
        run: &Run,
        installation: InstallationId,
        email: Option<&str>,
    ) -> Result<Charged, ProviderError> {
        let mut metadata = metadata(payment, installation);
        metadata.insert(RUN_ID.to_owned(), run.id.to_string());
        let mut request = CreatePaymentIntent::new(run.amount_minor, currency_of(payment)?)
            .customer(run.customer.clone())
            .payment_method(run.payment_method.clone())
            .confirm(true)
            .off_session(CreatePaymentIntentOffSession::Bool(true))
            .error_on_requires_action(true)
            .description(payment.summary.clone())
            .metadata(metadata);
        if let Some(email) = email {
            request = request.receipt_email(email);
        }
        match self.ask(&request, Some(format!("recharge:{}", run.id))).await {
            // Nothing was charged, and the key is not used: the charge is worth more than its receipt.
            Err(StripeError::Stripe(error, 400)) if error.param.as_deref() == Some("receipt_email") => {
                tracing::warn!(run = %run.id, "the address for receipts is refused; charging without a receipt");
                Box::pin(self.charge(payment, run, installation, None)).await
            }
            Ok(intent) => Ok(Charged::Answered(Box::new(intent.into()))),
            Err(StripeError::Stripe(error, _)) if error.type_ == ApiErrorsType::CardError => {
                Ok(Charged::Declined(decline(*error)))
            }
            // Another version has asked under this key in other words: what became of that is to be looked up.
            Err(StripeError::Stripe(error, _)) if error.type_ == ApiErrorsType::IdempotencyError => {
                Err(ProviderError::Unavailable("the key of the charge was used before"))
            }
            Err(StripeError::Stripe(error, 400 | 404)) if is_card_gone(&error) => Ok(Charged::NoCard),
            Err(error) => Err(refusal(error, &request)),
        }
    }

    /// The charge of a run, if the provider knows it.
    pub async fn find_charge(&self, run: &Run) -> Result<Option<Intent>, ProviderError> {
        let request = ListPaymentIntent::new().customer(run.customer.clone()).limit(CHARGES);
        let found = self.send(&request, None).await?.data;
        let id = run.id.to_string();
        Ok(found.into_iter().find(|intent| intent.metadata.get(RUN_ID) == Some(&id)).map(Intent::from))
    }

    /// A SetupIntent as it is now.
    pub async fn setup_intent(&self, id: &str) -> Result<SetupIntent, ProviderError> {
        let found = self.send(&RetrieveSetupIntent::new(id), None).await?;
        Ok(SetupIntent {
            id: found.id.to_string(),
            livemode: found.livemode,
            status: found.status.as_str().to_owned(),
            metadata: found.metadata.unwrap_or_default(),
            customer: found.customer.map(|customer| Reference::Id(customer.id().to_string())),
            last_setup_error: found.last_setup_error.map(|error| PaymentError::from(*error)),
        })
    }

    /// The card that a SetupIntent has saved; none if it has not, or not for a customer.
    pub async fn saved_card(&self, setup_intent: &str) -> Result<Option<(Card, Timestamp)>, ProviderError> {
        let request = RetrieveSetupIntent::new(setup_intent).expand(vec!["payment_method".to_owned()]);
        let found = self.send(&request, None).await?;
        let customer = found.customer.as_ref().map(|customer| customer.id().to_string());
        let method = found.payment_method.as_ref().and_then(|method| method.as_object());
        Ok(customer.zip(method).and_then(|(customer, method)| {
            card(customer, method).zip(clock::from_unix_seconds(method.created))
        }))
    }

    /// Takes a card from a customer, or finds that it does not belong to them any more.
    pub async fn detach_card(&self, customer: &str, payment_method: &str) -> Result<(), ProviderError> {
        match self.send(&DetachPaymentMethod { id: payment_method }, None).await {
            Ok(_) | Err(ProviderError::NotFound | ProviderError::NoCustomer) => Ok(()),
            Err(error @ ProviderError::Refused { .. }) => match self.card(customer, payment_method).await? {
                None => Ok(()),
                Some(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// A customer's card; none if it no longer belongs to the customer.
    pub async fn card(&self, customer: &str, payment_method: &str) -> Result<Option<Card>, ProviderError> {
        let request = RetrievePaymentMethodCustomer::new(customer, payment_method);
        match self.ask(&request, None).await {
            Ok(method) => Ok(card(customer.to_owned(), &method)),
            Err(StripeError::Stripe(_, 404)) => Ok(None),
            Err(error) => Err(refusal(error, &request)),
        }
    }
}

/// `POST /v1/payment_methods/{id}/detach`: a whole crate of requests would come with Stripe's own type for it.
struct DetachPaymentMethod<'a> {
    id: &'a str,
}

impl StripeRequest for DetachPaymentMethod<'_> {
    type Output = PaymentMethod;

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Post, format!("/payment_methods/{}/detach", self.id))
    }
}

fn card(customer: String, method: &PaymentMethod) -> Option<Card> {
    let card = method.card.as_ref()?;
    Some(Card {
        customer,
        payment_method: method.id.to_string(),
        brand: card.brand.clone(),
        last4: card.last4.clone(),
        exp_month: card.exp_month,
        exp_year: card.exp_year,
    })
}

fn is_card_gone(error: &ApiErrors) -> bool {
    error.type_ == ApiErrorsType::InvalidRequestError
        && matches!(error.param.as_deref(), Some("payment_method" | "customer"))
}

fn decline(error: ApiErrors) -> Decline {
    let error = PaymentError::from(error);
    Decline {
        code: error.code,
        decline_code: error.decline_code,
        advice_code: error.advice_code,
        network_advice_code: error.network_advice_code,
    }
}

impl From<ApiErrors> for PaymentError {
    fn from(error: ApiErrors) -> Self {
        Self {
            code: error.code.map(|code| code.as_str().to_owned()),
            decline_code: error.decline_code,
            advice_code: error.advice_code,
            network_advice_code: error.network_advice_code,
        }
    }
}
