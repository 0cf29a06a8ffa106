//! The scheduler process.

fn main() -> std::process::ExitCode {
    scheduler::main()
}
