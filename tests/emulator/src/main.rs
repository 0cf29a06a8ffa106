//! The provider emulator as a program; everything it does is in the library.

fn main() -> std::process::ExitCode {
    emulator::main()
}
