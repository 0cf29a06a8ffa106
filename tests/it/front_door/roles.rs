//! What operators may: every operation of the own API, asked by an operator of every role.

use super::rights::{House, code, name, own_operations};
use crate::openapi::Operation;

const ROLES: [&str; 4] = ["viewer", "support", "finance", "admin"];

/// Besides looking at everything, viewers listen, and look after their own sessions and passwords.
const OF_VIEWERS: [&str; 3] = [
    "POST /purser/v1/live-tickets",
    "DELETE /purser/v1/operator-sessions/{sessionId}",
    "PUT /purser/v1/operator-password",
];
const OF_SUPPORT: [&str; 8] = [
    "POST /purser/v1/debits/{debitId}/refund",
    "POST /purser/v1/holds/{holdId}/release",
    "POST /purser/v1/wallets/{wallet}/auto-recharge/pause",
    "POST /purser/v1/wallets/{wallet}/auto-recharge/resume",
    "POST /purser/v1/users/{userId}/block",
    "POST /purser/v1/users/{userId}/unblock",
    "DELETE /purser/v1/users/{userId}/sessions",
    "DELETE /purser/v1/sessions/{sessionId}",
];
const OF_FINANCE: [&str; 28] = [
    "POST /purser/v1/imports",
    "POST /purser/v1/portal-sessions",
    "DELETE /purser/v1/portal-sessions/{portalSessionId}",
    "POST /purser/v1/wallets/{wallet}/grants",
    "POST /purser/v1/wallets/{wallet}/adjustments",
    "POST /purser/v1/grants/{grantId}/void",
    "POST /purser/v1/transfers",
    "POST /purser/v1/orders/{orderId}/refund",
    "PUT /purser/v1/users/{userId}",
    "POST /purser/v1/organizations",
    "PUT /purser/v1/organizations/{orgId}/members/{userId}",
    "DELETE /purser/v1/organizations/{orgId}/members/{userId}",
    "POST /purser/v1/subscriptions/{subscriptionId}/cancel",
    "POST /purser/v1/subscriptions/{subscriptionId}/change",
    "POST /purser/v1/provider-events/{id}/credit",
    "POST /purser/v1/provider-events/{id}/retry",
    "POST /purser/v1/provider-events/{id}/dismiss",
    "POST /purser/v1/parked-purchases/{purchaseId}/claim",
    "POST /purser/v1/parked-purchases/{purchaseId}/retry",
    "POST /purser/v1/parked-purchases/{purchaseId}/dismiss",
    "POST /purser/v1/catalog/packs",
    "PUT /purser/v1/catalog/packs/{packId}",
    "POST /purser/v1/catalog/plans",
    "PUT /purser/v1/catalog/plans/{planId}",
    "POST /purser/v1/catalog/coupons",
    "PUT /purser/v1/catalog/coupons/{couponId}",
    "PUT /purser/v1/catalog/credit-prices/{currency}",
    "PUT /purser/v1/catalog/check-in",
];

/// The least role that may call an operation. Whoever adds an operation decides here who of the operators may call it;
/// what is not decided is for admins.
fn least(operation: &Operation) -> &'static str {
    let name = name(operation);
    let has = |names: &[&str]| names.contains(&name.as_str());
    match operation.method.as_str() {
        "GET" => "viewer",
        _ if has(&OF_VIEWERS) => "viewer",
        _ if has(&OF_SUPPORT) => "support",
        _ if has(&OF_FINANCE) => "finance",
        _ => "admin",
    }
}

fn rank(role: &str) -> usize {
    ROLES.iter().position(|one| *one == role).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_is_for_the_roles_that_its_description_names() {
    let house = House::build().await;
    let operations = own_operations();
    for operation in &operations {
        let described = operation.described["x-operator-role"].as_str();
        assert_eq!(described, Some(least(operation)), "{}", name(operation));
    }
    let mut operators = Vec::new();
    for role in ROLES {
        operators.push((role, house.world.create_operator(role).await.token));
    }
    let before = house.possessions().await;
    for (role, token) in &operators {
        for operation in operations.iter().filter(|operation| rank(role) < rank(least(operation))) {
            let answer = house.request(operation).bearer(token).send().await.unwrap();
            let refusal = (answer.status(), code(&answer));
            assert_eq!(
                refusal,
                (403, "role_not_allowed".to_owned()),
                "{role}, {}: {answer}",
                name(operation)
            );
        }
    }
    house.world.drain().await;
    assert_eq!(house.possessions().await, before, "an operator did what the role does not allow");
    for (role, token) in &operators {
        for operation in operations.iter().filter(|operation| rank(role) >= rank(least(operation))) {
            if operation.method == "DELETE" && operation.path == "/purser/v1/users/{userId}" {
                continue;
            }
            let answer = house.request(operation).bearer(token).send().await.unwrap();
            assert!(![401, 403].contains(&answer.status()), "{role}, {}: {answer}", name(operation));
        }
    }
    house.world.finish().await;
}

/// The APIs of other systems know no operators.
#[tokio::test(flavor = "multi_thread")]
async fn operators_have_no_place_in_the_dialects() {
    let house = House::build().await;
    let token = house.world.create_operator("admin").await.token;
    let dialects = crate::openapi::operations();
    let protected = dialects.iter().filter(|operation| operation.is_protected());
    for operation in protected.filter(|operation| !operation.path.starts_with("/purser/")) {
        let request =
            house.world.api().request(operation.method.clone(), &operation.example()).bearer(&token);
        let answer = request.send().await.unwrap();
        assert!(answer.status() >= 400, "{}: {answer}", name(operation));
    }
    house.world.finish().await;
}
