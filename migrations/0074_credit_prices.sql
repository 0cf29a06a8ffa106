-- What any amount of credits costs, by currency: so many credits, in millionths, for so much money, in smallest units.

create table credit_prices (
    currency    text        not null,
    credits     bigint      not null,
    price_minor bigint      not null,
    updated_at  timestamptz not null,
    constraint credit_prices_pkey primary key (currency),
    constraint credit_prices_currency_shape check (currency ~ '^[a-z]{3}$'),
    constraint credit_prices_positive check (credits > 0 and price_minor > 0)
);

-- Until now it was one US cent for a credit. A new installation sells nothing until it is told to.
insert into credit_prices (currency, credits, price_minor, updated_at)
select 'usd', 1000000, 1, now() where exists (select from users);
