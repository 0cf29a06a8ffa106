//! The raw limits: what the broker and the database can do at most, without any of our code in the way.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use uuid::Uuid;

use crate::processes::Bench;

const LENGTH: Duration = Duration::from_secs(4);
const BODY_BYTES: usize = 2_300;
const IN_FLIGHT: usize = 256;
const BATCH: usize = 100;
const ACCOUNTS: usize = 1_000;

/// Operations a second.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    /// Messages of 2.3 KB to a quorum queue, each confirmed, 256 in flight.
    pub publish: f64,
    /// Ledger rows over 1,000 accounts, 100 in one statement, 4 connections.
    pub ledger: f64,
    /// The same for one account.
    pub ledger_hot: f64,
    /// A statement that debits one account of 1,000 and writes its ledger row, 32 connections.
    pub debit: f64,
}

pub async fn measure(bench: &Bench) -> Result<Raw> {
    eprintln!("bench: raw limits …");
    prepare(bench).await?;
    Ok(Raw {
        publish: publish(&bench.settings.addresses.amqp_url).await?,
        ledger: ledger(bench, ACCOUNTS).await?,
        ledger_hot: ledger(bench, 1).await?,
        debit: debit(bench).await?,
    })
}

async fn publish(url: &str) -> Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare("raw".into(), QueueDeclareOptions::durable(), arguments).await?;
    let body = vec![b'x'; BODY_BYTES];
    let (started, mut count, mut in_flight) = (Instant::now(), 0_u64, FuturesUnordered::new());
    while started.elapsed() < LENGTH {
        while in_flight.len() < IN_FLIGHT {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions::default();
            in_flight.push(channel.basic_publish("".into(), "raw".into(), options, &body, properties).await?);
        }
        if let Some(confirm) = in_flight.next().await {
            confirm?;
            count += 1;
        }
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    channel.queue_delete("raw".into(), QueueDeleteOptions::default()).await?;
    connection.close(200, "".into()).await?;
    Ok(rate)
}

async fn prepare(bench: &Bench) -> Result<()> {
    for statement in [
        "create table raw_accounts (id bigint primary key, balance bigint not null) with (fillfactor = 70)",
        "create table raw_ledger (id uuid primary key, account bigint not null references raw_accounts (id),
                                  amount bigint not null, source text not null unique, at timestamptz not null)",
        "insert into raw_accounts select number, 1000000000 from generate_series(0, 999) as number",
    ] {
        sqlx::query(statement).execute(&bench.pool).await?;
    }
    Ok(())
}

async fn ledger(bench: &Bench, accounts: usize) -> Result<f64> {
    let started = Instant::now();
    let writers = (0..4).map(|_| {
        let pool = bench.pool.clone();
        tokio::spawn(async move {
            let (mut written, mut next) = (0_u64, 0_usize);
            while started.elapsed() < LENGTH {
                let ids: Vec<Uuid> = (0..BATCH).map(|_| Uuid::now_v7()).collect();
                let sources: Vec<String> = ids.iter().map(Uuid::to_string).collect();
                let targets: Vec<i64> = (0..BATCH).map(|index| ((next + index) * 7_919 % accounts) as i64).collect();
                next += BATCH;
                sqlx::query(
                    "with new as (select * from unnest($1::uuid[], $2::bigint[], $3::text[])
                                  as new (id, account, source)),
                          locked as (select id from raw_accounts where id in (select account from new)
                                     order by id for update),
                          paid as (update raw_accounts set balance = balance + sums.amount
                                   from (select account, count(*) as amount from new group by account) sums, locked
                                   where raw_accounts.id = sums.account and locked.id = sums.account)
                     insert into raw_ledger select id, account, 1, source, now() from new",
                )
                .bind(&ids)
                .bind(&targets)
                .bind(&sources)
                .execute(&pool)
                .await?;
                written += BATCH as u64;
            }
            anyhow::Ok(written)
        })
    });
    let mut total = 0;
    for writer in writers.collect::<Vec<_>>() {
        total += writer.await??;
    }
    Ok(total as f64 / started.elapsed().as_secs_f64())
}

async fn debit(bench: &Bench) -> Result<f64> {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(32)
        .connect(&bench.settings.addresses.database_url);
    let pool = pool.await?;
    let started = Instant::now();
    let clients = (0..32_i64).map(|client| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut done = 0_i64;
            while started.elapsed() < LENGTH {
                let id = Uuid::now_v7();
                sqlx::query(
                    "with paid as (update raw_accounts set balance = balance - 1
                                   where id = $2 and balance >= 1 returning id)
                     insert into raw_ledger select $1, id, -1, $3, now() from paid",
                )
                .bind(id)
                .bind((client * 31 + done * 7_919) % 1_000)
                .bind(id.to_string())
                .execute(&pool)
                .await?;
                done += 1;
            }
            anyhow::Ok(done)
        })
    });
    let mut total = 0;
    for client in clients.collect::<Vec<_>>() {
        total += client.await??;
    }
    let rate = total as f64 / started.elapsed().as_secs_f64();
    pool.close().await;
    Ok(rate)
}
