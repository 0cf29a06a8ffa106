//! Refunds that the host application, or an operator, asks for. A request is kept with its audit record and its job; a
//! worker has the provider make the refund, and what the provider then says of it is applied as every fact is: the
//! credits follow the money ([`crate::reversals`]).

pub mod operations;
pub mod rules;
mod store;

use jobs::job;
use kernel::clock::Timestamp;
use kernel::ids::{PaymentId, RefundRequestId};
use kernel::money::Money;
use kernel::text_enum;
use serde::{Deserialize, Serialize};

use crate::payments::RequestMark;

text_enum! {
    /// Where a refund stands that was asked for.
    RefundState {
        /// The provider is to make it.
        Requested => "requested",
        /// The provider has made it, or is making it.
        Done => "done",
        /// The provider refuses; the refusal says why.
        Refused => "refused",
        /// The provider may have made it or not: it is not asked again.
        Unclear => "unclear",
    }
}

/// A refund that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRequest {
    pub id: RefundRequestId,
    pub payment_id: PaymentId,
    /// In the smallest unit of the payment's currency, with tax, as it was charged.
    pub amount_minor: i64,
    pub reason: String,
    pub state: RefundState,
    /// Why it is refused, or unclear.
    pub refusal: Option<String>,
    /// Its id at the provider, once it is made there; Creem tells none.
    pub provider_refund: Option<String>,
    /// When the provider was asked first.
    pub asked_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// A refund to be asked for.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub payment_id: PaymentId,
    /// How much, in the smallest unit of the payment's currency; none: all that is left.
    pub minor: Option<i64>,
    /// For the record.
    pub reason: String,
    /// As [`audit::AdminAction::actor`] has it.
    pub by: String,
    /// The request; none: it can be asked for again.
    pub request: Option<RequestMark>,
}

/// Why money is not given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundRefusal {
    #[error("The order is not paid: nothing can be given back. If it is open, let it expire.")]
    Unpaid,
    #[error(
        "Nothing is left to be given back: all of it has gone back, is on its way, or was never paid in money."
    )]
    NothingLeft,
    #[error("At most {0} can be given back: ask for no more than that.")]
    MoreThanLeft(Money),
    #[error(
        "Creem gives back all that is left ({0}) and no part of it: leave `minor` out, or refund a part in Creem's \
         dashboard, which is found here by itself."
    )]
    OnlyWhole(Money),
    #[error(
        "An app store has the money: the buyer, or you, ask the store for it, and its refund is found here."
    )]
    AtTheStore,
    #[error("No money was paid for it: take its credits back with an adjustment of the wallet.")]
    NoMoney,
}

/// Why a refund is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("there is no such order")]
    NoPayment,
    /// The request was made before, for another refund.
    #[error("this request was made before, for another refund")]
    OtherRequest,
    #[error(transparent)]
    Refused(RefundRefusal),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Has the provider make a refund.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefundPayment {
    pub refund_request_id: RefundRequestId,
}
job!(RefundPayment: "payment.refund" on Checkout, 8 attempts);

/// What [`RefundPayment`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RefundReply {
    /// It is settled: the request says how.
    Settled,
}
