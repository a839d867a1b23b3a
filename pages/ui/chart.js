// The chart: draws a Plotly figure into its own element, and on new data redraws it there.
const drawn = new WeakMap(); // parentElement → what it shows and how to let go of it

let loading = null;
function plotly(src) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = src;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { loading = null; reject(new Error("no script")); };
    document.head.append(script);
  });
  return loading;
}

// A colour in a figure is written "var(--role)" or "var(--role, 0.2)" with an opacity; the theme says what it is.
function palette(element) {
  const style = getComputedStyle(element);
  const read = name => style.getPropertyValue(name).trim();
  const series = read("--st-chart-categorical-colors").split(",").map(c => c.trim());
  const known = {
    "--text": read("--st-text-color"),
    "--background": read("--st-background-color"),
    "--border": read("--st-border-color"),
    "--accent": read("--st-primary-color"),
  };
  const pen = document.createElement("canvas").getContext("2d");
  const resolve = text => {
    const [, name, opacity] = /^var\((--[\w-]+)(?:,\s*([\d.]+))?\)$/.exec(text) ?? [];
    if (!name) return text;
    pen.fillStyle = known[name] ?? series[Number(name.replace("--series-", "")) % series.length];
    if (opacity === undefined) return pen.fillStyle;
    const [r, g, b] = [1, 3, 5].map(i => parseInt(pen.fillStyle.slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${opacity})`;
  };
  return { resolve, font: read("--st-font") };
}

function themed(value, resolve) {
  if (typeof value === "string") return value.startsWith("var(") ? resolve(value) : value;
  if (Array.isArray(value)) return value.map(v => themed(v, resolve));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, themed(v, resolve)]));
}

const svgIcon = {
  width: 24, height: 24,
  path: "M5 20h14v-2H5v2zM19 9h-4V3H9v6H5l7 7 7-7z",
};

function settings(Plotly, name, texts, narrow) {
  const image = format => ({ format, filename: name, width: 1200, height: 640, scale: format === "png" ? 2 : 1 });
  return {
    displaylogo: false,
    displayModeBar: narrow ? false : "hover",
    responsive: true,
    scrollZoom: false,
    toImageButtonOptions: image("png"),
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"], ["toImage", {
      name: "svg", title: texts.svg, icon: svgIcon,
      click: plot => Plotly.downloadImage(plot, image("svg")),
    }]],
  };
}

// Of ticks at given places on a log axis, those that keep a distance: labels do not fall on each other.
function apart({ type, tickvals, ticktext }) {
  if (type !== "log" || !tickvals) return {};
  const span = Math.log(tickvals.at(-1) / tickvals[0]) || 1;
  let last = -Infinity;
  const kept = ticktext.map((text, i) => {
    const place = Math.log(tickvals[i]);
    if (place - last < span * 0.065) return "";
    last = place;
    return text;
  });
  return { ticktext: kept };
}

// Plotly follows the window; the chart's own width changes too, when the sidebar opens or closes.
function follow(host, state, Plotly) {
  const watch = new ResizeObserver(() => {
    if (!host.data || host.clientWidth === state.width || !host.clientWidth) return;
    state.width = host.clientWidth;
    Plotly.Plots.resize(host);
  });
  watch.observe(host);
  return watch;
}

export default function (component) {
  const { data, parentElement } = component;
  const host = parentElement.querySelector(".scalescope-chart");
  host.setAttribute("aria-label", data.alt);
  host.style.height = `${data.height}px`;
  const state = drawn.get(parentElement) ?? { turn: 0 };
  drawn.set(parentElement, state);
  const turn = ++state.turn;

  plotly(data.script).then(Plotly => {
    if (turn !== state.turn) return; // newer data came while the script was loading
    const { resolve, font } = palette(host);
    const figure = themed(JSON.parse(data.figure), resolve);
    figure.layout.font = { ...figure.layout.font, family: font };
    // One finger scrolls the page on a touch screen; with a mouse, dragging zooms.
    if (matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
    const narrow = host.clientWidth < 560;
    if (narrow) {
      for (const trace of figure.data) trace.name = trace.name.replace(/(.{1,44})(\s+|$)/g, "$1<br>").replace(/<br>$/, "");
      Object.assign(figure.layout.margin, { l: 48, r: 8 });
      Object.assign(figure.layout.xaxis, { tickangle: 0, tickfont: { size: 10 }, ...apart(figure.layout.xaxis) });
    }
    // Another configuration, even an equal one with another function in it, makes Plotly start over and forget the zoom.
    state.settings ??= settings(Plotly, data.name, data.texts, narrow);
    return Plotly.react(host, figure.data, figure.layout, state.settings).then(() => {
      host.dataset.drawn = turn;
      state.width = host.clientWidth;
      state.watch ??= follow(host, state, Plotly);
      if (!state.stands) component.setStateValue("stands", state.stands = true);
    });
  }).catch(() => {
    component.setStateValue("stands", true); // the rest of the page must not wait for it
    host.textContent = data.texts.failed;
  });

  return () => {
    state.turn = -1;
    state.watch?.disconnect();
    drawn.delete(parentElement);
    window.Plotly?.purge(host);
  };
}
