//! What an upload takes until RegisterImage is sent, beyond the time that AWS takes to answer.
//!
//! The timer of the world's time rounds each answer up by a millisecond, so there is one for each call beyond the calls. What is
//! computed has the world's own share in it.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use amiwright::metrics::Meter;
use amiwright::register_image;
use localaws::faults::{Call, Fault};

use crate::opening::{Opened, uploaded};

/// Uploads that are measured, after as many that warm the process up.
const UPLOADS: usize = 50;

/// A table with a row for each of these times that a call takes.
pub(crate) async fn upload() -> Result<String, Box<dyn Error>> {
    let mut lines = "\nFrom the event of an upload to RegisterImage:\n\n\
        | each call ms | calls before it | waiting ms | beyond the calls ms | computing ms, median | most |\n|--:|--:|--:|--:|--:|--:|"
        .to_owned();
    for latency in [0, 20] {
        lines.push_str(&row(Duration::from_millis(latency)).await?);
    }
    Ok(lines)
}

async fn row(latency: Duration) -> Result<String, Box<dyn Error>> {
    let opened = Opened::new(0).await?;
    let faults = opened.world.faults();
    if !latency.is_zero() {
        faults.each(|_| true, Fault::Slow(latency));
    }
    let sent = Arc::new(Mutex::new(None));
    let seen = sent.clone();
    faults.each(move |call| note(&seen, call), Fault::Slow(Duration::ZERO));
    let aws = opened.aws();
    let (mut computing, mut waiting, mut calls) = (Vec::new(), Duration::ZERO, 0);
    for number in 0..2 * UPLOADS {
        let key = format!("golden/{number:03}.image.yaml");
        let (bucket, config) = (&opened.config.bucket, &opened.config);
        let manifest = opened.snapshot_manifest(number);
        opened.world.s3().put(bucket, &key, manifest).await?;
        opened.world.run_for(Duration::from_secs(10)).await;
        let before = opened.world.faults().count();
        let (begun, began) = (tokio::time::Instant::now(), instant());
        let (event, now, meter) = (uploaded(bucket, &key), opened.now(), Meter::default());
        register_image::handle(&aws, config, event, now, &meter).await?;
        let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (at, virtually) = sent.ok_or("RegisterImage was not sent")?;
        let made = opened.world.calls();
        let mut made = made.iter().filter(|call| call.number > before);
        calls = made
            .position(|call| call.action == "RegisterImage")
            .unwrap_or(0);
        waiting = virtually.duration_since(begun);
        computing.push(at.duration_since(began));
    }
    let mut computing = computing.split_off(UPLOADS);
    computing.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let trips = latency * u32::try_from(calls)?;
    Ok(format!(
        "\n| {:.0} | {calls} | {:.1} | {:.1} | {:.2} | {:.2} |",
        ms(latency),
        ms(waiting),
        ms(waiting.saturating_sub(trips)),
        ms(computing[UPLOADS / 2]),
        ms(computing[UPLOADS - 1]),
    ))
}

/// When RegisterImage arrives, by this machine's clock and by the world's.
type Sent = Mutex<Option<(Instant, tokio::time::Instant)>>;

/// Notes when RegisterImage arrives. No call is meant.
fn note(sent: &Sent, call: &Call) -> bool {
    if call.action == "RegisterImage" {
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get_or_insert((instant(), tokio::time::Instant::now()));
    }
    false
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long the machine computes is what is measured"
)]
fn instant() -> Instant {
    Instant::now()
}
