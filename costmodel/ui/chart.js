// One picture. It is drawn when it can be seen, and says so: data-seq is the number of the
// figure that the kernel set last, data-drawn the number of the one that is on the screen.

// all charts of a page share one copy of plotly.js
const page = (globalThis.costmodel ??= {});

function plotly(model) {
  page.plotly ??= unpacked(model).catch((error) => {
    page.plotly = undefined;
    throw error;
  });
  return page.plotly;
}

async function unpacked(model) {
  const library = await model.widget_manager.get_model(model.get("library"));
  const packed = new Blob([library.get("code")]).stream();
  const code = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
  // a module of its own, so that no loader of the page takes the library for itself
  const wrapped =
    `const module = {exports: {}}, exports = module.exports, define = undefined;\n${code}\n` +
    "export default module.exports;";
  const address = URL.createObjectURL(new Blob([wrapped], { type: "text/javascript" }));
  try {
    return (await import(/* webpackIgnore: true */ address)).default;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light === undefined
    ? matchMedia("(prefers-color-scheme: dark)").matches
    : light === "false";
}

function ranges(layout) {
  const axes = Object.entries(layout).filter(([name, axis]) => /^[xy]axis/.test(name) && axis.range);
  return Object.fromEntries(axes.map(([name, axis]) => [name, [...axis.range]]));
}

function render({ model, el }) {
  el.classList.add("cm-chart");
  el.setAttribute("role", "figure");
  const place = document.createElement("div");
  el.append(place);
  let stale = true;
  let drawing = false;
  let width = 0;
  let Plotly;

  const seen = () => el.isConnected && el.offsetParent !== null && el.clientWidth > 0;

  // a zoom stays when another figure comes; a double click shows the whole of that
  let own = {};
  function keepZoom(layout) {
    const before = own;
    own = ranges(layout);
    for (const [name, [low, high]] of Object.entries(ranges(place.layout ?? {}))) {
      const zoomed = before[name] && (low !== before[name][0] || high !== before[name][1]);
      if (zoomed && own[name]) layout[name].range = [low, high];
    }
  }
  function resetTo(axes) {
    for (const [name, range] of Object.entries(own)) {
      if (axes[name]) [axes[name]._rangeInitial0, axes[name]._rangeInitial1] = range;
    }
  }

  async function draw() {
    if (drawing || !stale || !seen()) return;
    drawing = true;
    try {
      Plotly = await plotly(model);
      while (stale && seen()) {
        stale = false;
        const seq = model.get("seq");
        const text = model.get("figure");
        if (!text) break;
        width = el.clientWidth;
        const figure = shownFigure(text, isDark() && model.get("inks"), width);
        el.style.minHeight = `${figure.layout.height}px`;
        keepZoom(figure.layout);
        await Plotly.react(place, figure.data, figure.layout, model.get("config"));
        resetTo(place._fullLayout);
        el.dataset.theme = isDark() ? "dark" : "light";
        el.dataset.drawn = seq;
      }
    } finally {
      drawing = false;
    }
  }

  function changed() {
    el.setAttribute("aria-label", model.get("finding"));
    el.dataset.seq = model.get("seq");
    stale = true;
    draw();
  }

  let theme = isDark();
  function themed() {
    if (theme === isDark()) return;
    theme = isDark();
    stale = true;
    // while JupyterLab changes its style sheets nothing can be seen
    requestAnimationFrame(draw);
  }

  const sizes = new ResizeObserver(() => {
    if (seen() && el.clientWidth !== width) stale = true;
    draw();
  });
  sizes.observe(el);
  const body = new MutationObserver(themed);
  body.observe(document.body, { attributes: true });
  model.on("change:seq", changed);
  changed();
  return () => {
    sizes.disconnect();
    body.disconnect();
    if (Plotly) Plotly.purge(place);
  };
}

export default { render };
