//! What operators do to wallets, users and orders.

use warp::http::Method;

use super::inputs::{PLAIN, REASON, REASON_IN_QUERY, input};
use super::{Action, Kind};

const GRANT_KINDS: Kind = Kind::Choice(&[("promotional", "A gift"), ("paid", "Paid for in another way")]);

pub(super) static ACTIONS: &[Action] = &[
    Action {
        name: "grant",
        path: "/purser/v1/wallets/{wallet}/grants",
        button: "Give credits",
        title: "Give credits",
        explains: "The credits are in the wallet at once. The reason is shown with the entry.",
        done: "The credits are in the wallet.",
        fields: &[
            input("credits", "Credits", "", Kind::Credits, true),
            input("kind", "What they are", "", GRANT_KINDS, true),
            input("expiresAfterDays", "Days until they lapse", "Empty: never.", Kind::Number, false),
            REASON,
        ],
        ..PLAIN
    },
    Action {
        name: "adjust",
        path: "/purser/v1/wallets/{wallet}/adjustments",
        button: "Correct",
        title: "Correct the balance",
        explains: "Adds credits, or with a minus before the number takes them. What is taken must be available.",
        done: "The balance is corrected.",
        fields: &[input("credits", "Credits", "Such as 10, or -10.", Kind::Credits, true), REASON],
        ..PLAIN
    },
    Action {
        name: "void",
        path: "/purser/v1/grants/{grantId}/void",
        button: "Void",
        title: "Void the grant",
        explains: "What is left of these credits leaves the wallet. What was spent of them stays spent.",
        done: "What was left of the grant is gone.",
        is_dangerous: true,
        ..PLAIN
    },
    Action {
        name: "give-back",
        path: "/purser/v1/debits/{debitId}/refund",
        button: "Give back",
        title: "Give the debit back",
        explains: "The credits go back into the grants that they came from, and lapse when those do.",
        done: "The credits are back in the wallet.",
        fields: &[
            input("credits", "Credits", "Empty: all that is left of the debit.", Kind::Credits, false),
            REASON,
        ],
        ..PLAIN
    },
    Action {
        name: "release",
        path: "/purser/v1/holds/{holdId}/release",
        button: "Release",
        title: "Release the hold",
        explains: "The credits are free again. What the hold was for can no longer be charged to it.",
        done: "The credits are free again.",
        ..PLAIN
    },
    Action {
        name: "pause",
        path: "/purser/v1/wallets/{wallet}/auto-recharge/pause",
        button: "Pause recharging",
        title: "Pause recharging",
        explains: "The saved card is not charged until somebody of yours resumes it. A charge under way is not unmade.",
        done: "Recharging is paused.",
        ..PLAIN
    },
    Action {
        name: "resume",
        path: "/purser/v1/wallets/{wallet}/auto-recharge/resume",
        button: "Resume recharging",
        title: "Resume recharging",
        explains: "The saved card is charged again when the balance is below the threshold.",
        done: "Recharging goes on.",
        ..PLAIN
    },
    Action {
        name: "block",
        path: "/purser/v1/users/{userId}/block",
        button: "Block",
        title: "Block the user",
        explains: "The user's sessions, keys and tokens stop working at once, and saved cards are let go.",
        done: "The user is kept out.",
        is_dangerous: true,
        ..PLAIN
    },
    Action {
        name: "unblock",
        path: "/purser/v1/users/{userId}/unblock",
        button: "Unblock",
        title: "Unblock the user",
        explains: "The user's sessions and keys work as before. Cards have to be saved again.",
        done: "The user may come in again.",
        ..PLAIN
    },
    Action {
        name: "erase",
        method: Method::DELETE,
        path: "/purser/v1/users/{userId}",
        button: "Erase",
        title: "Erase the user's data",
        explains: "For good: the e-mail address, name, credentials, memberships and cards go, and the user stays \
         out. What \
                   was bought and spent stays in the books under the user's id.",
        done: "The user's personal data is gone.",
        is_dangerous: true,
        fields: &[REASON_IN_QUERY],
        ..PLAIN
    },
    Action {
        name: "refund",
        path: "/purser/v1/orders/{orderId}/refund",
        button: "Refund",
        title: "Refund the order",
        explains: "The provider gives the money back; its share of the credits is taken back when it has.",
        done: "The refund is on its way.",
        is_dangerous: true,
        fields: &[input("minor", "Amount", "Empty: all that is left.", Kind::Minor, false), REASON],
        ..PLAIN
    },
    Action {
        name: "cancel-subscription",
        path: "/purser/v1/subscriptions/{subscriptionId}/cancel",
        button: "Cancel",
        title: "Cancel the subscription",
        explains: "The provider ends it.",
        done: "The provider is asked to end the subscription.",
        is_dangerous: true,
        fields: &[
            input(
                "when",
                "When",
                "",
                Kind::Choice(&[("period_end", "When its period ends"), ("now", "Now")]),
                true,
            ),
            input("refund", "Give the last payment back", "Only when it ends now.", Kind::Flag, false),
            REASON,
        ],
        ..PLAIN
    },
];
