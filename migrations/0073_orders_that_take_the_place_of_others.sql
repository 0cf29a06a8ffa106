-- A buyer who gave a page up and orders again: the later order takes the place, and the coupon, of the earlier one, whose
-- page is closed before the next one opens. And one subscription to a wallet.

alter table payments
    add column superseded_by uuid constraint payments_superseded_by_fkey references payments (id);

create index payments_superseded on payments (superseded_by) where superseded_by is not null;
create index payments_subscription_pages on payments (wallet_id)
    where mode = 'subscription' and state in ('created', 'pending');
create index subscriptions_live_by_wallet on subscriptions (wallet_id) where state <> 'canceled';

-- The plan that the provider says a subscription is on, until a payment for it makes that the terms.
alter table subscriptions
    add column told_plan_id  text constraint subscriptions_told_plan_fkey references plans (id),
    add column told_interval text constraint subscriptions_told_interval check (told_interval in ('month', 'year')),
    add constraint subscriptions_told_plan_has_interval check ((told_plan_id is null) = (told_interval is null));
