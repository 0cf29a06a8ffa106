//! The installation's mode from the command line.

use clap::Args;
use kernel::config::{Connections, Mode};
use kernel::service::Verdict;
use kernel::{database, installation};

/// What to do with the mode
#[derive(Debug, Args)]
pub struct Command {
    /// `test` or `live`, to change it; only shown unless given
    mode: Option<Mode>,
}

impl Command {
    pub(super) async fn run(self, connections: Connections) -> anyhow::Result<Verdict> {
        let primary = database::found_primary(&connections).await?;
        let pool = database::pool_of(&primary, &connections)?;
        let mut connection = pool.acquire().await?;
        if let Some(mode) = self.mode {
            installation::change(&mut connection, mode).await?;
        }
        let known = installation::mode(&mut connection).await?;
        println!("{}", known.map_or("not chosen yet", Mode::as_str));
        Ok(Verdict::Fine)
    }
}
