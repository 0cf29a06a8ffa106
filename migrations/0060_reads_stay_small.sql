-- Indexes for what was read whole, or nearly: a statement reads about as many rows as it returns.

-- A wallet's newest top-up, and the statement of a wallet.
create index payments_by_wallet on payments (wallet_id, completed_at desc, created_at desc)
    where completed_at is not null and credits > 0;
create index payments_unpaid_by_wallet on payments (user_id, wallet_id, id) where completed_at is null;
-- Reconciliation asks about the pages of a window that nobody is known to have paid on.
create index payments_unpaid_by_age on payments (provider, created_at)
    where completed_at is null and provider_session is not null;
drop index payments_by_creation;

-- Names of packages that a user may still give.
create index packages_by_name on packages (user_id, name);

-- Orders that can still be paid.
create index payments_open_by_wallet on payments (wallet_id, created_at desc) where state in ('created', 'pending');
create index payments_open_by_user on payments (user_id, expires_at) where state in ('created', 'pending');

-- The newest events of an outcome, and the oldest, which are removed first.
create index provider_events_by_outcome on provider_events (outcome, handled_at);
drop index provider_events_quarantined;

create index dead_letters_by_state on dead_letters (state, died_at desc, id desc);
create index dead_letters_settled on dead_letters (settled_at) where settled_at is not null;

-- What is carried belongs to the customer at the provider.
create index subscriptions_carrying on subscriptions (provider, provider_customer) where carried < 0;

create index recharge_runs_newest on recharge_runs (wallet_id, reserved_at desc, id desc);
-- Few wallets wait for a recharge; all that recharge were looked through for them.
create index wallets_recharge_due on wallets (id) where recharge_due_below is not null;
