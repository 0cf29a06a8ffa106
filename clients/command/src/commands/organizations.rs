//! Organizations and their members.

use clap::{Args, Subcommand};
use serde::{Serialize, Serializer};

use crate::failure::Failure;
use crate::operation::{Operation, Page};

#[derive(Debug, Subcommand)]
pub enum Org {
    /// Organizations, by their ids
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Look at an organization and its members
    Show { org_id: String },
    /// Make an organization with a wallet
    Create(NewOrganization),
    /// Give a user a role in an organization
    PutMember(NewRole),
    /// Take a user out of an organization
    RemoveMember { org_id: String, user_id: String },
}

#[derive(Args, Debug, Serialize)]
pub struct NewOrganization {
    name: String,
    /// A member, as owner, admin, member or viewer; may be repeated
    #[arg(long = "member", value_name = "USER_ID:ROLE", value_parser = member)]
    members: Vec<NewMember>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewMember {
    user_id: String,
    role: String,
}

fn member(text: &str) -> Result<NewMember, &'static str> {
    // The id may have a colon, the role has none.
    let (user_id, role) = text.rsplit_once(':').ok_or("a member is USER_ID:ROLE")?;
    Ok(NewMember { user_id: user_id.to_owned(), role: role.to_owned() })
}

#[derive(Args, Debug)]
pub struct NewRole {
    org_id: String,
    user_id: String,
    /// owner, admin, member or viewer
    role: String,
}

impl Serialize for NewRole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        std::collections::BTreeMap::from([("role", &self.role)]).serialize(serializer)
    }
}

impl Org {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::List { page } => {
                Ok(Operation::get(["organizations"]).pages(&page, &["orgId", "name", "walletId"]))
            }
            Self::Show { org_id } => Ok(Operation::get(["organizations", &org_id])),
            Self::Create(new) => Operation::post(["organizations"]).body(&new),
            Self::PutMember(new) => {
                Operation::put(["organizations", &new.org_id, "members", &new.user_id]).body(&new)
            }
            Self::RemoveMember { org_id, user_id } => Ok(Operation::delete(
                ["organizations", &org_id, "members", &user_id],
                "The user is no member any more.",
            )),
        }
    }
}
