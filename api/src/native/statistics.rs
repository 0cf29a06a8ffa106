//! What was sold, spent, granted, lapsed and refunded over a time.

use billing::statistics::{Figures, INTERVALS, Interval, Point, Statistics, StatisticsError, statistics};
use identity::rights::Scope;
use kernel::clock::Timestamp;
use kernel::money::CreditsTotal;
use serde::Serialize;
use time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;
use warp::http::StatusCode;

use super::entries::moment;
use crate::http::call::Call;
use crate::http::description::{Access, Description};
use crate::http::endpoint::Endpoint;
use crate::http::values::{Moment, MoneyValue, TotalAmount, one_of};
use crate::http::{Response, answer};
use crate::problem::Problem;
use crate::state::SharedState;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(
        "/purser/v1/statistics",
        read,
        Description::new(Access::Operator(Scope::Read), "What was sold, spent, granted, lapsed and refunded")
            .says(
                "Of all wallets together, for each hour, day or month in UTC. The figures agree with the ledger at \
                 any moment: what is outstanding changes by `sold` and `granted`, less `spent`, `lapsed` and \
                 `refunded`.",
            )
            .query::<Moment>(
                "from",
                "The first interval is the one that this is in. Unless given, the last 24 hours, 30 days or 12 months.",
            )
            .query::<Moment>("to", "The last interval ends here, or has it within; now unless given.")
            .query::<IntervalName>("interval", "`day` unless given; an answer has at most 1,000 intervals.")
            .answers::<StatisticsView>(StatusCode::OK, "The intervals, the oldest first, and their sum.")
            .refuses(&[StatusCode::BAD_REQUEST]),
    )]
}

/// The schema of an interval.
struct IntervalName;

impl utoipa::PartialSchema for IntervalName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::RefOr::T(interval_schema().into())
    }
}

fn interval_schema() -> Object {
    one_of(Interval::NAMES)
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::Statistics)]
struct StatisticsView {
    #[schema(schema_with = interval_schema)]
    interval: &'static str,
    /// Every interval, also those in which nothing happened.
    data: Vec<PointView>,
    total: FiguresView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = native::StatisticsInterval)]
struct PointView {
    starts_at: Moment,
    ends_at: Moment,
    #[serde(flatten)]
    figures: FiguresView,
    /// What all wallets had at its end, less what they owed.
    outstanding: TotalAmount,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::StatisticsFigures)]
struct FiguresView {
    /// What was paid for, and the money that came.
    sold: Exchanged,
    /// Given by codes, check-ins and by hand, less what was taken off by hand.
    granted: TotalAmount,
    /// Debits and captures, less what was given back of them.
    spent: TotalAmount,
    lapsed: TotalAmount,
    /// What was taken back because its money went back, and that money: refunds and disputes, less what came again.
    refunded: Exchanged,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CreditsAndMoney)]
struct Exchanged {
    credits: TotalAmount,
    /// One amount for each currency, in the order of the currencies.
    money: Vec<MoneyValue>,
}

impl From<Figures> for FiguresView {
    fn from(figures: Figures) -> Self {
        let exchanged = |credits: CreditsTotal, money: Vec<MoneyValue>| Exchanged {
            credits: TotalAmount(credits),
            money,
        };
        Self {
            sold: exchanged(figures.sold, figures.paid().map(MoneyValue::from).collect()),
            refunded: exchanged(figures.refunded, figures.returned().map(MoneyValue::from).collect()),
            granted: TotalAmount(figures.granted),
            spent: TotalAmount(figures.spent),
            lapsed: TotalAmount(figures.lapsed),
        }
    }
}

impl From<Point> for PointView {
    fn from(point: Point) -> Self {
        Self {
            starts_at: Moment(point.starts_at),
            ends_at: Moment(point.ends_at),
            figures: point.figures.into(),
            outstanding: TotalAmount(point.outstanding),
        }
    }
}

impl From<StatisticsError> for Problem {
    fn from(error: StatisticsError) -> Self {
        match error {
            StatisticsError::Backwards => Self::invalid("to must not be before from").about("to"),
            StatisticsError::TooLong => {
                Self::invalid(format!("from and to are more than {INTERVALS} intervals apart"))
                    .about("interval")
            }
            StatisticsError::Amount(error) => Self::internal(error),
            StatisticsError::Database(error) => error.into(),
        }
    }
}

async fn read(api: SharedState, call: Call) -> Result<Response, Problem> {
    call.operator(&api, Scope::Read).await?;
    let interval = match call.parameter("interval") {
        None | Some("day") => Interval::Day,
        Some("hour") => Interval::Hour,
        Some("month") => Interval::Month,
        Some(_) => return Err(Problem::invalid("interval must be hour, day or month").about("interval")),
    };
    let to = moment(&call, "to")?.unwrap_or_else(|| api.clock.now());
    let from = moment(&call, "from")?.unwrap_or_else(|| usual_start(interval, to));
    let Statistics { points, total } =
        statistics(&mut *api.reads.acquire().await?, interval, from, to).await?;
    let data = points.into_iter().map(PointView::from).collect();
    let view = StatisticsView { interval: interval.as_str(), data, total: total.into() };
    Ok(answer(StatusCode::OK, &view))
}

fn usual_start(interval: Interval, to: Timestamp) -> Timestamp {
    to.saturating_sub(match interval {
        Interval::Hour => Duration::hours(23),
        Interval::Day => Duration::days(29),
        // The first month is whole: eleven months before are not longer than this.
        Interval::Month => Duration::days(334),
    })
}
