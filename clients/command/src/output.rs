//! Answers for people: a table for a list, a line for each field of a thing.

use std::io::{self, Write};

use crate::json::Json;

/// A table whose columns are paths into each item. Its columns only grow, so that pages fit below each other.
pub struct Table {
    columns: &'static [&'static str],
    widths: Vec<usize>,
    is_begun: bool,
}

impl Table {
    pub fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, widths: columns.iter().map(|name| width(name)).collect(), is_begun: false }
    }

    pub fn print(&mut self, out: &mut impl Write, items: &[Json]) -> io::Result<()> {
        let cell = |item: &Json, path: &&str| {
            item.at(path).map_or_else(|| "-".to_owned(), |value| printable(&value.words()))
        };
        let rows: Vec<Vec<String>> =
            items.iter().map(|item| self.columns.iter().map(|path| cell(item, path)).collect()).collect();
        for row in &rows {
            for (widest, cell) in self.widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        if !self.is_begun {
            self.is_begun = true;
            let names: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
            self.line(out, &names)?;
        }
        rows.iter().try_for_each(|row| self.line(out, row))
    }

    fn line(&self, out: &mut impl Write, cells: &[String]) -> io::Result<()> {
        let padded = cells.iter().zip(&self.widths).map(|(cell, most)| {
            let room = most.saturating_sub(width(cell));
            format!("{cell}{}", " ".repeat(room))
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", line.trim_end())
    }
}

/// A line for each field, also of what is inside.
pub fn print_record(out: &mut impl Write, record: &Json) -> io::Result<()> {
    let mut lines = Vec::new();
    flatten(String::new(), record, &mut lines);
    let widest = lines.iter().map(|(name, _)| width(name)).max().unwrap_or_default();
    lines.iter().try_for_each(|(name, value)| {
        let room = " ".repeat(widest.saturating_sub(width(name)));
        writeln!(out, "{}", format!("{name}{room}  {}", printable(value)).trim_end())
    })
}

fn flatten(name: String, value: &Json, lines: &mut Vec<(String, String)>) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(printable(&name), value, lines);
            }
        }
        Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
            for (index, item) in items.iter().enumerate() {
                flatten(format!("{name}[{index}]"), item, lines);
            }
        }
        _ => lines.push((name, value.words())),
    }
}

/// A text that leaves the terminal as it is: names and descriptions come from anybody.
pub fn printable(text: &str) -> String {
    let is_unseen = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_unseen(letter) { '\u{fffd}' } else { letter }).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(print: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_are_aligned_and_show_nothing_that_moves_the_cursor() {
        let items = Json::parse(
            r#"[{"id":"a","n":{"x":1}},{"id":"\u001b[31mred\r","n":{"x":-2.5}},{"id":"ü","n":null}]"#,
        );
        let Ok(Json::List(items)) = items else { panic!() };
        let shown = text(|out| {
            let mut table = Table::new(&["id", "n.x"]);
            table.print(out, &items)?;
            table.print(out, &items[..1])
        });
        let expected =
            "id         n.x\na          1\n\u{fffd}[31mred\u{fffd}  -2.5\nü          -\na          1\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn records_show_every_field() {
        let record = Json::parse(
            r#"{"id":"a","lapsing":[{"credits":1.5}],"scopes":["read","buy"],"none":null,"m":{}}"#,
        );
        let shown = text(|out| print_record(out, &record.unwrap()));
        assert_eq!(
            shown,
            "id                  a\nlapsing[0].credits  1.5\nscopes              read, buy\nnone                -\n\
             m                   -\n"
        );
    }
}
