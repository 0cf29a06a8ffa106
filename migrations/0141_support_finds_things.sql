-- What people look for, and the whole story of an order.
create index payments_by_invoice on payments (invoice_id) where invoice_id is not null;
create index payments_by_invoice_number on payments (invoice_number) where invoice_number is not null;
create index provider_events_by_payment on provider_events (payment_id, handled_at) where payment_id is not null;
-- Messages of before have no order here: what is kept of them is gone within their retention.
alter table webhook_deliveries add column order_id uuid;
create index webhook_deliveries_by_order on webhook_deliveries (order_id, id) where order_id is not null;
create index auto_recharge_paused on auto_recharge (wallet_id) where paused_at is not null;
-- The causes of reversals begin with their payment.
create index ledger_entries_of_reversals on ledger_entries (source_id text_pattern_ops) where source_kind = 'reversal';
