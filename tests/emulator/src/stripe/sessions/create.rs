//! Creates Checkout Sessions: the checks that Stripe makes, and the object.

use serde_json::{Value, json};

use super::lines;
use crate::stripe::errors::{Answer, ApiError};
use crate::stripe::parameters::Params;
use crate::stripe::store::{integer, owned, random_text, visible};
use crate::stripe::timers::Timer;
use crate::stripe::{coupons, customers, money, setup_intents};
use crate::world::World;

const CREATE: &str = "\
    adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types \
    automatic_tax billing_address_collection branding_settings cancel_url client_reference_id \
    consent_collection currency custom_fields custom_text customer customer_account \
    customer_creation customer_email customer_update discounts excluded_payment_method_types expires_at \
    integration_identifier invoice_creation line_items locale managed_payments metadata mode \
    name_collection optional_items origin_context payment_intent_data payment_method_collection \
    payment_method_configuration payment_method_data payment_method_options permissions \
    phone_number_collection redirect_on_completion return_url saved_payment_method_options \
    setup_intent_data shipping_address_collection shipping_options submit_type subscription_data \
    success_url tax_id_collection ui_mode wallet_options";
const DAY: i64 = 86_400;
const SHORTEST: i64 = 30 * 60;
/// Callers compute the bounds with their own clock, some seconds away from this one.
const CLOCK_TOLERANCE: i64 = 60;

/// A session that is about to be opened.
pub(crate) struct Draft {
    pub(crate) mode: String,
    pub(crate) lines: Vec<Value>,
    pub(crate) success_url: Value,
    pub(crate) cancel_url: Value,
    pub(crate) customer: Option<String>,
    pub(crate) customer_email: Value,
    pub(crate) customer_creation: Option<String>,
    pub(crate) client_reference_id: Value,
    pub(crate) metadata: Value,
    /// The one the buyer has to pay in; they may choose among those of the prices if absent.
    pub(crate) currency: Option<String>,
    pub(crate) allows_codes: bool,
    pub(crate) expires_at: Option<i64>,
    pub(crate) ui_mode: String,
    pub(crate) return_url: Value,
    pub(crate) locale: Value,
    pub(crate) allowed_types: Value,
    pub(crate) submit_type: Value,
    pub(crate) payment_link: Value,
    /// `payment_intent_data`, `subscription_data`, `setup_intent_data` and `invoice_creation` as sent.
    pub(crate) payment_data: Value,
    pub(crate) subscription_data: Value,
    pub(crate) setup_data: Value,
    pub(crate) invoice_creation: Value,
    /// The coupon that was taken off the lines.
    pub(crate) coupon: Option<Value>,
}

pub(crate) fn create(world: &mut World, params: &Params) -> Answer {
    params.only(CREATE)?;
    let mode = params
        .choice("mode", &["payment", "setup", "subscription"])?
        .ok_or_else(|| ApiError::missing("mode"))?;
    let draft = read(world, params, mode)?;
    open(world, draft).map(|session| visible(&session))
}

fn read(world: &mut World, params: &Params, mode: String) -> Answer<Draft> {
    let ui_mode = params.choice("ui_mode", &["hosted_page", "embedded_page", "elements", "form"])?;
    let ui_mode = ui_mode.unwrap_or_else(|| "hosted_page".to_owned());
    let (success_url, cancel_url) = (url(params, "success_url")?, url(params, "cancel_url")?);
    if ui_mode == "hosted_page" && success_url.is_null() {
        return Err(ApiError::missing("success_url"));
    }
    let customer = params.text("customer")?;
    if let Some(customer) = &customer {
        customers::existing(world, "customer", customer)?;
    }
    let customer_email = params.unsettable("customer_email")?.unwrap_or_default();
    if customer.is_some() && !customer_email.is_null() {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(ApiError::invalid(message).param("customer_email"));
    }
    let client_reference_id = params.text("client_reference_id")?;
    if client_reference_id.as_ref().is_some_and(|id| id.chars().count() > 200) {
        let message = "Invalid string: client_reference_id must be at most 200 characters";
        return Err(ApiError::invalid(message).code("parameter_invalid_string").param("client_reference_id"));
    }
    let customer_creation = params.choice("customer_creation", &["always", "if_required"])?;
    if customer_creation.is_some() && mode != "payment" {
        let message = "`customer_creation` can only be used in `payment` mode.";
        return Err(ApiError::invalid(message).param("customer_creation"));
    }
    let currency = params.text("currency")?.map(|code| money::currency(&code)).transpose()?;
    if mode == "setup" && currency.is_none() && !params.has("allowed_payment_method_types") {
        return Err(ApiError::missing("currency"));
    }
    let coupon = coupons::read_discounts(world, params, &mode)?;
    let lines = read_lines(world, params, &mode, currency.as_deref(), coupon.as_ref())?;
    let payment_data = data_for(params, "payment_intent_data", &mode, "payment")?;
    if let Some(data) = params.nested("payment_intent_data")? {
        data.metadata(None)?;
        data.choice("setup_future_usage", &["off_session", "on_session"])?;
        data.choice("capture_method", &["automatic", "automatic_async", "manual"])?;
    }
    Ok(Draft {
        lines,
        success_url,
        cancel_url,
        customer,
        customer_email,
        customer_creation,
        client_reference_id: client_reference_id.map_or(Value::Null, Value::String),
        metadata: params.metadata(None)?,
        currency,
        allows_codes: params.flag("allow_promotion_codes")?.unwrap_or(false),
        expires_at: params.integer("expires_at")?,
        return_url: url(params, "return_url")?,
        locale: params.echo("locale"),
        allowed_types: params.echo("allowed_payment_method_types"),
        submit_type: params.echo("submit_type"),
        payment_link: Value::Null,
        payment_data,
        subscription_data: data_for(params, "subscription_data", &mode, "subscription")?,
        setup_data: data_for(params, "setup_intent_data", &mode, "setup")?,
        invoice_creation: data_for(params, "invoice_creation", &mode, "payment")?,
        coupon,
        ui_mode,
        mode,
    })
}

