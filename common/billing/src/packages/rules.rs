//! How packages are named. Pure.

use super::{Label, PackageError};

/// What a second package without a name is called.
const UNTITLED: &str = "Untitled Workspace";

const NAME_MAX: usize = 200;
const DESCRIPTION_MAX: usize = 2_000;

/// Checks what a buyer calls a package.
///
/// # Errors
/// [`PackageError::Invalid`].
pub fn check_label(label: &Label) -> Result<(), PackageError> {
    let fits = |text: &Option<String>, max: usize| {
        text.as_ref().is_none_or(|text| {
            text.chars().count() <= max && !text.chars().any(|letter| letter.is_control() && letter != '\n')
        })
    };
    if !fits(&label.name, NAME_MAX) {
        return Err(PackageError::Invalid(
            "The name must have at most 200 characters and no control characters.",
        ));
    }
    if !fits(&label.description, DESCRIPTION_MAX) {
        return Err(PackageError::Invalid(
            "The description must have at most 2000 characters and no control characters.",
        ));
    }
    Ok(())
}

/// The name to try when `name` is taken: `X` becomes `X(1)`, and that `X(2)`. The number is what follows the last
/// parenthesis that has something behind it, so `A(x)7` becomes `A(x)8)`.
pub fn next_name(name: Option<&str>) -> String {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return UNTITLED.to_owned() };
    let is_parenthesis = |letter: char| letter == '(' || letter == ')';
    let trimmed = name.trim_end_matches(is_parenthesis);
    let token = trimmed.rsplit(is_parenthesis).next().unwrap_or_default();
    let number: Option<i32> = token.parse().ok();
    match number.and_then(|number| number.checked_add(1)) {
        Some(next) if name.contains(is_parenthesis) => {
            let start = trimmed.strip_suffix(token).unwrap_or_default();
            format!("{start}{next})")
        }
        _ => format!("{name}(1)"),
    }
}

/// The wanted name and those to try after it, in their order.
pub fn names_from(wanted: Option<String>, count: usize) -> Vec<Option<String>> {
    std::iter::successors(Some(wanted), |name| Some(Some(next_name(name.as_deref())))).take(count).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_name_has_its_successor() {
        for (name, next) in [
            ("X", "X(1)"),
            ("X(1)", "X(2)"),
            ("X(9)", "X(10)"),
            ("Foo (1)", "Foo (2)"),
            ("Foo(bar)", "Foo(bar)(1)"),
            ("Foo(bar)(1)", "Foo(bar)(2)"),
            ("A(x)7", "A(x)8)"),
            ("Foo()", "Foo()(1)"),
            ("5", "5(1)"),
            ("(5", "(6)"),
            ("Foo(-1)", "Foo(0)"),
            ("Foo( 1)", "Foo( 1)(1)"),
            ("Foo(2147483647)", "Foo(2147483647)(1)"),
            ("Foo(99999999999999999999)", "Foo(99999999999999999999)(1)"),
            ("()", "()(1)"),
            ("Größe(1)", "Größe(2)"),
            ("箱", "箱(1)"),
            ("", "Untitled Workspace"),
            ("Untitled Workspace", "Untitled Workspace(1)"),
        ] {
            assert_eq!(next_name(Some(name)), next, "{name}");
        }
        assert_eq!(next_name(None), "Untitled Workspace");
    }

    #[test]
    fn names_follow_each_other() {
        let names = |wanted: Option<&str>| names_from(wanted.map(str::to_owned), 3);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(names(Some("X")), [some("X"), some("X(1)"), some("X(2)")]);
        assert_eq!(names(None), [None, some("Untitled Workspace"), some("Untitled Workspace(1)")]);
        assert_eq!(names(Some("")), [some(""), some("Untitled Workspace"), some("Untitled Workspace(1)")]);
    }

    #[test]
    fn labels_that_cannot_be_stored_are_refused() {
        let named = |name: String| check_label(&Label { name: Some(name), description: None });
        assert!(named("é".repeat(200)).is_ok() && named(String::new()).is_ok());
        assert!(named("x".repeat(201)).is_err() && named("a\0b".to_owned()).is_err());
        let described = Label { name: None, description: Some("x".repeat(2_001)) };
        assert!(check_label(&described).is_err() && check_label(&Label::default()).is_ok());
    }

    proptest! {
        /// However often a name is used, there is another one.
        #[test]
        fn names_never_run_out(name in "[a-c0-9() ]{0,8}", count in 1_usize..40) {
            let names: HashSet<Option<String>> = names_from(Some(name), count).into_iter().collect();
            prop_assert_eq!(names.len(), count);
        }
    }
}
