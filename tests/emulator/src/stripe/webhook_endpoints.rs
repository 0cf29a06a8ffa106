//! Webhook endpoints: the one given at start and those created over the API.

use serde_json::{Value, json};

use super::errors::{Answer, ApiError};
use super::events::matches_type;
use super::store::{flag, new_id, owned, random_text, text, visible};
use super::{Call, listing};
use crate::delivery::{Endpoint, Scheme};
use crate::world::World;

/// An endpoint that an event goes to.
pub(crate) struct Listener {
    id: String,
    url: String,
    secret: String,
    /// The version its events are rendered in, if it was created with one.
    pub(crate) api_version: Option<String>,
}

impl Listener {
    pub(crate) fn as_target(&self) -> Endpoint<'_> {
        Endpoint {
            id: &self.id,
            url: &self.url,
            secret: &self.secret,
            signing_secret: None,
            scheme: Scheme::Stripe,
        }
    }
}

/// The endpoints that listen to events of a type, on the platform's own account or a connected one.
pub(crate) fn listening(world: &World, kind: &str, connected: bool) -> Vec<Listener> {
    let listens = |endpoint: &&Value| {
        let patterns = endpoint["enabled_events"].as_array();
        let patterns = patterns.into_iter().flatten().filter_map(Value::as_str);
        // The one given at start hears everything, as sellers who mix their endpoints up find out.
        let of_account = endpoint["_connect"].as_bool().is_none_or(|connect| connect == connected);
        of_account && !flag(endpoint, "_deleted") && text(endpoint, "status") == Some("enabled") && {
            patterns
        }
        .any(|pattern| matches_type(pattern, kind))
    };
    let endpoints = world.stripe.store.newest_first("we").filter(listens);
    endpoints
        .map(|endpoint| Listener {
            id: owned(endpoint, "id"),
            url: owned(endpoint, "url"),
            secret: owned(endpoint, "_secret"),
            api_version: text(endpoint, "api_version").map(str::to_owned),
        })
        .collect()
}

/// Adds an endpoint that listens to everything.
pub(crate) fn register(world: &mut World, url: &str, secret: &str) {
    let endpoint = build(world, url, &["*".to_owned()], secret);
    world.stripe.store.insert("we", endpoint);
}

fn build(world: &World, url: &str, enabled_events: &[String], secret: &str) -> Value {
    json!({
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": null,
        "application": null,
        "created": world.clock.now(),
        "description": null,
        "enabled_events": enabled_events,
        "livemode": false,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_secret": secret,
    })
}

pub(crate) fn route(world: &mut World, call: &Call<'_>) -> Answer {
    match (call.method, &call.segments[1..]) {
        ("POST", []) => create(world, call),
        ("GET", []) => {
            call.params.only("ending_before limit starting_after")?;
            listing::page(world, call, "we", |_| true)
        }
        ("GET", [id]) => find(world, id).map(visible),
        ("POST", [id]) => update(world, call, id),
        ("DELETE", [id]) => {
            find(world, id)?;
            world.stripe.store.change("we", id, [("_deleted", true.into())]);
            Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
        }
        _ => Err(call.unknown()),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Answer<&'a Value> {
    let endpoint = world.stripe.store.find("we", id)?;
    if flag(endpoint, "_deleted") { Err(ApiError::no_such("webhook endpoint", id)) } else { Ok(endpoint) }
}

fn create(world: &mut World, call: &Call<'_>) -> Answer {
    let params = &call.params;
    params.only("api_version connect description enabled_events metadata url")?;
    let url = params.required_text("url")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(ApiError::invalid("Invalid URL: URL must be public.").code("url_invalid").param("url"));
    }
    let enabled_events = params.texts("enabled_events")?;
    if enabled_events.is_empty() {
        return Err(ApiError::missing("enabled_events"));
    }
    let secret = format!("whsec_{}", random_text(32));
    let mut endpoint = build(world, &url, &enabled_events, &secret);
    endpoint["api_version"] = params.echo("api_version");
    endpoint["description"] = params.echo("description");
    endpoint["metadata"] = params.metadata(None)?;
    endpoint["_connect"] = params.flag("connect")?.unwrap_or(false).into();
    let mut shown = visible(&endpoint);
    shown["secret"] = secret.into();
    world.stripe.store.insert("we", endpoint);
    Ok(shown)
}

fn update(world: &mut World, call: &Call<'_>, id: &str) -> Answer {
    let params = &call.params;
    params.only("description disabled enabled_events metadata url")?;
    let mut endpoint = find(world, id)?.clone();
    if let Some(url) = params.text("url")? {
        endpoint["url"] = url.into();
    }
    if let Some(disabled) = params.flag("disabled")? {
        endpoint["status"] = if disabled { "disabled" } else { "enabled" }.into();
    }
    let enabled_events = params.texts("enabled_events")?;
    if !enabled_events.is_empty() {
        endpoint["enabled_events"] = enabled_events.into();
    }
    if params.has("description") {
        endpoint["description"] = params.echo("description");
    }
    endpoint["metadata"] = params.metadata(Some(&endpoint["metadata"]))?;
    let shown = visible(&endpoint);
    if let Some(stored) = world.stripe.store.get_mut("we", id) {
        *stored = endpoint;
    }
    Ok(shown)
}
