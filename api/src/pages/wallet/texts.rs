//! The texts of the customers' pages, one file a language (`texts/`).

use std::sync::LazyLock;

use kernel::clock::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::super::format::{Locale, day};

/// Declares the texts. A file has them all, and no other.
macro_rules! texts {
    ($($name:ident),+ $(,)?) => {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Texts {
            $(pub(super) $name: String,)+
        }
    };
}

texts! {
    wallet, overview, buy, recharge, history, orders, members, skip, live, connecting, back, help, available,
    credits, balance, held, owed, owed_text, lapses, lapses_none, used, used_none, used_part, as_table, day, recent,
    all, when, what, amount, balance_after, nothing, nothing_text, csv, older, newest, type_purchase,
    type_subscription, type_usage, type_expiry, type_refund, type_grant, type_transfer, type_coupon, packs, plans,
    any_amount, any_amount_label, any_amount_hint, price_of_one, buy_for, buy_button, subscribe, subscribe_year,
    a_month, a_year, lasts, not_sold, not_sold_text, redeem, code, redeem_button, redeemed, redeemed_text, order,
    order_preparing, order_preparing_text, order_open, order_open_text, order_go, order_paid, order_paid_text,
    order_saved, order_saved_text, order_failed, order_failed_text, order_refunded, order_partially_refunded,
    order_disputed, buy_again, to_wallet, receipt, price, orders_none, card, card_none, card_line, card_add,
    card_replace, card_remove, card_remove_text, cancel, auto, auto_sentence, auto_sentence_no_cap, auto_spent,
    auto_left, auto_threshold, auto_amount, auto_cap, auto_cap_hint, auto_on, auto_change, auto_off, auto_consent,
    auto_saved, state_off, state_needs_card, state_paused, state_recharging, state_cooling_down,
    state_monthly_cap_reached, state_active, paused_text, resume, alerts, alerts_label, alerts_hint, role,
    member_add, member_id, member_save, member_role_of, member_remove, member_remove_title, member_remove_text,
    spent, role_owner, role_admin, role_member, role_viewer, not_possible, no_number, ended, ended_text, link_used,
    link_used_text, card_open, card_open_text, card_preparing, card_go, card_failed, card_failed_text, close,
    waiting, waiting_text, unknown_result, unknown_result_text, canceled, canceled_text, not_found, not_found_text,
    broken, broken_text, month, plan, plan_a_month, plan_a_year, plan_renews, plan_ends, plan_past_due,
    plan_past_due_text, plan_not_ended, plan_ending, plan_end, plan_end_title, plan_end_text, plan_state_active,
    plan_state_ends, plan_state_past_due, plan_state_incomplete, paid, limit, limit_none, limit_a_day,
    limit_a_month, limit_left, limit_set, limit_of, limit_text, limit_credits, limit_per, limit_remove, limit_own,
    limit_reached, limit_reached_text, plan_change, plan_change_now, plan_change_none, plan_change_to,
    plan_change_rest, plan_change_whole, plan_change_less, plan_change_free, plan_change_then, plan_change_exact,
    plan_changing, plan_not_changed,
}

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/en.json")));
static GERMAN: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/de.json")));
static TURKISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("texts/tr.json")));

/// The files are built in, and a test reads each: none is ever without its texts.
fn read(text: &str) -> Texts {
    serde_json::from_str(text).unwrap_or_default()
}

pub(super) fn texts(locale: Locale) -> &'static Texts {
    match locale {
        Locale::English => &ENGLISH,
        Locale::German => &GERMAN,
        Locale::Turkish => &TURKISH,
    }
}

/// The text with values for the names in braces.
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The text with a day for `{when}`.
pub(super) fn dated(text: &str, at: Timestamp) -> Markup {
    let (before, after) = text.split_once("{when}").unwrap_or((text, ""));
    html! { (before) (day(at)) (after) }
}

/// The language that a browser asks for first, of those that the pages have.
pub(super) fn preferred(accept_language: &str) -> Locale {
    let mut wanted: Vec<(Locale, u16)> = Vec::new();
    for part in accept_language.split(',') {
        let (tag, weight) = part.split_once(";q=").unwrap_or((part, "1"));
        // In thousandths, as RFC 9110 has them.
        let digits = weight.trim().replace('.', "");
        let weight = format!("{digits:0<4}").parse().unwrap_or(0);
        let language = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        wanted.extend(Locale::of(&language).map(|locale| (locale, weight)));
    }
    // Of those that are wanted as much, the first.
    let best = wanted.into_iter().rev().max_by_key(|(_, weight)| *weight);
    best.map_or(Locale::English, |(locale, _)| locale)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The names in braces of each text.
    fn names(file: &str) -> BTreeMap<String, BTreeSet<String>> {
        let all: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
        let of = |text: &str| {
            text.split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}'))
                .map(|(name, _)| name.to_owned())
                .collect()
        };
        all.into_iter().map(|(key, text)| (key, of(&text))).collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_values() {
        let english = names(include_str!("texts/en.json"));
        for (locale, file) in [
            (Locale::German, include_str!("texts/de.json")),
            (Locale::Turkish, include_str!("texts/tr.json")),
        ] {
            // Read as the pages do, which takes all texts and no other.
            assert!(!texts(locale).wallet.is_empty());
            assert_eq!(names(file), english, "{}", locale.as_str());
        }
        assert!(!texts(Locale::English).wallet.is_empty());
    }

    #[test]
    fn a_browser_gets_the_language_that_it_likes_best() {
        for (accepts, locale) in [
            ("", Locale::English),
            ("de-AT,de;q=0.9,en;q=0.8", Locale::German),
            ("fr,en;q=0.5,tr;q=0.7", Locale::Turkish),
            ("tr,de", Locale::Turkish),
            ("fr", Locale::English),
            ("en;q=0.3, DE;q=0.35", Locale::German),
        ] {
            assert_eq!(preferred(accepts), locale, "{accepts}");
        }
    }
}
