-- How far an installation in test mode is ahead of real time: one fact, which every process follows.

create table test_clock (
    only_row       boolean primary key default true,
    offset_seconds bigint  not null default 0,
    -- How often it was moved: a move is in force in a process that has seen this number.
    moves          integer not null default 0,
    -- The caller and the idempotency key of the last move: sent again, it moves nothing.
    moved_by       text,
    constraint test_clock_is_one_row check (only_row),
    constraint test_clock_not_behind check (offset_seconds >= 0)
);

insert into test_clock default values;
