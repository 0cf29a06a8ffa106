-- How long jobs waited in each role's queue, as the workers that took them say: a queue that nobody empties shows.
create table queue_waits (
    role text not null,
    -- The longest wait of a job since the row was written before.
    waited_seconds bigint not null,
    -- When a job was taken, to ten seconds or so.
    taken_at timestamptz not null,
    constraint queue_waits_pkey primary key (role),
    constraint queue_waits_not_negative check (waited_seconds >= 0)
);
