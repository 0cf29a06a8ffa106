//! The worker process.

fn main() -> std::process::ExitCode {
    worker::main()
}
