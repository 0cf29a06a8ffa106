-- Refunds that the host application, or an operator, has a provider make. What the provider then says of them is in
-- `reversals`, like every refund.

create table refund_requests (
    id                  uuid        not null,
    payment_id          uuid        not null,
    -- In the smallest unit of the payment's currency, with tax, as it was charged.
    amount_minor        bigint      not null,
    reason              text        not null,
    requested_by        text        not null,
    state               text        not null,
    -- In the provider's words, or why the outcome is not known.
    refusal             text,
    -- The provider's id of the refund, where it has one.
    provider_refund     text,
    -- When the provider was asked first. One without idempotency keys is asked once.
    asked_at            timestamptz,
    -- Of the caller and the idempotency key: sent again, the request is the same refund for ever.
    request_id          uuid,
    request_fingerprint bytea,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    constraint refund_requests_pkey primary key (id),
    constraint refund_requests_payment_fkey foreign key (payment_id) references payments (id),
    constraint refund_requests_amount_positive check (amount_minor > 0),
    constraint refund_requests_state check (state in ('requested', 'done', 'refused', 'unclear')),
    constraint refund_requests_refusal check ((state in ('refused', 'unclear')) = (refusal is not null)),
    constraint refund_requests_request check ((request_id is null) = (request_fingerprint is null))
);

create unique index refund_requests_by_request on refund_requests (request_id) where request_id is not null;
create index refund_requests_by_payment on refund_requests (payment_id, id);
