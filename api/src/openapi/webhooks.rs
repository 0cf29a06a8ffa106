//! The description of what is sent to webhook endpoints: the schema of every event, from its type, and an example.

use kernel::ids::{MessageId, UserId, WalletId};
use notices::{Event, Notice, examples};
use outgoing_webhooks::Message;
use outgoing_webhooks::rules::{self, Owner};
use serde_json::Value;
use time::macros::datetime;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, KnownFormat, RefOr, Required, ResponseBuilder, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::http::description::Schemas;

const SAYS: &str = "Signed as Standard Webhooks has it. It may come more than once, always under the same \
                    `webhook-id`, and in any order: of one wallet, the event with the larger `sequence` is the later \
                    one. Answer with any 2xx, and ignore fields that you do not know.";

/// All of them, by their types. Adds the schemas that they refer to.
pub(super) fn webhooks(schemas: &mut Schemas) -> Paths {
    let mut described = Vec::new();
    Event::schemas(&mut described);
    schemas.extend(described);
    let mut told = Paths::new();
    for (name, schema) in Event::TYPES.iter().zip(variants()) {
        let example = examples().into_iter().find(|event| event.name() == *name);
        let example = example.map_or(Value::Null, |event| example_of(&event));
        told.add_path_operation(*name, vec![HttpMethod::Post], operation(name, merged(&schema), example));
    }
    let test = ObjectBuilder::new().description(Some("An administrator tries an endpoint.")).build();
    let example = serde_json::from_str(&rules::test_payload(datetime!(2026-11-28 08:00 UTC)));
    let test = message(rules::TEST_TYPE, test, example.unwrap_or_default());
    told.add_path_operation(rules::TEST_TYPE, vec![HttpMethod::Post], test);
    told
}

/// The schema of each event, in the order of their types.
fn variants() -> Vec<RefOr<Schema>> {
    match Event::schema() {
        RefOr::T(Schema::OneOf(one)) => one.items,
        RefOr::T(_) | RefOr::Ref(_) => Vec::new(),
    }
}

/// The fields of an event in one object.
fn merged(schema: &RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object.clone(),
        RefOr::T(Schema::AllOf(all)) => {
            let mut object = Object::new();
            for part in all.items.iter().map(merged) {
                object.properties.extend(part.properties);
                object.required.extend(part.required);
                object.description = object.description.or(part.description);
            }
            object.description = all.description.clone().or(object.description);
            object
        }
        RefOr::T(_) | RefOr::Ref(_) => Object::new(),
    }
}

fn operation(name: &str, mut data: Object, example: Value) -> Operation {
    data.properties.shift_remove("type");
    data.required.retain(|field| field != "type");
    let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let uuid = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let number = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .description(Some("Its place among the events of the wallet, of all types."));
    for (field, schema) in [
        ("walletId", uuid),
        ("sequence", number),
        ("userId", text().description(Some("The user whose wallet it is, unless it is an organization's."))),
        ("orgId", text().description(Some("The organization whose wallet it is, unless it is a user's."))),
    ] {
        data.properties.insert(field.to_owned(), RefOr::T(schema.build().into()));
    }
    data.required.extend(["walletId".to_owned(), "sequence".to_owned()]);
    message(name, data, example)
}

/// What is sent: type, time, and the data.
fn message(name: &str, data: Object, example: Value) -> Operation {
    let summary = data.description.clone().unwrap_or_default();
    let time = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("When it happened."));
    let kind = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some([name]));
    let body = ObjectBuilder::new()
        .property("type", kind)
        .property("timestamp", time)
        .property("data", data)
        .required("type")
        .required("timestamp")
        .required("data");
    let content = ContentBuilder::new().schema(Some(body)).example(Some(example)).build();
    let request =
        RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    OperationBuilder::new()
        .operation_id(Some(format!("on{}", super::camel(name))))
        // They are signed instead.
        .securities(Some([]))
        .summary(Some(summary))
        .description(Some(SAYS))
        .request_body(Some(request.build()))
        .response("2XX", ResponseBuilder::new().description("It has arrived, and is not sent again."))
        .build()
}

fn example_of(event: &Event) -> Value {
    let at = datetime!(2026-11-28 08:00 UTC);
    let wallet_id = WalletId(Uuid::from_u128(0x019a_c7f0_5b10_7f00_8a1b_2c3d_4e5f_6071));
    let notice = Notice::new(at, wallet_id, Some(17), event);
    let message = Message {
        id: MessageId(Uuid::nil()),
        happened_at: at,
        wallet_id,
        body: &notice.body,
        sequence: notice.sequence,
    };
    let Ok(user) = UserId::try_from("alice".to_owned()) else { return Value::Null };
    let (_, body) = rules::payload(&message, &Owner::User(user));
    serde_json::from_str(&body).unwrap_or_default()
}
