//! Which servers are told what happens.

use warp::http::Method;

use super::inputs::{PLAIN, input};
use super::{Action, Input, Kind};

const URL: Input = input("url", "Address", "Begins with https://.", Kind::Text, true);
const TYPES: Input =
    input("eventTypes", "Types of messages", "Apart by spaces. Empty: all.", Kind::Words, false);

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "endpoint",
        path: "/purser/v1/webhook-endpoints",
        button: "Add an endpoint",
        title: "Add a webhook endpoint",
        explains: "From now on it is told what happens to wallets, signed with a secret.",
        done: "The endpoint's secret",
        fields: &[URL, TYPES],
        shows: Some("secret"),
        ..PLAIN
    },
    Action {
        name: "change-endpoint",
        method: Method::PUT,
        path: "/purser/v1/webhook-endpoints/{endpointId}",
        button: "Change",
        title: "Change the endpoint",
        explains: "An endpoint that was disabled because it failed is told again once it is enabled.",
        done: "The endpoint is changed.",
        is_change: true,
        fields: &[URL, TYPES, input("enabled", "Enabled", "It is sent messages.", Kind::Flag, false)],
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
