-- Whether it was told that a grant lapses soon: once for each.
alter table grants add column expiry_told boolean not null default false;

create index grants_to_tell on grants (expires_at) where is_open and not expiry_told and expires_at is not null;
