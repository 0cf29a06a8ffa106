//! What movements need to be read, before they are decided. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::store::WalletRow;
use super::{Change, Movement};
use kernel::ids::{GrantId, WalletId};
use kernel::money::Credits;

/// In the order in which they are locked.
pub(super) fn wallets_of(movements: &[Movement]) -> Vec<WalletId> {
    let ids: BTreeSet<WalletId> = movements.iter().map(|movement| movement.wallet_id).collect();
    ids.into_iter().collect()
}

/// The least that can be asked for.
const LEAST: Credits = Credits::from_millionths(1);

/// For each wallet that is to be burnt from, how much at the most.
pub(super) fn needs(rows: &[WalletRow], movements: &[Movement]) -> BTreeMap<WalletId, Credits> {
    let held =
        |wallet: WalletId| rows.iter().find(|row| row.id == wallet).map_or(Credits::ZERO, |row| row.held);
    let mut needs = BTreeMap::new();
    for movement in movements {
        let need = match movement.change {
            Change::Debit(amount) | Change::Hold(amount) | Change::Reverse { amount, .. } => amount,
            Change::Capture { spend, .. } => spend,
            // Enough to read all that has lapsed, and one that has not.
            Change::Release(_) | Change::Expire(_) | Change::GiveBack { .. } => LEAST,
            // And all that covers what is held before the grant does.
            Change::Void(_) => held(movement.wallet_id).max(LEAST),
            Change::Grant(_) | Change::Grants(_) => continue,
        };
        let sum: &mut Credits = needs.entry(movement.wallet_id).or_default();
        *sum = sum.checked_add(need.max(Credits::ZERO)).unwrap_or(Credits::from_millionths(i64::MAX));
    }
    needs
}

/// The grants that are named, open or not.
pub(super) fn named_grants(movements: &[Movement]) -> Vec<GrantId> {
    movements
        .iter()
        .flat_map(|movement| match &movement.change {
            Change::Expire(grant) | Change::Void(grant) => vec![*grant],
            Change::Reverse { grants, .. } => grants.clone(),
            Change::GiveBack { parts, .. } => parts.iter().map(|(grant, _)| *grant).collect(),
            _ => Vec::new(),
        })
        .collect()
}
