//! What invoices really hold: the customer's balance, ten lines, tax, typed codes, other currencies, money that
//! came another way.

use serde_json::{Value, json};

use crate::harness::{Emulator, strict, text};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

async fn customer(emulator: &Emulator) -> String {
    text(&emulator.ok("POST", "customers", "email=ada@example.com").await["id"]).to_owned()
}

fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    let time = |field: &str| item[field].as_i64().expect("a time");
    (time("current_period_start"), time("current_period_end"))
}

/// Changes the only item of a subscription.
async fn change(emulator: &Emulator, subscription: &Value, more: &str) -> Value {
    let item = text(&subscription["items"]["data"][0]["id"]);
    let form = format!("items[0][id]={item}{more}");
    emulator.ok("POST", &format!("subscriptions/{}", text(&subscription["id"])), &form).await
}

/// `starting_balance`, `ending_balance`, `amount_due`, `amount_paid`, `total` of an invoice.
fn amounts(invoice: &Value) -> [i64; 5] {
    ["starting_balance", "ending_balance", "amount_due", "amount_paid", "total"]
        .map(|field| invoice[field].as_i64().unwrap_or_else(|| panic!("{field} of {invoice:#}")))
}

/// The last `invoice.paid`.
async fn last_paid(emulator: &Emulator) -> Value {
    emulator.events("invoice.paid").await.pop().expect("an event")["data"]["object"].clone()
}

/// <https://docs.stripe.com/billing/customer/balance>: prorations from downgrading create credits, which apply to
/// the next invoice that is finalized; it cannot be chosen which.
#[tokio::test]
async fn a_downgrade_leaves_a_credit_that_pays_what_comes_next() {
    let emulator = Emulator::start(None).await;
    let owner = customer(&emulator).await;
    let more = format!("&customer={owner}");
    let yearly = emulator.subscribe("price_pro_year", &more, json!({})).await;
    let monthly = change(&emulator, &yearly, "&items[0][price]=price_pro_month").await;
    let credit = last_paid(&emulator).await;
    let [start, ending, due, paid, total] = amounts(&credit);
    // The whole year goes back, the first month is paid from it.
    assert!((-8991..=-8990).contains(&total), "{total}");
    assert_eq!((start, ending, due, paid), (0, total, 0, 0));
    let shown = emulator.read("customers", &json!(owner)).await;
    assert_eq!(shown["balance"], total);
    strict::<stripe_shared::Customer>(&shown);
    let told = emulator.events("customer.updated").await.pop().expect("an event");
    assert_eq!(told["data"]["previous_attributes"]["balance"], 0);
    // A renewal is paid from it; nobody's card is charged.
    let charges = emulator.events("charge.succeeded").await.len();
    emulator.set_clock(period(&monthly).1 + HOUR + 60).await;
    assert_eq!(amounts(&last_paid(&emulator).await), [total, total + 999, 0, 0, 999]);
    assert_eq!(emulator.events("charge.succeeded").await.len(), charges);
    // So is the first invoice of a new subscription.
    emulator.ok("DELETE", &format!("subscriptions/{}", text(&monthly["id"])), "").await;
    emulator.subscribe("price_pro_month", &more, json!({})).await;
    let first = last_paid(&emulator).await;
    assert_eq!(amounts(&first), [total + 999, total + 1998, 0, 0, 999]);
    assert_eq!(first["billing_reason"], "subscription_create");
    let list = emulator.ok("GET", &format!("customers/{owner}/balance_transactions"), "").await;
    let rows = list["data"].as_array().expect("a list");
    let kinds: Vec<&str> = rows.iter().map(|row| text(&row["type"])).collect();
    assert_eq!(kinds, ["checkout_session_subscription_payment", "applied_to_invoice", "applied_to_invoice"]);
    assert_eq!((&rows[0]["amount"], &rows[0]["ending_balance"]), (&json!(999), &json!(total + 1998)));
    strict::<stripe_shared::CustomerBalanceTransaction>(&rows[0]);
}

