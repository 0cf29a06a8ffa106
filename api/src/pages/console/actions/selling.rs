//! What operators sell, and who is told of it.

use warp::http::Method;

use super::inputs::{PLAIN, input};
use super::{Action, Kind};

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "price",
        method: Method::PUT,
        path: "/purser/v1/catalog/credit-prices/{currency}",
        button: "Set a price",
        title: "Set what credits cost",
        explains: "Any amount of credits is sold at this price from now on. Orders that are placed keep theirs.",
        done: "The price is in force.",
        fields: &[
            input("credits", "Credits", "How many are sold…", Kind::Credits, true),
            input(
                "minor",
                "Price in the smallest unit",
                "…for how much: cents of a dollar.",
                Kind::Number,
                true,
            ),
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
        fields: &[
            input("packId", "Id", "For programs, such as starter.", Kind::Text, true),
            input("name", "Name", "", Kind::Text, true),
            input("description", "Description", "What a buyer reads.", Kind::Text, true),
            input("credits", "Credits", "", Kind::Credits, true),
            input("price", "Price in cents of a dollar", "", Kind::Money, true),
            input("expiresAfterDays", "Days until its credits lapse", "Empty: never.", Kind::Number, false),
        ],
        ..PLAIN
    },
    Action {
        name: "coupon",
        path: "/purser/v1/catalog/coupons",
        button: "Add a coupon",
        title: "Add a coupon",
        explains: "Give one of: percent off, bonus credits, or credits for nothing.",
        done: "The coupon can be used.",
        fields: &[
            input("code", "Code", "What people type in.", Kind::Text, true),
            input("percent", "Percent off", "", Kind::Number, false),
            input("bonusCredits", "Bonus credits", "On top of what is bought.", Kind::Credits, false),
            input("credits", "Credits", "For nothing, once the code is redeemed.", Kind::Credits, false),
            input("maxRedemptions", "How often in all", "Empty: without a limit.", Kind::Number, false),
            input("maxPerUser", "How often by one user", "Empty: without a limit.", Kind::Number, false),
        ],
        ..PLAIN
    },
    Action {
        name: "retire-coupon",
        method: Method::PUT,
        path: "/purser/v1/catalog/coupons/{couponId}",
        button: "Switch on or off",
        title: "Switch the coupon on or off",
        explains: "Orders that are placed keep what it gave them.",
        done: "The coupon is changed.",
        fields: &[input("active", "It can be used", "", Kind::Flag, false)],
        ..PLAIN
    },
    Action {
        name: "endpoint",
        path: "/purser/v1/webhook-endpoints",
        button: "Add an endpoint",
        title: "Add a webhook endpoint",
        explains: "From now on it is told what happens to wallets, signed with a secret.",
        done: "The endpoint's secret",
        fields: &[
            input("url", "Address", "Begins with https://.", Kind::Text, true),
            input("eventTypes", "Types", "Apart by spaces. Empty: all.", Kind::Words, false),
        ],
        shows: Some("secret"),
        ..PLAIN
    },
    Action {
        name: "test-endpoint",
        path: "/purser/v1/webhook-endpoints/{endpointId}/test",
        button: "Send a test",
        title: "Send a test message",
        explains: "A message of the type endpoint.test is sent, as others are.",
        done: "The message is on its way: reload to see its attempts.",
        fields: &[],
        ..PLAIN
    },
    Action {
        name: "rotate-secret",
        path: "/purser/v1/webhook-endpoints/{endpointId}/rotate-secret",
        button: "Another secret",
        title: "Give it another secret",
        explains: "Messages are signed with both for a day, so that nothing is lost while you change it.",
        done: "The endpoint's new secret",
        fields: &[],
        shows: Some("secret"),
        ..PLAIN
    },
    Action {
        name: "delete-endpoint",
        method: Method::DELETE,
        path: "/purser/v1/webhook-endpoints/{endpointId}",
        button: "Delete",
        title: "Delete the endpoint",
        explains: "It is told nothing any more, and its deliveries are forgotten.",
        done: "The endpoint is deleted.",
        is_dangerous: true,
        fields: &[],
        ..PLAIN
    },
    Action {
        name: "replay",
        path: "/purser/v1/webhook-deliveries/{deliveryId}/replay",
        button: "Send again",
        title: "Send the message again",
        explains: "With the same webhook-id, so that a receiver that has it already can tell.",
        done: "The message is on its way again.",
        fields: &[],
        ..PLAIN
    },
];
