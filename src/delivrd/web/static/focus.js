// Focus survives what is swapped in. It stays on the same control, or on the same row or the one in its
// place; from a control that is gone it goes to what was around it, never to a neighbour, which the next
// Enter would press.
"use strict";

(() => {
  let path = []; // what had the focus before a swap, and all that was around it
  let place = -1; // which of the rows that was

  const rows = () => [...document.querySelectorAll(".row")];

  document.addEventListener("htmx:before:swap", () => {
    path = [];
    for (let at = document.activeElement; at && at !== document.body; at = at.parentElement) path.push(at);
    place = rows().indexOf(path[0]);
  });

  // What stands for an element now, if anything does.
  function heir(was) {
    const now = was.isConnected ? was : document.getElementById(was.id);
    if (!was.matches("tr")) return now;
    return now ? now.querySelector(".row") || now : rows().slice(0, place + 1).at(-1);
  }

  document.addEventListener("htmx:after:swap", () => {
    if (document.activeElement !== document.body) return;
    const next = path.map(heir).find(Boolean);
    if (!next) return;
    if (next.tabIndex < 0) next.tabIndex = -1; // what is no control can have the focus by this
    next.focus({ preventScroll: true });
  });
})();
