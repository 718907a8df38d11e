// What an app has to say: warnings, the verdict, how sure it is, what it is working on.
const GONE =
  "The kernel was restarted, so nothing answers any more. Run the cell again; until then the last " +
  "state stays on the screen.";

function render({ model, el }) {
  el.classList.add("cm-status");
  const part = (name, kind, role) => {
    const made = document.createElement(name);
    made.className = kind;
    if (role) made.setAttribute("role", role);
    el.append(made);
    return made;
  };
  const fault = part("p", "cm-fault", "alert");
  const warnings = part("div", "cm-warnings");
  const verdict = part("div", "cm-verdict", "status");
  verdict.setAttribute("aria-live", "polite");
  const work = part("div", "cm-work");
  const bar = document.createElement("progress");
  const words = document.createElement("span");
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.textContent = "Cancel";
  cancel.addEventListener("click", () => model.send({ cancel: true }));
  bar.setAttribute("aria-label", "Progress");
  bar.max = 1;
  work.append(bar, words, cancel);

  function mark() {
    const root = el.closest(".cm-app");
    if (!root) return;
    root.dataset.state = model.get("state");
    root.dataset.seq = model.get("seq");
  }
  function say() {
    fault.textContent = model.get("fault");
    const line = (name, text) => {
      const made = document.createElement(name);
      made.className = "cm-warning";
      made.textContent = text;
      return made;
    };
    const [first, ...rest] = model.get("warnings");
    if (rest.length > 1) {
      const all = document.createElement("details");
      const more = document.createElement("b");
      more.textContent = ` and ${rest.length} more warnings`;
      const title = line("summary", first);
      title.append(more);
      all.append(title, ...rest.map((text) => line("p", text)));
      all.open = warnings.querySelector("details")?.open ?? false;
      warnings.replaceChildren(all);
    } else {
      warnings.replaceChildren(...model.get("warnings").map((text) => line("p", text)));
    }
    const [said, sure] = [model.get("verdict"), model.get("sure")];
    if (verdict.dataset.said !== said + sure) {
      verdict.dataset.said = said + sure;
      const first = document.createElement("p");
      first.textContent = said;
      const second = document.createElement("p");
      second.className = "cm-sure";
      second.textContent = sure;
      verdict.replaceChildren(first, ...(sure ? [second] : []));
    }
    verdict.hidden = !said;
    mark();
  }
  function progress() {
    const share = model.get("progress");
    work.hidden = share < 0;
    if (share >= 0) bar.value = share;
    words.textContent = model.get("work");
  }
  // the widgets of a page lose their kernel when it restarts: what they show stays
  model.on("comm_live_update", () => {
    const gone = el.closest(".jupyter-widgets-disconnected");
    fault.textContent = gone ? GONE : model.get("fault");
  });
  model.on("change:seq", say);
  model.on("change:progress change:work", progress);
  // the root is there once this is on the page
  new ResizeObserver(mark).observe(el);
  say();
  progress();
}

export default { render };
