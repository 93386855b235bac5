// The keys of findings and classes, in the order in which they are given out. None of them does
// anything else on the page; what comes after them is reached with J and K.

export const CHOICE_KEYS = [..."1234567890qwetysdhlzxvbmo"];

// Returns a choice of a form: a radio button, its name and its key.
export function choice(name, value, text, key) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
  const span = Object.assign(document.createElement("span"), { textContent: text });
  label.className = "choice";
  label.append(input, span);
  if (key) label.append(" ", keycap(key));
  return label;
}

export function keycap(key) {
  const cap = Object.assign(document.createElement("kbd"), { textContent: key.toUpperCase() });
  cap.setAttribute("aria-hidden", "true");
  return cap;
}
