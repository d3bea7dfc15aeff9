// What all charts share: their frame, their words, and how they are drawn. Their numbers stand in the
// page's own tables too (see "as a table"), so that they can be read without them; their colours are
// those of the style sheet. A kind of chart registers itself: `charts.kinds.NAME = { option, ready }`.
// When a page's attributes change (a live refresh), its charts are drawn anew in place.
"use strict";

(() => {
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function span(seconds) {
    for (const [unit, size] of UNITS) {
      if (seconds >= size) return `${+(seconds / size).toPrecision(2)} ${unit}`;
    }
    return seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${+seconds.toPrecision(2)} s`;
  }

  // 12 345, as everywhere on the page
  function number(value) {
    return value.toLocaleString("en-US").replaceAll(",", "\u202f");
  }

  function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
  }

  // --- times: days are those of UTC, by which they are counted; hours are the reader's ------------

  const told = (options) => (value) => new Date(value).toLocaleString("en-GB", options);
  const clock = told({ hour: "2-digit", minute: "2-digit" });
  const day = told({ day: "numeric", month: "short" });
  const utcDay = told({ day: "numeric", month: "short", timeZone: "UTC" });
  const weekday = told({ weekday: "short", day: "numeric", month: "short" });
  const utcWeekday = told({ weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  const utcClock = told({ hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

  // `Thu 26 Nov 14:00–15:00`, and the same in UTC where the reader's clock is another.
  function period(since, until) {
    const length = Date.parse(until) - Date.parse(since);
    if (length >= 86400e3 && utcClock(since) === utcClock(until)) {
      const last = new Date(Date.parse(until) - 1);
      return length > 86400e3 ? `${utcWeekday(since)} – ${utcWeekday(last)} (UTC)` : `${utcWeekday(since)} (UTC)`;
    }
    const same = weekday(since) === weekday(new Date(Date.parse(until) - 1));
    const end = same ? clock(until) : `${weekday(until)} ${clock(until)}`;
    const utc = zone === "UTC" ? "" : ` (${utcClock(since)}–${utcClock(until)} UTC)`;
    return `${weekday(since)} ${clock(since)}${same ? "–" : " – "}${end}${utc}`;
  }

  // --- frame ------------------------------------------------------------------------------------

  // What stands under the pointer: a heading, then lines of mark, name and value.
  function box(heading, lines, foot = "") {
    const made = document.createElement("div");
    made.className = "tip";
    const head = document.createElement("b");
    head.textContent = heading;
    made.append(head);
    for (const [fill, name, value] of lines) {
      const line = document.createElement("div");
      const mark = document.createElement("i");
      if (fill) mark.style.background = fill;
      const word = document.createElement("span");
      word.textContent = name;
      const count = document.createElement("span");
      count.textContent = value;
      line.append(mark, word, count);
      made.append(line);
    }
    if (foot) made.append(Object.assign(document.createElement("small"), { textContent: foot }));
    return made;
  }

  function frame(formatter, pointer) {
    return {
      animation: false,
      aria: { enabled: true },
      textStyle: { fontFamily: colour("--sans") },
      grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
      tooltip: {
        trigger: "axis",
        className: "tip-box",
        confine: true,
        transitionDuration: 0,
        axisPointer: {
          type: pointer,
          animation: false,
          lineStyle: { color: colour("--line-strong") },
          shadowStyle: { color: colour("--line"), opacity: 0.35 },
        },
        backgroundColor: colour("--panel"),
        borderColor: colour("--line-strong"),
        formatter,
      },
    };
  }

  function axis(more) {
    return {
      axisLine: { lineStyle: { color: colour("--line-strong") } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { color: colour("--muted"), hideOverlap: true },
      ...more,
    };
  }

  function counts(more) {
    return {
      type: "value",
      minInterval: 1,
      splitNumber: 4,
      splitLine: { lineStyle: { color: colour("--line") } },
      axisLabel: { color: colour("--muted"), formatter: number },
      ...more,
    };
  }

  // --- drawing ----------------------------------------------------------------------------------

  const kinds = {};
  const drawn = new Map(); // element -> how to show it again

  function draw(element) {
    const kind = kinds[element.dataset.chart];
    if (!kind || drawn.has(element)) return;
    const plot = element.querySelector(".plot");
    const chart = echarts.init(plot, null, { renderer: "svg" });
    let before = "";
    const show = (anew = true) => {
      const now = JSON.stringify(element.dataset);
      if (!anew && now === before) return;
      before = now;
      chart.setOption(kind.option(element.dataset, chart), { replaceMerge: ["series", "xAxis", "yAxis"] });
    };
    show();
    kind.ready?.(chart, element);
    drawn.set(element, show);
    new ResizeObserver(() => {
      chart.resize();
      show();
    }).observe(plot);
  }

  function all() {
    for (const [element, show] of drawn) {
      if (element.isConnected) show(false);
      else drawn.delete(element);
    }
    document.querySelectorAll(".chart[data-chart]").forEach(draw);
  }

  document.addEventListener("htmx:after:swap", all);
  addEventListener("DOMContentLoaded", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((show) => show()));
  window.delivrd.charts = { kinds, frame, axis, counts, box, colour, span, number, percent, period, clock, day, utcDay, zone };
})();
