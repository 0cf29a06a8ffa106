//! What operators sell.

use warp::http::Method;

use super::inputs::{CURRENCY, PLAIN, input, joined};
use super::{Action, Input, Kind};

const ACTIVE: [Input; 1] =
    [input("active", "For sale", "Not for sale: nobody can order it.", Kind::Flag, false)];
const PACK: [Input; 9] = [
    input("name", "Name", "", Kind::Text, true),
    input("description", "Description", "What a buyer reads.", Kind::Text, false),
    input("credits", "Credits", "", Kind::Credits, true),
    input("price", "Price", "Such as 9.90.", Kind::Money, true),
    CURRENCY,
    input("expiresAfterDays", "Days until its credits lapse", "Empty: never.", Kind::Number, false),
    input(
        "stripePaymentLink",
        "Payment link at Stripe",
        "Its address, if one sells the pack.",
        Kind::Text,
        false,
    ),
    input("storeProductId", "Product in app stores", "Its id there.", Kind::Text, false),
    input(
        "creemProductId",
        "Product at Creem",
        "Its id there. Without it Creem does not sell it.",
        Kind::Text,
        false,
    ),
];
const PACK_LATER: [Input; 2] = [
    input("dialects", "APIs that sell it", "By name, apart by spaces. Empty: all.", Kind::Words, false),
    input("sortOrder", "Order", "Lower ones are listed first.", Kind::Number, false),
];
const PLAN: [Input; 8] = [
    input("name", "Name", "", Kind::Text, true),
    input("description", "Description", "What a buyer reads.", Kind::Text, false),
    CURRENCY,
    input("monthly.price", "Price of a month", "Such as 9.90.", Kind::Money, true),
    input("monthly.credits", "Credits of a month", "", Kind::Credits, true),
    input("yearly.price", "Price of a year", "Empty: not sold by the year.", Kind::Money, false),
    input("yearly.credits", "Credits of a year", "Needed with a price of a year.", Kind::Credits, false),
    input("features", "Features", "What a buyer reads, one a line.", Kind::Lines, false),
];
const PLAN_LATER: [Input; 6] = [
    input("rollover", "Credits roll over", "What is left of a period stays.", Kind::Flag, false),
    input(
        "stripePriceMonthly",
        "Price of a month at Stripe",
        "Its id. Empty: it is made when needed.",
        Kind::Text,
        false,
    ),
    input("stripePriceYearly", "Price of a year at Stripe", "As above.", Kind::Text, false),
    input(
        "creemProductMonthly",
        "Product of a month at Creem",
        "Its id. Empty: not sold over Creem.",
        Kind::Text,
        false,
    ),
    input("creemProductYearly", "Product of a year at Creem", "As above.", Kind::Text, false),
    input("sortOrder", "Order", "Lower ones are listed first.", Kind::Number, false),
];
const COUPON: [Input; 6] = [
    input("maxRedemptions", "How often in all", "Empty: without a limit.", Kind::Number, false),
    input("maxPerUser", "How often by one user", "Empty: without a limit.", Kind::Number, false),
    input("expiresAt", "Accepted until (UTC)", "Empty: without an end.", Kind::Moment, false),
    input("expiresAfterDays", "Days until its credits lapse", "Empty: never.", Kind::Number, false),
    input(
        "planIds",
        "Plans",
        "Ids apart by spaces. Without plans and packs: good for everything.",
        Kind::Words,
        false,
    ),
    input("packIds", "Packs", "Ids apart by spaces.", Kind::Words, false),
];
const NEW_PACK: [Input; 12] = joined(
    [input("packId", "Id", "For programs, such as starter. It is for good.", Kind::Text, true)],
    joined::<9, 2, 11>(PACK, PACK_LATER),
);
const CHANGED_PACK: [Input; 12] = joined(joined::<1, 9, 10>(ACTIVE, PACK), PACK_LATER);
const NEW_PLAN: [Input; 15] = joined(
    [input("planId", "Id", "For programs, such as hobby. It is for good.", Kind::Text, true)],
    joined::<8, 6, 14>(PLAN, PLAN_LATER),
);
const CHANGED_PLAN: [Input; 15] = joined(joined::<1, 8, 9>(ACTIVE, PLAN), PLAN_LATER);
const NEW_COUPON: [Input; 12] = joined(
    [
        input("code", "Code", "What people type in. Small letters count as capital ones.", Kind::Text, true),
        input("percent", "Percent off", "", Kind::Number, false),
        input("amountOff", "Or money off", "Such as 5.00.", Kind::Money, false),
        input("currency", "Currency of that money", "Its code, such as usd.", Kind::Currency, false),
        input("bonusCredits", "Or bonus credits", "On top of what is bought.", Kind::Credits, false),
        input(
            "credits",
            "Or credits for nothing",
            "At once, when the code is redeemed.",
            Kind::Credits,
            false,
        ),
    ],
    COUPON,
);
const CHANGED_COUPON: [Input; 7] = joined([input("active", "It is accepted", "", Kind::Flag, false)], COUPON);

