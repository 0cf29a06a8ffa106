//! What operators decide: events in quarantine, dead letters, parked purchases.

use super::inputs::{PLAIN, input};
use super::{Action, Kind};

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "credit-event",
        path: "/purser/v1/provider-events/{id}/credit",
        button: "Credit the order",
        title: "Credit the order",
        explains: "Counts the order as paid with what was paid, and grants its credits. Do so when the money is \
         really here.",
        done: "The order is credited.",
        ..PLAIN
    },
    Action {
        name: "retry-event",
        path: "/purser/v1/provider-events/{id}/retry",
        button: "Apply again",
        title: "Apply the event again",
        explains: "After a repair: the event is judged anew against its order.",
        done: "The event is on its way again.",
        ..PLAIN
    },
    Action {
        name: "dismiss-event",
        path: "/purser/v1/provider-events/{id}/dismiss",
        button: "Dismiss",
        title: "Dismiss the event",
        explains: "Nothing is credited. If money came, give it back at the provider.",
        done: "The event is dismissed.",
        is_dangerous: true,
        ..PLAIN
    },
    Action {
        name: "retry-letter",
        path: "/purser/v1/dead-letters/{id}/retry",
        button: "Do again",
        title: "Do the job again",
        explains: "The message goes back to its queue.",
        done: "The job is on its way again.",
        fields: &[],
        ..PLAIN
    },
    Action {
        name: "dismiss-letter",
        path: "/purser/v1/dead-letters/{id}/dismiss",
        button: "Give up",
        title: "Give the job up",
        explains: "It is not done any more.",
        done: "The job is given up.",
        is_dangerous: true,
        ..PLAIN
    },
    Action {
        name: "claim",
        path: "/purser/v1/parked-purchases/{purchaseId}/claim",
        button: "Give to a user",
        title: "Give the purchase to a user",
        explains: "The credits of the purchase go to the user, once.",
        done: "The purchase is the user's.",
        fields: &[
            input("userId", "User", "The user's id here.", Kind::Text, true),
            input("quantity", "How many were bought", "Only if the store does not say.", Kind::Number, false),
        ],
        ..PLAIN
    },
    Action {
        name: "dismiss-purchase",
        path: "/purser/v1/parked-purchases/{purchaseId}/dismiss",
        button: "Dismiss",
        title: "Dismiss the purchase",
        explains: "Nobody gets its credits.",
        done: "The purchase is dismissed.",
        is_dangerous: true,
        ..PLAIN
    },
    Action {
        name: "claim-retry",
        path: "/purser/v1/parked-purchases/{purchaseId}/retry",
        button: "Look again",
        title: "Look at the purchase again",
        explains: "It is credited if its buyer and its product are known by now.",
        done: "The purchase is looked at again.",
        ..PLAIN
    },
];