fn read_lines(
    world: &mut World,
    params: &Params,
    mode: &str,
    currency: Option<&str>,
    coupon: Option<&Value>,
) -> Answer<Vec<Value>> {
    if mode == "setup" {
        if params.has("line_items") {
            let message = "You cannot pass `line_items` in `setup` mode.";
            return Err(ApiError::invalid(message).param("line_items"));
        }
        return Ok(Vec::new());
    }
    if !params.has("line_items") {
        return Err(ApiError::missing("line_items"));
    }
    let mut lines = lines::read(world, params)?;
    if let Some(currency) = currency {
        lines::switch_currency(world, &mut lines, currency)?;
    }
    check_lines(&lines, mode)?;
    if let Some(coupon) = coupon {
        coupons::discount_lines(coupon, &mut lines)?;
        check_lines(&lines, mode)?;
    }
    Ok(lines)
}

/// Checks that the lines fit the mode and add up to something that can be charged.
pub(crate) fn check_lines(lines: &[Value], mode: &str) -> Answer<()> {
    let recurring = lines.iter().any(lines::is_recurring);
    if mode == "payment" && recurring {
        let message = "You specified `payment` mode but passed a recurring price. Either switch to \
                       `subscription` mode or use only one-time prices.";
        return Err(ApiError::invalid(message).param("line_items"));
    }
    if mode == "subscription" && !recurring {
        let message =
            "You must provide at least one recurring price in `subscription` mode when using prices.";
        return Err(ApiError::invalid(message).param("line_items"));
    }
    let (total, currency) = lines::total(lines)?;
    if total > 0 && total < money::LEAST_CHARGE {
        let message = format!(
            "The Checkout Session's total amount due must add up to at least {} {currency}",
            money::written(money::LEAST_CHARGE, &currency)
        );
        return Err(ApiError::invalid(message).code("amount_too_small"));
    }
    if total > 0 { money::amount_in_bounds(total, &currency, "line_items") } else { Ok(()) }
}

/// What was sent below `field`, which belongs to one mode only.
fn data_for(params: &Params, field: &str, mode: &str, only_mode: &str) -> Answer {
    if params.has(field) && mode != only_mode {
        let message = format!("You can not pass `{field}` in `{mode}` mode.");
        return Err(ApiError::invalid(message).param(field));
    }
    let mut data = params.echo(field);
    if let Some(nested) = params.nested(field)?
        && nested.has("metadata")
    {
        data["metadata"] = nested.metadata(None)?;
    }
    Ok(data)
}