const CHECK_IN: [Input; 4] = [
    input("enabled", "Users may check in", "", Kind::Flag, false),
    input("creditsPerDay", "Credits a day", "Whole credits, which never lapse.", Kind::Credits, true),
    input(
        "streakBonuses",
        "Bonuses for days in a row",
        "One a line: days and credits, such as 7 20. Each is given once in a streak, on the day that completes it.",
        Kind::Streaks,
        false,
    ),
    input("timeZone", "Where days begin", "A time zone's name, such as Europe/Rome.", Kind::Text, true),
];

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "check-in",
        method: Method::PUT,
        path: "/purser/v1/catalog/check-in",
        button: "Change",
        title: "Change check-ins",
        explains: "What users get for checking in once a day, from the next check-in on.",
        done: "Check-ins are changed.",
        is_change: true,
        fields: &CHECK_IN,
        ..PLAIN
    },
    Action {
        name: "price",
        method: Method::PUT,
        path: "/purser/v1/catalog/credit-prices/{currency}",
        button: "Set a price",
        title: "Set what credits cost",
        explains: "Any amount of credits is sold at this price from now on. Orders that are placed keep theirs.",
        done: "The price is in force.",
        fields: &[
            CURRENCY,
            input("credits", "Credits", "How many are sold…", Kind::Credits, true),
            input("minor", "Price", "…for how much.", Kind::Minor, true),
        ],
        ..PLAIN
    },
    Action {
        name: "pack",
        path: "/purser/v1/catalog/packs",
        button: "Add a pack",
        title: "Add a pack",
        explains: "It is for sale at once.",
        done: "The pack is for sale.",
        fields: &NEW_PACK,
        ..PLAIN
    },
    Action {
        name: "change-pack",
        method: Method::PUT,
        path: "/purser/v1/catalog/packs/{packId}",
        button: "Change",
        title: "Change the pack",
        explains: "From now on. Orders that were placed keep what was ordered.",
        done: "The pack is changed.",
        is_change: true,
        fields: &CHANGED_PACK,
        ..PLAIN
    },
    Action {
        name: "plan",
        path: "/purser/v1/catalog/plans",
        button: "Add a plan",
        title: "Add a plan",
        explains: "It is for sale at once.",
        done: "The plan is for sale.",
        fields: &NEW_PLAN,
        ..PLAIN
    },
    Action {
        name: "change-plan",
        method: Method::PUT,
        path: "/purser/v1/catalog/plans/{planId}",
        button: "Change",
        title: "Change the plan",
        explains: "For new subscriptions. Those that there are keep the terms that they were made with.",
        done: "The plan is changed.",
        is_change: true,
        fields: &CHANGED_PLAN,
        ..PLAIN
    },
    Action {
        name: "coupon",
        path: "/purser/v1/catalog/coupons",
        button: "Add a coupon",
        title: "Add a coupon",
        explains: "It does one thing: percent off, money off, bonus credits, or credits for nothing. That is for good.",
        done: "The coupon is accepted.",
        fields: &NEW_COUPON,
        ..PLAIN
    },
    Action {
        name: "change-coupon",
        method: Method::PUT,
        path: "/purser/v1/catalog/coupons/{couponId}",
        button: "Change",
        title: "Change the coupon",
        explains: "Orders that were placed keep what it gave them. Its code and what it does stay.",
        done: "The coupon is changed.",
        is_change: true,
        fields: &CHANGED_COUPON,
        ..PLAIN
    },
];
