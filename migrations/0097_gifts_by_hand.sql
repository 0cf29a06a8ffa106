-- Credits that an operator gives as a gift. Every grant met the narrower constraint, so none is looked at.

alter table grants
    drop constraint grants_source,
    add constraint grants_source check (source in
        ('purchase', 'plan', 'checkin', 'coupon', 'manual', 'store', 'promotion')) not valid;
