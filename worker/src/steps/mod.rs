//! Steps that several jobs take, or a job and a command. None of them is a job.

pub(crate) mod batch;
pub(crate) mod checkout_page;
pub(crate) mod comparison;
pub(crate) mod creem_objects;
pub(crate) mod effects;
pub(crate) mod facts;
pub(crate) mod giving_back;
pub(crate) mod orders;
pub(crate) mod reversal_comparison;
pub(crate) mod stripe_objects;
pub(crate) mod stripe_reversals;
pub(crate) mod sweeping;
pub(crate) mod webhook_jobs;
pub(crate) mod windows;
