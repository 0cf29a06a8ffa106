//! What is not understood is refused and named: a field that is not known, and a list in place of an object, at every
//! depth of every body of the description.

use harness::world::World;
use serde_json::{Map, Value, json};

use crate::openapi::{Operation, operations};

const UNKNOWN: &str = "surprise";

/// The description, with its schemas.
struct Schemas(Value);

impl Schemas {
    /// What a schema says, once it is found: a reference is followed, and of alternatives the one is taken that is not
    /// null.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.resolved(self.0.pointer(reference.trim_start_matches('#')).unwrap());
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            let Some(all) = schema[word].as_array() else { continue };
            let some = all.iter().find(|one| one["type"] != "null");
            return self.resolved(some.unwrap_or_else(|| panic!("{schema} is nothing")));
        }
        schema
    }

    /// A value of the right kind, with all fields.
    fn sample(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        if let Some(names) = schema["enum"].as_array() {
            return names[0].clone();
        }
        let kinds = schema["type"].as_array().map_or(vec![&schema["type"]], |kinds| kinds.iter().collect());
        match kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null")) {
            Some("object") => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                Value::Object(fields.map(|(name, field)| (name.clone(), self.sample(field))).collect())
            }
            Some("array") => json!([self.sample(&schema["items"])]),
            Some("boolean") => json!(true),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("string") => match schema["format"].as_str() {
                Some("date-time") => json!("2099-01-01T00:00:00Z"),
                Some("uuid") => json!("01936f2e-7c1a-7000-8000-00000000dead"),
                // Currencies have three letters.
                _ if schema["maxLength"] == 3 => json!("usd"),
                _ => json!("1"),
            },
            _ => panic!("what is {schema}?"),
        }
    }

    /// Where in a body there are objects of known fields, and where there are maps.
    fn objects(&self, schema: &Value, path: &str, found: &mut Vec<(String, bool)>) {
        let schema = self.resolved(schema);
        if let Some(fields) = schema["properties"].as_object() {
            found.push((path.to_owned(), true));
            for (name, field) in fields {
                let within = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                self.objects(field, &within, found);
            }
        } else if schema["additionalProperties"].is_object() {
            found.push((path.to_owned(), false));
        }
        if schema["items"].is_object() {
            self.objects(&schema["items"], &format!("{path}[0]"), found);
        }
    }
}

/// The value at a path such as `debits[0].metadata`.
fn at<'a>(body: &'a mut Value, path: &str) -> &'a mut Value {
    let pointer = path.replace("[0]", ".0");
    let pointer: String =
        pointer.split('.').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
    body.pointer_mut(&pointer).unwrap_or_else(|| panic!("nothing at {path}"))
}

/// What is in the fields of an object, or in a map.
fn fields(object: &Value) -> Vec<Value> {
    object.as_object().unwrap().values().cloned().collect()
}

/// A path of the operation at which there is something, where it is looked for before the body is read.
fn path(operation: &Operation) -> String {
    let segments = operation.path.split('/').map(|segment| match segment {
        "{wallet}" => "user:alice",
        "{userId}" => "alice",
        "{currency}" => "usd",
        segment if segment.starts_with('{') => "1",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_lists_for_objects_are_refused_by_name_at_every_depth() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    world.create_user("alice").await;
    let schemas = Schemas(serde_json::from_str(include_str!("../../../api/openapi.json")).unwrap());
    let own = operations().into_iter().filter(|operation| operation.path.starts_with("/purser/v1/"));
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for operation in own.filter(Operation::takes_body) {
        let schema = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        let mut objects = Vec::new();
        schemas.objects(schema, "", &mut objects);
        assert!(!objects.is_empty(), "{} {}", operation.method, operation.path);
        for (object, is_closed) in objects {
            let mut cases = Vec::new();
            for list in [Vec::new(), fields(at(&mut schemas.sample(schema), &object))] {
                let mut listed = schemas.sample(schema);
                *at(&mut listed, &object) = Value::Array(list);
                cases.push((listed, object.clone()));
            }
            if is_closed {
                let mut more = schemas.sample(schema);
                at(&mut more, &object)[UNKNOWN] = json!(1);
                let dot = if object.is_empty() { "" } else { "." };
                cases.push((more, format!("{object}{dot}{UNKNOWN}")));
            } else {
                let mut other = schemas.sample(schema);
                *at(&mut other, &object) = Value::Object(Map::from_iter([(UNKNOWN.to_owned(), json!([7]))]));
                cases.push((other, object.clone()));
            }
            for (body, named) in cases {
                tried += 1;
                let request = world.api().request(operation.method.clone(), &path(&operation));
                let request = request.bearer(&world.settings().secrets.admin_api_key).json(body.clone());
                let answer = request.send().await.unwrap();
                let error = answer.json().unwrap()["error"].clone();
                let param = error["param"].as_str().unwrap_or_default();
                let code = error["code"].as_str().unwrap_or_default();
                let is_named = param == named || !is_closed && param.starts_with(&named);
                if answer.status() != 400 || !is_named || code != "invalid_request" {
                    wrong.push(format!("{named:?} of {body}: {answer}"));
                }
            }
        }
    }
    assert!(tried > 40, "{tried}");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    world.abandon().await;
}
