//! What becomes of a user, decided without a database.

use identity::bulk::KnownUser;
use kernel::clock::Timestamp;
use kernel::ids::{GrantId, UserId, WalletId};
use kernel::metadata::Metadata;
use kernel::money::Credits;
use ledger::GrantSource;
use ledger::grants::GrantView;
use time::macros::datetime;

use super::rules::{Existing, Lacking, Step, check_customer, check_name, decide};
use super::{Field, ImportedUser, OpeningBalance, Refused};

const NOW: Timestamp = datetime!(2026-11-28 12:00 UTC);
const LATER: Timestamp = datetime!(2027-11-28 12:00 UTC);

fn wanted() -> ImportedUser {
    ImportedUser {
        id: UserId::try_from("alice".to_owned()).unwrap(),
        email: Some("alice@example.com".to_owned()),
        name: None,
        opening: Some(OpeningBalance {
            credits: Credits::from_millionths(12_500_000),
            source: GrantSource::Manual,
            priority: 100,
            expires_at: Some(LATER),
        }),
        stripe_customer: Some("cus_1".to_owned()),
    }
}

/// The user as the import made her.
fn imported(wallet_id: WalletId) -> Existing {
    let wanted = wanted();
    let user =
        KnownUser { id: wanted.id, email: wanted.email, name: wanted.name, is_erased: false, wallet_id };
    let opening = GrantView {
        id: GrantId::new(),
        wallet_id,
        source: GrantSource::Manual,
        credits: Credits::from_millionths(12_500_000),
        remaining: Credits::ZERO,
        priority: 100,
        expires_at: Some(LATER),
        created_at: NOW,
        payment_id: None,
        voided_at: None,
        metadata: Metadata::default(),
    };
    Existing { user, stripe_customer: wanted.stripe_customer, opening: Some(opening) }
}

fn differing(step: &Step) -> Vec<(Field, Option<&str>)> {
    let Step::Report(differences) = step else { panic!("{step:?}") };
    differences.iter().map(|one| (one.field, one.found.as_deref())).collect()
}

#[test]
fn a_user_who_was_imported_stays_as_they_are_also_when_the_credits_are_spent_and_lapsed() {
    let wallet = WalletId::new();
    let there = imported(wallet);
    for completes in [false, true] {
        let late = datetime!(2030-01-01 00:00 UTC);
        for now in [NOW, late] {
            assert_eq!(decide(&wanted(), Some(&there), Some(wallet), completes, now), Step::Nothing);
        }
    }
    // Voided, the grant ended early, which the file cannot know.
    let mut voided = imported(wallet);
    let grant = voided.opening.as_mut().unwrap();
    (grant.voided_at, grant.expires_at) = (Some(NOW), Some(NOW));
    assert_eq!(decide(&wanted(), Some(&voided), Some(wallet), false, NOW), Step::Nothing);
}

#[test]
fn what_changed_is_reported_and_never_applied() {
    let wallet = WalletId::new();
    let there = imported(wallet);
    let mut other = wanted();
    other.email = Some("bob@example.com".to_owned());
    other.stripe_customer = Some("cus_2".to_owned());
    let opening = other.opening.as_mut().unwrap();
    (opening.credits, opening.source, opening.expires_at) =
        (Credits::from_millionths(1), GrantSource::Promotion, None);
    let fields = [
        (Field::Email, Some("alice@example.com")),
        (Field::StripeCustomer, Some("cus_1")),
        (Field::Credits, Some("12.5")),
        (Field::Kind, Some("paid")),
        (Field::ExpiresAt, Some("2027-11-28T12:00:00.000Z")),
    ];
    for completes in [false, true] {
        let step = decide(&other, Some(&there), None, completes, NOW);
        assert_eq!(differing(&step), fields, "{completes}");
    }
    let none = ImportedUser { opening: None, ..wanted() };
    let step = decide(&none, Some(&there), Some(wallet), true, NOW);
    assert_eq!(differing(&step), [(Field::Credits, Some("12.5"))]);
}

#[test]
fn what_a_user_lacks_is_given_only_if_that_is_wished() {
    let wallet = WalletId::new();
    let mut there = imported(wallet);
    (there.opening, there.stripe_customer, there.user.email) = (None, None, None);
    let step = decide(&wanted(), Some(&there), None, false, NOW);
    assert_eq!(
        differing(&step),
        [(Field::Email, None), (Field::StripeCustomer, None), (Field::Credits, None)]
    );
    let all = Lacking { email: true, name: false, opening: true, stripe_customer: true };
    assert_eq!(decide(&wanted(), Some(&there), None, true, NOW), Step::Complete(wallet, all));
    // One difference keeps all of it from being given.
    there.user.email = Some("other@example.com".to_owned());
    assert_eq!(differing(&decide(&wanted(), Some(&there), None, true, NOW)).len(), 3);
}

#[test]
fn what_cannot_be_is_refused() {
    let wallet = WalletId::new();
    let mut late = wanted();
    late.opening.as_mut().unwrap().expires_at = Some(NOW);
    assert_eq!(decide(&late, None, None, false, NOW), Step::Refuse(Refused::Lapsed));
    let mut there = imported(wallet);
    there.opening = None;
    assert_eq!(decide(&late, Some(&there), Some(wallet), true, NOW), Step::Refuse(Refused::Lapsed));
    let other = Some(WalletId::new());
    assert_eq!(decide(&wanted(), None, other, false, NOW), Step::Refuse(Refused::CustomerOfAnother));
    assert_eq!(decide(&wanted(), Some(&there), other, false, NOW), Step::Refuse(Refused::CustomerOfAnother));
    there.user.is_erased = true;
    assert_eq!(decide(&wanted(), Some(&there), Some(wallet), true, NOW), Step::Refuse(Refused::Erased));
    assert_eq!(decide(&wanted(), None, None, false, NOW), Step::Create);
}

#[test]
fn names_and_customers() {
    assert!(check_name("users-2026.11_a") && !check_name("") && !check_name("a:b") && !check_name("a b"));
    assert!(!check_name(&"a".repeat(65)) && check_name(&"a".repeat(64)));
    assert!(check_customer("cus_QJ7x_1") && !check_customer("cus_") && !check_customer("sub_1"));
    assert!(!check_customer("cus_a b") && !check_customer(&format!("cus_{}", "a".repeat(252))));
}
