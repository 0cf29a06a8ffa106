-- Webhooks as received, with what became of each. The text is kept only where a person has to look at it.

create table provider_events (
    provider    text        not null,
    event_id    text        not null,
    event_type  text        not null,
    object_id   text,
    payment_id  uuid,
    outcome     text        not null,
    reason      text,
    body        text,
    received_at timestamptz not null,
    handled_at  timestamptz not null,
    constraint provider_events_pkey primary key (provider, event_id),
    constraint provider_events_outcome check (outcome in ('applied', 'no_change', 'ignored', 'sent_to_verify', 'quarantined'))
);

create index provider_events_quarantined on provider_events (handled_at) where outcome = 'quarantined';
