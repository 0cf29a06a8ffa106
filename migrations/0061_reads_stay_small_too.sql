-- Few reversals wait for their payment. They are found by the payment's name alone, never by walking through all that
-- wait.
drop index reversals_by_payment;
create index reversals_by_payment on reversals (payment_id) where payment_id is not null;