#[tokio::test]
async fn a_balance_pays_a_part_of_the_first_invoice() {
    let emulator = Emulator::start(None).await;
    let owner = customer(&emulator).await;
    let form = "amount=-500&currency=usd&description=sorry";
    emulator.ok("POST", &format!("customers/{owner}/balance_transactions"), form).await;
    emulator.subscribe("price_pro_month", &format!("&customer={owner}"), json!({})).await;
    assert_eq!(amounts(&last_paid(&emulator).await), [-500, 0, 499, 499, 999]);
    assert_eq!(emulator.events("charge.succeeded").await[0]["data"]["object"]["amount"], 499);
    let session = &emulator.events("checkout.session.completed").await[0]["data"]["object"];
    assert_eq!((&session["amount_total"], &session["payment_status"]), (&json!(999), &json!("paid")));
    // Too little to be charged becomes a debt, which the next invoice collects.
    let form = "amount=-980&currency=usd";
    emulator.ok("POST", &format!("customers/{owner}/balance_transactions"), form).await;
    let second = emulator.subscribe("price_pro_month", &format!("&customer={owner}"), json!({})).await;
    assert_eq!(amounts(&last_paid(&emulator).await), [-980, 19, 0, 0, 999]);
    emulator.set_clock(period(&second).1 + HOUR + 60).await;
    let renewals = emulator.events("invoice.paid").await;
    let paid: i64 = renewals[2..].iter().map(|event| amounts(&event["data"]["object"])[3]).sum();
    assert_eq!(paid, 999 + 999 + 19);
    let path = format!("customers/{owner}/balance_transactions");
    // A balance in another currency is another balance.
    let euros = emulator.ok("POST", &path, "amount=-700&currency=eur").await;
    assert_eq!((&euros["ending_balance"], &euros["currency"]), (&json!(-700), &json!("eur")));
    let shown = emulator.read("customers", &json!(owner)).await;
    assert_eq!((&shown["currency"], &shown["invoice_credit_balance"]["eur"]), (&json!("usd"), &json!(-700)));
    assert_eq!(shown["balance"], shown["invoice_credit_balance"]["usd"]);
    assert_eq!(emulator.api("POST", &path, "amount=0&currency=eur", None).await.status, 400);
}

/// <https://docs.stripe.com/api/invoices/object#invoice_object-lines>: pending items first, ten lines in all.
#[tokio::test]
async fn an_invoice_holds_ten_lines_and_pages_the_rest() {
    let emulator = Emulator::start(None).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
    for seats in 2..=8 {
        emulator.advance(DAY).await;
        change(&emulator, &subscription, &format!("&items[0][quantity]={seats}")).await;
    }
    emulator.set_clock(period(&subscription).1 + HOUR + 60).await;
    let paid = last_paid(&emulator).await;
    let shown = paid["lines"]["data"].as_array().expect("a list");
    assert_eq!((shown.len(), &paid["lines"]["has_more"]), (10, &json!(true)));
    let prorates = |line: &Value| line["parent"]["subscription_item_details"]["proration"] == true;
    assert!(shown.iter().all(prorates), "prorations come first");
    let path = format!("invoices/{}", text(&paid["id"]));
    let retrieved = emulator.ok("GET", &path, "").await;
    assert_eq!(retrieved["lines"], paid["lines"]);
    strict::<stripe_shared::Invoice>(&retrieved);
    let rest = format!("{path}/lines?starting_after={}", text(&shown[9]["id"]));
    let rest = emulator.ok("GET", &rest, "").await;
    let rest_lines = rest["data"].as_array().expect("a list");
    assert_eq!((rest_lines.len(), &rest["has_more"]), (5, &json!(false)));
    assert!(!prorates(&rest_lines[4]), "the period itself comes last");
    let sum: i64 = shown.iter().chain(rest_lines).map(|line| line["amount"].as_i64().expect("cents")).sum();
    assert_eq!(paid["subtotal"], sum);
    let all = emulator.ok("GET", &format!("{path}/lines?limit=100"), "").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(15));
}

/// <https://docs.stripe.com/tax/products-prices-tax-codes-tax-behavior>
#[tokio::test]
async fn tax_comes_on_top_or_is_inside() {
    for (inclusive, total, without) in [(false, 1199, 999), (true, 999, 832)] {
        let emulator = Emulator::start(None).await;
        emulator.done("PUT", "stripe/tax", json!({"basis_points": 2000, "inclusive": inclusive})).await;
        let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
        let session = &emulator.events("checkout.session.completed").await[0]["data"]["object"];
        assert_eq!((&session["amount_subtotal"], &session["amount_total"]), (&json!(999), &json!(total)));
        assert_eq!(session["total_details"]["amount_tax"], total - without);
        emulator.set_clock(period(&subscription).1 + HOUR + 60).await;
        for event in emulator.events("invoice.paid").await {
            let invoice = &event["data"]["object"];
            strict::<stripe_shared::Invoice>(invoice);
            let fields =
                ["subtotal", "total", "amount_paid", "total_excluding_tax", "subtotal_excluding_tax"];
            let expected = [999, total, total, without, without].map(|cents| json!(cents));
            assert_eq!(fields.map(|field| invoice[field].clone()), expected);
            let tax = &invoice["total_taxes"][0];
            assert_eq!(tax["tax_behavior"], if inclusive { "inclusive" } else { "exclusive" });
            assert_eq!((&tax["amount"], &tax["taxable_amount"]), (&json!(total - without), &json!(without)));
            assert_eq!(&invoice["lines"]["data"][0]["taxes"][0], tax);
        }
        let paid = emulator.pay(&emulator.session(1000, "").await, json!({})).await;
        assert_eq!(paid["amount_total"], if inclusive { 1000 } else { 1200 });
        let intent = emulator.read("payment_intents", &paid["payment_intent"]).await;
        assert_eq!(intent["amount_received"], paid["amount_total"]);
    }
}

