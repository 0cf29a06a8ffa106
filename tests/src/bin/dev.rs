//! `cargo dev`; everything it does is in the library.

fn main() -> std::process::ExitCode {
    harness::dev::main()
}
