// Outcomes over time, stacked: a bar leads to its messages, and several that are dragged over become
// the page's time.
"use strict";

(() => {
  const { kinds, frame, axis, counts, box, colour, number, period, clock, day, utcDay } = window.delivrd.charts;
  const ORDER = ["delivered", "unknown", "expired", "rejected", "undelivered", "pending"];
  const CUT = { begin: "partly before the range", end: "partly after the range", now: "so far" };
  const ROOM = { minute: 44, quarter: 44, hour: 44, day: 56 }; // px that a label needs
  const EVERY = { minute: [1, 2, 5, 10, 15, 30, 60], quarter: [1, 2, 4, 8, 12, 24], hour: [1, 2, 3, 6, 12, 24], day: [1, 2, 7, 14, 28, 91, 182, 364] };

  const LENGTH = { minute: 1, quarter: 15, hour: 60 };

  // A label each so many bars: at round times, and at midnight with the day.
  function labels(items, step, width) {
    const most = Math.max(2, Math.floor(width / ROOM[step]));
    const each = EVERY[step].find((n) => items.length / n <= most) ?? 364;
    return items.map((item, n) => {
      if (step === "day") return (items.length - 1 - n) % each ? "" : utcDay(item.value);
      const at = new Date(item.value);
      const minutes = at.getHours() * 60 + at.getMinutes();
      const place = Math.floor(minutes / LENGTH[step]);
      if (place % each) return "";
      return at.getHours() || at.getMinutes() ? clock(at) : day(at);
    });
  }

  function option(data, chart) {
    const items = JSON.parse(data.items);
    const shown = labels(items, data.step, chart.getWidth() - 48);
    const formatter = (points) => {
      const item = items[points[0].dataIndex];
      if (!item) return ""; // what was pointed at is no more
      const lines = [...points].reverse().filter((point) => point.value)
        .map((point) => [colour(`--fill-${point.seriesName}`), point.seriesName, number(point.value)]);
      if (item.delivery_rate !== null) lines.push(["", "delivery rate", window.delivrd.charts.percent(item.delivery_rate)]);
      const nothing = lines.length ? "" : "no messages";
      return box(period(item.since, item.until), lines, [nothing, CUT[item.cut]].filter(Boolean).join(", "));
    };
    return {
      ...frame(formatter, "shadow"),
      xAxis: axis({
        type: "category",
        data: items.map((item) => item.value),
        axisLabel: { color: colour("--muted"), interval: 0, hideOverlap: false, formatter: (_, n) => shown[n] },
        axisTick: { show: true, alignWithLabel: true, interval: (n) => shown[n] !== "", lineStyle: { color: colour("--line-strong") } },
      }),
      yAxis: counts(),
      series: ORDER.map((status) => ({
        name: status,
        type: "bar",
        stack: "all",
        barMaxWidth: 36,
        barCategoryGap: "22%",
        cursor: "pointer",
        itemStyle: { color: colour(`--fill-${status}`) },
        data: items.map((item) => ({
          value: item.counts[status] || 0,
          itemStyle: item.cut ? { opacity: 0.5 } : {},
        })),
      })),
    };
  }

  function messages(element, item, status) {
    const url = new URL(element.dataset.messages, location.href);
    for (const [name, value] of Object.entries({ status, since: item.since, until: item.until })) {
      if (value) url.searchParams.set(name, value);
    }
    location.assign(url);
  }

  // Which clock the hours are of, where it is not that of the days.
  function zone(element) {
    const note = element.parentElement.querySelector("[data-zone]");
    const { zone } = window.delivrd.charts;
    if (note && zone !== "UTC") note.textContent = `Clock times are those of ${zone}, days those of UTC.`;
  }

  function ready(chart, element) {
    zone(element);
    const items = () => JSON.parse(element.dataset.items);
    const pick = window.delivrd.pickable(chart, element, {
      cells: items,
      cell: (x) => chart.convertFromPixel({ xAxisIndex: 0 }, x),
      middle: (n) => chart.convertToPixel({ xAxisIndex: 0 }, n),
      told: (item) => `${period(item.since, item.until)}: ${item.total} ${item.total === 1 ? "message" : "messages"}`,
      chosen: (first, last) => zoom(element, first.since, last.until),
      opened: (item) => item.total && messages(element, item),
    });
    // a finger shows a bar's numbers first, and follows it with the next tap
    chart.on("click", (event) => {
      const item = items()[event.dataIndex];
      if (item && !pick.dragged() && pick.seen(event.dataIndex)) messages(element, item, event.seriesName);
    });
  }

  // The page with that time, in place; the address is a new one, so that the browser's way back leads back.
  function zoom(element, since, until) {
    const url = new URL(element.dataset.zoom, location.href);
    url.searchParams.set("since", since);
    url.searchParams.set("until", until);
    const page = document.querySelector("[data-live]");
    htmx.ajax("GET", url.pathname + url.search, { source: element, target: page, swap: "outerMorph", push: "true" })
      .then(() => window.delivrd.say("Zoomed in"));
  }

  kinds.outcomes = { option, ready };
})();
