// The controls of an app. Changes travel one message at a time, all that changed since the last
// answer in it: the last value wins, and nothing queues up.
let count = 0;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// the position of the round number next to a text, where the text is one number
function nearestRound(rounds, text) {
  const words = /^[-−$\s]*([\d.,_]+)\s*([kmbg%]?)/i.exec(text);
  if (!words) return -1;
  const sizes = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, "%": 0.01, "": 1 };
  const sign = /^\s*\$?[-−]/.test(text) ? -1 : 1;
  const value = sign * Number(words[1].replace(/[,_]/g, "")) * sizes[words[2].toLowerCase()];
  let best = 0;
  rounds.forEach((round, k) => {
    if (Math.abs(round.value - value) < Math.abs(rounds[best].value - value)) best = k;
  });
  return best;
}

function render({ model, el }) {
  el.classList.add("cm-controls");
  let underway = false;
  let waiting = {};
  let files = {};

  function tell() {
    el.dataset.busy = underway || Object.keys(waiting).length ? "yes" : "no";
    if (underway || !Object.keys(waiting).length) return;
    underway = true;
    const root = el.closest(".cm-app");
    if (root) root.dataset.state = "working";
    const changes = {};
    const buffers = [];
    for (const [name, value] of Object.entries(waiting)) {
      if (files[name] === undefined) changes[name] = value;
      else {
        changes[name] = { file: value, buffer: buffers.length };
        buffers.push(files[name]);
      }
    }
    waiting = {};
    files = {};
    model.send({ number: model.get("answered") + 1, changes }, undefined, buffers);
  }

  function change(name, value) {
    waiting[name] = value;
    tell();
  }

  let controls = {};
  function build() {
    controls = {};
    const shown = model.get("fields");
    const rest = element("details", {}, element("summary", { textContent: "More assumptions" }));
    const more = element("div", { className: "cm-form" });
    rest.append(more);
    const main = element("div", { className: "cm-form" });
    rest.open = el.querySelector("details")?.open ?? false;
    el.replaceChildren(main, ...(shown.some((field) => field.more) ? [rest] : []));
    for (const field of shown) add(field, field.more ? more : main);
    texts();
    errors();
  }

  function add(field, place) {
    const id = `cm-${(count += 1)}`;
    const fault = element("p", { id: `${id}-fault`, className: "cm-fault", role: "alert" });
    const label = element("label", { htmlFor: id, textContent: field.label });
    if (field.note) label.title = field.note;
    const row = element("div", { className: "cm-row" });
    let input;
    let show;
    if (field.kind === "choice") {
      input = element("select", { id });
      show = (text) => {
        const options = field.choices.includes(text) ? field.choices : [...field.choices, text];
        input.replaceChildren(
          ...options.map((words) => element("option", { value: words, textContent: words })),
        );
        input.value = text;
      };
      input.addEventListener("change", () => change(field.name, input.value));
      row.append(input);
    } else if (field.kind === "tick") {
      input = element("input", { id, type: "checkbox" });
      show = (text) => (input.checked = text === "yes");
      input.addEventListener("change", () => change(field.name, input.checked ? "yes" : "no"));
      row.append(input);
    } else if (field.kind === "words") {
      input = element("textarea", { id, rows: field.rows });
      show = (text) => (input.value = text);
      let pause;
      input.addEventListener("input", () => {
        clearTimeout(pause);
        pause = setTimeout(() => change(field.name, input.value), 250);
      });
      row.append(input);
    } else if (field.kind === "file") {
      input = element("input", { id, type: "file", accept: field.accept });
      // a file that is counted no more is not named any more
      show = (text) => {
        if (!text) input.value = "";
      };
      input.addEventListener("change", async () => {
        const file = input.files[0];
        if (!file) return;
        files[field.name] = await file.arrayBuffer();
        change(field.name, file.name);
      });
      row.append(input);
    } else {
      const type = field.kind === "date" ? "date" : "text";
      input = element("input", { id, type, autocomplete: "off", spellcheck: false });
      input.addEventListener("change", () => change(field.name, input.value));
      row.append(input);
      if (field.unit) row.append(element("span", { className: "cm-unit", textContent: field.unit }));
      let slider;
      if (field.rounds && field.rounds.length) {
        slider = element("input", { type: "range", min: 0, max: field.rounds.length - 1, step: 1 });
        slider.setAttribute("aria-label", `${field.label}, round numbers`);
        slider.addEventListener("input", () => {
          const round = field.rounds[slider.valueAsNumber];
          input.value = round.text;
          slider.setAttribute("aria-valuetext", round.text);
          change(field.name, round.text);
        });
        row.append(slider);
      }
      show = (text) => {
        input.value = text;
        if (!slider) return;
        const at = nearestRound(field.rounds, text);
        slider.value = Math.max(at, 0);
        slider.setAttribute("aria-valuetext", text);
      };
    }
    input.setAttribute("aria-describedby", fault.id);
    if (field.note) input.title = field.note;
    // shortcuts of the notebook are not meant while somebody types
    row.addEventListener("keydown", (event) => event.stopPropagation());
    const kind = `cm-field cm-${field.kind} cm-at-${field.name.replace(/[^\w]+/g, "-")}`;
    place.append(element("div", { className: kind }, label, row, fault));
    controls[field.name] = { input, fault, show };
  }

  function texts() {
    const found = model.get("texts");
    for (const [name, { show }] of Object.entries(controls)) {
      if (name in found && !(name in waiting)) show(found[name]);
    }
  }
  function errors() {
    const found = model.get("errors");
    for (const [name, { input, fault }] of Object.entries(controls)) {
      const said = found[name] ?? "";
      if (fault.textContent !== said) fault.textContent = said;
      input.setAttribute("aria-invalid", said ? "true" : "false");
    }
  }
  model.on("change:texts", texts);
  model.on("change:errors", errors);
  model.on("change:answered", () => {
    underway = false;
    tell();
  });
  model.on("change:fields", build);
  build();
}

export default { render };