/// <https://docs.stripe.com/payments/checkout/discounts>
#[tokio::test]
async fn a_buyer_types_a_promotion_code_where_it_is_allowed() {
    let emulator = Emulator::start(None).await;
    emulator.ok("POST", "coupons", "id=TEN&percent_off=10&duration=forever").await;
    let form = "promotion[type]=coupon&promotion[coupon]=TEN&code=SAVE10&max_redemptions=2";
    let promotion = emulator.ok("POST", "promotion_codes", form).await;
    strict::<stripe_shared::PromotionCode>(&promotion);
    let code = json!({"promotion_code": "save10"});
    emulator.ok("POST", "coupons", "id=NEARLY&amount_off=980&currency=usd").await;
    emulator
        .ok("POST", "promotion_codes", "promotion[type]=coupon&promotion[coupon]=NEARLY&code=NEARLY")
        .await;
    let nearly = emulator.session(1000, "&allow_promotion_codes=true").await;
    let path = format!("checkout/{}/pay", text(&nearly["id"]));
    let too_little = emulator.control("POST", &path, json!({"promotion_code": "NEARLY"})).await;
    assert_eq!(too_little.body["error"]["code"], "amount_too_small");
    let closed = emulator.session(1000, "").await;
    let path = format!("checkout/{}/pay", text(&closed["id"]));
    assert_eq!(emulator.control("POST", &path, code.clone()).await.status, 400);
    let session = emulator.session(1000, "&allow_promotion_codes=true").await;
    let path = format!("checkout/{}/pay", text(&session["id"]));
    let wrong = emulator.control("POST", &path, json!({"promotion_code": "NONE"})).await;
    assert_eq!((wrong.status, &wrong.body["error"]["message"]), (400, &json!("This code is invalid.")));
    // A refused card first: the code stays, and the payment is made for what is left.
    let refused = json!({"promotion_code": "SAVE10", "card": "4000000000000002"});
    assert_eq!(emulator.control("POST", &path, refused).await.status, 402);
    let paid = emulator.pay(&session, json!({})).await;
    assert_eq!((&paid["amount_subtotal"], &paid["amount_total"]), (&json!(1000), &json!(900)));
    assert_eq!(paid["discounts"], json!([{"coupon": null, "promotion_code": promotion["id"]}]));
    assert_eq!(emulator.events("charge.succeeded").await[0]["data"]["object"]["amount"], 900);
    let more = "&allow_promotion_codes=true";
    let subscription = emulator.subscribe("price_pro_month", more, code.clone()).await;
    emulator.set_clock(period(&subscription).1 + HOUR + 60).await;
    assert_eq!(last_paid(&emulator).await["total"], 899, "it was forever");
    let used = emulator.read("promotion_codes", &promotion["id"]).await;
    assert_eq!(used["times_redeemed"], 2);
    let session = emulator.session(1000, more).await;
    let path = format!("checkout/{}/pay", text(&session["id"]));
    assert_eq!(emulator.control("POST", &path, code).await.body["error"]["code"], "coupon_expired");
}

