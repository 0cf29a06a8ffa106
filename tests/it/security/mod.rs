//! What attackers try, each rule of the defence in its own words, against the running system.

mod idor;
