//! What may be shown of a message that may hold secrets or personal data.

/// An id of a provider is at most this long.
const LENGTH_MAX: usize = 128;
/// Card numbers have 12 to 19 digits; a number, or a text of digits only, that is shorter is none.
pub const DIGITS_MAX: usize = 11;
/// Digits in a row within an id: the last part of a UUID may happen to have 12.
const RUN_MAX: usize = 12;

/// Whether a text is an id, a name or a time, and nothing that is secret or personal: no spaces, no `@` of an e-mail
/// address, no slash of a link, no card number, no secret.
pub fn is_plain(text: &str) -> bool {
    let has_letters = text.chars().any(|character| character.is_ascii_alphabetic());
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let runs = text.split(|character: char| !character.is_ascii_digit()).map(str::len);
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.:+".contains(character);
    (1..=LENGTH_MAX).contains(&text.len())
        && text.chars().all(allowed)
        && (has_letters || digits <= DIGITS_MAX)
        && runs.max().unwrap_or(0) <= RUN_MAX
        && !["secret", "whsec_", "sk_", "rk_", "eyJ"].iter().any(|word| text.contains(word))
}
