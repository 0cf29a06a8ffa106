//! Programs from PyPI for the tests that need somebody else's view, each at one version, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folder with the programs of packages, `python` among them. Each names its version, `stripe==16.1.0`; they are
/// installed below `directory`, once.
///
/// # Errors
/// When there is no Python, or no package index.
pub fn installed(packages: &[&str], directory: &Path) -> Result<PathBuf> {
    installed_for(Path::new("python3"), packages, directory)
}

/// As [`installed`], for a Python that is not the first in `PATH`.
///
/// # Errors
/// As [`installed`].
pub fn installed_for(python: &Path, packages: &[&str], directory: &Path) -> Result<PathBuf> {
    let names = packages.join(" ");
    let folder = directory.join(packages.join("+").replace("==", "-"));
    let programs = folder.join("bin");
    let complete = folder.join("complete");
    if complete.exists() {
        return Ok(programs);
    }
    eprintln!("installing {names} from PyPI into {}", folder.display());
    let advice = "this needs Python 3 with venv and pip: on Debian, apt-get install python3-venv";
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder)).context(advice)?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(programs.join("python")).args(pip).args(packages))?;
    std::fs::write(&complete, names)?;
    Ok(programs)
}

/// Runs a program to its end and returns what it printed; an error, with all of that, when it fails.
///
/// # Errors
/// When it does not start, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed ({}):\n{printed}\n{complaints}", output.status);
    Ok(printed)
}
