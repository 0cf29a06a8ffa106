//! Folders for the data of servers. A server that runs as another user must be able to walk to its folder,
//! which it cannot where the checkout lies under a home that only its owner may enter, and some trip over
//! unusual names: then a temporary folder serves.

use std::fs::{self, DirBuilder, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::{User, geteuid};

use super::watchdog::Watchdog;

/// The user that a server runs as, when it is not ours.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The number of the user.
    pub uid: u32,
    /// The number of the user's group.
    pub gid: u32,
}

impl Owner {
    /// Who runs PostgreSQL, which refuses root: `postgres`, else `nobody`; `None` when we are an ordinary
    /// user.
    pub fn for_postgres() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).context("cannot read the list of users")? {
                return Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
            }
        }
        anyhow::bail!(
            "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as"
        )
    }
}

/// Creates an empty private folder at `preferred`, or in the temporary folder where `owner` cannot reach that
/// or its name would need quoting. It is deleted when this process ends.
pub fn create_data_directory(preferred: &Path, owner: Option<Owner>, watchdog: &Watchdog) -> Result<PathBuf> {
    let directory =
        if suits(preferred, owner) { preferred.to_path_buf() } else { temporary_directory(preferred)? };
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    watchdog.guard_path(&directory);
    let created = DirBuilder::new().mode(0o700).create(&directory);
    created.with_context(|| format!("cannot create {}", directory.display()))?;
    if let Some(owner) = owner {
        chown(&directory, Some(owner.uid), Some(owner.gid))
            .with_context(|| format!("cannot give {} to the server's user", directory.display()))?;
    }
    Ok(directory)
}

/// A folder that stays for the next run at `preferred`, or one for this run alone where that cannot be used.
pub fn kept_directory(preferred: &Path, owner: Option<Owner>, watchdog: &Watchdog) -> Result<PathBuf> {
    if suits(preferred, owner) {
        return Ok(preferred.to_path_buf());
    }
    create_data_directory(preferred, owner, watchdog)
}

fn suits(folder: &Path, owner: Option<Owner>) -> bool {
    owner.is_none_or(|owner| can_reach(folder, owner)) && is_plain(folder)
}

fn temporary_directory(preferred: &Path) -> Result<PathBuf> {
    let name = preferred.file_name().context("a data folder needs a name")?.to_string_lossy();
    let random: u64 = rand::random();
    Ok(std::env::temp_dir().join(format!("purser-{name}-{random:016x}")))
}

/// Whether the scripts that start a broker can cope with the name: a space or an accent makes them hang.
fn is_plain(path: &Path) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte);
    path.as_os_str().as_bytes().iter().all(is_plain)
}

/// Whether `owner` may walk through every existing folder above `path`.
fn can_reach(path: &Path, owner: Owner) -> bool {
    path.ancestors().skip(1).all(|folder| match fs::metadata(folder) {
        Ok(metadata) => may_enter(&metadata, owner),
        // It does not exist yet: we create it, with the default permissions.
        Err(_) => true,
    })
}

fn may_enter(folder: &Metadata, owner: Owner) -> bool {
    const ENTER: u32 = 0o1;
    let mode = folder.mode();
    let permissions = if folder.uid() == owner.uid {
        mode >> 6
    } else if folder.gid() == owner.gid {
        mode >> 3
    } else {
        mode
    };
    permissions & ENTER != 0
}
