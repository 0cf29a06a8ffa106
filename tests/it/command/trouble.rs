//! What can go wrong between a person and the API: each has an exit code, and says the next step.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use harness::world::World;

use super::{command, done, purser, refused, run};
use crate::commands::Output;

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().unwrap().into()
}

#[test]
fn without_an_address_or_a_key_nothing_is_tried() {
    let (url, key) = (("PURSER_URL", "http://127.0.0.1:9"), ("PURSER_API_KEY", "psk_secret"));
    for (variables, says) in [
        (vec![key], "PURSER_URL is not set"),
        (vec![url], "PURSER_API_KEY is not set"),
        (vec![url, ("PURSER_API_KEY", "")], "PURSER_API_KEY is not set"),
        (vec![url, ("PURSER_API_KEY", "psk_secret\nX-Evil: 1")], "no key has"),
        (vec![key, ("PURSER_URL", "localhost:8080")], "https://purser.example.com"),
        (vec![key, ("PURSER_URL", "http://user:password@127.0.0.1:9")], "https://purser.example.com"),
        (vec![key, ("PURSER_URL", "ftp://127.0.0.1")], "https://purser.example.com"),
    ] {
        let output = output(&["wallet", "show", "user:alice"], &variables);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");
        assert!(output.stderr.contains(says) && !output.stderr.contains("secret"), "{output:?}");
    }
    for arguments in [
        ["wallet"].as_slice(),
        &["debit", "user:alice", "1e3"],
        &["grant", "user:alice", "-5"],
        &["grant", "user:alice", "5"],
        &["user", "erase", "alice"],
        &["api", "GET", "products"],
        &["keys", "create", "Shop"],
        &["what"],
    ] {
        let output = output(arguments, &[url, key]);
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
    }
    let help = output(&["--help"], &[]);
    assert!(
        help.code == 0 && help.stdout.contains("PURSER_API_KEY") && help.stdout.contains("Exit codes"),
        "{help:?}"
    );
}

#[test]
fn an_api_that_is_away_is_said_to_be_and_what_is_not_known_can_be_done_again() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let variables = [("PURSER_URL", url.as_str()), ("PURSER_API_KEY", "psk_secret")];
    let read = output(&["wallet", "show", "user:alice"], &variables);
    assert_eq!((read.code, read.stdout.as_str()), (3, ""), "{read:?}");
    assert!(read.stderr.contains(&url) && !read.stderr.contains("idempotency"), "{read:?}");
    let write = output(&["debit", "user:alice", "5"], &variables);
    assert!(write.code == 3 && write.stderr.contains("`--idempotency-key "), "{write:?}");
    assert!(!write.stderr.contains("secret"), "{write:?}");
}

/// Takes requests and hangs up before it answers, as a proxy does whose server dies; answers the last one.
fn hang_up(times: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut keys = Vec::new();
        for turn in 0..=times {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                let lower = line.to_lowercase();
                keys.extend(lower.strip_prefix("idempotency-key: ").map(|key| key.trim().to_owned()));
                length = lower
                    .strip_prefix("content-length: ")
                    .map_or(length, |text| text.trim().parse().unwrap());
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            if turn == times {
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"credits\":5}";
                std::io::Write::write_all(&mut stream, answer).unwrap();
            }
        }
        keys
    });
    (url, served)
}

#[test]
fn a_request_whose_answer_is_lost_is_sent_again_under_the_same_key() {
    let (url, served) = hang_up(2);
    let variables = [("PURSER_URL", url.as_str()), ("PURSER_API_KEY", "psk_secret")];
    let output = output(&["debit", "user:alice", "5", "--json"], &variables);
    while !served.is_finished() {
        // It does not wait for a request that was never sent.
        let _refused = TcpStream::connect(url.trim_start_matches("http://"));
    }
    let keys = served.join().unwrap();
    assert_eq!((output.code, keys.len()), (0, 3), "{output:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_refuses_is_said_in_its_words() {
    let world = World::builder().without_scheduler().start().await;
    world.create_user("alice").await;
    let says = refused(&world, &["debit", "user:alice", "5"]).await;
    assert!(says.contains("insufficient_credits") && says.contains("`purser wallet show`"), "{says}");
    let says = refused(&world, &["wallet", "show", "user:nobody"]).await;
    assert!(says.contains("wallet_not_found") && says.contains("`purser user list`"), "{says}");
    done(&world, &["grant", "user:alice", "5", "--reason", "a", "--idempotency-key", "k"]).await;
    let says =
        refused(&world, &["grant", "user:alice", "6", "--reason", "a", "--idempotency-key", "k"]).await;
    assert!(says.contains("idempotency_key_reused"), "{says}");

    let url = world.settings().api_url();
    let stranger: Output =
        output(&["wallet", "show", "user:alice"], &[("PURSER_URL", &url), ("PURSER_API_KEY", "psk_wrong")]);
    assert!(stranger.code == 1 && stranger.stderr.contains("Check PURSER_API_KEY"), "{stranger:?}");
    assert!(!stranger.stderr.contains("psk_wrong"), "{stranger:?}");
    // Something else listens there.
    let other = format!("{url}/elsewhere");
    let output =
        output(&["wallet", "show", "user:alice"], &[("PURSER_URL", &other), ("PURSER_API_KEY", "psk_wrong")]);
    assert_eq!(output.code, 1, "{output:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_cannot_write_to_the_terminal_and_a_closed_pipe_is_no_error() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let text = "evil\u{202e}\u{9b}\u{1b}[2J";
    for index in 0..40 {
        let user = format!("user-{index:02}");
        world.put_user(&user, serde_json::json!({"metadata": {"crm": text}})).expect(201).await;
    }
    let shown = done(&world, &["user", "show", "user-00"]).await;
    assert!(shown.contains("evil") && !shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown:?}");
    let mut child = purser(&world, &["user", "list", "--limit", "1", "--all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output: Output = child.wait_with_output().await.unwrap().into();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:?}");
    let unwritable = run(&world, &["user", "list", "--limit", "200"]).await;
    assert_eq!(unwritable.stdout.lines().count(), 41);
    world.finish().await;
}
