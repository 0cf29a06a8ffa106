-- Jobs that nobody could do. The broker's queues of dead letters are emptied into this table, where operators list,
-- search, replay and discard them.

create table dead_letters (
    -- The message's own id, so that one which is delivered again is the same letter.
    id         uuid        not null,
    -- Who was to do it. Not checked: a message that could not be routed may name a role of another version.
    role       text        not null,
    -- Null where the message is no job.
    kind       text,
    reason     text        not null,
    attempts   bigint      not null,
    died_at    timestamptz not null,
    state      text        not null default 'waiting',
    -- The message as it travelled. May have personal data: it is forgotten when the letter is settled.
    body       bytea,
    settled_at timestamptz,
    constraint dead_letters_pkey primary key (id),
    constraint dead_letters_state check (state in ('waiting', 'replayed', 'discarded')),
    constraint dead_letters_settled check ((state = 'waiting') = (settled_at is null)),
    constraint dead_letters_body check ((state = 'waiting') = (body is not null))
);

create index dead_letters_waiting on dead_letters (died_at) where state = 'waiting';

-- Reconciliation reads the payments of a window. Payments lie nearly in the order in which they are paid, so a few
-- numbers for each stretch of the table will do, and credit no payment later than without.
create index payments_by_completion on payments using brin (completed_at);
create index payments_by_creation on payments using brin (created_at);
