//! The hosted pages, as a browser without scripts would use them.

use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::Emulator;

struct Page {
    status: u16,
    html: String,
    location: Option<String>,
}

async fn page(emulator: &Emulator, method: &str, path: &str, form: &str) -> Page {
    let request = emulator
        .request(method, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    let response = request.send().await.expect("a page");
    let location = response.headers().get(LOCATION).map(|url| url.to_str().expect("text").to_owned());
    Page { status: response.status().as_u16(), location, html: response.text().await.expect("a body") }
}

fn path_of(session: &Value) -> String {
    format!("/c/pay/{}", session["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_person_pays_after_a_refusal_and_returns_to_the_shop() {
    let emulator = Emulator::start(None).await;
    let more = "&cancel_url=https://shop.example/cart?a=1%26b=2&client_reference_id=o1";
    let session = emulator.session(123_456, more).await;
    let path = path_of(&session);
    assert!(session["url"].as_str().expect("a link").ends_with(&path));
    let shown = page(&emulator, "GET", &path, "").await;
    assert_eq!(shown.status, 200);
    assert!(shown.html.contains("$1,234.56") && shown.html.contains("Credits"));
    assert!(shown.html.contains("href=\"https://shop.example/cart?a=1&amp;b=2\""), "{}", shown.html);
    let refused =
        page(&emulator, "POST", &path, "email=a%40b.example&card=4000000000009995&action=pay").await;
    assert_eq!(refused.status, 402);
    assert!(refused.html.contains("Your card has insufficient funds."));
    assert!(refused.html.contains("value=\"a@b.example\""), "what was typed is kept");
    let wrong = page(&emulator, "POST", &path, "card=1234&action=pay").await;
    assert!(wrong.html.contains("Your card number is incorrect."));
    let card = "email=a%40b.example&name=Ada&card=4242+4242+4242+4242&action=pay";
    let paid = page(&emulator, "POST", &path, card).await;
    let id = session["id"].as_str().expect("an id");
    assert_eq!((paid.status, paid.location), (303, Some(format!("https://shop.example/ok/{id}"))));
    let session = emulator.ok("GET", &format!("checkout/sessions/{id}"), "").await;
    assert_eq!(session["customer_details"]["email"], "a@b.example");
    assert_eq!(session["payment_status"], "paid");
    let again = page(&emulator, "POST", &path, card).await;
    assert_eq!((again.status, again.location), (200, None));
    assert_eq!(emulator.events("charge.succeeded").await.len(), 1, "paying twice charges once");
}

#[tokio::test]
async fn an_escaped_template_is_not_substituted() {
    let emulator = Emulator::start(None).await;
    let form = "mode=setup&currency=usd&success_url=https://shop.example/%257BCHECKOUT_SESSION_ID%257D";
    let session = emulator.ok("POST", "checkout/sessions", form).await;
    let paid = page(&emulator, "POST", &path_of(&session), "card=4242424242424242&action=pay").await;
    assert_eq!(paid.location.expect("a redirect"), "https://shop.example/%7BCHECKOUT_SESSION_ID%7D");
}

#[tokio::test]
async fn the_bank_asks_and_the_person_answers() {
    let emulator = Emulator::start(None).await;
    for (answer, status) in [("refuse", 402), ("authenticate", 303)] {
        let session = emulator.session(1000, "").await;
        let path = path_of(&session);
        let asked = page(&emulator, "POST", &path, "card=4000002760003184&action=pay").await;
        assert_eq!((asked.status, asked.location), (303, Some(path.clone())));
        let question = page(&emulator, "GET", &path, "").await;
        assert!(question.html.contains("Complete authentication"), "{}", question.html);
        let answered = page(&emulator, "POST", &path, &format!("action={answer}")).await;
        assert_eq!(answered.status, status, "{}", answered.html);
        if answer == "refuse" {
            assert!(answered.html.contains("We are unable to authenticate your payment method."));
            let shown = page(&emulator, "GET", &path, "").await;
            assert!(shown.html.contains("Card number"), "another card can be tried");
        }
    }
}

#[tokio::test]
async fn a_page_says_who_sells_what_and_takes_only_what_the_session_allows() {
    let emulator = Emulator::start(None).await;
    emulator.done("PUT", "stripe/merchant", json!({"name": "Tea & Co"})).await;
    let session = emulator.session(1000, "&allowed_payment_method_types[0]=card").await;
    let path = path_of(&session);
    let shown = page(&emulator, "GET", &path, "").await.html;
    assert!(shown.contains("Tea &amp; Co") && shown.contains("Credits"), "{shown}");
    assert!(!shown.contains("Bank debit") && !shown.contains("Promotion code"), "{shown}");
    let debit = page(&emulator, "POST", &path, "method=bank&action=pay").await;
    assert_eq!(debit.status, 402);
    for (expiry, message) in [
        ("01 / 20", "expiration date is in the past"),
        ("13 / 40", "expiration date is invalid"),
        ("1", "expiration date is incomplete"),
    ] {
        let form = format!("card=4242424242424242&action=pay&expiry={}", expiry.replace(' ', "+"));
        let refused = page(&emulator, "POST", &path, &form).await;
        assert_eq!(refused.status, 402);
        assert!(refused.html.contains(message), "{expiry}: {}", refused.html);
    }
    let paid = page(&emulator, "POST", &path, "card=4242424242424242&action=pay&expiry=12+/+40").await;
    assert_eq!(paid.status, 303);
    let saved = emulator
        .ok("POST", "checkout/sessions", "mode=setup&currency=usd&success_url=https://a.example")
        .await;
    let shown = page(&emulator, "GET", &path_of(&saved), "").await.html;
    assert!(shown.contains("Tea &amp; Co may charge it later"), "{shown}");
}

#[tokio::test]
async fn a_page_offers_codes_currencies_and_a_yearly_price() {
    let emulator = Emulator::start(None).await;
    emulator.done("PUT", "stripe/tax", json!({"basis_points": 1000})).await;
    emulator.done("PUT", "stripe/upsells", json!({"price_pro_month": "price_pro_year"})).await;
    emulator.ok("POST", "prices/price_pro_month", "currency_options[eur][unit_amount]=899").await;
    emulator.ok("POST", "coupons", "id=TEN&percent_off=10").await;
    emulator.ok("POST", "promotion_codes", "promotion[type]=coupon&promotion[coupon]=TEN&code=SAVE10").await;
    let form = "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1\
                &line_items[0][price]=price_pro_month&allow_promotion_codes=true";
    let session = emulator.ok("POST", "checkout/sessions", form).await;
    let path = path_of(&session);
    let shown = page(&emulator, "GET", &path, "").await.html;
    for part in ["Promotion code", "Pay $99.90 every year instead", "<option value=eur>EUR", "Tax", "$10.99"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let wrong = page(&emulator, "POST", &path, "card=4242424242424242&action=pay&promotion_code=NO").await;
    assert!(wrong.status == 402 && wrong.html.contains("This code is invalid."), "{}", wrong.html);
    let form = "card=4242424242424242&action=pay&promotion_code=SAVE10&currency=eur";
    assert_eq!(page(&emulator, "POST", &path, form).await.status, 303);
    let paid = emulator
        .ok("GET", &format!("checkout/sessions/{}", session["id"].as_str().expect("an id")), "")
        .await;
    // 899 less 10 %, plus 10 % tax.
    assert_eq!((&paid["currency"], &paid["amount_total"]), (&json!("eur"), &json!(890)));
}

#[tokio::test]
async fn nothing_a_caller_says_becomes_markup() {
    let emulator = Emulator::start(None).await;
    let hostile = "%3Cscript%3Ealert(1)%3C/script%3E%22%27";
    let form = format!(
        "mode=payment&success_url=https://shop.example/%22%3E%3Cb%3E\
         &cancel_url=https://shop.example/%22%3E%3Cb%3E\
         &line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
         &line_items[0][price_data][unit_amount]=500&line_items[0][price_data][product_data][name]={hostile}"
    );
    let session = emulator.ok("POST", "checkout/sessions", &form).await;
    let path = path_of(&session);
    let shown = page(&emulator, "GET", &path, "").await.html;
    let typed =
        page(&emulator, "POST", &path, &format!("email={hostile}&name={hostile}&card=%22%3E%3Cb%3E")).await;
    for html in [shown, typed.html] {
        assert!(!html.contains("<script") && !html.contains("\"><b>"), "{html}");
        assert!(html.contains("&lt;script&gt;"));
    }
    let javascript = emulator
        .api("POST", "checkout/sessions", "mode=setup&currency=usd&success_url=javascript:alert(1)", None)
        .await;
    assert_eq!(javascript.body["error"]["code"], "url_invalid");
}

#[tokio::test]
async fn closed_sessions_and_unknown_ones_say_so() {
    let emulator = Emulator::start(None).await;
    let session = emulator.session(1000, "").await;
    let expire = format!("checkout/{}/expire", session["id"].as_str().expect("an id"));
    assert_eq!(emulator.control("POST", &expire, json!({})).await.body["status"], "expired");
    let expired = page(&emulator, "GET", &path_of(&session), "").await;
    assert_eq!(expired.status, 410);
    assert_eq!(page(&emulator, "GET", "/c/pay/cs_test_none", "").await.status, 404);
    assert_eq!(page(&emulator, "GET", "/l/plink_none", "").await.status, 404);
}

#[tokio::test]
async fn receipts_invoices_and_the_portal_are_there() {
    let emulator = Emulator::start(None).await;
    let session = emulator.session(1000, "&invoice_creation[enabled]=true").await;
    let paid = emulator.pay(&session, json!({})).await;
    let invoice =
        emulator.ok("GET", &format!("invoices/{}", paid["invoice"].as_str().expect("one")), "").await;
    let local = |url: &Value| url.as_str().expect("a link").replace(&emulator.url, "");
    let shown = page(&emulator, "GET", &local(&invoice["hosted_invoice_url"]), "").await;
    assert!(shown.html.contains(invoice["number"].as_str().expect("a number")));
    let charge = emulator.ok("GET", "charges", "").await["data"][0].clone();
    assert!(page(&emulator, "GET", &local(&charge["receipt_url"]), "").await.html.contains("$10.00"));
    let form =
        format!("customer={}&return_url=https://shop.example/", paid["customer"].as_str().expect("one"));
    let portal = emulator.ok("POST", "billing_portal/sessions", &form).await;
    assert_eq!(page(&emulator, "GET", &local(&portal["url"]), "").await.status, 200);
}
