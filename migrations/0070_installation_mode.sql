-- Whether this installation takes real money: one fact, which no process may see differently.

create table installation (
    -- There is one row, and none until the first process has started.
    id        boolean     not null default true,
    mode      text        not null,
    chosen_at timestamptz not null,
    constraint installation_pkey primary key (id),
    constraint installation_one_row check (id),
    constraint installation_mode check (mode in ('test', 'live'))
);

-- An installation that has sold something is what its orders say. Test orders beside live ones are what this table
-- exists to prevent.
insert into installation (mode, chosen_at)
select case when exists (select from payments where livemode) then 'live' else 'test' end, now()
where exists (select from payments);

-- Credits of one mode must not be spent in the other.
create function keep_installation_mode() returns trigger language plpgsql as $$
begin
    if new.mode <> old.mode and exists (select from payments) then
        raise exception 'an installation that has orders keeps its mode'
            using errcode = 'restrict_violation', constraint = 'installation_mode_final';
    end if;
    return new;
end
$$;

create trigger installation_keeps_mode before update on installation
    for each row execute function keep_installation_mode();
