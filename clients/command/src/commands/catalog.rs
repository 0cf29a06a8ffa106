//! What is for sale. Packs, plans, coupons and check-ins are written as the JSON that `show --json` prints.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::read;
use crate::failure::Failure;
use crate::operation::{Credits, Operation};

const PACKS: &[&str] =
    &["packId", "name", "credits", "price.minor", "price.currency", "expiresAfterDays", "active"];
const PLANS: &[&str] =
    &["planId", "name", "monthly.credits", "monthly.price.minor", "monthly.price.currency", "active"];
const COUPONS: &[&str] =
    &["couponId", "code", "percent", "bonusCredits", "credits", "maxRedemptions", "active"];
const PRICES: &[&str] = &["currency", "credits", "minor"];

#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Packs of credits
    #[command(subcommand)]
    Packs(Part),
    /// Subscriptions
    #[command(subcommand)]
    Plans(Part),
    /// Coupons
    #[command(subcommand)]
    Coupons(Part),
    /// What any amount of credits costs
    #[command(subcommand)]
    Prices(Prices),
    /// What users get for checking in once a day
    #[command(subcommand)]
    CheckIn(CheckIn),
}

#[derive(Debug, Subcommand)]
pub enum Part {
    /// All of them, also those that are not sold any more
    List,
    Show {
        id: String,
    },
    /// Add one
    Create {
        /// JSON; - reads the standard input
        file: String,
    },
    /// Replace one; with "active": false it is not sold any more
    Put {
        id: String,
        /// JSON; - reads the standard input
        file: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Prices {
    List,
    /// Set the price for a currency
    Put(NewPrice),
}

#[derive(Debug, Subcommand)]
pub enum CheckIn {
    Show,
    /// Replace the settings; "enabled": false stops check-ins
    Put {
        /// JSON; - reads the standard input
        file: String,
    },
}

#[derive(Args, Debug, Serialize)]
pub struct NewPrice {
    #[serde(skip)]
    currency: String,
    /// So many credits…
    #[arg(long)]
    credits: Credits,
    /// …cost so much, in the currency's smallest unit (cents for usd)
    #[arg(long)]
    minor: u64,
}

impl Part {
    fn operation(
        self,
        resource: &'static str,
        columns: &'static [&'static str],
    ) -> Result<Operation, Failure> {
        match self {
            Self::List => Ok(Operation::get(["catalog", resource]).all(columns)),
            Self::Show { id } => Ok(Operation::get(["catalog", resource, &id])),
            Self::Create { file } => Operation::post(["catalog", resource]).json(read(&file)?),
            Self::Put { id, file } => Operation::put(["catalog", resource, &id]).json(read(&file)?),
        }
    }
}

impl Catalog {
    pub fn operation(self) -> Result<Operation, Failure> {
        match self {
            Self::Packs(part) => part.operation("packs", PACKS),
            Self::Plans(part) => part.operation("plans", PLANS),
            Self::Coupons(part) => part.operation("coupons", COUPONS),
            Self::Prices(Prices::List) => Ok(Operation::get(["catalog", "credit-prices"]).list(PRICES)),
            Self::CheckIn(CheckIn::Show) => Ok(Operation::get(["catalog", "check-in"])),
            Self::CheckIn(CheckIn::Put { file }) => {
                Operation::put(["catalog", "check-in"]).json(read(&file)?)
            }
            Self::Prices(Prices::Put(price)) => {
                Operation::put(["catalog", "credit-prices", &price.currency]).body(&price)
            }
        }
    }
}
