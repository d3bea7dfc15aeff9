// The chart of outcomes over time. Its numbers stand in the page's own table (see "as a table"), so
// that they can be read without it; its colours are those of the style sheet.
"use strict";

(() => {
  const order = ["delivered", "unknown", "expired", "rejected", "undelivered", "pending"];

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function label(value, step) {
    const at = new Date(value);
    return step === "hour"
      ? at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false })
      : at.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
  }

  function tip(points) {
    const box = document.createElement("div");
    box.className = "tip";
    const head = document.createElement("b");
    head.textContent = points[0].name;
    box.append(head);
    for (const point of [...points].reverse()) {
      if (!point.value) continue;
      const line = document.createElement("div");
      const mark = document.createElement("i");
      mark.style.background = point.color;
      const name = document.createElement("span");
      name.textContent = point.seriesName;
      const count = document.createElement("span");
      count.textContent = point.value.toLocaleString();
      line.append(mark, name, count);
      box.append(line);
    }
    return box;
  }

  function options(items, step) {
    const muted = colour("--muted");
    return {
      animation: false,
      aria: { enabled: true },
      textStyle: { fontFamily: colour("--sans") },
      grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: colour("--line"), opacity: 0.35 } },
        backgroundColor: colour("--panel"),
        borderColor: colour("--line-strong"),
        formatter: tip,
      },
      xAxis: {
        type: "category",
        data: items.map((item) => label(item.value, step)),
        axisLine: { lineStyle: { color: colour("--line-strong") } },
        axisTick: { show: false },
        axisLabel: { color: muted, hideOverlap: true },
      },
      yAxis: {
        type: "value",
        minInterval: 1,
        splitNumber: 4,
        splitLine: { lineStyle: { color: colour("--line") } },
        axisLabel: { color: muted },
      },
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

  const charts = [];
  function draw(box) {
    const items = JSON.parse(box.dataset.items);
    const chart = echarts.init(box, null, { renderer: "svg" });
    chart.setOption(options(items, box.dataset.step));
    charts.push(() => chart.setOption(options(items, box.dataset.step), true));
    new ResizeObserver(() => chart.resize()).observe(box);
  }

  document.querySelectorAll(".chart[data-items]").forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((c) => c()));
})();
