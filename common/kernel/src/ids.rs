//! Every identifier of the system, each a type of its own, so that a wallet's id cannot be used for a payment's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; later ones sort after earlier ones.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

uuid_ids! {
    /// A manual change of a balance.
    AdjustmentId;
    /// A record of what an administrator did.
    AdminActionId;
    /// An API key's id (not the key).
    ApiKeyId;
    /// A coupon's id (not its code).
    CouponId;
    /// A message that failed for good.
    DeadLetterId;
    /// A ledger entry, which callers know as a transaction.
    EntryId;
    /// A lot of credits in a wallet.
    GrantId;
    /// A reservation of credits.
    HoldId;
    /// This installation, as its orders name it at the providers.
    InstallationId;
    /// What a member or a key may spend, and has spent, in a day and in a month.
    LimitId;
    /// A message to the host application about something that happened: its `webhook-id`.
    MessageId;
    /// One of those who run the installation.
    OperatorId;
    /// An operator's session (not its token).
    OperatorSessionId;
    /// A job waiting to be published.
    OutboxId;
    /// A purchase, from the order to its last refund.
    PaymentId;
    /// A session of a customer's wallet page (not its link or its token).
    PortalSessionId;
    /// One recharge of a wallet.
    RechargeRunId;
    /// A refund that somebody asks for.
    RefundRequestId;
    /// What a request asks for, under its idempotency key: see [`RequestId::of`].
    RequestId;
    /// A login session's id (not its token).
    SessionId;
    /// A purchase in an app store.
    StorePurchaseId;
    /// A subscription to a plan.
    SubscriptionId;
    /// What an operator has the provider do to a subscription.
    SubscriptionInstructionId;
    /// Credits that go from one wallet to another.
    TransferId;
    WalletId;
    /// A message on its way to one webhook endpoint.
    WebhookDeliveryId;
    /// An address of the host application that receives messages.
    WebhookEndpointId;
}

impl PaymentId {
    /// The id as 24 hexadecimal digits, for the dialect whose ids have that shape.
    pub fn short_hex(self) -> String {
        self.0.simple().to_string().chars().take(24).collect()
    }
}

impl RequestId {
    /// The id of a request: the same for the same kind of request (`what`), caller and idempotency key. What a request
    /// makes may have the request's id, so that a request sent again makes the same thing.
    pub fn of(what: &str, caller: &str, key: &str) -> Self {
        // The length keeps apart a caller `a` with the key `b:c` and a caller `a:b` with the key `c`.
        let digest = Sha256::digest(format!("{what}:{}:{caller}:{key}", caller.len()));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl From<RequestId> for AdjustmentId {
    fn from(request: RequestId) -> Self {
        Self(request.0)
    }
}

impl From<RequestId> for TransferId {
    fn from(request: RequestId) -> Self {
        Self(request.0)
    }
}

/// A user's id: the host application's own name for the user, 1 to 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct UserId(String);

/// A text that is not a user id.
#[derive(Debug, thiserror::Error)]
#[error("a user id has 1 to 128 characters and no control characters")]
pub struct InvalidUserId;

impl UserId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let length = text.chars().count();
        if (1..=128).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(InvalidUserId)
        }
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct OrganizationId(pub i64);

impl fmt::Display for OrganizationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
