//! `amiwright push` in a terminal, where S3 does not take what is sent.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use pty_process::{Size, blocking};

use super::programs::{amiwright_in, example};
use super::screens::lines;

const SIZE: (u16, u16) = (24, 160);

/// An S3 that has nothing, and ends every connection that sends it something.
fn s3() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = answer(connection.unwrap());
        }
    });
    url
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut bytes = [0; 1024];
        let count = connection.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&bytes[..count]);
    }
    if !request.starts_with(b"GET ") {
        return Ok(());
    }
    let body = "<ListBucketResult><Name>images</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>";
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    connection.write_all((head + body).as_bytes())
}

#[test]
fn tries_that_fail_are_counted_beside_the_bars_and_ctrl_c_ends_them() {
    let url = s3();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("disk.raw"), vec![0; 4096]).unwrap();
    let manifest = files.path().join("disk.image.yaml");
    std::fs::write(&manifest, example("disk.image.yaml")).unwrap();

    let (mut pty, pts) = blocking::open().unwrap();
    pty.resize(Size::new(SIZE.0, SIZE.1)).unwrap();
    let place = ["--endpoint-url", &url, "--region", "us-east-1"];
    let buckets = ["--bucket", "images", "--state-bucket", "images-state"];
    let command = amiwright_in("xterm-256color").arg("push").arg(&manifest);
    let mut process = command.args(place).args(buckets).spawn(pts).unwrap();
    let (mut written, mut bytes, mut is_ended) = (Vec::new(), [0; 4096], false);
    while let Ok(count) = pty.read(&mut bytes) {
        written.extend_from_slice(&bytes[..count]);
        // Each part is tried more often than other calls are.
        let text = String::from_utf8_lossy(&written);
        let has_failed_twice = text.split_once("retrying (3 of 8)\r\n");
        let is_drawn_again = has_failed_twice.is_some_and(|(_, after)| after.contains("disk.raw "));
        if is_drawn_again && !is_ended {
            is_ended = true;
            pty.write_all(b"\x03").unwrap();
        }
    }
    assert_eq!(process.wait().unwrap().code(), Some(130));
    let seen = lines(&written, SIZE);
    let all = seen.join("\n");
    for next in 2..=3 {
        let end = format!(": retrying ({next} of 8)");
        let told = seen.iter().filter(|line| line.ends_with(&end));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{all}");
        assert!(told[0].starts_with("cannot reach http"), "{all}");
    }
    // The bar was drawn before and after what was told, and is there once; not at all where the end
    // came while a third failure was being told.
    let written = String::from_utf8_lossy(&written);
    let (before, after) = written.split_once("retrying (2 of 8)").unwrap();
    assert!(
        before.contains("disk.raw ") && after.contains("disk.raw "),
        "{written:?}"
    );
    let is_told_thrice = written.contains("retrying (4 of 8)");
    let bars = all.matches("disk.raw ").count();
    assert!(bars == 1 || (bars == 0 && is_told_thrice), "{all}");
    assert!(all.contains("Stopped; run the same command again"), "{all}");
}
