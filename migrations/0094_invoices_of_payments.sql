-- What is known of the invoice of a payment: of a period of a subscription, or of a one-off purchase where invoices are
-- asked for.

alter table payments
    add column invoice_id       text,
    add column invoice_number   text,
    add column invoice_pdf_url  text,
    add column invoice_page_url text;
