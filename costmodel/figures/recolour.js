// Return the JSON of a figure in the inks of a dark page, as `style.darkened` does.
function recoloured(text, inks) {
  const escaped = Object.keys(inks).map((ink) => ink.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.replace(new RegExp(escaped.join("|"), "g"), (ink) => inks[ink]);
}
