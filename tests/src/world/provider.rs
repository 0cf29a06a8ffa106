//! What tests have the emulated providers do, beside the checkout pages that buyers see.

use reqwest::Method;
use serde_json::{Value, json};

use super::World;
use crate::client::Request;

impl World {
    /// Has the providers misbehave in these ways from now on, and in no others.
    pub async fn set_provider_faults(&self, faults: Value) {
        self.emulator.put("/_emulator/faults").json(faults).expect(200).await;
    }

    /// Has no event arrive from now on unless it is sent again.
    pub async fn lose_events(&self) {
        self.set_provider_faults(json!({"drop": 1.0})).await;
    }

    /// A GET request to Stripe's API; `path` begins after `/v1/`.
    pub fn stripe_get(&self, path: &str) -> Request {
        self.stripe(Method::GET, path)
    }

    /// A POST request to Stripe's API with a form; `path` begins after `/v1/`.
    pub fn stripe_post(&self, path: &str, form: &str) -> Request {
        let request = self.stripe(Method::POST, path);
        request.header("content-type", "application/x-www-form-urlencoded").body(form)
    }

    /// Any other request to Stripe's API; `path` begins after `/v1/`.
    pub fn stripe(&self, method: Method, path: &str) -> Request {
        let request = self.emulator.request(method, &format!("/v1/{path}"));
        request.bearer(&self.settings.secrets.stripe_secret_key)
    }

    /// Delivers an event again, or at last.
    pub async fn resend_event(&self, id: &str) {
        self.emulator.post(&format!("/_emulator/events/{id}/resend")).expect(200).await;
    }
}
