// A rule run over the past: what it looks at, and when it would have fired. A stretch that is picked is
// shown closer; the address keeps it.
"use strict";

(() => {
  const { kinds, frame, axis, counts, box, colour, number, percent, period } = window.delivrd.charts;

  // The points of what is shown, each with its end.
  function cells(data) {
    const points = JSON.parse(data.items);
    const { since, until } = shown(data);
    return points
      .map((point, n) => ({ ...point, since: point.at, until: points[n + 1]?.at ?? data.until }))
      .filter((cell) => Date.parse(cell.until) > Date.parse(since) && Date.parse(cell.since) < Date.parse(until));
  }

  function shown(data) {
    const given = new URLSearchParams(location.search);
    const inside = [given.get("since"), given.get("until")].map((text) => Date.parse(text));
    const whole = { since: data.since, until: data.until };
    if (inside.some(Number.isNaN) || inside[0] >= inside[1]) return whole;
    if (inside[0] >= Date.parse(data.until) || inside[1] <= Date.parse(data.since)) return whole;
    return { since: given.get("since"), until: given.get("until") };
  }

  function option(data) {
    const points = cells(data);
    const { since, until } = shown(data);
    const firings = JSON.parse(data.firings)
      .filter((one) => Date.parse(one.to) >= Date.parse(since) && Date.parse(one.fired) <= Date.parse(until));
    const all = colour("--fill-pending");
    const bad = colour("--undelivered");
    const ratio = data.ratio !== undefined;
    const value = (point) => (ratio ? (point.n ? point.k / point.n : null) : point.k);
    const formatter = (found) => {
      const point = points[Math.min(found[0].dataIndex, points.length - 1)];
      const share = ratio && point.n ? ` (${percent(point.k / point.n)})` : "";
      return box(period(point.since, point.until), [
        [all, data.all, number(point.n)],
        [bad, data.bad, number(point.k) + share],
      ]);
    };
    const closed = (of) => [...points.map((point) => [point.at, of(point)]),
      ...points.slice(-1).map((point) => [point.until, of(point)])];
    const limit = data.limit ? [{
      yAxis: Number(data.limit),
      lineStyle: { color: colour("--ink"), type: "dashed", width: 1 },
      label: { show: true, formatter: percent(Number(data.limit)), color: colour("--ink"), position: "insideStartTop", fontSize: 11 },
      symbol: "none",
    }] : [];
    return {
      ...frame(formatter, "line"),
      grid: { left: 4, right: 12, top: 20, bottom: 4, containLabel: true },
      xAxis: axis({ type: "time", min: since, max: until }),
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

  function ready(chart, element) {
    const whole = element.parentElement.querySelector("[data-whole]");
    const draw = () => {
      chart.setOption(option(element.dataset), { replaceMerge: ["series", "xAxis", "yAxis"] });
      whole.hidden = shown(element.dataset).since === element.dataset.since;
    };
    const go = (since, until) => {
      const url = new URL(location.href);
      for (const [name, value] of Object.entries({ since, until })) {
        if (value) url.searchParams.set(name, value);
        else url.searchParams.delete(name);
      }
      history.pushState({ zoomed: true }, "", url);
      draw();
    };
    window.delivrd.pickable(chart, element, {
      cells: () => cells(element.dataset),
      cell: (x) => {
        const at = chart.convertFromPixel({ xAxisIndex: 0 }, x);
        const found = cells(element.dataset).findIndex((cell) => Date.parse(cell.until) > at);
        return found < 0 ? Infinity : found;
      },
      middle: (n) => {
        const cell = cells(element.dataset)[n];
        const at = (Date.parse(cell.since) + Date.parse(cell.until)) / 2;
        return chart.convertToPixel({ xAxisIndex: 0 }, at);
      },
      told: (cell) => `${period(cell.since, cell.until)}: ${cell.k} of ${cell.n}`,
      chosen: (first, last) => go(first.since, last.until),
    });
    whole.addEventListener("click", () => go());
    addEventListener("popstate", () => element.isConnected && draw());
    draw();
  }

  kinds.preview = { option, ready };
})();
