//! Test accounts of banks, whose debits are decided days later, and what each of them does:
//! <https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers> and
//! <https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-account-numbers>.

use serde_json::{Value, json};

use super::cards::Decline;
use super::errors::{Answer, ApiError};

const DAY: i64 = 86_400;
/// How long a bank takes: up to four business days for ACH, five for SEPA.
const USUAL: i64 = 5 * DAY;

/// An account and its behaviour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    pub(crate) number: &'static str,
    /// Seconds until the bank decides; never by itself if absent.
    pub(crate) decides_after: Option<i64>,
    pub(crate) refusal: Option<Decline>,
    /// Whether the debit is disputed once it has succeeded.
    pub(crate) disputes: bool,
}

const fn refusal(code: &'static str, message: &'static str) -> Option<Decline> {
    Some(Decline { code, decline_code: code, message, advice: None })
}

const fn account(number: &'static str, refusal: Option<Decline>) -> Account {
    Account { number, decides_after: Some(USUAL), refusal, disputes: false }
}

const NO_FUNDS: Option<Decline> =
    refusal("insufficient_funds", "The customer's account has insufficient funds to cover this payment.");
const CLOSED: Option<Decline> = refusal("account_closed", "The customer's bank account has been closed.");
const NO_ACCOUNT: Option<Decline> =
    refusal("no_account", "The customer's bank account could not be located.");
const NOT_AUTHORIZED: Option<Decline> = refusal(
    "debit_not_authorized",
    "The customer has notified their bank that this payment was unauthorized.",
);
const REFUSED: Option<Decline> = refusal("generic_decline", "The bank account could not be debited.");

const ACCOUNTS: [Account; 12] = [
    account("000123456789", None),
    account("000111111113", CLOSED),
    account("000111111116", NO_ACCOUNT),
    account("000222222227", NO_FUNDS),
    account("000333333335", NOT_AUTHORIZED),
    Account { decides_after: None, ..account("000000000009", None) },
    account("DE89370400440532013000", None),
    Account { decides_after: Some(180), ..account("DE08370400440532013003", None) },
    account("DE62370400440532013001", REFUSED),
    Account { decides_after: Some(180), ..account("DE78370400440532013004", REFUSED) },
    Account { disputes: true, ..account("DE35370400440532013002", None) },
    account("DE65370400440002222227", NO_FUNDS),
];

/// The account of a number or IBAN, however it is spaced.
pub(crate) fn by_number(number: &str) -> Answer<&'static Account> {
    let compact: String = number.chars().filter(|letter| !letter.is_whitespace()).collect();
    ACCOUNTS.iter().find(|account| account.number.eq_ignore_ascii_case(&compact)).ok_or_else(|| {
        ApiError::invalid("You must use a test bank account number in test mode.")
            .code("account_number_invalid")
    })
}

impl Account {
    /// The type of a payment method of this account.
    pub(crate) fn kind(&self) -> &'static str {
        if self.number.starts_with(|letter: char| letter.is_ascii_digit()) {
            "us_bank_account"
        } else {
            "sepa_debit"
        }
    }

    /// What a payment method tells about the account, under the name of its type.
    pub(crate) fn details(&self) -> Value {
        let last4 = &self.number[self.number.len() - 4..];
        if self.kind() == "sepa_debit" {
            return json!({
                "bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": format!("Fp{last4}"),
                "generated_from": { "charge": null, "setup_attempt": null }, "last4": last4,
            });
        }
        json!({
            "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": null, "fingerprint": format!("Fp{last4}"), "last4": last4,
            "networks": { "preferred": "ach", "supported": ["ach"] }, "routing_number": "110000000",
            "status_details": null,
        })
    }
}
