// What must not wait for the server: the colour scheme, and the time cursor on the figures.
(() => {
  const root = document.documentElement;
  const scheme = () => (root.dataset.mantineColorScheme === "dark" ? "dark" : "light");
  // AG Grid reads its colour scheme from the body.
  const paint = () => { document.body.dataset.agThemeMode = scheme(); };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    windtunnel: {
      // The scheme in use; from now on every change of it is told to the page.
      paint() {
        paint();
        new MutationObserver(() => {
          paint();
          window.dash_clientside.set_props("scheme", { data: scheme() });
        }).observe(root, { attributeFilter: ["data-mantine-color-scheme"] });
        return scheme();
      },

      // Move the cursor line of every figure; t in seconds since the start, null for none.
      moveCursor(t, ...figures) {
        return figures.map((figure) => {
          const layout = figure && figure.layout;
          if (!layout || !layout.meta || !layout.meta.span) return window.dash_clientside.no_update;
          const shapes = (layout.shapes || []).filter((shape) => shape.name !== "cursor");
          if (t !== null && t !== undefined) {
            const [start, end] = layout.meta.span.map((text) => Date.parse(text + "Z"));
            const at = new Date(Math.min(start + t * 1000, end)).toISOString().replace("Z", "");
            shapes.push({
              type: "line", name: "cursor", x0: at, x1: at, y0: 0, y1: 1, yref: "paper",
              line: { color: layout.meta.cursor, width: 1, dash: "dot" },
            });
          }
          return { ...figure, layout: { ...layout, shapes } };
        });
      },
    },
  });
})();
