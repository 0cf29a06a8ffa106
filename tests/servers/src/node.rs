//! Packages from npm for the tests, each at one version, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::python::run;

/// The folder `node_modules` with a package and what it needs; their programs are in `.bin`. `package` names its
/// version, `@redocly/cli@2.77.0`; it is installed below `directory`, once.
///
/// # Errors
/// When there is no npm, or no registry.
pub fn installed(package: &str, directory: &Path) -> Result<PathBuf> {
    let folder = directory.join(package.replace(['@', '/'], "-"));
    let complete = folder.join("complete");
    if !complete.exists() {
        eprintln!("installing {package} from npm into {}", folder.display());
        let advice = "this needs Node 20 with npm: on Debian, apt-get install nodejs npm";
        let options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Command::new("npm").args(["install", "--prefix"]).arg(&folder).args(options).arg(package))
            .context(advice)?;
        std::fs::write(&complete, package)?;
    }
    Ok(folder.join("node_modules"))
}
