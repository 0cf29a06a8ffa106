//! The api process.

fn main() -> std::process::ExitCode {
    api::main()
}
