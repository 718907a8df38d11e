// Return the JSON of a figure in the inks of a dark page, as `style.darkened` does.
function recoloured(text, inks) {
  const escaped = Object.keys(inks).map((ink) => ink.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.replace(new RegExp(escaped.join("|"), "g"), (ink) => inks[ink]);
}

// Fill the width with title and subtitle, whose text `style.dress` keeps whole in `meta`.
function fitHeading(layout, width) {
  const { title, subtitle, rows } = layout.meta ?? {};
  if (!subtitle) return;
  const fonts = layout.template.layout;
  const pen = document.createElement("canvas").getContext("2d");
  const lines = (text, size) => {
    pen.font = `${size}px ${fonts.font.family}`;
    const plain = document.createElement("textarea");
    const made = [];
    for (const word of text.match(/(?:<[^>]*>|[^\s<])+/g) ?? []) {
      const longer = made.length ? `${made.at(-1)} ${word}` : word;
      plain.innerHTML = longer.replace(/<[^>]*>/g, "");
      if (made.length && pen.measureText(plain.value).width < 0.96 * width - 56) made.pop();
      else if (made.length) { made.push(word); continue; }
      made.push(longer);
    }
    return made;
  };
  const heading = lines(title, fonts.title.font.size);
  const below = subtitle.flatMap((text) => lines(text, fonts.title.subtitle.font.size));
  const saved = 22 * (rows[0] - heading.length) + 17 * (rows[1] - below.length);
  layout.title.text = heading.join("<br>");
  layout.title.subtitle.text = below.join("<br>");
  layout.height -= saved;
  layout.margin.t -= saved;
  layout.title.y = 1 - 14 / layout.height;
}

// Return a figure as a page shows it: in the inks of a dark theme if any, as wide as there is room.
function shownFigure(text, inks, width) {
  const figure = JSON.parse(inks ? recoloured(text, inks) : text);
  fitHeading(figure.layout, width);
  figure.layout.width = width;
  return figure;
}
