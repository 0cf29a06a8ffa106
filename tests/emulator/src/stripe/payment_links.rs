//! Payment Links: a page that opens a new Checkout Session for everyone who visits it.

use serde_json::{Value, json};

use super::Call;
use super::errors::{Answer, ApiError};
use super::events::{emit, emit_change};
use super::listing::{cut, page};
use super::parameters::Params;
use super::sessions::create::{Draft, check_lines, open};
use super::sessions::lines;
use super::store::{flag, new_id, owned, text, visible};
use crate::world::World;

const WRITABLE: &str = "\
    active after_completion allow_promotion_codes application_fee_amount application_fee_percent \
    automatic_tax billing_address_collection consent_collection currency custom_fields custom_text \
    customer_creation inactive_message invoice_creation line_items managed_payments metadata \
    name_collection on_behalf_of optional_items payment_intent_data payment_method_collection \
    payment_method_options payment_method_types phone_number_collection restrictions \
    shipping_address_collection shipping_options submit_type subscription_data tax_id_collection \
    transfer_data";

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, &call.params),
        ("GET", []) => {
            call.params.only("active ending_before limit starting_after")?;
            let active = call.params.flag("active")?;
            page(world, call, "plink", |link| active.is_none_or(|wanted| flag(link, "active") == wanted))
        }
        ("GET", [id]) => Ok(visible(world.stripe.store.find("plink", id)?)),
        ("POST", [id]) => update(world, call, id),
        ("GET", [id, "line_items"]) => {
            call.params.only("ending_before limit starting_after")?;
            let link = world.stripe.store.find("plink", id)?;
            let lines = link["_lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            cut(lines.iter(), &call.params, &call.path())
        }
        _ => Err(call.unknown()),
    }
}

fn create(world: &mut World, params: &Params) -> Answer {
    params.only(WRITABLE)?;
    let link = build(world, params, &new_id("plink"))?;
    world.stripe.store.insert("plink", link.clone());
    emit(world, "payment_link.created", &link);
    Ok(visible(&link))
}

/// Builds a link of an id, without recording it.
pub(crate) fn build(world: &mut World, params: &Params, id: &str) -> Answer {
    if !params.has("line_items") {
        return Err(ApiError::missing("line_items"));
    }
    let lines = lines::read(world, params)?;
    let mode = if lines.iter().any(lines::is_recurring) { "subscription" } else { "payment" };
    check_lines(&lines, mode)?;
    let (_, currency) = lines::total(&lines)?;
    let mut link = json!({
        "id": id,
        "object": "payment_link",
        "active": true,
        "after_completion": {
            "hosted_confirmation": { "custom_message": null }, "type": "hosted_confirmation",
        },
        "allow_promotion_codes": false,
        "application": null,
        "application_fee_amount": null,
        "application_fee_percent": null,
        "automatic_tax": { "enabled": false, "liability": null },
        "billing_address_collection": "auto",
        "consent_collection": null,
        "currency": currency,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        },
        "customer_creation": if mode == "payment" { "if_required" } else { "always" },
        "inactive_message": null,
        "invoice_creation": Value::Null,
        "livemode": false,
        "metadata": {},
        "on_behalf_of": null,
        "payment_intent_data": null,
        "payment_method_collection": if mode == "payment" { "if_required" } else { "always" },
        "payment_method_types": null,
        "phone_number_collection": { "enabled": false },
        "restrictions": null,
        "shipping_address_collection": null,
        "shipping_options": [],
        "submit_type": "auto",
        "subscription_data": null,
        "tax_id_collection": { "enabled": false, "required": "never" },
        "transfer_data": null,
        "url": format!("{}/l/{id}", world.public_url),
        "_mode": mode,
        "_lines": lines,
    });
    write(&mut link, params)?;
    Ok(link)
}

fn write(link: &mut Value, params: &Params) -> Answer<()> {
    if let Some(active) = params.flag("active")? {
        link["active"] = active.into();
    }
    if let Some(allows) = params.flag("allow_promotion_codes")? {
        link["allow_promotion_codes"] = allows.into();
    }
    for field in ["inactive_message", "customer_creation"] {
        if let Some(value) = params.unsettable(field)? {
            link[field] = value;
        }
    }
    if let Some(completion) = params.nested("after_completion")? {
        let kind = completion
            .choice("type", &["hosted_confirmation", "redirect"])?
            .ok_or_else(|| ApiError::missing("after_completion[type]"))?;
        if kind == "redirect" {
            let redirect = completion.nested("redirect")?.unwrap_or_default();
            let url = redirect.required_text("url")?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                let error = ApiError::invalid("Not a valid URL").code("url_invalid");
                return Err(error.param("after_completion[redirect][url]"));
            }
        }
        link["after_completion"] = params.echo("after_completion");
    }
    for field in ["payment_intent_data", "subscription_data", "invoice_creation", "restrictions"] {
        if params.has(field) {
            link[field] = params.echo(field);
        }
    }
    for field in ["payment_intent_data", "subscription_data"] {
        if let Some(nested) = params.nested(field)?
            && nested.has("metadata")
        {
            link[field]["metadata"] = nested.metadata(None)?;
        }
    }
    link["metadata"] = params.metadata(Some(&link["metadata"]))?;
    Ok(())
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    call.params.only(WRITABLE)?;
    let before = world.stripe.store.find("plink", id)?.clone();
    let mut link = before.clone();
    write(&mut link, &call.params)?;
    if let Some(stored) = world.stripe.store.get_mut("plink", id) {
        stored.clone_from(&link);
    }
    emit_change(world, "payment_link.updated", &link, Some(super::changed_fields(&before, &link)));
    Ok(visible(&link))
}

/// What the query of a visit to a link's page asks for.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    pub(crate) client_reference_id: Option<String>,
    pub(crate) email: Option<String>,
}

/// Opens a session for a visitor and returns it, unless the link is unknown or has been deactivated.
pub(crate) fn visit(world: &mut World, id: &str, visit: Visit) -> Answer {
    let link = world.stripe.store.find("plink", id)?.clone();
    if !flag(&link, "active") {
        let message = text(&link, "inactive_message").unwrap_or("This link is no longer active.");
        return Err(ApiError::invalid(message));
    }
    // What is not of this form is ignored without a word, as it is on the real page.
    let reference = visit.client_reference_id.filter(|reference| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=200).contains(&reference.len()) && reference.bytes().all(allowed)
    });
    let confirmation = format!("{}/confirmation/{{CHECKOUT_SESSION_ID}}", world.public_url);
    let success_url = text(&link["after_completion"]["redirect"], "url").unwrap_or(&confirmation);
    let draft = Draft {
        mode: owned(&link, "_mode"),
        lines: link["_lines"].as_array().cloned().unwrap_or_default(),
        success_url: success_url.into(),
        cancel_url: Value::Null,
        customer: None,
        customer_email: visit.email.filter(|email| email.contains('@')).into(),
        customer_creation: text(&link, "customer_creation").map(str::to_owned),
        client_reference_id: reference.into(),
        metadata: link["metadata"].clone(),
        currency: None,
        allows_codes: flag(&link, "allow_promotion_codes"),
        expires_at: None,
        ui_mode: "hosted_page".to_owned(),
        return_url: Value::Null,
        locale: Value::Null,
        allowed_types: Value::Null,
        submit_type: Value::Null,
        payment_link: id.into(),
        payment_data: link["payment_intent_data"].clone(),
        subscription_data: link["subscription_data"].clone(),
        setup_data: Value::Null,
        invoice_creation: link["invoice_creation"].clone(),
        coupon: None,
    };
    open(world, draft)
}
