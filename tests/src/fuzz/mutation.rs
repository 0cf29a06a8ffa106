//! Variants of a corpus: always the same ones, so that a test that fails fails again.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What is put into inputs: what numbers, texts, JSON and headers are likely to go wrong with.
const TOKENS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "+1",
    "01",
    "1e400",
    "1e-400",
    "0.0000001",
    "0.1",
    "NaN",
    "Infinity",
    "-",
    ".",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "253402300800",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\\",
    "\u{0}",
    "\u{feff}",
    "\u{661}",
    "é",
    ",",
    ":",
    "=",
    ";",
    "%00",
    "//",
    "@",
    "\r\n",
    "\n",
    " ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Changes inputs at random.
pub struct Variants {
    corpus: Vec<Vec<u8>>,
    random: StdRng,
}

impl Variants {
    /// Of these inputs; another seed makes other ones.
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { corpus, random: StdRng::seed_from_u64(seed) }
    }

    fn any(&mut self) -> Vec<u8> {
        let at = self.below(self.corpus.len());
        self.corpus.get(at).cloned().unwrap_or_default()
    }

    /// A part of some input, perhaps none of it.
    fn part(&mut self) -> Vec<u8> {
        let other = self.any();
        let (start, end) = self.range(other.len());
        other.get(start..end).unwrap_or_default().to_vec()
    }

    fn range(&mut self, length: usize) -> (usize, usize) {
        let (one, two) = (self.below(length + 1), self.below(length + 1));
        (one.min(two), one.max(two))
    }

    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.random.random_range(0..end) }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let (start, end) = self.range(input.len());
        let token = TOKENS.get(self.below(TOKENS.len())).copied().unwrap_or_default();
        match self.below(8) {
            0 => input.truncate(at),
            1 => drop(input.drain(start..end)),
            2 => drop(input.splice(start..start, self.part())),
            3 => drop(input.splice(at..at, token.bytes())),
            4 => drop(input.splice(start..end.min(start + 8), token.bytes())),
            // A number is replaced as a whole.
            5 => {
                let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let rest = input.iter().skip(at).position(u8::is_ascii_digit).map(|skipped| at + skipped);
                let Some(start) = rest else { return };
                let length = input.iter().skip(start).take_while(|byte| is_of_number(byte)).count();
                input.splice(start..start + length, token.bytes());
            }
            6 => {
                let bit = 1 << self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bit;
                }
            }
            _ => {
                let copied = input.get(start..end.min(start + 64)).unwrap_or_default().to_vec();
                drop(input.splice(at..at, copied));
            }
        }
    }
}

impl Iterator for Variants {
    type Item = Vec<u8>;

    /// There is always one more.
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut input = self.any();
        for _ in 0..=self.below(3) {
            self.change(&mut input);
        }
        Some(input)
    }
}
