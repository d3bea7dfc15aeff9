// Single keys: to the search, from row to row, and the list of the keys, which also switches them off
// for whoever speaks to the machine or hits a key by mistake.
"use strict";

(() => {
  const WRITTEN_IN = "input:not([type=radio], [type=checkbox]), textarea, select";
  const list = document.getElementById("keys");
  const search = document.querySelector(".search input");
  const use = list.querySelector("input");

  function to_row(step) {
    const rows = [...document.querySelectorAll(".row")];
    const next = rows.indexOf(document.activeElement) + step;
    rows[Math.min(rows.length - 1, Math.max(0, next))]?.focus();
  }

  function to_search() {
    search.focus();
    search.select();
  }

  const acts = { "/": to_search, "?": () => list.showModal(), j: () => to_row(1), k: () => to_row(-1) };

  document.addEventListener("keydown", (event) => {
    const act = acts[event.key];
    if (!act || !use.checked || list.open || event.target.closest(WRITTEN_IN)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  function used() {
    search.parentElement.querySelector("kbd").hidden = !use.checked;
  }

  use.checked = localStorage.getItem("keys") !== "off";
  used();
  use.addEventListener("change", () => {
    localStorage.setItem("keys", use.checked ? "on" : "off");
    used();
  });

  const button = document.querySelector("[data-keys]");
  button.addEventListener("click", () => list.showModal());
  button.hidden = false;
})();
