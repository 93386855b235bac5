// The form of a study of several findings: each is present, absent or not sure, and none of them
// is answered at first.

import { CHOICE_KEYS, choice, keycap } from "./keys.js";

const WORDS = { present: "Present", absent: "Absent", unsure: "Not sure" };
const NEXT = { "": "present", present: "unsure", unsure: "absent", absent: "present" };

export class SeveralFindings {
  // changed: called after a key has changed the form; speak: tells it to a screen reader.
  constructor(form, study, { changed, speak }) {
    Object.assign(this, { form, changed, speak, findings: study.findings, current: 0 });
    this.rows = study.findings.map((finding, place) => this.#row(finding, place));
    document.getElementById("findings").append(...this.rows);
    document.getElementById("findings").hidden = false;
    document.getElementById("rest").hidden = false;
  }

  #row(finding, place) {
    const row = document.createElement("div");
    const name = document.createElement("span");
    row.className = "finding";
    row.setAttribute("role", "radiogroup");
    row.setAttribute("aria-labelledby", `finding-${place}`);
    name.id = `finding-${place}`;
    const key = CHOICE_KEYS[place];
    if (key) name.append(keycap(key), " ");
    name.append(finding);
    const choices = Object.entries(WORDS).map(([value, word]) => choice(name.id, value, word));
    row.append(name, ...choices);
    row.addEventListener("focusin", () => this.#go(place));
    row.addEventListener("pointerdown", () => this.#go(place));
    return row;
  }

  // Returns what this form asks of an answer, empty where it says nothing.
  normal(answer) {
    const said = answer?.answers ?? {};
    return { answers: Object.fromEntries(this.findings.map((name) => [name, said[name] ?? ""])) };
  }

  fill(answer) {
    Object.values(this.normal(answer).answers).forEach((value, place) => this.#set(place, value));
    this.#go(0);
  }

  get values() {
    return { answers: Object.fromEntries(this.findings.map((name, i) => [name, this.#get(i)])) };
  }

  // Returns what is to be answered before an answer can be saved, and goes there.
  missing() {
    const open = this.rows.map((_, place) => place).filter((place) => !this.#get(place));
    if (!open.length) return "";
    this.#go(open[0]);
    const name = this.findings[open[0]];
    const more = open.length > 1 ? ` and ${open.length - 1} more` : "";
    return `Not answered yet: ${name}${more}. “Rest absent” (N) marks what is left as absent.`;
  }

  isWhole(answer) {
    return this.findings.every((name) => answer?.answers?.[name]);
  }

  inWords({ answers }) {
    const found = this.findings.filter((name) => answers[name] === "present");
    const unsure = this.findings.filter((name) => answers[name] === "unsure");
    return [...found, ...unsure.map((name) => `${name}?`)].join(", ") || "all absent";
  }

  get keys() {
    const direct = this.rows.map((_, place) => [CHOICE_KEYS[place], () => this.#step(place)]);
    const [down, up] = [() => this.#move(1), () => this.#move(-1)];
    return {
      ...Object.fromEntries(direct.filter(([key]) => key)),
      p: () => this.#answer("present"),
      a: () => this.#answer("absent"),
      u: () => this.#answer("unsure"),
      n: () => this.markRest(),
      j: down,
      k: up,
      ArrowDown: down,
      ArrowUp: up,
    };
  }

  // Marks all findings absent that are not answered.
  markRest() {
    const open = this.rows.map((_, place) => place).filter((place) => !this.#get(place));
    for (const place of open) this.#set(place, "absent");
    this.changed();
    this.speak(`${open.length} findings marked absent.`);
  }

  #get(place) {
    return this.form.elements[`finding-${place}`].value;
  }

  #set(place, value) {
    for (const option of this.form.elements[`finding-${place}`]) {
      option.checked = option.value === value;
    }
  }

  // The key of a finding says present; again not sure, then absent.
  #step(place) {
    this.#go(place);
    this.#set(place, NEXT[this.#get(place)]);
    this.changed();
    this.#tell();
  }

  // Answers the finding in focus, and goes on to the next one.
  #answer(value) {
    this.#set(this.current, value);
    this.changed();
    this.#tell();
    this.#go(Math.min(this.current + 1, this.rows.length - 1));
  }

  #move(by) {
    this.#go(Math.min(Math.max(this.current + by, 0), this.rows.length - 1));
    this.#tell();
  }

  #go(place) {
    this.rows[this.current].removeAttribute("aria-current");
    this.current = place;
    this.rows[place].setAttribute("aria-current", "true");
    this.rows[place].scrollIntoView({ block: "nearest" });
  }

  #tell() {
    const said = WORDS[this.#get(this.current)] ?? "not answered";
    this.speak(`${this.findings[this.current]}: ${said.toLowerCase()}.`);
  }
}
