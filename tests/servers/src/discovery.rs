//! Where the programs of PostgreSQL and RabbitMQ are on this machine. Only programs are looked for, never a
//! running service: that one belongs to somebody else.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The executable `name` in one of the folders of `PATH`.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    path_folders().map(|folder| folder.join(name)).find(|candidate| is_executable(candidate))
}

/// The folder that holds `initdb` and `postgres`: from `PATH`, else the newest of the usual places.
pub fn find_postgres() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = path_folders().collect();
    folders.extend(versioned("/usr/lib/postgresql", "bin"));
    folders.extend(versioned("/usr", "bin").into_iter().filter(|folder| names_postgres(folder)));
    for prefix in ["/opt/homebrew/opt", "/usr/local/opt"] {
        folders.extend(versioned(prefix, "bin").into_iter().filter(|folder| names_postgres(folder)));
    }
    folders
        .into_iter()
        .find(|folder| is_executable(&folder.join("initdb")) && is_executable(&folder.join("postgres")))
}

/// The program `rabbitmq-server` itself, not a distribution's wrapper that insists on its own user.
pub fn find_rabbitmq() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = path_folders().collect();
    folders.push("/usr/lib/rabbitmq/bin".into());
    folders.extend(versioned("/usr/lib/rabbitmq/lib", "sbin"));
    folders.extend(["/opt/homebrew/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders
        .into_iter()
        // Its scripts find each other beside themselves, so a symbolic link must be followed first.
        .filter_map(|folder| folder.join("rabbitmq-server").canonicalize().ok())
        .find(|program| {
            let is_wrapper = program.file_name().is_some_and(|name| name != "rabbitmq-server");
            let has_environment = program.with_file_name("rabbitmq-env").is_file();
            !is_wrapper && has_environment && is_executable(program)
        })
}

/// The program `name` in `PATH`, else where distributions keep what only root has in its `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    find_in_path(name)
        .or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|found| is_executable(found)))
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    folders.into_iter()
}

/// The folders `root/*/leaf`, the highest version number first.
fn versioned(root: &str, leaf: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<(Vec<u64>, PathBuf)> = entries
        .map(|entry| (version_numbers(&entry.file_name().to_string_lossy()), entry.path().join(leaf)))
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, folder)| folder).collect()
}

fn version_numbers(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn names_postgres(folder: &Path) -> bool {
    let parent = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    parent.starts_with("pgsql") || parent.starts_with("postgresql")
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let mut names = ["9.6", "15", "17", "rabbitmq_server-3.10.8"].map(version_numbers);
        names.sort();
        assert_eq!(names, [vec![3, 10, 8], vec![9, 6], vec![15], vec![17]]);
    }
}
