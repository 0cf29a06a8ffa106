//! Amounts and currencies: which are accepted, and how they are written for people.

use super::errors::{Answer, ApiError};

const CURRENCIES: &str = "\
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn \
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf \
    gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp \
    lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab \
    pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs \
    tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw";
const WITHOUT_MINOR_UNITS: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";

/// The least that can be charged, in minor units.
pub(crate) const LEAST_CHARGE: i64 = 50;
const GREATEST_CHARGE: i64 = 99_999_999;

/// The lower-case code of a currency that Stripe knows.
pub(crate) fn currency(code: &str) -> Answer<String> {
    let lower = code.to_ascii_lowercase();
    if CURRENCIES.split_whitespace().any(|known| known == lower) {
        return Ok(lower);
    }
    let message =
        format!("Invalid currency: {code}. Stripe currently supports these currencies: {CURRENCIES}");
    Err(ApiError::invalid(message).param("currency"))
}

/// Refuses an amount that is too small or too large to charge.
pub(crate) fn amount_in_bounds(amount: i64, currency: &str, param: &str) -> Answer<()> {
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(ApiError::invalid(message).code("parameter_invalid_integer").param(param));
    }
    if amount < LEAST_CHARGE {
        let message = format!("Amount must be at least {}", written(LEAST_CHARGE, currency));
        return Err(ApiError::invalid(message).code("amount_too_small").param(param));
    }
    if amount > GREATEST_CHARGE {
        let message = format!("Amount must be no more than {}", written(GREATEST_CHARGE, currency));
        return Err(ApiError::invalid(message).code("amount_too_large").param(param));
    }
    Ok(())
}

/// An amount for people, such as `$12.50` or `1,250 JPY`.
pub(crate) fn written(amount: i64, currency: &str) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let whole_only = WITHOUT_MINOR_UNITS.split_whitespace().any(|known| known == currency);
    let number =
        if whole_only { grouped(amount) } else { format!("{}.{:02}", grouped(amount / 100), amount % 100) };
    match currency {
        "usd" => format!("{sign}${number}"),
        "eur" => format!("{sign}€{number}"),
        "gbp" => format!("{sign}£{number}"),
        other => format!("{sign}{number} {}", other.to_ascii_uppercase()),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn amounts_are_written_in_their_currency() {
        assert_eq!(written(123_456_789, "usd"), "$1,234,567.89");
        assert_eq!(written(5, "eur"), "€0.05");
        assert_eq!(written(-1250, "jpy"), "-1,250 JPY");
    }

    #[test]
    fn the_bounds_are_stripes() {
        assert!(amount_in_bounds(50, "usd", "amount").is_ok());
        let too_small = amount_in_bounds(49, "usd", "amount").expect_err("it is too small").body();
        assert_eq!(too_small["error"]["code"], "amount_too_small");
        assert!(amount_in_bounds(100_000_000, "usd", "amount").is_err());
        assert!(currency("USD").is_ok_and(|code| code == "usd"));
        assert!(currency("zzz").is_err());
    }
}
