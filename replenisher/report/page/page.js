// Draws the charts in the colours of the page, and again when these change.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const button = document.getElementById("theme");
  const root = document.documentElement;

  const around = () => {
    const style = getComputedStyle(document.body);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--line"), zerolinecolor: colour("--quiet"), linecolor: colour("--line"), exponentformat: "none" };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: colour("--quiet"), family: style.fontFamily || "sans-serif", size: 12 },
        margin: { l: 72, r: 16, t: 12, b: 36 },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--line"), activecolor: colour("--accent") },
        hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      },
      axis,
    };
  };

  const draw = () => {
    const { layout, axis } = around();
    for (const figure of figures) {
      const own = { ...layout, ...figure.layout };
      for (const name of Object.keys(figure.layout).filter((each) => each.includes("axis")).concat(["xaxis", "yaxis"])) {
        own[name] = { ...axis, automargin: true, ...(figure.layout[name] || {}) };
      }
      Plotly.react(figure.key, figure.data, own, {
        responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "",
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      });
    }
    root.dataset.drawn = String(figures.length);
  };

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { name(); draw(); });
  name();
  draw();
})();
