//! `purser`: Purser from a shell.

fn main() -> std::process::ExitCode {
    command::main()
}
