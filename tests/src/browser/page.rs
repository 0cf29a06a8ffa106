//! A page in the browser. Its methods panic where a test would fail anyway, and say what the page shows.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::devtools::DevTools;
use super::{Load, Screen, WEIGHT_MAX, address, axe, screenshots};
use crate::eventually::{Look, eventually};

/// How long a page may take until it shows what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tab, in a context of its own: it shares nothing with those of other tests.
pub struct Page {
    devtools: DevTools,
    session: String,
    context: String,
    /// Sites that it may go to: its own first.
    sites: Vec<String>,
}

impl Page {
    /// Opens an empty tab for the pages of the site at `origin`.
    ///
    /// # Panics
    /// When there is no browser; the text says what to do.
    pub async fn open(origin: &str, screen: Screen) -> Self {
        expect(Self::try_open(origin, screen).await)
    }

    async fn try_open(origin: &str, screen: Screen) -> Result<Self> {
        let devtools = DevTools::connect(address().await?).await?;
        let context = devtools.send(None, "Target.createBrowserContext", json!({})).await?;
        let context = text(&context, "browserContextId")?;
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = text(&devtools.send(None, "Target.createTarget", target).await?, "targetId")?;
        let attach = json!({"targetId": target, "flatten": true});
        let session = text(&devtools.send(None, "Target.attachToTarget", attach).await?, "sessionId")?;
        let page = Self { devtools, session, context, sites: vec![origin.to_owned()] };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.send(&format!("{domain}.enable"), json!({})).await?;
        }
        page.send("Emulation.setTimezoneOverride", json!({"timezoneId": "Europe/Istanbul"})).await?;
        page.resize(screen).await?;
        Ok(page)
    }

    async fn resize(&self, screen: Screen) -> Result<()> {
        let metrics = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.width < 600,
        });
        self.send("Emulation.setDeviceMetricsOverride", metrics).await?;
        let scheme = if screen.is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.send("Emulation.setEmulatedMedia", media).await?;
        Ok(())
    }

    /// Looks at the same page on another screen.
    pub async fn look_on(&self, screen: Screen) {
        expect(self.resize(screen).await);
    }

    /// Lets the page go to another site too, such as that of the payment provider.
    #[must_use]
    pub fn may_visit(mut self, origin: &str) -> Self {
        self.sites.push(origin.to_owned());
        self
    }

    /// Has the browser ask for pages in this language.
    pub async fn speaks(&self, language: &str) {
        let header = json!({"headers": {"accept-language": language}});
        expect(self.send("Network.setExtraHTTPHeaders", header).await);
    }

    async fn send(&self, method: &str, parameters: Value) -> Result<Value> {
        self.devtools.send(Some(&self.session), method, parameters).await
    }

    /// Goes to an address and waits until it is there.
    pub async fn goto(&self, address: &str) {
        let address =
            if address.contains("://") { address.to_owned() } else { format!("{}{address}", self.sites[0]) };
        expect(self.evaluate("window.leaving = true").await);
        expect(self.send("Page.navigate", json!({"url": address})).await);
        self.wait_for("!window.leaving && document.readyState === 'complete'").await;
    }

    /// Goes to an address as somebody who was never there: with nothing from the browser's cache.
    ///
    /// # Panics
    /// When the page with all that it loads weighs too much.
    pub async fn goto_first(&self, address: &str) -> Load {
        let cache = async |is_disabled: bool| {
            let parameters = json!({"cacheDisabled": is_disabled});
            expect(self.send("Network.setCacheDisabled", parameters).await);
        };
        cache(true).await;
        let before = self.weight();
        self.goto(address).await;
        // The browser notes it after it has painted.
        let paint = "performance.getEntriesByName('first-contentful-paint')";
        self.wait_for(&format!("{paint}.length === 1")).await;
        let number =
            async |expression: &str| self.value(expression).await.as_f64().unwrap_or_default() as u64;
        let load = Load {
            bytes: self.weight() - before,
            answered_ms: number("performance.getEntriesByType('navigation')[0].responseEnd").await,
            shown_ms: number(&format!("{paint}[0].startTime")).await,
        };
        cache(false).await;
        eprintln!(
            "{address}: {} bytes, answered after {} ms, shown after {} ms",
            load.bytes, load.answered_ms, load.shown_ms
        );
        assert!(load.bytes < WEIGHT_MAX, "{address} weighs {} bytes", load.bytes);
        load
    }

    /// The value of an expression in the page.
    async fn evaluate(&self, expression: &str) -> Result<Value> {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut result = self.send("Runtime.evaluate", parameters).await?;
        let exception = &result["exceptionDetails"];
        if !exception.is_null() {
            bail!("{expression}: {exception}");
        }
        Ok(result["result"]["value"].take())
    }

    /// What an expression is in the page.
    ///
    /// # Panics
    /// When it throws.
    pub async fn value(&self, expression: &str) -> Value {
        expect(self.evaluate(expression).await)
    }

    /// Waits until an expression is true in the page.
    pub async fn wait_for(&self, condition: &str) {
        let found =
            eventually("the page is as expected", PATIENCE, async || match self.evaluate(condition).await {
                Ok(Value::Bool(true)) => Look::Done(()),
                Ok(_) => Look::NotYet(condition.to_owned()),
                // While another page is loaded there is none to ask.
                Err(error) => Look::NotYet(format!("{error:#}")),
            })
            .await;
        if let Err(error) = found {
            self.explain(&format!("{error:#}")).await;
        }
    }

    /// Waits until the page shows a text.
    pub async fn sees(&self, text: &str) {
        self.wait_for(&format!("document.body.innerText.includes({})", json!(text))).await;
    }

    /// All that the page shows.
    pub async fn text(&self) -> String {
        let text = self.value("document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks, as a person does, in the middle of the first element that a selector finds.
    pub async fn click(&self, selector: &str) {
        let find = format!(
            "(() => {{ const found = document.querySelector({}); if (!found) return null; \
             found.scrollIntoView({{block: 'center', behavior: 'instant'}}); \
             const box = found.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        );
        self.wait_for(&format!("document.querySelector({}) !== null", json!(selector))).await;
        let place = self.value(&find).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            expect(self.send("Input.dispatchMouseEvent", event).await);
        }
    }

    /// Types into a field instead of what is in it.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.wait_for(&format!("document.querySelector({}) !== null", json!(selector))).await;
        self.value(&format!("document.querySelector({}).select()", json!(selector))).await;
        self.write(text).await;
    }

    /// Types where the focus is.
    pub async fn write(&self, text: &str) {
        expect(self.send("Input.insertText", json!({"text": text})).await);
    }

    /// Presses a key: `Tab`, `Enter`, ` `, `Escape`.
    pub async fn press(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, None),
            "Enter" => ("Enter", 13, Some("\r")),
            " " => ("Space", 32, Some(" ")),
            other => (other, 27, None),
        };
        let event = json!({"key": key, "code": code, "windowsVirtualKeyCode": number});
        let mut down = event.clone();
        down["type"] = json!(if text.is_some() { "keyDown" } else { "rawKeyDown" });
        if let Some(text) = text {
            down["text"] = json!(text);
        }
        expect(self.send("Input.dispatchKeyEvent", down).await);
        let mut up = event;
        up["type"] = json!("keyUp");
        expect(self.send("Input.dispatchKeyEvent", up).await);
    }

    /// Goes on with the Tab key until the focus is on what a selector finds, as one without a mouse does.
    pub async fn tab_to(&self, selector: &str) {
        for _ in 0..80 {
            self.press("Tab").await;
            let is_there = format!("document.activeElement?.matches({}) === true", json!(selector));
            if self.value(&is_there).await == json!(true) {
                let is_shown = "document.activeElement.matches(':focus-visible')";
                assert_eq!(self.value(is_shown).await, json!(true), "the focus on {selector} is not shown");
                return;
            }
        }
        self.explain(&format!("the Tab key never reaches {selector}")).await;
    }

    /// Checks the page for barriers on both sizes, by day and by night, and takes a picture of each.
    ///
    /// # Panics
    /// As [`Self::is_accessible`].
    pub async fn is_for_everybody(&self, name: &str) {
        for screen in Screen::ALL {
            self.look_on(screen).await;
            self.wait_for("document.fonts.status === 'loaded' && !document.querySelector('.htmx-request')")
                .await;
            self.is_accessible().await;
            self.screenshot(&format!("{name}-{}", screen.name())).await;
        }
    }

    /// Writes what is shown, from top to bottom, to `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) {
        expect(self.try_screenshot(name).await);
    }

    async fn try_screenshot(&self, name: &str) -> Result<()> {
        let size = self.send("Page.getLayoutMetrics", json!({})).await?["cssContentSize"].take();
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = text(&self.send("Page.captureScreenshot", parameters).await?, "data")?;
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, picture)?;
        std::fs::create_dir_all(screenshots())?;
        std::fs::write(screenshots().join(format!("{name}.png")), bytes)?;
        Ok(())
    }

    /// Checks the page for barriers: axe finds none, and nothing is wider than the screen.
    ///
    /// # Panics
    /// When there are any, with all of them.
    pub async fn is_accessible(&self) {
        expect(self.evaluate(&expect(axe().await)).await);
        let run = "axe.run(document, {preload: false}).then(found => found.violations.map(one => \
                   one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | ')))";
        let found = self.value(run).await;
        assert_eq!(found, json!([]), "{found:#}");
        let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(self.value(overflow).await, json!(0), "the page is wider than the screen");
    }

    /// How many bytes came over the network since the tab was opened.
    fn weight(&self) -> u64 {
        let reports = self.devtools.reports();
        let ends = reports.iter().filter(|report| report["method"] == "Network.loadingFinished");
        ends.filter_map(|report| report["params"]["encodedDataLength"].as_f64())
            .map(|bytes| bytes as u64)
            .sum()
    }

    /// What went wrong so far: errors, and requests to other sites.
    pub fn faults(&self) -> Vec<String> {
        self.devtools.reports().iter().filter_map(|report| self.fault(report)).collect()
    }

    fn fault(&self, report: &Value) -> Option<String> {
        let parameters = &report["params"];
        match report["method"].as_str()? {
            "Runtime.exceptionThrown" => Some(format!("an exception: {}", parameters["exceptionDetails"])),
            "Runtime.consoleAPICalled" if parameters["type"] == "error" => {
                Some(format!("an error in the console: {}", parameters["args"]))
            }
            "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
                let entry = &parameters["entry"];
                // A page that says what is wrong has a status that says so as well.
                let is_refusal = entry["source"] == "network"
                    && entry["text"]
                        .as_str()
                        .is_some_and(|text| text.contains("responded with a status of 4"));
                (!is_refusal).then(|| format!("an error: {entry}"))
            }
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str()?;
                let is_own = self.sites.iter().any(|site| {
                    url.strip_prefix(site.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                });
                (!is_own && !url.starts_with("data:") && url != "about:blank")
                    .then(|| format!("a request to {url}"))
            }
            _ => None,
        }
    }

    /// Closes the tab.
    ///
    /// # Panics
    /// When anything went wrong on its pages.
    pub async fn finish(self) {
        let faults = self.faults();
        let context = json!({"browserContextId": self.context});
        expect(self.devtools.send(None, "Target.disposeBrowserContext", context).await);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[allow(clippy::panic)]
    async fn explain(&self, problem: &str) -> ! {
        let shown = self.evaluate("location.href + '\\n' + document.body.innerText").await;
        let shown = shown
            .map_or_else(|error| format!("{error:#}"), |text| text.as_str().unwrap_or_default().to_owned());
        panic!("{problem}\nfaults: {:?}\nThe page shows:\n{shown}", self.faults());
    }
}

#[allow(clippy::panic)]
fn expect<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the browser: {error:#}"),
    }
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {value}"))
}