fn url(params: &Params, field: &str) -> Answer {
    let Some(url) = params.text(field)? else { return Ok(Value::Null) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let valid = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.len() <= 5000
        && !url.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if valid {
        Ok(url.into())
    } else {
        Err(ApiError::invalid("Not a valid URL").code("url_invalid").param(field))
    }
}

/// Opens a session and sets the timer of its expiry.
pub(crate) fn open(world: &mut World, draft: Draft) -> Answer {
    let now = world.clock.now();
    let expires_at = draft.expires_at.unwrap_or(now + DAY);
    let allowed = now + SHORTEST - CLOCK_TOLERANCE..=now + DAY + CLOCK_TOLERANCE;
    if !allowed.contains(&expires_at) {
        let message = "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from \
                       Checkout Session creation.";
        return Err(ApiError::invalid(message).param("expires_at"));
    }
    let setup_intent = (draft.mode == "setup").then(|| {
        let metadata = match &draft.setup_data["metadata"] {
            Value::Null => json!({}),
            metadata => metadata.clone(),
        };
        let description = draft.setup_data["description"].clone();
        setup_intents::open(world, draft.customer.as_deref(), None, metadata, description)
    });
    let session = build(world, draft, expires_at, setup_intent)?;
    let id = owned(&session, "id");
    world.stripe.timers.at(expires_at, Timer::SessionExpires(id));
    world.stripe.store.insert("cs", session.clone());
    Ok(session)
}

fn build(world: &World, draft: Draft, expires_at: i64, setup_intent: Option<String>) -> Answer {
    let id = format!("cs_test_{}", random_text(58));
    let (total, currency) = lines::total(&draft.lines)?;
    let discount: i64 = draft.lines.iter().map(|line| integer(line, "amount_discount")).sum();
    let is_setup = draft.mode == "setup";
    let pinned = draft.currency.is_some();
    let hosted = draft.ui_mode == "hosted_page";
    let amount = if is_setup { Value::Null } else { total.into() };
    let before = if is_setup { Value::Null } else { total.saturating_add(discount).into() };
    let currency = if is_setup { draft.currency.map_or(Value::Null, Value::String) } else { currency.into() };
    let url = hosted.then(|| format!("{}/c/pay/{id}", world.public_url));
    let client_secret = (!hosted).then(|| format!("{id}_secret_{}", random_text(32)));
    let details = match &draft.customer_email {
        Value::Null => Value::Null,
        email => json!({
            "address": null, "business_name": null, "email": email, "individual_name": null, "name": null,
            "phone": null, "tax_exempt": "none", "tax_ids": null,
        }),
    };
    let creation = draft.customer_creation.unwrap_or_else(|| "if_required".to_owned());
    let creation = (draft.mode == "payment" && draft.customer.is_none()).then_some(creation);
    let no_payment = is_setup || total == 0 && draft.mode == "payment";
    let mut session = skeleton();
    let fields = json!({
        "id": id,
        "allow_promotion_codes": draft.allows_codes.then_some(true),
        "allowed_payment_method_types": draft.allowed_types,
        "amount_subtotal": before,
        "amount_total": amount,
        "cancel_url": draft.cancel_url,
        "client_reference_id": draft.client_reference_id,
        "client_secret": client_secret,
        "created": world.clock.now(),
        "currency": currency,
        "customer": draft.customer,
        "customer_creation": creation,
        "customer_details": details,
        "customer_email": draft.customer_email,
        "expires_at": expires_at,
        "locale": draft.locale,
        "metadata": draft.metadata,
        "mode": draft.mode,
        "payment_link": draft.payment_link,
        "payment_method_collection": if draft.mode == "payment" { "if_required" } else { "always" },
        "payment_status": if no_payment { "no_payment_required" } else { "unpaid" },
        "return_url": draft.return_url,
        "setup_intent": setup_intent,
        "submit_type": draft.submit_type,
        "success_url": draft.success_url,
        "total_details": if is_setup { Value::Null } else {
            json!({ "amount_discount": discount, "amount_shipping": 0, "amount_tax": 0 })
        },
        "ui_mode": draft.ui_mode,
        "url": url,
        "_coupon": draft.coupon,
        "_currency_is_pinned": pinned,
        "_lines": draft.lines,
        "_payment_data": draft.payment_data,
        "_subscription_data": draft.subscription_data,
        "_invoiced": draft.invoice_creation["enabled"] == true,
        "_invoice_metadata": draft.invoice_creation["invoice_data"]["metadata"],
    });
    if let (Value::Object(session), Value::Object(fields)) = (&mut session, fields) {
        session.extend(fields);
    }
    add_discounts(&mut session);
    Ok(session)
}

/// What follows from the coupon and from the wish for an invoice.
fn add_discounts(session: &mut Value) {
    if session["_coupon"].is_object() {
        let promotion = &session["_coupon"]["_promotion"];
        let coupon = if promotion.is_null() { session["_coupon"]["id"].clone() } else { Value::Null };
        session["discounts"] = json!([{ "coupon": coupon, "promotion_code": promotion }]);
    }
    if session["mode"] == "payment" {
        session["invoice_creation"] = json!({
            "enabled": session["_invoiced"],
            "invoice_data": {
                "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null,
                "issuer": null,
                "metadata": session["_invoice_metadata"].as_object().cloned().unwrap_or_default(),
                "rendering_options": null,
            },
        });
    }
}

/// The fields that are the same in every new session.
fn skeleton() -> Value {
    json!({
        "object": "checkout.session",
        "adaptive_pricing": { "enabled": false },
        "after_expiration": null,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null,
        "branding_settings": null,
        "collected_information": { "business_name": null, "individual_name": null, "shipping_details": null },
        "consent": null,
        "consent_collection": null,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        },
        "customer_account": null,
        "discounts": [],
        "excluded_payment_method_types": null,
        "invoice": null,
        "invoice_creation": null,
        "livemode": false,
        "managed_payments": null,
        "origin_context": null,
        "payment_intent": null,
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card"],
        "permissions": null,
        "phone_number_collection": { "enabled": false },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": "open",
        "subscription": null,
        "wallet_options": null,
    })
}
