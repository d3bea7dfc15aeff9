// How long deliveries take, on a logarithmic scale: a histogram, and the share that arrived within a time.
"use strict";

(() => {
  const { kinds, frame, axis, counts, box, colour, span, number, percent } = window.delivrd.charts;
  const TIMES = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400];

  function option(data) {
    const bins = JSON.parse(data.items);
    const marks = JSON.parse(data.marks);
    const fill = colour("--fill-delivered");
    const line = colour("--accent");
    const formatter = (points) => {
      const bin = bins[Math.min(points[0].dataIndex, bins.length - 1)];
      return box(`${span(bin.over)} to ${span(bin.to)}`, [
        [fill, "deliveries", number(bin.n)],
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

  kinds.delays = { option };
})();
