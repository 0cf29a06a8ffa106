//! async-stripe, which the workers use, against the emulator: its requests, its errors, its strict objects.

use std::collections::HashMap;

use serde_json::json;
use stripe::{Client, ClientBuilder, StripeError};
use stripe_checkout::CheckoutSessionMode;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    ProductData, RetrieveCheckoutSession,
};
use stripe_client_core::{IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_core::customer::CreateCustomer;
use stripe_core::payment_intent::{CreatePaymentIntent, CreatePaymentIntentOffSession};
use stripe_shared::ApiErrorsCode;
use stripe_types::Currency;

use crate::harness::{Emulator, strict};

fn client(emulator: &Emulator) -> Client {
    ClientBuilder::new("sk_test_x").url(emulator.url.clone()).build().expect("a client")
}

fn create_session(customer: &str) -> CreateCheckoutSession {
    let price = CreateCheckoutSessionLineItemsPriceData {
        unit_amount: Some(1999),
        product_data: Some(ProductData::new("100 credits")),
        ..CreateCheckoutSessionLineItemsPriceData::new(Currency::USD)
    };
    let line = CreateCheckoutSessionLineItems {
        quantity: Some(2),
        price_data: Some(price),
        ..CreateCheckoutSessionLineItems::new()
    };
    CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .customer(customer)
        .client_reference_id("order-1")
        .success_url("https://shop.example/ok/{CHECKOUT_SESSION_ID}")
        .metadata(HashMap::from([("order".to_owned(), "1".to_owned())]))
        .line_items(vec![line])
}

#[tokio::test]
async fn a_session_is_created_once_per_key_and_read_when_paid() {
    let emulator = Emulator::start(None).await;
    let client = client(&emulator);
    let customer = CreateCustomer::new().email("ada@example.com").send(&client).await.expect("a customer");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let key = IdempotencyKey::new("order-1:v1").expect("a key");
        let session = create_session(customer.id.as_str())
            .customize()
            .request_strategy(RequestStrategy::Idempotent(key))
            .send(&client)
            .await
            .expect("a session");
        assert_eq!(session.amount_total, Some(3998));
        assert!(session.payment_intent.is_none());
        ids.push(session.id);
    }
    assert_eq!(ids[0], ids[1]);
    let id = ids[0].as_str();
    emulator.control("POST", &format!("checkout/{id}/pay"), json!({"card": "4242424242424242"})).await;
    let paid = RetrieveCheckoutSession::new(id)
        .expand(vec!["payment_intent.latest_charge".to_owned(), "line_items".to_owned()])
        .send(&client)
        .await
        .expect("the session");
    let intent = paid.payment_intent.expect("it is paid");
    let intent = intent.as_object().expect("it is expanded");
    assert_eq!(intent.amount_received, 3998);
    let charge = intent.latest_charge.as_ref().expect("a charge").as_object().expect("it is expanded");
    assert!(charge.receipt_url.as_ref().is_some_and(|url| url.starts_with(&emulator.url)));
    assert_eq!(paid.line_items.expect("it is expanded").data.len(), 1);
}

#[tokio::test]
async fn refusals_arrive_with_their_code_and_intent() {
    let emulator = Emulator::start(None).await;
    let client = client(&emulator);
    let customer = emulator.ok("POST", "customers", "name=a").await;
    let customer = customer["id"].as_str().expect("an id");
    for (method, code) in [
        ("pm_card_chargeCustomerFail", ApiErrorsCode::CardDeclined),
        ("pm_card_authenticationRequired", ApiErrorsCode::AuthenticationRequired),
    ] {
        let form = format!("customer={customer}");
        let attached = emulator.ok("POST", &format!("payment_methods/{method}/attach"), &form).await;
        let error = CreatePaymentIntent::new(900, Currency::USD)
            .customer(customer)
            .payment_method(attached["id"].as_str().expect("an id"))
            .confirm(true)
            .off_session(CreatePaymentIntentOffSession::Bool(true))
            .error_on_requires_action(true)
            .send(&client)
            .await
            .expect_err("the bank refuses");
        let StripeError::Stripe(details, status) = error else { panic!("{error}") };
        assert_eq!((status, details.code), (402, Some(code)));
        let intent = details.payment_intent.expect("the intent is embedded");
        assert_eq!(intent.status.as_str(), "requires_payment_method");
    }
}

#[tokio::test]
async fn every_object_has_the_fields_the_strict_parser_needs() {
    let emulator = Emulator::start(None).await;
    let form = "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
                &line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=2900\
                &line_items[0][price_data][recurring][interval]=month\
                &line_items[0][price_data][product_data][name]=Pro";
    let session = emulator.ok("POST", "checkout/sessions", form).await;
    strict::<stripe_shared::CheckoutSession>(&session);
    let paid = emulator.pay(&session, json!({"card": "4242424242424242"})).await;
    strict::<stripe_shared::CheckoutSession>(&paid);
    let get = async |path: &str, field: &str| {
        let id = paid[field].as_str().expect("an id");
        emulator.ok("GET", &format!("{path}/{id}"), "").await
    };
    strict::<stripe_shared::Subscription>(&get("subscriptions", "subscription").await);
    strict::<stripe_shared::Invoice>(&get("invoices", "invoice").await);
    strict::<stripe_shared::Customer>(&get("customers", "customer").await);

    let bought = emulator.pay(&emulator.session(1000, "").await, json!({"card": "4000000000000259"})).await;
    let intent = bought["payment_intent"].as_str().expect("an intent");
    let intent = emulator.ok("GET", &format!("payment_intents/{intent}"), "").await;
    strict::<stripe_shared::PaymentIntent>(&intent);
    let list = async |path: &str| emulator.ok("GET", path, "").await["data"][0].clone();
    strict::<stripe_shared::Dispute>(&list("disputes").await);
    strict::<stripe_shared::Charge>(&list("charges").await);
    strict::<stripe_shared::BalanceTransaction>(&list("balance_transactions").await);
    strict::<stripe_shared::InvoicePayment>(&list("invoice_payments").await);
    strict::<stripe_shared::PaymentMethod>(
        &emulator
            .ok("GET", &format!("payment_methods/{}", intent["payment_method"].as_str().expect("one")), "")
            .await,
    );
    let other = emulator.pay(&emulator.session(1000, "").await, json!({})).await;
    let form = format!("payment_intent={}", other["payment_intent"].as_str().expect("an intent"));
    strict::<stripe_shared::Refund>(&emulator.ok("POST", "refunds", &form).await);
    strict::<stripe_shared::SetupIntent>(&emulator.ok("POST", "setup_intents", "").await);
    let product = emulator.ok("POST", "products", "name=a").await;
    strict::<stripe_shared::Product>(&product);
    let form = format!("product={}&currency=usd&unit_amount=700", product["id"].as_str().expect("an id"));
    let price = emulator.ok("POST", "prices", &form).await;
    strict::<stripe_shared::Price>(&price);
    let form =
        format!("line_items[0][quantity]=1&line_items[0][price]={}", price["id"].as_str().expect("one"));
    strict::<stripe_shared::PaymentLink>(&emulator.ok("POST", "payment_links", &form).await);
}
