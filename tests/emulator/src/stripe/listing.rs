//! Lists in pages, and searches.

use serde_json::{Value, json};

use super::Call;
use super::errors::{Answer, ApiError};
use super::parameters::Params;
use super::store::{flag, text, visible};
use crate::world::World;

/// A page of the objects of a kind that match, the newest first.
pub(crate) fn page(world: &World, call: &Call<'_>, prefix: &str, matches: impl Fn(&Value) -> bool) -> Answer {
    let created = created_range(&call.params)?;
    let rows = world.stripe.store.newest_first(prefix);
    let rows = rows.filter(|row| !flag(row, "_deleted") && created(row) && matches(row));
    cut(rows, &call.params, &call.path())
}

/// The page of `rows` that `limit`, `starting_after` and `ending_before` ask for.
pub(crate) fn cut<'a>(rows: impl Iterator<Item = &'a Value>, params: &Params, url: &str) -> Answer {
    let limit = params.integer("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)).ok_or_else(|| {
        ApiError::invalid("Invalid limit: must be between 1 and 100.")
            .code("parameter_invalid_integer")
            .param("limit")
    })?;
    let after = params.text("starting_after")?;
    let before = params.text("ending_before")?;
    let is = |row: &Value, id: &str| text(row, "id") == Some(id);
    let no_cursor = |param: &str, id: &str| {
        ApiError::invalid(format!("No such object: '{id}'")).code("resource_missing").param(param)
    };
    let (data, has_more) = match (after, before) {
        (Some(_), Some(_)) => {
            let message = "You cannot pass both `starting_after` and `ending_before`.";
            return Err(ApiError::invalid(message).param("ending_before"));
        }
        (Some(after), None) => {
            let mut rest = rows.skip_while(|row| !is(row, &after));
            rest.next().ok_or_else(|| no_cursor("starting_after", &after))?;
            take(rest, limit)
        }
        (None, Some(before)) => {
            let mut found = false;
            let newer: Vec<&Value> = rows
                .take_while(|row| {
                    found = is(row, &before);
                    !found
                })
                .collect();
            if !found {
                return Err(no_cursor("ending_before", &before));
            }
            let skipped = newer.len().saturating_sub(limit);
            (newer[skipped..].iter().map(|row| visible(row)).collect(), skipped > 0)
        }
        (None, None) => take(rows, limit),
    };
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}

fn take<'a>(mut rows: impl Iterator<Item = &'a Value>, limit: usize) -> (Vec<Value>, bool) {
    let data = rows.by_ref().take(limit).map(visible).collect();
    (data, rows.next().is_some())
}

/// The condition of `created=…` or `created[gte]=…`.
fn created_range(params: &Params) -> Answer<impl Fn(&Value) -> bool + use<>> {
    let exact = match params.nested("created") {
        Ok(_) => None,
        Err(_) => params.integer("created")?,
    };
    let range = params.nested("created").ok().flatten().unwrap_or_default();
    let (gt, gte) = (range.integer("gt")?, range.integer("gte")?);
    let (lt, lte) = (range.integer("lt")?, range.integer("lte")?);
    Ok(move |row: &Value| {
        let created = super::store::integer(row, "created");
        exact.is_none_or(|wanted| created == wanted)
            && gt.is_none_or(|bound| created > bound)
            && gte.is_none_or(|bound| created >= bound)
            && lt.is_none_or(|bound| created < bound)
            && lte.is_none_or(|bound| created <= bound)
    })
}

/// Whether a filter that may be absent agrees with a text field.
pub(crate) fn agrees(filter: Option<&String>, row: &Value, field: &str) -> bool {
    filter.is_none_or(|wanted| text(row, field) == Some(wanted.as_str()))
}

/// `GET …/search?query=metadata['order']:'7' AND status:'succeeded'`.
pub(crate) fn search(world: &World, call: &Call<'_>, prefix: &str) -> Answer {
    call.params.only("limit page query")?;
    let query = call.params.required_text("query")?;
    let clauses = parse_query(&query)
        .ok_or_else(|| ApiError::invalid("We were unable to parse your search query.").param("query"))?;
    let rows = world
        .stripe
        .store
        .newest_first(prefix)
        .filter(|row| !flag(row, "_deleted") && clauses.iter().all(|clause| clause.holds(row)));
    let page = cut(rows, &call.params, &call.path())?;
    Ok(json!({
        "object": "search_result", "data": page["data"], "has_more": page["has_more"],
        "next_page": null, "url": page["url"],
    }))
}

struct Clause {
    field: String,
    metadata: bool,
    wanted: String,
}

impl Clause {
    fn holds(&self, row: &Value) -> bool {
        let holder = if self.metadata { &row["metadata"] } else { row };
        match holder.get(&self.field) {
            Some(Value::String(value)) => *value == self.wanted,
            Some(Value::Number(value)) => value.to_string() == self.wanted,
            _ => false,
        }
    }
}

fn parse_query(query: &str) -> Option<Vec<Clause>> {
    query.split(" AND ").map(parse_clause).collect()
}

fn parse_clause(clause: &str) -> Option<Clause> {
    let (field, wanted) = clause.trim().rsplit_once(':')?;
    let unquote = |text: &str| text.trim_matches(['\'', '"']).to_owned();
    let inside = field.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']'));
    Some(Clause {
        metadata: inside.is_some(),
        field: unquote(inside.unwrap_or(field)),
        wanted: unquote(wanted),
    })
}
