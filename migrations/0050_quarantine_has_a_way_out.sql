-- An event in quarantine is settled by an operator, who credits its order or dismisses it, or by coming again after a
-- repair. What it says is kept beside its text, so that it can be read without knowing the provider's form.

alter table provider_events
    -- Null while it waits, and for events that never were in quarantine.
    add column settled_as text,
    add column settled_at timestamptz,
    add column statement  jsonb,
    add constraint provider_events_settled_as check (settled_as in ('credited', 'dismissed')),
    add constraint provider_events_settled check ((settled_as is null) = (settled_at is null));

create index provider_events_open on provider_events (handled_at, provider, event_id)
    where outcome = 'quarantined' and settled_as is null;
create index provider_events_by_time on provider_events (handled_at, provider, event_id);
-- What an operator has dismissed is no difference in the books.
create index provider_events_dismissed on provider_events (object_id) where settled_as = 'dismissed';

alter table payments
    -- What was paid, where an operator accepted something else than was ordered.
    add column accepted_minor    bigint,
    add column accepted_currency text,
    add constraint payments_accepted check ((accepted_minor is null) = (accepted_currency is null));
