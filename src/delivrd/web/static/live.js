// Keeps a page fresh while somebody looks at it. The server sends word by server-sent events; where
// they do not come, the page asks every few seconds. Nothing that is being read moves: rows change
// in place, and new ones are announced in a bar.
"use strict";

(() => {
  const HURRY = 1200; // ms between two refreshes at most
  const POLL = 5000; // ms between two looks without events

  const TYPES = ["pending", "delivered", "undelivered", "rejected", "expired", "unknown", "merged"]
    .map((word) => `message.${word}`);

  const state = document.querySelector(".live");
  let source = null;
  let due = null;
  let last = 0;
  let missed = false;

  function show(word, on) {
    if (!state) return;
    state.textContent = word;
    state.dataset.state = on ? "on" : "off";
  }

  function refresh() {
    clearTimeout(due);
    due = null;
    if (document.hidden) {
      missed = true;
      return;
    }
    last = Date.now();
    const box = document.querySelector("[data-live]");
    if (!box) return;
    const url = new URL(box.dataset.live, location.href);
    const rows = [...document.querySelectorAll("[data-row]")];
    if (rows.length || box.dataset.newest !== undefined) {
      url.searchParams.set("newest", box.dataset.newest || "");
      url.searchParams.set("shown", rows.slice(0, 100)
        .map((row) => `${row.dataset.row}:${row.dataset.status || ""}`).join(","));
    }
    htmx.ajax("GET", url.pathname + url.search, {
      source: box, target: box, swap: box.dataset.swap || "innerHTML",
    });
  }

  function soon() {
    if (due === null) due = setTimeout(refresh, Math.max(0, last + HURRY - Date.now()));
  }

  function concerns(data) {
    const only = document.querySelector("[data-live]")?.dataset.only;
    return !only || data.includes(only);
  }

  function connect() {
    if (source || document.hidden) return;
    source = new EventSource("/v1/events/stream");
    source.onopen = () => show("Live", true);
    source.onerror = () => show("Live by polling", true);
    const heard = (event) => concerns(event.data) && soon();
    source.onmessage = heard;
    for (const type of TYPES) source.addEventListener(type, heard);
    source.addEventListener("reset", soon);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
      show("Paused", false);
    } else {
      connect();
      if (missed) refresh();
      missed = false;
    }
  });

  setInterval(() => {
    const every = Number(document.querySelector("[data-live]")?.dataset.every) || POLL;
    if (!document.hidden && Date.now() - last >= every) refresh();
  }, 1000);
  last = Date.now();
  connect();
})();