/// <https://docs.stripe.com/payments/checkout/localize-prices/manual-currency-prices>
#[tokio::test]
async fn a_buyer_chooses_among_the_currencies_of_a_price_unless_the_seller_did() {
    let emulator = Emulator::start(None).await;
    let form = "product=prod_pro&currency=usd&unit_amount=999&recurring[interval]=month\
                &currency_options[eur][unit_amount]=899";
    let price = emulator.ok("POST", "prices", form).await;
    let id = text(&price["id"]);
    let shown = emulator.ok("GET", &format!("prices/{id}?expand[]=currency_options"), "").await;
    assert_eq!(shown["currency_options"]["eur"]["unit_amount"], 899);
    let subscription = emulator.subscribe(id, "", json!({"currency": "eur"})).await;
    assert_eq!(subscription["currency"], "eur");
    emulator.set_clock(period(&subscription).1 + HOUR + 60).await;
    for event in emulator.events("invoice.paid").await {
        let invoice = &event["data"]["object"];
        assert_eq!((&invoice["currency"], &invoice["amount_paid"]), (&json!("eur"), &json!(899)));
    }
    let form = format!(
        "mode=subscription&success_url=https://shop.example/ok&line_items[0][quantity]=1&line_items[0][price]={id}"
    );
    let pinned = emulator.ok("POST", "checkout/sessions", &format!("{form}&currency=usd")).await;
    let path = format!("checkout/{}/pay", text(&pinned["id"]));
    assert_eq!(emulator.control("POST", &path, json!({"currency": "eur"})).await.status, 400);
    let none = emulator.api("POST", "checkout/sessions", &format!("{form}&currency=gbp"), None).await;
    assert_eq!((none.status, &none.body["error"]["param"]), (400, &json!("currency")));
}

/// <https://docs.stripe.com/payments/checkout/upsells>
#[tokio::test]
async fn a_buyer_takes_the_yearly_price_instead() {
    let emulator = Emulator::start(None).await;
    let upsells = json!({"price_pro_month": "price_pro_year"});
    assert_eq!(
        emulator.control("PUT", "stripe/upsells", json!({"price_none": "price_pro_year"})).await.status,
        400
    );
    emulator.done("PUT", "stripe/upsells", upsells).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({"upsell": true})).await;
    assert_eq!(subscription["items"]["data"][0]["price"]["id"], "price_pro_year");
    let paid = last_paid(&emulator).await;
    assert_eq!(paid["amount_paid"], 9990);
    assert_eq!(paid["lines"]["data"][0]["pricing"]["price_details"]["price"], "price_pro_year");
    let (start, end) = period(&subscription);
    assert!(end - start > 364 * DAY);
}

/// <https://docs.stripe.com/api/invoices/pay#pay_invoice-paid_out_of_band>
#[tokio::test]
async fn an_invoice_marked_paid_out_of_band_moved_no_money() {
    let emulator = Emulator::start(None).await;
    let subscription = emulator.subscribe("price_pro_month", "", json!({})).await;
    emulator.set_clock(period(&subscription).1 + 60).await;
    let draft = emulator.invoices(&subscription).await.remove(0);
    let path = format!("invoices/{}/pay", text(&draft["id"]));
    let paid = emulator.ok("POST", &path, "paid_out_of_band=true").await;
    assert_eq!(amounts(&paid), [0, 0, 999, 0, 999]);
    assert_eq!((&paid["status"], &paid["amount_remaining"]), (&json!("paid"), &json!(0)));
    emulator.advance(2 * HOUR).await;
    assert_eq!(emulator.events("charge.succeeded").await.len(), 1);
    assert_eq!(last_paid(&emulator).await["id"], draft["id"]);
    assert_eq!(emulator.events("invoice.payment_succeeded").await.len(), 1, "not for this one");
}

#[tokio::test]
async fn voiding_gives_the_balance_back() {
    let emulator = Emulator::start(None).await;
    let owner = customer(&emulator).await;
    let subscription = emulator.subscribe("price_pro_month", &format!("&customer={owner}"), json!({})).await;
    emulator.ok("POST", &format!("customers/{owner}/balance_transactions"), "amount=-400&currency=usd").await;
    let method = emulator
        .ok("POST", "payment_methods/pm_card_chargeCustomerFail/attach", &format!("customer={owner}"))
        .await;
    let form = format!("default_payment_method={}", text(&method["id"]));
    emulator.ok("POST", &format!("subscriptions/{}", text(&subscription["id"])), &form).await;
    emulator.set_clock(period(&subscription).1 + HOUR + 60).await;
    let open = emulator.invoices(&subscription).await.remove(0);
    assert_eq!((&open["status"], &open["amount_due"]), (&json!("open"), &json!(599)));
    assert_eq!(emulator.read("customers", &json!(owner)).await["balance"], 0);
    emulator.ok("POST", &format!("invoices/{}/void", text(&open["id"])), "").await;
    assert_eq!(emulator.read("customers", &json!(owner)).await["balance"], -400);
}
