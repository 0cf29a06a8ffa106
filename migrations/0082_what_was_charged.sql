-- What a buyer was charged, with tax and after discounts at the provider: what goes back is a share of this. In smallest
-- units of the payment's currency.

alter table payments
    add column charged_minor bigint constraint payments_charged_not_negative check (charged_minor >= 0);
