// The form of a study of one finding: the answer, how certain it is, and what else there is.

import { choice } from "./keys.js";

const FIELDS = ["answer", "confidence", "other_finding"];

export class OneFinding {
  // changed: called after a key has changed the form; hint: shows a sentence.
  constructor(form, study, { changed, hint }) {
    Object.assign(this, { form, changed, hint });
    document.getElementById("finding").textContent = study.findings[0];
    const others = document.getElementById("others");
    for (const name of study.other_findings) others.append(choice("other_finding", name, name));
    for (const id of ["answers", "confidences", "others"]) document.getElementById(id).hidden = false;
  }

  // Returns what this form asks of an answer, empty where it says nothing.
  normal(answer) {
    return Object.fromEntries(FIELDS.map((name) => [name, answer?.[name] ?? ""]));
  }

  fill(answer) {
    for (const name of FIELDS) {
      if (answer?.[name] != null) this.form.elements[name].value = String(answer[name]);
    }
  }

  get values() {
    const values = Object.fromEntries(FIELDS.map((name) => [name, this.form.elements[name].value]));
    return { ...values, confidence: Number(values.confidence) || null };
  }

  // Returns what is to be answered before an answer can be saved.
  missing({ answer, confidence }) {
    if (!answer) return "Answer first: P present, A absent, U not sure.";
    return confidence ? "" : "Say how confident you are: 1 to 5.";
  }

  isWhole(answer) {
    return Boolean(answer);
  }

  inWords(answer) {
    return answer.answer;
  }

  get keys() {
    return {
      p: () => this.#pick("answer", "present"),
      a: () => this.#pick("answer", "absent"),
      u: () => this.#pick("answer", "unsure"),
      ...Object.fromEntries(
        [1, 2, 3, 4, 5].map((number) => [number, () => this.#pick("confidence", number)]),
      ),
      o: () => this.#nextOther(),
    };
  }

  #pick(name, value) {
    this.form.elements[name].value = value;
    this.changed();
  }

  #nextOther() {
    const options = [...this.form.elements.other_finding];
    const place = options.findIndex((option) => option.checked);
    options[(place + 1) % options.length].click();
    this.hint(`Other finding: ${this.form.elements.other_finding.value || "none"}.`);
  }
}
