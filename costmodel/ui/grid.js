// A table of numbers to change. What is typed is sent when it is done; what is on show comes back.
function render({ model, el }) {
  el.classList.add("cm-grid");
  const made = (name, properties, ...children) => {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
  };

  function cell(row, column) {
    const shown = row.cells[column.name];
    if (shown === undefined) return made("td", { textContent: "–" });
    const input = made("input", { type: "text", value: shown.text, autocomplete: "off" });
    input.setAttribute("aria-label", `${column.label}, ${row.label}`);
    input.dataset.cell = `${row.name} ${column.name}`;
    if (shown.changed) input.classList.add("changed");
    input.title = shown.note;
    input.addEventListener("change", () => {
      model.send({ row: row.name, column: column.name, text: input.value });
    });
    // shortcuts of the notebook are not meant while somebody types
    input.addEventListener("keydown", (event) => event.stopPropagation());
    return made("td", {}, input);
  }

  function button(words, what, disabled) {
    const node = made("button", { type: "button", textContent: words, disabled });
    node.addEventListener("click", () => model.send({ [what]: true }));
    return node;
  }

  function show() {
    const focused = el.contains(document.activeElement) && document.activeElement.dataset.cell;
    const columns = model.get("columns");
    const head = made("tr", {}, made("th", { scope: "col", textContent: model.get("corner") }));
    head.append(...columns.map((c) => made("th", { scope: "col", textContent: c.label })));
    const body = model.get("rows").map((row) => {
      const name = made("th", { scope: "row", textContent: row.label });
      return made("tr", {}, name, ...columns.map((column) => cell(row, column)));
    });
    const table = made(
      "table",
      {},
      made("caption", { textContent: model.get("caption") }),
      made("thead", {}, head),
      made("tbody", {}, ...body),
    );
    const idle = !model.get("changed");
    const said = made("p", { className: "cm-said", textContent: model.get("said") });
    said.setAttribute("role", "status");
    const buttons = made(
      "div",
      { className: "cm-buttons" },
      button(model.get("save"), "save", idle),
      button("Undo the changes", "undo", idle),
    );
    el.replaceChildren(made("div", { className: "scroll" }, table), buttons, said);
    if (focused) el.querySelector(`[data-cell="${CSS.escape(focused)}"]`)?.focus();
  }
  model.on("change:shown", show);
  show();
}

export default { render };
