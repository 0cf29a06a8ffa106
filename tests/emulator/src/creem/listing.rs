//! Lists in pages, the newest first.

use serde_json::{Value, json};

use super::body::Fields;
use super::errors::Answer;
use crate::stripe::store::visible;
use crate::world::World;

const PAGE_SIZE: i64 = 10;

/// A page of the objects of a kind that match.
pub(crate) fn page(world: &World, query: &Fields, prefix: &str, matches: impl Fn(&Value) -> bool) -> Answer {
    let number = query.whole("page_number", 1, i64::MAX)?.unwrap_or(1);
    let size = query.whole("page_size", 1, 100)?.unwrap_or(PAGE_SIZE);
    let rows: Vec<&Value> = world.creem.store.newest_first(prefix).filter(|row| matches(row)).collect();
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let pages = (total + size - 1) / size;
    let skipped = usize::try_from((number - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let items: Vec<Value> = rows.into_iter().skip(skipped).take(size).map(visible).collect();
    Ok(json!({
        "items": items,
        "pagination": {
            "total_records": total, "total_pages": pages, "current_page": number,
            "next_page": (number < pages).then_some(number + 1),
            "prev_page": (number > 1).then_some(number - 1),
        },
    }))
}
