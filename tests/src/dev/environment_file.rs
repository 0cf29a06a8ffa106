//! `target/dev/env`: how shells and other programs find the running system. It holds secrets, so only its
//! owner may read it, and it goes away with the system.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use servers::watchdog::Watchdog;

/// The file; it is deleted when this is dropped, and when this process is killed.
pub struct EnvironmentFile {
    path: PathBuf,
    watchdog: Arc<Watchdog>,
}

impl EnvironmentFile {
    /// Writes the variables, all at once: who waits for the file never sees half of it.
    pub fn write(path: &Path, variables: &[(&str, String)], watchdog: Arc<Watchdog>) -> Result<Self> {
        let unfinished = path.with_extension("new");
        watchdog.guard_path(path);
        let file = Self { path: path.to_path_buf(), watchdog };
        let text: String =
            variables.iter().map(|(key, value)| format!("{key}={}\n", quoted(value))).collect();
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&unfinished)?.write_all(text.as_bytes())?;
            fs::rename(&unfinished, path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(file)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for EnvironmentFile {
    fn drop(&mut self) {
        let _was_deleted_by_hand = fs::remove_file(&self.path);
        self.watchdog.release_path(&self.path);
    }
}

/// A value as a shell reads it back, quoted only where it must be.
fn quoted(value: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-.:/@%+,".contains(character);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use std::process::Command;

    use super::quoted;

    #[test]
    fn a_shell_reads_every_value_back() {
        for value in [
            "plain",
            "",
            "two words",
            "it's",
            "$HOME `id` \"x\" \\ &?=",
            "amqp://a:b@127.0.0.1:1/%2f?heartbeat=5",
        ] {
            let script = format!("V={}\nprintf %s \"$V\"", quoted(value));
            let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
            assert_eq!(String::from_utf8_lossy(&output.stdout), value);
        }
    }
}
