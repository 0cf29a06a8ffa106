//! Values for the parameters of a statement that find the rows of number 1 in the seeded database.

const ID: &str = "'00000000-0000-7000-8000-000000000001'";

/// A value for each parameter, as SQL.
pub(super) fn values(text: &str, types: &[String]) -> Vec<String> {
    let value = |(place, kind): (usize, &String)| {
        // A condition that is not given holds for all rows.
        if is_optional(text, place) {
            return "null".to_owned();
        }
        if is_version(text, place) {
            return "array['0']".to_owned();
        }
        let column = column(text, place);
        match kind.strip_suffix("Array") {
            // There is one of number 1 already.
            Some(kind) if is_inserted(text, place) => format!("(array[{}])[2:]", of_type(kind, column)),
            Some(kind) => format!("array[{}]", of_type(kind, column)),
            None => of_type(kind, column),
        }
    };
    (1..).zip(types).map(value).collect()
}

fn is_optional(text: &str, place: usize) -> bool {
    let parameter = format!("${place}::");
    let cast = text.split(&parameter).skip(1);
    let mut after = cast.map(|rest| {
        rest.trim_start_matches(|letter: char| letter.is_alphanumeric() || "[]".contains(letter))
    });
    after.any(|rest| rest.starts_with(" is null"))
}

/// Whether a parameter tells versions of rows, which are numbers.
fn is_version(text: &str, place: usize) -> bool {
    text.contains(&format!("${place}::text[]) as seen (id, version)"))
}

/// Whether a statement that also changes rows makes new ones of this parameter.
fn is_inserted(text: &str, place: usize) -> bool {
    let parameter = format!("${place}::");
    let before = text.split(&parameter).next().unwrap_or_default();
    before.rfind("update ").zip(before.rfind("insert into ")).is_some_and(|(update, insert)| update < insert)
}

/// The word before a parameter, leaving out how the two are compared: a column, or `limit`.
fn column(text: &str, place: usize) -> &str {
    let name = format!("${place}");
    let mut uses = text
        .match_indices(&name)
        .filter(|(at, _)| !text[at + name.len()..].starts_with(|letter: char| letter.is_ascii_digit()));
    let before = uses.next().map_or("", |(at, _)| &text[..at]);
    let before =
        ["any(", "coalesce("].iter().fold(before, |text, call| text.strip_suffix(call).unwrap_or(text));
    let before = before.trim_end_matches(|letter: char| "=<>@& ".contains(letter));
    before.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()
}

fn of_type(kind: &str, column: &str) -> String {
    let (value, kind) = match kind {
        "Uuid" => (ID, "uuid"),
        "Text" => match column {
            "provider" => ("'stripe'", "text"),
            "state" => ("'pending'", "text"),
            "source" => ("'purchase'", "text"),
            "outcome" => ("'applied'", "text"),
            "unit" => ("'day'", "text"),
            _ => ("'USER-1'", "text"),
        },
        "Int8" | "Int4" | "Int2" => {
            let kind = if kind == "Int8" {
                "bigint"
            } else if kind == "Int4" {
                "integer"
            } else {
                "smallint"
            };
            (
                if column == "limit" {
                    "20"
                } else if column == "offset" {
                    "0"
                } else {
                    "1"
                },
                kind,
            )
        }
        "Bool" => ("true", "boolean"),
        "Timestamptz" => ("now()", "timestamptz"),
        "Date" => ("date_trunc('month', now())", "date"),
        "Jsonb" => ("'{}'", "jsonb"),
        "Bytea" => ("'\\x00'", "bytea"),
        other => panic!("no value is known for {other}"),
    };
    format!("{value}::{kind}")
}
