//! Stripe's test cards and what each of them does.

use serde_json::{Value, json};

use super::errors::ApiError;

/// Why a card is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) decline_code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) advice: Option<&'static str>,
}

/// When the bank wants to hear from the cardholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// Never.
    No,
    /// Unless the card was set up for off-session use.
    UnlessSetUp,
    /// Every time.
    Always,
}

/// What happens to a charge or a refund later on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    Nothing,
    /// The charge is disputed for the reason; money moves.
    Dispute(&'static str),
    /// The bank only asks.
    Inquiry,
    EarlyFraudWarning,
    RefundPending,
    RefundFails,
}

/// A card and its behaviour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Card {
    pub(crate) number: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) authentication: Authentication,
    /// Whether the card counts as set up for off-session use from the start.
    pub(crate) set_up: bool,
    /// Whether it can be saved (attached, set up) although charges are refused.
    pub(crate) saves: bool,
    pub(crate) decline: Option<Decline>,
    pub(crate) aftermath: Aftermath,
}

const PLAIN: Card = Card {
    number: "4242424242424242",
    brand: "visa",
    authentication: Authentication::No,
    set_up: false,
    saves: true,
    decline: None,
    aftermath: Aftermath::Nothing,
};

const DECLINED: &str = "Your card was declined.";

const fn declined(decline_code: &'static str, advice: &'static str) -> Decline {
    Decline { code: "card_declined", decline_code, message: DECLINED, advice: Some(advice) }
}

const GENERIC: Decline = declined("generic_decline", "try_again_later");
const NO_FUNDS: Decline = Decline {
    message: "Your card has insufficient funds.",
    ..declined("insufficient_funds", "try_again_later")
};
const EXPIRED: Decline = Decline {
    code: "expired_card",
    decline_code: "expired_card",
    message: "Your card has expired.",
    advice: Some("confirm_card_data"),
};
const WRONG_CVC: Decline = Decline {
    code: "incorrect_cvc",
    decline_code: "incorrect_cvc",
    message: "Your card's security code is incorrect.",
    advice: Some("confirm_card_data"),
};
const PROCESSING: Decline = Decline {
    code: "processing_error",
    decline_code: "processing_error",
    message: "An error occurred while processing your card. Try again in a little bit.",
    advice: Some("try_again_later"),
};
const WRONG_NUMBER: Decline = Decline {
    code: "incorrect_number",
    decline_code: "incorrect_number",
    message: "Your card number is incorrect.",
    advice: Some("confirm_card_data"),
};

const fn plain(number: &'static str, brand: &'static str) -> Card {
    Card { number, brand, ..PLAIN }
}

const fn refused(number: &'static str, decline: Decline) -> Card {
    Card { number, decline: Some(decline), saves: false, ..PLAIN }
}

const fn authenticated(number: &'static str, authentication: Authentication) -> Card {
    Card { number, authentication, ..PLAIN }
}

const fn followed(number: &'static str, aftermath: Aftermath) -> Card {
    Card { number, aftermath, ..PLAIN }
}

/// Every card, with its `pm_card_…` and `tok_…` name.
const CARDS: [(&str, Card); 30] = [
    ("visa", PLAIN),
    ("visa_debit", plain("4000056655665556", "visa")),
    ("mastercard", plain("5555555555554444", "mastercard")),
    ("amex", plain("378282246310005", "amex")),
    ("discover", plain("6011111111111117", "discover")),
    ("unionpay", plain("6200000000000005", "unionpay")),
    ("jcb", plain("3566002020360505", "jcb")),
    ("chargeDeclined", refused("4000000000000002", GENERIC)),
    ("chargeDeclinedInsufficientFunds", refused("4000000000009995", NO_FUNDS)),
    ("chargeDeclinedLostCard", refused("4000000000009987", declined("lost_card", "do_not_try_again"))),
    ("chargeDeclinedStolenCard", refused("4000000000009979", declined("stolen_card", "do_not_try_again"))),
    ("chargeDeclinedFraudulent", refused("4100000000000019", declined("fraudulent", "do_not_try_again"))),
    ("chargeDeclinedExpiredCard", refused("4000000000000069", EXPIRED)),
    ("chargeDeclinedIncorrectCvc", refused("4000000000000127", WRONG_CVC)),
    ("chargeDeclinedProcessingError", refused("4000000000000119", PROCESSING)),
    ("chargeDeclinedIncorrectNumber", refused("4242424242424241", WRONG_NUMBER)),
    (
        "chargeDeclinedVelocityLimitExceeded",
        refused("4000000000006975", declined("card_velocity_exceeded", "try_again_later")),
    ),
    ("chargeCustomerFail", Card { number: "4000000000000341", decline: Some(GENERIC), ..PLAIN }),
    ("threeDSecure2Required", authenticated("4000000000003220", Authentication::Always)),
    ("authenticationRequiredOnSetup", authenticated("4000002500003155", Authentication::UnlessSetUp)),
    ("authenticationRequired", authenticated("4000002760003184", Authentication::Always)),
    (
        "authenticationRequiredSetupForOffSession",
        Card { set_up: true, ..authenticated("4000003800000446", Authentication::UnlessSetUp) },
    ),
    (
        "threeDSecureRequiredChargeDeclined",
        Card { decline: Some(GENERIC), ..authenticated("4000008400001629", Authentication::Always) },
    ),
    (
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        Card { decline: Some(NO_FUNDS), ..authenticated("4000008260003178", Authentication::Always) },
    ),
    ("createDispute", followed("4000000000000259", Aftermath::Dispute("fraudulent"))),
    (
        "createDisputeProductNotReceived",
        followed("4000000000002685", Aftermath::Dispute("product_not_received")),
    ),
    ("createDisputeInquiry", followed("4000000000001976", Aftermath::Inquiry)),
    ("createIssuerFraudRecord", followed("4000000000005423", Aftermath::EarlyFraudWarning)),
    ("pendingRefund", followed("4000000000007726", Aftermath::RefundPending)),
    ("refundFail", followed("4000000000005126", Aftermath::RefundFails)),
];

