// What pages cannot do without a script: times in the reader's zone, charts, and news while the page is open.
// Custom elements, so that parts that are fetched later work as well. No page needs them to be of use.
"use strict";

// The list of places may be wider than a phone: the one that is shown comes into sight.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

/** Shows a time in the reader's language and zone. */
customElements.define("local-time", class extends HTMLElement {
  static observedAttributes = ["datetime"];
  connectedCallback() { this.#show(); }
  attributeChangedCallback() { if (this.isConnected) this.#show(); }
  #show() {
    const at = new Date(this.getAttribute("datetime"));
    if (Number.isNaN(at.getTime())) return;
    const show = this.getAttribute("show");
    const style = show === "date"
      ? { year: "numeric", month: "short", day: "numeric" }
      : { ...(show === "exact" ? { second: "2-digit" } : {}), year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
    this.textContent = new Intl.DateTimeFormat(document.documentElement.lang, style).format(at);
    this.title = at.toISOString();
  }
});

/** Tells the page's parts that something has happened, over a connection that is opened with a ticket of its own. */
customElements.define("live-events", class extends HTMLElement {
  #socket = null;
  #timer = 0;
  #pause = 1000;
  connectedCallback() { this.setAttribute("role", "status"); this.#open(); }
  disconnectedCallback() { clearTimeout(this.#timer); this.#socket?.close(); this.#socket = null; }
  async #open() {
    this.#say("waiting");
    let address = null;
    try {
      const answer = await fetch(this.getAttribute("address"), { method: "POST" });
      // Who may not listen may not look either any more: the page itself says why.
      if (answer.status === 401) return location.reload();
      if (answer.ok) address = new URL((await answer.json()).address, location.href);
    } catch { /* The network is away: tried again below. */ }
    if (!this.isConnected) return;
    if (address === null) return this.#later();
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.#socket = new WebSocket(address);
    socket.onopen = () => { this.#pause = 1000; this.#say("connected"); };
    // The first message is the state: what happened while there was no connection is in it.
    socket.onmessage = () => this.#happened();
    socket.onclose = () => { if (this.#socket === socket) this.#later(); };
  }
  #later() {
    this.#say("waiting");
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, 30000);
  }
  #say(state) {
    this.dataset.state = state;
    this.textContent = this.getAttribute(state);
  }
  #happened() { document.body.dispatchEvent(new CustomEvent("live")); }
});

/** Goes on to another site, such as a payment page. In a frame it leaves that to the link inside: most may not be framed. */
customElements.define("go-on", class extends HTMLElement {
  connectedCallback() {
    if (window.top === window) location.assign(this.getAttribute("address"));
  }
});

/** Draws values over time. The table below it has the same values. */
customElements.define("value-chart", class extends HTMLElement {
  static observedAttributes = ["data"];
  #plot = null;
  #size = new ResizeObserver(() => this.#plot?.setSize({ width: this.clientWidth, height: this.clientHeight }));
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #draw = () => {
    this.#plot?.destroy();
    this.#plot = null;
    if (typeof uPlot === "undefined") return;
    const { moments, series, stacked } = JSON.parse(this.getAttribute("data"));
    // As the style sheet has it now, by day or by night.
    const colour = (name) => {
      this.style.color = `var(${name})`;
      return getComputedStyle(this).color;
    };
    const columns = series.map((one) => one.values.map(Number));
    const isEmpty = columns.every((column) => column.every((value) => value === 0));
    // Each covers those before it, but for the part on top that is theirs alone.
    const drawn = columns.map((column, at) =>
      stacked ? column.map((_, row) => columns.slice(at).reduce((sum, other) => sum + other[row], 0)) : column);
    const step = moments.length > 1 ? moments[1] - moments[0] : 86400;
    const half = stacked && moments.length > 1 ? step / 2 : 0;
    const axis = { stroke: colour("--ink-muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const number = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact" });
    const style = step < 86400 ? { hour: "2-digit", minute: "2-digit" } : step < 28 * 86400 ? { month: "short", day: "numeric" } : { month: "short", year: "2-digit" };
    const moment = new Intl.DateTimeFormat(document.documentElement.lang, { ...style, timeZone: "UTC" });
    this.#plot = new uPlot({
      width: this.clientWidth,
      height: this.clientHeight,
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { range: (_, first, last) => [first - half, last + half] }, y: { range: (_, low, high) => [Math.min(low, 0), high > 0 ? high * 1.05 : 1] } },
      axes: [
        { ...axis, size: 28, values: (_, all) => all.map((at) => moment.format(at * 1000)), space: 64 },
        { ...axis, values: (_, all) => all.map((value) => isEmpty && value > 0 ? "" : number.format(value)), size: 56 },
      ],
      series: [{}, ...series.map((one, at) => ({
        label: one.name,
        stroke: colour(`--series-${(at % 6) + 1}`),
        width: 2,
        points: { show: moments.length < 2 },
        ...(stacked ? { fill: colour(`--series-${(at % 6) + 1}`), width: 0, paths: uPlot.paths.bars({ size: [0.7, 48] }) } : {}),
      }))],
    }, [moments, ...drawn], this);
    this.style.color = "";
  };
  connectedCallback() {
    this.#draw();
    this.#size.observe(this);
    this.#dark.addEventListener("change", this.#draw);
  }
  disconnectedCallback() {
    this.#size.disconnect();
    this.#dark.removeEventListener("change", this.#draw);
    this.#plot?.destroy();
  }
  attributeChangedCallback() { if (this.#plot) this.#draw(); }
});

// On a narrow screen the places scroll: the one that is shown is in view.
const showPlace = () => {
  for (const place of document.querySelectorAll("nav [aria-current]")) {
    const nav = place.parentElement;
    nav.scrollLeft = place.offsetLeft - nav.offsetLeft - (nav.clientWidth - place.clientWidth) / 2;
  }
};
showPlace();
addEventListener("resize", showPlace);
