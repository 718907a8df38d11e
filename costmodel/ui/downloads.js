// Links to files: small ones are in the page, large ones are made when they are asked for.
function render({ model, el }) {
  el.classList.add("cm-downloads");
  function save(name, address) {
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
  }
  function show() {
    const made = model.get("files").map((file) => {
      if (file.href) {
        const link = document.createElement("a");
        Object.assign(link, { href: file.href, download: file.name, textContent: file.label });
        return link;
      }
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: file.label });
      button.addEventListener("click", () => {
        button.disabled = true;
        button.textContent = `${file.label} …`;
        model.send({ make: file.name });
      });
      return button;
    });
    el.replaceChildren(...made);
  }
  model.on("change:files", show);
  model.on("msg:custom", (message, buffers) => {
    show();
    if (!buffers.length) return;
    const address = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
    save(message.name, address);
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  });
  show();
}

export default { render };
