//! Which period a payment counts for, and how long what it grants lasts.

use sqlx::PgConnection;

use super::{Paid, Period, Subscription, rules, store};
use crate::payments::periods::payment_lapses_at;
use crate::plans::Terms;
use kernel::clock::Timestamp;
use kernel::ids::PaymentId;

/// Records the period that a payment is for. `settles_carried` says that what was carried on took a part of its
/// credits.
///
/// # Errors
/// Database errors only.
pub(super) async fn record(
    connection: &mut PgConnection,
    now: Timestamp,
    subscription: &Subscription,
    payment: PaymentId,
    paid: &Paid,
    terms: &Terms,
    settles_carried: bool,
) -> Result<(), sqlx::Error> {
    let Some(ends_at) = paid.period_end else { return payment_lapses_at(connection, payment, None).await };
    let begins_at = paid.period_start.or(subscription.current_period_end).unwrap_or(now);
    let own = Period { payment, begins_at, ends_at };
    let counted = if settles_carried {
        counts_for(own, &store::periods_since(connection, subscription.id, ends_at).await?)
    } else {
        own
    };
    let lapses = if terms.rollover { None } else { Some(rules::lapses_after(counted.ends_at)) };
    payment_lapses_at(connection, payment, lapses).await?;
    store::period_write(connection, subscription.id, &counted).await
}

/// The period for which a payment counts that settles what was carried on. Payments may be heard of in the wrong order:
/// had this one come before those of later periods, it would have settled all of it, and what is left over would be the
/// newest one's.
fn counts_for(own: Period, later: &[Period]) -> Period {
    let newest = later.iter().max_by_key(|period| period.ends_at);
    newest.map_or(own, |newest| Period { payment: own.payment, ..*newest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn what_is_left_of_a_late_payment_that_settles_counts_for_the_newest_period() {
        let period = |month: u8| Period {
            payment: PaymentId::new(),
            begins_at: datetime!(2026-01-01 00:00 UTC).replace_month(month.try_into().unwrap()).unwrap(),
            ends_at: datetime!(2026-01-28 00:00 UTC).replace_month(month.try_into().unwrap()).unwrap(),
        };
        let (february, march, april) = (period(2), period(3), period(4));
        assert_eq!(counts_for(february, &[]), february);
        let counted = counts_for(february, &[april, march]);
        assert_eq!(counted, Period { payment: february.payment, ..april });
    }
}
