//! The folder `target/dev` of one running system. The first one of a checkout has it; one more beside it gets
//! a folder of its own inside.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use servers::target_directory;
use servers::watchdog::Watchdog;

/// The folder, held for as long as this lives.
pub struct DevDirectory {
    path: PathBuf,
    is_additional: bool,
    _lock: File,
}

impl DevDirectory {
    /// Takes `target/dev`, or a new folder in it when another system of this checkout runs there.
    pub fn take(watchdog: &Watchdog) -> Result<Self> {
        let shared = target_directory().join("dev");
        fs::create_dir_all(&shared).with_context(|| format!("cannot create {}", shared.display()))?;
        let lock = File::create(shared.join("lock")).context("cannot create the lock file")?;
        let is_additional = match lock.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock target/dev"),
        };
        let path = if is_additional { shared.join(format!("run-{}", std::process::id())) } else { shared };
        if is_additional {
            watchdog.guard_path(&path);
        } else {
            // The logs of the last run stay until now, so that its end can be examined.
            let _first_run = fs::remove_dir_all(path.join("logs"));
        }
        fs::create_dir_all(path.join("logs")).context("cannot create the folder for logs")?;
        Ok(Self { path, is_additional, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another system of this checkout has the usual folder.
    pub fn is_additional(&self) -> bool {
        self.is_additional
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }
}
