#![allow(clippy::disallowed_methods)]
use crate::desk::Desk;
use std::time::Instant;
#[tokio::test(start_paused = true)]
async fn timing() {
    let t = Instant::now();
    for _ in 0..10 { let _ = Desk::new().await; }
    eprintln!("10 desks: {:?}", t.elapsed());
    let desk = Desk::new().await;
    let t = Instant::now();
    for _ in 0..20 { desk.minute().await; }
    eprintln!("20 idle minutes: {:?} {} calls", t.elapsed(), desk.world.calls().len());
    let t = Instant::now();
    desk.drop_file("golden/web.vmdk", crate::tasks::vmdk()).await;
    let n = desk.world.calls().len();
    desk.drop_and_rest("golden/web.image.yaml", crate::tasks::DISK).await;
    eprintln!("one disk: {:?} {} calls, {} invocations", t.elapsed(), desk.world.calls().len() - n, desk.world.invocations().len());
    let aws = desk.aws();
    let t = Instant::now();
    for _ in 0..20 { aws.head_object(&desk.bucket, "x").await.unwrap(); }
    eprintln!("20 heads: {:?}", t.elapsed());
    let t = Instant::now();
    for _ in 0..20 { aws.list_import_snapshot_tasks().await.unwrap(); }
    eprintln!("20 ec2 lists: {:?}", t.elapsed());
    let t = Instant::now();
    for _ in 0..20 { let aws = desk.aws(); aws.head_object(&desk.bucket, "x").await.unwrap(); }
    eprintln!("20 new clients and heads: {:?}", t.elapsed());
}
