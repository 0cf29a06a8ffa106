//! Hosts of their own for the nodes of a cluster: each a network namespace with an address on a bridge, from which it
//! can be cut off. Only root may make these; elsewhere each host is an address of loopback, which is always connected.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::geteuid;

use super::directory::Owner;
use super::discovery::find_program;
use super::watchdog::Watchdog;

/// The second half of a network that is set aside for tests of networks, and led to by no route.
const NETWORK: [u8; 2] = [198, 19];
const ATTEMPTS: u32 = 20;
/// The last byte of the first host's address.
const FIRST: u8 = 11;

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where its servers listen.
    pub address: Ipv4Addr,
    namespace: Option<String>,
}

/// Hosts that reach each other, and are reached from here. They are gone when this process ends.
pub struct Hosts {
    /// Where they reach what listens here.
    pub gateway: Ipv4Addr,
    /// The hosts.
    pub all: Vec<Host>,
    bridge: Option<String>,
    watchdog: Arc<Watchdog>,
}

impl Hosts {
    /// Makes as many hosts.
    pub fn create(count: u8, watchdog: &Arc<Watchdog>) -> Result<Self> {
        if can_be_cut_off() {
            return Self::in_namespaces(count, watchdog);
        }
        let random = rand::random_range(1..=250);
        let host = |number| Host { address: Ipv4Addr::new(127, 0, random, FIRST + number), namespace: None };
        let watchdog = Arc::clone(watchdog);
        Ok(Self { gateway: Ipv4Addr::LOCALHOST, all: (0..count).map(host).collect(), bridge: None, watchdog })
    }

    fn in_namespaces(count: u8, watchdog: &Arc<Watchdog>) -> Result<Self> {
        let (bridge, third) = make_bridge(watchdog)?;
        let address = |last| Ipv4Addr::new(NETWORK[0], NETWORK[1], third, last);
        let mut hosts = Self {
            gateway: address(1),
            all: Vec::new(),
            bridge: Some(bridge.clone()),
            watchdog: Arc::clone(watchdog),
        };
        for number in 0..count {
            let host =
                Host { address: address(FIRST + number), namespace: Some(format!("{bridge}-{number}")) };
            host.make(&bridge, watchdog)?;
            hosts.all.push(host);
        }
        Ok(hosts)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in self.all.iter().filter_map(|host| host.namespace.as_ref()) {
            let _watchdog_does_it_then = ip(["netns", "del", name]);
            self.watchdog.release_host(name);
        }
        if let Some(bridge) = &self.bridge {
            let _watchdog_does_it_then = ip(["link", "del", bridge]);
            self.watchdog.release_host(bridge);
        }
    }
}

impl Host {
    /// A command that runs there, as `owner` if that is another user than ours, with none of our environment but the
    /// path to programs.
    pub fn command(&self, program: &Path, owner: Option<Owner>) -> Command {
        let mut words: Vec<&OsStr> = Vec::new();
        if let Some(namespace) = &self.namespace {
            words.extend(["ip", "netns", "exec", namespace].map(OsStr::new));
        }
        let ids = owner.map(|owner| (format!("--reuid={}", owner.uid), format!("--regid={}", owner.gid)));
        if let Some((user, group)) = &ids {
            words.extend(["setpriv", user, group, "--clear-groups"].map(OsStr::new));
        }
        words.push(program.as_os_str());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Cuts the host off from all others and from us: what is sent to it or by it is lost, and nobody is told.
    pub fn cut_off(&self) -> Result<()> {
        self.set("down")
    }

    /// Connects it again.
    pub fn reconnect(&self) -> Result<()> {
        self.set("up")
    }

    /// Does something with the network as it is seen from there, on a thread of its own.
    pub fn network<Output: Send + 'static>(
        &self,
        action: impl FnOnce() -> Result<Output> + Send + 'static,
    ) -> Result<Output> {
        let namespace = self.namespace.clone();
        let work = move || {
            if let Some(namespace) = namespace {
                let file = std::fs::File::open(Path::new("/run/netns").join(namespace))?;
                nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)?;
            }
            action()
        };
        let thread = std::thread::Builder::new().name("host".to_owned()).spawn(work)?;
        thread.join().ok().context("a thread panicked")?
    }

    fn make(&self, bridge: &str, watchdog: &Watchdog) -> Result<()> {
        let name = self.namespace.as_deref().context("a host without a namespace")?;
        watchdog.guard_host(name);
        ip(["netns", "add", name])?;
        ip(["link", "add", name, "master", bridge, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        ip(["link", "set", name, "up"])?;
        ip(["-n", name, "address", "add", &format!("{}/24", self.address), "dev", "eth0"])?;
        ip(["-n", name, "link", "set", "lo", "up"])?;
        ip(["-n", name, "link", "set", "eth0", "up"])
    }

    fn set(&self, state: &str) -> Result<()> {
        let name = self.namespace.as_ref().context("a host on loopback cannot be cut off")?;
        ip(["link", "set", name, state])
    }
}

/// Whether hosts that can be cut off are made here.
pub fn can_be_cut_off() -> bool {
    if !geteuid().is_root() || find_program("ip").is_none() {
        return false;
    }
    let name = format!("purser-{}-try", std::process::id());
    ip(["netns", "add", &name]).is_ok() && ip(["netns", "del", &name]).is_ok()
}

/// A bridge with the first address of a network that is not in use, and the third byte of it.
fn make_bridge(watchdog: &Watchdog) -> Result<(String, u8)> {
    for _ in 0..ATTEMPTS {
        let third: u8 = rand::random();
        let name = format!("purser{third}");
        if ip(["link", "add", &name, "type", "bridge"]).is_err() {
            continue;
        }
        watchdog.guard_host(&name);
        let address = format!("{}.{}.{third}.1/24", NETWORK[0], NETWORK[1]);
        ip(["address", "add", &address, "dev", &name])?;
        ip(["link", "set", &name, "up"])?;
        return Ok((name, third));
    }
    bail!("cannot make a network bridge (`ip link add … type bridge`)")
}

fn ip<'word>(words: impl IntoIterator<Item = &'word str>) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(words).stdin(Stdio::null());
    let output = command.output().context("cannot start ip")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
