// The charts. Their numbers stand in the page's own tables too (see "as a table"), so that they can
// be read without them; their colours are those of the style sheet.
"use strict";

(() => {
  const order = ["delivered", "unknown", "expired", "rejected", "undelivered", "pending"];
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  const TIMES = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function label(value, step) {
    const at = new Date(value);
    return step === "hour"
      ? at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false })
      : at.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
  }

  function span(seconds) {
    for (const [unit, size] of units) {
      if (seconds >= size) return `${+(seconds / size).toPrecision(2)} ${unit}`;
    }
    return seconds < 0.9995 ? `${Math.round(seconds * 1000)} ms` : `${+seconds.toPrecision(2)} s`;
  }

  function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
  }

  // What stands under the pointer: a heading, then lines of mark, name and value.
  function box(heading, lines) {
    const made = document.createElement("div");
    made.className = "tip";
    const head = document.createElement("b");
    head.textContent = heading;
    made.append(head);
    for (const [fill, name, value] of lines) {
      const line = document.createElement("div");
      const mark = document.createElement("i");
      mark.style.background = fill;
      const word = document.createElement("span");
      word.textContent = name;
      const count = document.createElement("span");
      count.textContent = value;
      line.append(mark, word, count);
      made.append(line);
    }
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
        confine: true,
        axisPointer: { type: pointer, shadowStyle: { color: colour("--line"), opacity: 0.35 } },
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
      axisLabel: { color: colour("--muted") },
      ...more,
    };
  }

  // --- outcomes over time, stacked; a bar leads to its messages ---------------------------------

  function outcomes(data) {
    const items = JSON.parse(data.items);
    const formatter = (points) => box(points[0].name, [...points].reverse()
      .filter((point) => point.value)
      .map((point) => [point.color, point.seriesName, point.value.toLocaleString()]));
    return {
      ...frame(formatter, "shadow"),
      xAxis: axis({ type: "category", data: items.map((item) => label(item.value, data.step)) }),
      yAxis: counts(),
      series: order.map((status) => ({
        name: status,
        type: "bar",
        stack: "all",
        barMaxWidth: 36,
        barCategoryGap: "22%",
        itemStyle: { color: colour(`--fill-${status}`) },
        data: items.map((item) => item.counts[status] || 0),
      })),
    };
  }

  function follow(chart, data) {
    const items = JSON.parse(data.items);
    chart.on("click", (event) => {
      const item = items[event.dataIndex];
      if (!item) return;
      const url = new URL(data.messages, location.href);
      url.searchParams.set("status", event.seriesName);
      url.searchParams.set("since", item.since);
      url.searchParams.set("until", item.until);
      location.assign(url);
    });
  }

  // --- how long deliveries take, on a logarithmic scale -----------------------------------------

  function delays(data) {
    const bins = JSON.parse(data.items);
    const marks = JSON.parse(data.marks);
    const fill = colour("--fill-delivered");
    const line = colour("--accent");
    const formatter = (points) => {
      const bin = bins[Math.min(points[0].dataIndex, bins.length - 1)];
      return box(`${span(bin.over)} to ${span(bin.to)}`, [
        [fill, "deliveries", bin.n.toLocaleString()],
        [line, `within ${span(bin.to)}`, percent(bin.within)],
      ]);
    };
    const plain = { axisLine: { show: false, onZero: false }, axisTick: { show: false } };
    const first = Math.log2(bins[0].over);
    const last = Math.log2(bins[bins.length - 1].to);
    const shown = marks.filter((mark) => Math.log2(mark.seconds) >= first && Math.log2(mark.seconds) <= last);
    return {
      ...frame(formatter, "line"),
      grid: { left: 4, right: 4, top: 28, bottom: 4, containLabel: true },
      xAxis: axis({
        type: "value",
        min: first,
        max: last,
        axisLabel: {
          color: colour("--muted"),
          hideOverlap: true,
          customValues: TIMES.map(Math.log2).filter((value) => value >= first && value <= last),
          formatter: (value) => span(2 ** value),
        },
      }),
      yAxis: [counts(plain), counts({ ...plain, max: 1, min: 0, show: false })],
      series: [
        {
          type: "line",
          step: "end",
          showSymbol: false,
          lineStyle: { color: fill, width: 1.5 },
          itemStyle: { color: fill },
          areaStyle: { color: fill, opacity: 0.7 },
          data: [...bins.map((bin) => [Math.log2(bin.over), bin.n]), [last, bins[bins.length - 1].n]],
          markLine: {
            symbol: "none",
            silent: true,
            animation: false,
            lineStyle: { color: colour("--muted"), type: "dashed" },
            label: { color: colour("--ink"), position: "end", fontSize: 11 },
            data: shown.map((mark) => ({ xAxis: Math.log2(mark.seconds), label: { formatter: mark.label } })),
          },
        },
        {
          type: "line",
          yAxisIndex: 1,
          showSymbol: false,
          lineStyle: { color: line, width: 1.5 },
          itemStyle: { color: line },
          data: [[first, 0], ...bins.map((bin) => [Math.log2(bin.to), bin.within])],
        },
      ],
    };
  }

  // --- a rule run over the past: what it looks at, and when it would have fired -----------------

  function preview(data) {
    const points = JSON.parse(data.items);
    const firings = JSON.parse(data.firings);
    const all = colour("--fill-pending");
    const bad = colour("--undelivered");
    const ratio = data.ratio !== undefined;
    const value = (point) => (ratio ? (point.n ? point.k / point.n : null) : point.k);
    const when = (moment) => new Date(moment).toLocaleString(undefined, {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false,
    });
    const formatter = (found) => {
      const point = points[Math.min(found[0].dataIndex, points.length - 1)];
      const share = ratio && point.n ? ` (${percent(point.k / point.n)})` : "";
      return box(when(point.at), [
        [all, data.all, point.n.toLocaleString()],
        [bad, data.bad, point.k.toLocaleString() + share],
      ]);
    };
    const closed = (of) => [...points.map((point) => [point.at, of(point)]),
      [data.until, points.length ? of(points[points.length - 1]) : null]];
    const limit = data.limit ? [{
      yAxis: Number(data.limit),
      lineStyle: { color: colour("--ink"), type: "dashed", width: 1 },
      label: { show: true, formatter: percent(Number(data.limit)), color: colour("--ink"), position: "insideStartTop", fontSize: 11 },
      symbol: "none",
    }] : [];
    return {
      ...frame(formatter, "line"),
      grid: { left: 4, right: 12, top: 20, bottom: 4, containLabel: true },
      xAxis: axis({ type: "time", min: data.since, max: data.until }),
      yAxis: [
        counts(ratio ? { minInterval: 0, axisLabel: { color: colour("--muted"), formatter: (share) => `${+(100 * share).toFixed(1)} %` } } : {}),
        counts({ show: false }),
      ],
      series: [
        {
          name: data.all, type: "line", step: "end", showSymbol: false, yAxisIndex: ratio ? 1 : 0,
          lineStyle: { width: 0 }, areaStyle: { color: all, opacity: 0.5 }, itemStyle: { color: all },
          data: closed((point) => point.n),
        },
        {
          name: data.bad, type: "line", step: "end", showSymbol: false,
          lineStyle: { color: bad, width: 1.5 }, itemStyle: { color: bad },
          data: closed(value),
          markArea: {
            silent: true,
            itemStyle: { color: bad, opacity: 0.15 },
            data: firings.map((one) => [{ xAxis: one.fired }, { xAxis: one.to }]),
          },
          markLine: {
            symbol: ["none", "pin"], symbolSize: 14, silent: true, animation: false,
            lineStyle: { color: bad, type: "solid", width: 1.5 }, label: { show: false },
            data: [...firings.map((one) => ({ xAxis: one.fired })), ...limit],
          },
        },
      ],
    };
  }

  const KINDS = { outcomes, delays, preview };
  const charts = [];

  function draw(element) {
    if (element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    const kind = KINDS[element.dataset.chart];
    const chart = echarts.init(element, null, { renderer: "svg" });
    const show = () => chart.setOption(kind(element.dataset), true);
    show();
    if (element.dataset.messages) follow(chart, element.dataset);
    charts.push(show);
    new ResizeObserver(() => chart.resize()).observe(element);
  }

  const all = () => document.querySelectorAll(".chart[data-chart]").forEach(draw);
  all();
  document.addEventListener("htmx:after:swap", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((show) => show()));
})();
