-- Where credits live. Amounts are millionths of a credit.
--
-- The balance of a wallet = the sum of its ledger entries = the sum of what remains of its grants, less its debt.

create table wallets (
    id              uuid        not null,
    user_id         text,
    organization_id bigint,
    balance         bigint      not null default 0,
    -- Reserved by active holds: part of the balance, but not available.
    held            bigint      not null default 0,
    -- What a reversal took back after it had been spent. New grants pay it first.
    debt            bigint      not null default 0,
    created_at      timestamptz not null,
    constraint wallets_pkey primary key (id),
    constraint wallets_one_owner check (num_nonnulls(user_id, organization_id) = 1),
    constraint wallets_user_unique unique (user_id),
    constraint wallets_organization_unique unique (organization_id),
    constraint wallets_user_fkey foreign key (user_id) references users (id),
    constraint wallets_organization_fkey foreign key (organization_id) references organizations (id),
    constraint wallets_held_not_negative check (held >= 0),
    constraint wallets_debt_not_negative check (debt >= 0),
    constraint wallets_negative_only_by_debt check (balance >= 0 or balance = -debt)
)
-- Every purchase and every debit rewrites the row: free space in the page lets that happen without touching an index.
with (fillfactor = 70);

create table grants (
    id         uuid        not null,
    wallet_id  uuid        not null,
    payment_id uuid,
    source     text        not null,
    amount     bigint      not null,
    remaining  bigint      not null,
    -- Burnt before grants with a higher number that expire at the same time.
    priority   smallint    not null,
    expires_at timestamptz,
    created_at timestamptz not null,
    -- Kept apart from `remaining` so that a debit which leaves something rewrites no index.
    is_open    boolean     not null,
    constraint grants_pkey primary key (id),
    constraint grants_one_per_payment unique (payment_id),
    constraint grants_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint grants_source check (source in ('purchase', 'plan', 'checkin', 'coupon', 'manual', 'store')),
    constraint grants_amount_positive check (amount > 0),
    constraint grants_remaining_in_range check (remaining between 0 and amount),
    constraint grants_open_while_remaining check (is_open = (remaining > 0))
) with (fillfactor = 85);

-- The order in which grants burn down: soonest expiry, lowest priority number, oldest.
create index grants_in_burn_order on grants (wallet_id, expires_at, priority, created_at, id) where is_open;
create index grants_to_expire on grants (expires_at) where is_open and expires_at is not null;

create table ledger_entries (
    id              uuid        not null,
    wallet_id       uuid        not null,
    -- Signed, seen from the wallet; the counter-account moves by the opposite amount.
    amount          bigint      not null,
    counter_account text        not null,
    entry_type      text        not null,
    description     text,
    -- What caused the entry. Unique: the same cause is never applied twice.
    source_kind     text        not null,
    source_id       text        not null,
    balance_after   bigint      not null,
    created_at      timestamptz not null,
    constraint ledger_entries_pkey primary key (wallet_id, id),
    constraint ledger_entries_source_unique unique (source_kind, source_id),
    constraint ledger_entries_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint ledger_entries_amount_not_zero check (amount <> 0),
    constraint ledger_entries_counter_account check (counter_account in
        ('stripe', 'creem', 'revenuecat', 'promotion', 'usage', 'expiry', 'refund', 'manual'))
);

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only: % is refused', tg_op using errcode = 'restrict_violation';
end
$$;

create trigger ledger_entries_append_only before update or delete or truncate on ledger_entries
    for each statement execute function refuse_ledger_change();

create table holds (
    id          uuid        not null,
    wallet_id   uuid        not null,
    user_id     text        not null,
    amount      bigint      not null,
    captured    bigint      not null default 0,
    state       text        not null default 'active',
    description text,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    ended_at    timestamptz,
    constraint holds_pkey primary key (id),
    constraint holds_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint holds_user_fkey foreign key (user_id) references users (id),
    constraint holds_amount_positive check (amount > 0),
    constraint holds_captured_in_range check (captured between 0 and amount),
    constraint holds_state check (state in ('active', 'captured', 'released', 'expired')),
    constraint holds_ended check ((state = 'active') = (ended_at is null))
);

create index holds_to_expire on holds (expires_at) where state = 'active';
create index holds_by_wallet on holds (wallet_id, created_at);
