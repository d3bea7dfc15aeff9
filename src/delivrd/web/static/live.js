// Keeps a page fresh while somebody looks at it. The server sends word by server-sent events; where
// they do not come, the page asks every few seconds. Nothing that is being read moves: rows of lists
// change in place and new ones are announced in a bar, and tables, firings and buttons wait while the
// pointer or a key moves in them. Whoever looks can pause it.
//
// The element with data-live names what to ask for; data-swap says how the answer comes in,
// data-hurry and data-every the least and the longest time between two looks, in milliseconds.
"use strict";

(() => {
  const HURRY = 1200;
  const EVERY = 5000;
  const SHARE = 8; // a look that takes long is followed by a rest of so many times as long
  const READING = 4000; // ms after the last sign that somebody reads a table
  const LOST = 20000; // ms after which a look that was never answered is forgotten

  const TYPES = ["pending", "delivered", "undelivered", "rejected", "expired", "unknown", "merged"]
    .map((word) => `message.${word}`);

  const button = document.querySelector(".live");
  let source = null;
  let lost = false; // the stream did not come, or broke off
  let due = null;
  let last = Date.now();
  let rest = 0;
  let asked = 0;
  let missed = false;
  let paused = 0;
  let read = 0;

  const box = () => document.querySelector("[data-live]");
  const still = () => document.hidden || paused > 0;

  function show(word, state) {
    if (!button) return;
    button.textContent = word;
    button.dataset.state = state;
    button.hidden = false;
  }

  // How it is followed: by the stream once it stands, by asking where it does not.
  function followed() {
    if (source?.readyState === 1) show("Live", "on");
    else if (lost) show("Live by polling", "on");
    else show("Connecting…", "off");
  }

  // --- asking -----------------------------------------------------------------------------------

  function busy() {
    const reading = Date.now() - read < READING && box()?.dataset.swap;
    return reading || window.delivrd.busy || Date.now() - asked < LOST;
  }

  function refresh() {
    clearTimeout(due);
    due = null;
    if (still()) {
      missed = true;
      return;
    }
    const target = box();
    if (!target) return;
    if (busy()) {
      due = setTimeout(refresh, HURRY);
      return;
    }
    last = asked = Date.now();
    htmx.ajax("GET", address(target), { source: target, target, swap: target.dataset.swap || "innerHTML" });
  }

  function address(target) {
    const url = new URL(target.dataset.live, location.href);
    const rows = [...document.querySelectorAll("[data-row]")];
    if (target.dataset.newest !== undefined) {
      url.searchParams.set("newest", target.dataset.newest);
      url.searchParams.set("shown", rows.slice(0, 100)
        .map((row) => `${row.dataset.row}:${row.dataset.status || ""}`).join(","));
    }
    return url.pathname + url.search;
  }

  function soon() {
    const hurry = Number(box()?.dataset.hurry) || HURRY;
    if (due === null) due = setTimeout(refresh, Math.max(0, last + Math.max(hurry, rest) - Date.now()));
  }

  function answered(event) {
    if (!event.detail.ctx?.sourceElement?.matches?.("[data-live]")) return;
    if (asked) rest = SHARE * (Date.now() - asked);
    asked = 0;
    const { response } = event.detail.ctx;
    if (still() || response?.status === 401) return;
    if (response?.status === 404) show("No longer available", "off");
    else if (response && response.status < 500) followed();
    else show("No response", "off");
  }

  document.addEventListener("htmx:finally:request", answered);

  // --- being told -------------------------------------------------------------------------------

  function concerns(data) {
    const only = box()?.dataset.only;
    return !only || data.includes(only);
  }

  function connect() {
    if (source || still()) return;
    source = new EventSource("/v1/events/stream");
    followed();
    source.onopen = () => {
      lost = false;
      followed();
    };
    source.onerror = () => {
      lost = true;
      followed();
    };
    const heard = (event) => concerns(event.data) && soon();
    source.onmessage = heard;
    for (const type of TYPES) source.addEventListener(type, heard);
    source.addEventListener("reset", soon);
  }

  function follow() {
    if (still()) {
      missed = true; // what happens meanwhile is looked for at once
      source?.close();
      source = null;
      show("Paused", "off");
      return;
    }
    connect();
    if (missed) refresh();
    missed = false;
  }

  document.addEventListener("visibilitychange", follow);

  button?.addEventListener("click", () => {
    paused = paused ? 0 : Date.now();
    button.setAttribute("aria-pressed", String(!paused));
    window.delivrd.say(paused ? "Paused" : "Live again");
    follow();
  });

  // --- somebody reads ---------------------------------------------------------------------------

  for (const sign of ["pointermove", "pointerdown", "keydown", "focusin"]) {
    document.addEventListener(sign, (event) => {
      if (event.target.closest?.("[data-live] :is(.table, .fire, .actions)")) read = Date.now();
    }, { passive: true });
  }

  setInterval(() => {
    if (paused) show(`Paused ${window.delivrd.rough((Date.now() - paused) / 1000)} ago`, "off");
    const every = Number(box()?.dataset.every) || EVERY;
    if (!still() && due === null && Date.now() - last >= Math.max(every, rest)) refresh();
  }, 1000);
  connect();
})();