/// Names that mean the same as others.
const ALIASES: [(&str, &str); 4] = [
    ("visa_chargeDeclined", "chargeDeclined"),
    ("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
    ("refundFailure", "refundFail"),
    ("authenticationRequiredSetup", "authenticationRequiredOnSetup"),
];

/// The card of a number, however it is spaced; the refusal if it is none of the test cards.
pub(crate) fn by_number(number: &str) -> Result<&'static Card, ApiError> {
    let digits: String = number.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if let Some((_, card)) = CARDS.iter().find(|(_, card)| card.number == digits) {
        return Ok(card);
    }
    if !passes_luhn(&digits) {
        return Err(WRONG_NUMBER.error());
    }
    let message = "Your card was declined. Your request was in test mode, but used a non test card. For a \
                   list of valid test cards, visit: https://stripe.com/docs/testing.";
    Err(ApiError::card("card_declined", message).with("decline_code", "test_mode_live_card"))
}

/// Refuses a card whose last month, as typed (`12 / 34`), is over.
/// <https://docs.stripe.com/error-codes#invalid-expiry-year>
pub(crate) fn check_expiry(typed: &str, now: i64) -> Result<(), ApiError> {
    let invalid = |code: &str, param: &str, message: &str| Err(ApiError::card(code, message).param(param));
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let (month, year) = match digits.len() {
        4 | 6 => digits.split_at(2),
        _ => {
            return invalid(
                "invalid_expiry_month",
                "exp_month",
                "Your card's expiration date is incomplete.",
            );
        }
    };
    let month: i64 = month.parse().unwrap_or_default();
    let year: i64 = year.parse().unwrap_or_default();
    if !(1..=12).contains(&month) {
        return invalid("invalid_expiry_month", "exp_month", "Your card's expiration date is invalid.");
    }
    let year = if year < 100 { 2000 + year } else { year };
    let today = time::OffsetDateTime::from_unix_timestamp(now).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    if (year, month) < (i64::from(today.year()), i64::from(u8::from(today.month()))) {
        return invalid("invalid_expiry_year", "exp_year", "Your card's expiration date is in the past.");
    }
    Ok(())
}

/// The card of a name such as `visa` in `pm_card_visa`.
pub(crate) fn by_name(name: &str) -> Option<&'static Card> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| *name);
    CARDS.iter().find(|(known, _)| *known == name).map(|(_, card)| card)
}

/// The refusal whose decline code this is.
pub(crate) fn decline_named(decline_code: &str) -> Option<Decline> {
    CARDS.iter().filter_map(|(_, card)| card.decline).find(|decline| decline.decline_code == decline_code)
}

fn passes_luhn(digits: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: Option<u32> = digits.chars().rev().enumerate().try_fold(0, |sum, (position, letter)| {
        let digit = letter.to_digit(10)?;
        Some(sum + if position % 2 == 1 { doubled(digit) } else { digit })
    });
    (12..=19).contains(&digits.len()) && sum.is_some_and(|sum| sum % 10 == 0)
}

impl Decline {
    /// The refusal as the API answers it.
    pub(crate) fn error(&self) -> ApiError {
        let error = ApiError::card(self.code, self.message).with("decline_code", self.decline_code);
        let error = match self.code {
            "incorrect_cvc" => error.param("cvc"),
            "expired_card" => error.param("exp_month"),
            "incorrect_number" => error.param("number"),
            _ => error,
        };
        match self.advice {
            Some(advice) => error.with("advice_code", advice),
            None => error,
        }
    }
}

/// The refusal of a bank that wants the cardholder to authenticate while they are away.
pub(crate) const AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    decline_code: "authentication_required",
    message: "Your card was declined. This transaction requires authentication.",
    advice: None,
};

impl Card {
    pub(crate) fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// The `card` of a payment method.
    pub(crate) fn details(&self) -> Value {
        json!({
            "brand": self.brand,
            "checks": {
                "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": self.brand,
            "exp_month": 12,
            "exp_year": 2034,
            // One number always has the same fingerprint, as duplicates are recognised by it.
            "fingerprint": format!("Fp{:0>14}", self.number.get(2..).unwrap_or_default()),
            "funding": "credit",
            "generated_from": null,
            "last4": self.last4(),
            "networks": { "available": [self.brand], "preferred": null },
            "regulated_status": "unregulated",
            "three_d_secure_usage": { "supported": true },
            "wallet": null,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn every_working_card_has_a_valid_number_and_is_found_by_it() {
        for (name, card) in &CARDS {
            let valid = passes_luhn(card.number);
            assert_eq!(valid, *name != "chargeDeclinedIncorrectNumber", "{name}");
            assert_eq!(by_number(card.number).expect("a known card").number, card.number);
        }
    }

    #[test]
    fn unknown_numbers_are_refused_as_what_they_are() {
        let code = |number| by_number(number).expect_err("a refusal").body()["error"]["code"].clone();
        assert_eq!(code("4111111111111112"), "incorrect_number");
        assert_eq!(code("not a number"), "incorrect_number");
        let live = by_number("4539 1488 0343 6467").expect_err("a refusal").body();
        assert_eq!(live["error"]["decline_code"], "test_mode_live_card");
    }
}
