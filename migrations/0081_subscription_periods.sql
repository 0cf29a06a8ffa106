-- Which payment paid for which period of a subscription. When a renewal is decided, only what that subscription granted
-- lapses: a wallet may have several.

create table subscription_periods (
    payment_id      uuid        not null,
    subscription_id uuid        not null,
    begins_at       timestamptz not null,
    ends_at         timestamptz not null,
    constraint subscription_periods_pkey primary key (payment_id),
    constraint subscription_periods_payment_fkey foreign key (payment_id) references payments (id),
    constraint subscription_periods_subscription_fkey foreign key (subscription_id) references subscriptions (id)
);

create index subscription_periods_newest on subscription_periods (subscription_id, ends_at);

-- Credits of a period outlasted it by 15 days.
insert into subscription_periods (payment_id, subscription_id, begins_at, ends_at)
select distinct on (payments.id) payments.id, subscriptions.id, completed_at, credits_expire_at - interval '15 days'
from payments
join subscriptions on subscriptions.wallet_id = payments.wallet_id and subscriptions.provider = payments.provider
where payments.kind = 'subscription' and credits_expire_at is not null and completed_at is not null
order by payments.id, subscriptions.payment_id <> payments.id, subscriptions.created_at;
