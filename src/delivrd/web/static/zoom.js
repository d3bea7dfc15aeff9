// Picking a stretch of a chart over time: by dragging, by a finger that goes sideways, or by keys (arrows
// go from cell to cell, with Shift they pick several, Enter takes them, Escape lets go). Nothing is
// animated.
"use strict";

(() => {
  const FAR = 6; // px from which a press is a drag

  // `of`: cells() the cells in order; cell(x) the number of the one at so many px; middle(n) where one
  // stands; told(cell) it in words; chosen(first, last) what a picked stretch does; opened(cell) what Enter
  // does where one alone is pointed at; plot() the left and right edge of what can be picked, where it is
  // not the whole.
  window.delivrd.pickable = (chart, element, of) => {
    const shade = Object.assign(document.createElement("div"), { className: "pick", hidden: true });
    const words = document.createElement("span");
    shade.append(words);
    element.append(shade);
    let from = null; // where a press began
    let ends = null; // the first and the last cell that are picked
    let drag = false;
    let cursor = null; // the cell that keys point at
    let touched = null; // the cell that a finger has shown
    let kind = "mouse";

    const within = (n) => Math.max(0, Math.min(of.cells().length - 1, n));
    const at = (event) => event.clientX - element.getBoundingClientRect().left;
    const cellAt = (x) => within(Math.round(of.cell(x)));

    function half(n) {
      const [one, other] = n + 1 < of.cells().length ? [n, n + 1] : [n - 1, n];
      return one < 0 ? chart.getWidth() / 2 : (of.middle(other) - of.middle(one)) / 2;
    }

    function paint() {
      shade.hidden = !ends;
      if (!ends) return;
      const [first, last] = [Math.min(...ends), Math.max(...ends)];
      const left = Math.max(0, of.middle(first) - half(first));
      const right = Math.min(chart.getWidth(), of.middle(last) + half(last));
      shade.style.left = `${left}px`;
      shade.style.width = `${right - left}px`;
      const cells = of.cells();
      words.textContent = window.delivrd.charts.period(cells[first].since, cells[last].until);
      const half_of_words = words.offsetWidth / 2;
      const centre = Math.max(half_of_words, Math.min(chart.getWidth() - half_of_words, (left + right) / 2));
      words.style.left = `${centre - left}px`;
    }

    function let_go() {
      from = ends = null;
      window.delivrd.busy = false;
      element.classList.remove("picking");
      paint();
    }

    function take() {
      const cells = of.cells();
      const [first, last] = [cells[Math.min(...ends)], cells[Math.max(...ends)]];
      let_go();
      if (first && last) of.chosen(first, last);
    }

    // --- pointer ----------------------------------------------------------------------------------

    element.addEventListener("pointerdown", (event) => {
      kind = event.pointerType;
      drag = false;
      if (event.button !== 0 || !of.cells().length) return;
      from = at(event);
    });
    element.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const x = at(event);
      if (!drag && Math.abs(x - from) < FAR) return;
      if (!drag) {
        drag = true;
        window.delivrd.busy = true;
        element.classList.add("picking");
        element.setPointerCapture(event.pointerId);
      }
      ends = [cellAt(from), cellAt(x)];
      paint();
    });
    element.addEventListener("pointerup", (event) => {
      if (drag && ends) take();
      else if (from !== null && kind === "touch") point(cellAt(at(event)));
      from = null;
    });
    element.addEventListener("pointercancel", let_go);

    // --- keys -------------------------------------------------------------------------------------

    function point(n) {
      cursor = n;
      chart.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: n });
      window.delivrd.say(ends ? words.textContent : of.told(of.cells()[n]));
    }

    const KEYS = {
      ArrowLeft: (event) => step(event, -1),
      ArrowRight: (event) => step(event, 1),
      Home: (event) => step(event, -Infinity),
      End: (event) => step(event, Infinity),
      Escape: () => {
        let_go();
        chart.dispatchAction({ type: "hideTip" });
        cursor = null;
      },
      Enter: () => {
        if (ends) take();
        else if (cursor !== null) of.opened?.(of.cells()[cursor]);
      },
    };

    function step(event, by) {
      const old = cursor ?? (by < 0 ? of.cells().length : -1);
      const next = within(by === -Infinity ? 0 : by === Infinity ? of.cells().length - 1 : old + by);
      if (event.shiftKey) ends = [ends ? ends[0] : within(old), next];
      else ends = null;
      window.delivrd.busy = ends !== null;
      paint();
      point(next);
    }

    element.addEventListener("keydown", (event) => {
      const act = KEYS[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || !of.cells().length) return;
      event.preventDefault();
      act(event);
    });
    element.addEventListener("blur", () => {
      let_go();
      cursor = null;
      chart.dispatchAction({ type: "hideTip" });
    });

    return {
      dragged: () => drag,
      // whether a press on this cell may lead on: a finger's second one, a mouse's first
      seen: (n) => {
        const known = kind !== "touch" || touched === n;
        touched = n;
        return known;
      },
    };
  };
})();
