-- Orders through Purser's own API: the host application's reference and metadata, the request that placed one, and how
-- long what is bought lasts.

alter table payments
    -- The host application's own id of it.
    add column reference                text
        constraint payments_reference_length check (char_length(reference) between 1 and 200),
    add column metadata                 jsonb,
    -- Of the caller and the idempotency key: sent again, the request is the same order for ever. With the hash of what
    -- was asked for.
    add column request_id               uuid,
    add column request_fingerprint      bytea,
    -- For so many days from when it is paid; none: for good, or as long as a period says.
    add column expires_after_days       integer,
    add column bonus_expires_after_days integer,
    add constraint payments_request check ((request_id is null) = (request_fingerprint is null)),
    add constraint payments_expiry_positive check (expires_after_days > 0 and bonus_expires_after_days > 0);

create unique index payments_by_request on payments (request_id) where request_id is not null;
-- Lists are the newest first, and a number is given with each order. Most orders are completed: those are found by
-- their numbers.
create index payments_by_reference on payments (reference, number) where reference is not null;
create index payments_by_wallet_and_state on payments (wallet_id, state, number);
create index payments_by_state on payments (state, number) where state <> 'completed';

alter table packs
    add column expires_after_days integer
        constraint packs_expiry_positive check (expires_after_days > 0);

-- A coupon of the kind `credits` gives its credits at once, to whoever redeems it.
alter table coupons
    add column expires_after_days integer
        constraint coupons_expiry_positive check (expires_after_days > 0),
    drop constraint coupons_kind,
    add constraint coupons_kind check (kind in ('percent', 'amount', 'bonus_credits', 'credits'));
