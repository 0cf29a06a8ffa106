-- A store may sell several of a product at once. How many is credited only where it is told; where the price says that
-- there were several and nobody says how many, the purchase is held until an operator does.

alter table store_purchases
    add column quantity      bigint,
    add column paid_minor    bigint,
    add column paid_currency text,
    add column is_held       boolean not null default false,
    add constraint store_purchases_quantity check (quantity between 1 and 1000);
