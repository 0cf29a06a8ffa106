//! Operators of a world, signed in.

use serde_json::json;

use super::{World, text};

/// An operator who is signed in.
pub struct Operator {
    pub id: String,
    pub email: String,
    pub token: String,
}

impl World {
    /// Invites an operator with this role and signs them in by a link.
    pub async fn create_operator(&self, role: &str) -> Operator {
        let email = format!("{role}-{}@example.com", uuid::Uuid::new_v4().simple());
        let new = json!({"email": email, "name": format!("The {role}"), "role": role});
        let id = text(&self.admin_post("/purser/v1/operators", new).expect(201).await, "operatorId");
        let token = self.sign_in(&id).await;
        Operator { id, email, token }
    }

    /// Another session of an operator.
    pub async fn sign_in(&self, operator: &str) -> String {
        let path = format!("/purser/v1/operators/{operator}/sign-in-link");
        let made = self.admin_post(&path, json!({})).expect(201).await;
        let link = json!({"link": link(&text(&made, "url"))});
        text(&self.api.post("/purser/v1/operator-sessions").json(link).expect(201).await, "sessionToken")
    }
}

/// The secret of a link.
pub fn link(url: &str) -> String {
    url.rsplit_once("link=").map_or_else(String::new, |(_, link)| link.to_owned())
}
