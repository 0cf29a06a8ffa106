//! What became of the users, in numbers, and one by one where something is to be done about them.

use std::io::{self, Write};

use serde::Serialize;

use super::file::Row;
use super::{Difference, Outcome};
use crate::output::printable;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    name: String,
    dry_run: bool,
    /// New users.
    created: usize,
    /// Users who were there and have now what they lacked.
    completed: usize,
    /// Users who are there just so.
    unchanged: usize,
    /// Users who are there, but not so.
    different: usize,
    refused: usize,
    /// Those who differ or are refused.
    rows: Vec<Remark>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remark {
    line: u64,
    user_id: String,
    outcome: String,
    says: String,
}

impl Report {
    pub fn new(name: &str, dry_run: bool) -> Self {
        let name = name.to_owned();
        Self {
            name,
            dry_run,
            created: 0,
            completed: 0,
            unchanged: 0,
            different: 0,
            refused: 0,
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, row: &Row, outcome: Outcome) {
        let Outcome { outcome, differences, error } = outcome;
        let count = match outcome.as_str() {
            "created" => &mut self.created,
            "completed" => &mut self.completed,
            "unchanged" => &mut self.unchanged,
            "different" => &mut self.different,
            _ => &mut self.refused,
        };
        *count = count.saturating_add(1);
        let says = match error {
            Some(error) => match error.param {
                Some(param) => format!("{} ({param})", error.message),
                None => error.message,
            },
            None => differences.iter().map(difference).collect::<Vec<_>>().join("; "),
        };
        if !says.is_empty() {
            self.rows.push(Remark { line: row.line, user_id: row.user_id.clone(), outcome, says });
        }
    }

    pub fn is_as_wanted(&self) -> bool {
        self.different == 0 && self.refused == 0
    }

    pub fn print(&mut self, as_json: bool) -> io::Result<()> {
        self.rows.sort_by_key(|row| row.line);
        let mut out = io::stdout().lock();
        if as_json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
            return out.flush();
        }
        for row in &self.rows {
            let text = format!("line {}: {} is {}: {}", row.line, row.user_id, row.outcome, row.says);
            writeln!(out, "{}", printable(&text))?;
        }
        let would = if self.dry_run { " (nothing was written)" } else { "" };
        writeln!(out, "import {}{would}", self.name)?;
        for (count, what) in [
            (self.created, "created"),
            (self.completed, "completed"),
            (self.unchanged, "already there"),
            (self.different, "different"),
            (self.refused, "refused"),
        ] {
            writeln!(out, "{count:>9}  {what}")?;
        }
        out.flush()
    }
}

fn difference(difference: &Difference) -> String {
    let Difference { field, given, found } = difference;
    match found {
        Some(found) => format!("{field} is {found}, not {given}"),
        None => format!("{field} {given} is lacking (--complete-existing gives it)"),
    }
}
