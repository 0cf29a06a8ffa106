//! `purser import`: whole files, all that is wrong with them at once, and each user once, also after a kill.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use harness::world::World;
use serde_json::Value;

use super::{done, purser, run};

/// A file that is gone when the test ends.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("purser-import-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("users.csv"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        self.0.join("users.csv").to_str().unwrap().to_owned()
    }

    fn write(&self, text: &str) {
        fs::write(self.0.join("users.csv"), text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone_before = fs::remove_dir_all(&self.0);
    }
}

fn report(created: usize, completed: usize, there: usize, different: usize, refused: usize) -> String {
    format!(
        "{created:>9}  created\n{completed:>9}  completed\n{there:>9}  already there\n{different:>9}  different\n\
         {refused:>9}  refused\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_once_and_what_differs_is_reported() {
    let world = World::start().await;
    let text = "\u{feff}userId,email,credits,expiresAt,kind,name,stripeCustomerId\r\n\
                kim,kim@example.com,120.50,2099-01-31T00:00:00Z,paid,\"Kim, \"\"the\"\" K.\",cus_kim\r\n\
                kai,,3,,promotional,,\r\n\
                kay,kay@example.com,,,,,\r\n";
    let file = File::new("once", text);
    let path = file.path();
    let dry = done(&world, &["import", &path, "--dry-run"]).await;
    assert!(dry.ends_with(&report(3, 0, 0, 0, 0)) && dry.contains("nothing was written"), "{dry}");
    assert_eq!(world.count("users where id in ('kim', 'kai', 'kay')").await, 0);
    assert!(done(&world, &["import", &path]).await.ends_with(&report(3, 0, 0, 0, 0)));
    assert!(done(&world, &["import", &path]).await.ends_with(&report(0, 0, 3, 0, 0)));
    let shown = done(&world, &["wallet", "show", "user:kim"]).await;
    assert!(shown.contains(" 120.5\n"), "{shown}");
    assert!(done(&world, &["user", "show", "kim"]).await.contains("Kim, \"the\" K."));

    file.write(&text.replace("120.50", "500").replace("kay@", "other@"));
    let output = run(&world, &["import", &path]).await;
    assert!(output.code == 1 && output.stdout.ends_with(&report(0, 0, 1, 2, 0)), "{output:?}");
    assert!(output.stdout.contains("line 2: kim is different: credits is 120.5, not 500"), "{output:?}");
    let json = run(&world, &["import", &path, "--json"]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["different"], &json["rows"][1]["line"]), (&2.into(), &4.into()), "{json}");
    assert_eq!(world.count("ledger_entries").await, 2);
    world.drain().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_are_said_with_their_lines_and_nothing_is_written() {
    let world = World::start().await;
    let header = "userId,credits,expiresAt,email";
    let file =
        File::new("mistakes", &format!("{header}\ngood,1,,\nkim,1e3,,\nkai,-5,tomorrow,\nkim,1.1234567,,\n"));
    let path = file.path();
    let output = run(&world, &["import", &path]).await;
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");
    let lines: Vec<&str> = output.stderr.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(lines, ["line 3", "line 4", "line 4", "line 5", "line 5", "purser"], "{output:?}");

    // What only the API finds, also at the end of a file of several batches.
    let mut text = format!("{header}\n");
    for index in 0..2_300 {
        writeln!(text, "user-{index},1,,").unwrap();
    }
    text.push_str("late,1,2020-01-01T00:00:00Z,\nmail,1,,nobody\n");
    file.write(&text);
    let output = run(&world, &["import", &path]).await;
    assert!(output.code == 2 && output.stderr.contains("Nothing was written"), "{output:?}");
    assert!(
        output.stdout.contains("line 2302: late is refused: ") && output.stdout.contains("line 2303: mail"),
        "{output:?}"
    );
    assert_eq!(world.count("users").await, 0);
    for (text, says) in [
        ("", "empty"),
        ("user;email\n", "`user;email`"),
        ("userId\n", "no users"),
        ("id,credits\nx,1\n", "`id`"),
    ] {
        file.write(text);
        let output = run(&world, &["import", &path]).await;
        assert!(output.code == 2 && output.stderr.contains(says), "{text:?}: {output:?}");
    }
    fs::write(file.0.join("users.csv"), b"userId\n\xff\xfe\n").unwrap();
    for arguments in [
        ["import", &path].as_slice(),
        &["import", "/nowhere.csv"],
        &["import", "-"],
        &["import", &path, "--name", "a b"],
    ] {
        assert_eq!(run(&world, arguments).await.code, 2, "{arguments:?}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_goes_on_and_gives_nobody_twice() {
    const USERS: usize = 6_000;
    let world = World::builder().without_scheduler().start().await;
    let mut text = "userId,credits,email\n".to_owned();
    for index in 0..USERS {
        writeln!(text, "user-{index},{index}.25,user-{index}@example.com").unwrap();
    }
    let file = File::new("killed", &text);
    let path = file.path();
    let mut child = purser(&world, &["import", &path]).stdout(Stdio::null()).spawn().unwrap();
    world
        .eventually("some are imported", async || {
            let count = world.count("users").await;
            anyhow::ensure!(count > 0, "{count} users");
            Ok(())
        })
        .await;
    child.kill().await.unwrap();
    let before = world.count("users").await;
    assert!((1..USERS as i64).contains(&before), "it was killed too late: {before}");
    let again = run(&world, &["import", &path]).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert!(done(&world, &["import", &path]).await.ends_with(&report(0, 0, USERS, 0, 0)));
    assert_eq!(world.count("ledger_entries").await, USERS as i64);
    let sum: i64 =
        sqlx::query_scalar("select sum(balance)::bigint from wallets").fetch_one(world.pool()).await.unwrap();
    assert_eq!(sum, (0..USERS as i64).map(|index| index * 1_000_000 + 250_000).sum::<i64>());
    world.drain().await;
    world.finish().await;
}
