// The form of a study of classes: one of them, or not sure.

import { CHOICE_KEYS, choice } from "./keys.js";

export class OneClass {
  // changed: called after a key has changed the form; speak: tells it to a screen reader.
  constructor(form, study, { changed, speak }) {
    Object.assign(this, { form, changed, speak, classes: study.classes });
    [this.asked] = study.findings;
    const list = document.getElementById("classes");
    document.getElementById("classified").textContent = this.asked;
    list.append(
      ...this.classes.map((name, place) => choice("class", name, name, CHOICE_KEYS[place])),
      choice("class", "unsure", "Not sure", "u"),
    );
    list.hidden = false;
  }

  // Returns what this form asks of an answer, empty where it says nothing.
  normal(answer) {
    return { answers: { [this.asked]: answer?.answers?.[this.asked] ?? "" } };
  }

  fill(answer) {
    const said = this.normal(answer).answers[this.asked];
    for (const option of this.form.elements.class) option.checked = option.value === said;
  }

  get values() {
    return { answers: { [this.asked]: this.form.elements.class.value } };
  }

  // Returns what is to be answered before an answer can be saved.
  missing({ answers }) {
    return answers[this.asked] ? "" : `Choose first: ${this.asked}, or U for not sure.`;
  }

  isWhole(answer) {
    return Boolean(answer?.answers?.[this.asked]);
  }

  inWords({ answers }) {
    return answers[this.asked];
  }

  get keys() {
    const direct = this.classes.map((name, place) => [CHOICE_KEYS[place], () => this.#pick(name)]);
    const [down, up] = [() => this.#move(1), () => this.#move(-1)];
    return {
      ...Object.fromEntries(direct.filter(([key]) => key)),
      u: () => this.#pick("unsure"),
      j: down,
      k: up,
      ArrowDown: down,
      ArrowUp: up,
    };
  }

  #pick(value) {
    const option = [...this.form.elements.class].find((one) => one.value === value);
    option.checked = true;
    option.closest(".choice").scrollIntoView({ block: "nearest" });
    this.changed();
    this.speak(`${this.asked}: ${value === "unsure" ? "not sure" : value}.`);
  }

  #move(by) {
    const values = [...this.classes, "unsure"];
    const place = values.indexOf(this.form.elements.class.value);
    const next = place < 0 ? 0 : Math.min(Math.max(place + by, 0), values.length - 1);
    this.#pick(values[next]);
  }
}
