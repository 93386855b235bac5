// The reader's page: one case after the other, an answer to each.

import { OneClass } from "./class.js";
import { Clock, minutes } from "./clock.js";
import { OneFinding } from "./finding.js";
import { SeveralFindings } from "./findings.js";
import { forget, Outbox, recall, store } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { ask, pause, Refusal } from "./server.js";
import { Viewer } from "./viewer.js";

const AHEAD = 3;
const $ = (id) => document.getElementById(id);
const form = $("panel");
const viewer = new Viewer($("radiograph"), showView);
const pictures = new Pictures();
const clock = new Clock();
let study, outbox;
let questions; // the form of this study
let answers = new Map(); // case → answer, saved or on its way
let index = 0;
let visit = 0; // counts up whenever another case is opened

async function start() {
  study = await fetchStudy();
  document.title = `${study.title} · Reading room`;
  $("title").textContent = study.title;
  $("comment").maxLength = study.comment_length;
  $("progress").max = study.cases.length;
  makeForm();
  for (const answer of study.answers) answers.set(answer.case, answer);
  outbox = new Outbox(`readingroom/${study.study}/${study.reader}`, showState);
  for (const { content } of outbox.waiting) {
    if (study.cases.includes(content.case)) answers.set(content.case, content);
  }
  listen();
  setInterval(showTimes, 1000);
  open(frontier());
}

async function fetchStudy() {
  for (;;) {
    try {
      return await ask("reading");
    } catch (error) {
      if (error instanceof Refusal) location.reload();
      notice("The server does not answer. Trying again …");
      await pause(1000);
    }
  }
}

// Makes the form of the study: one finding, several, or one of N classes.
function makeForm() {
  const kinds = { finding: OneFinding, findings: SeveralFindings, class: OneClass };
  let kind = study.findings.length > 1 ? "findings" : "finding";
  if (study.classes.length) kind = "class";
  document.body.dataset.asks = kind;
  document.body.classList.toggle("long", kind !== "finding");
  questions = new kinds[kind](form, study, { changed: keepDraft, hint, speak });
  Object.assign(KEYS, questions.keys);
}

function isRead(case_) {
  return questions.isWhole(answers.get(case_));
}

// The place of the first unread case; behind the last one when all are read.
function frontier() {
  const unread = study.cases.findIndex((case_) => !isRead(case_));
  return unread < 0 ? study.cases.length : unread;
}

async function open(place) {
  keepDraft();
  index = place;
  const ours = ++visit;
  clock.restart(false);
  const done = index >= study.cases.length;
  $("finished").hidden = !done;
  form.inert = $("stage").inert = done;
  showProgress();
  if (done) return finish();
  const case_ = study.cases[index];
  fill(draft(case_) ?? answers.get(case_));
  const ready = pictures.get(case_, () => {
    if (ours === visit) notice("The radiograph has not come yet. Trying again …");
  });
  const late = setTimeout(() => ours === visit && viewer.show(null), 150);
  const picture = await ready;
  clearTimeout(late);
  if (ours !== visit) return;
  notice("");
  viewer.show(picture);
  $("radiograph").dataset.case = case_;
  $("radiograph").setAttribute("aria-label", `Radiograph of case ${index + 1}`);
  clock.restart();
  const near = study.cases.slice(index, index + 1 + AHEAD);
  pictures.keep([...near, ...study.cases.slice(Math.max(0, index - 1), index)]);
}

function finish() {
  viewer.show(null);
  delete $("radiograph").dataset.case;
  $("thanks").focus();
  showFarewell();
}

function showFarewell() {
  const waiting = outbox.waiting.length;
  $("farewell").textContent = waiting
    ? `Keep this page open: ${plural(waiting)} not saved yet.`
    : `All ${study.cases.length} answers are saved. Thank you. You can close this page.`;
}

// ---- the form

function fill(values) {
  form.reset();
  hint("");
  questions.fill(values);
  $("comment").value = values?.comment ?? "";
  if (document.activeElement === document.body) $("radiograph").focus();
}

function filled() {
  return { ...questions.values, comment: $("comment").value.replaceAll("\r\n", "\n").trim() };
}

function same(one, other) {
  const [first, second] = [one, other].map((answer) => {
    return JSON.stringify([questions.normal(answer), answer?.comment ?? ""]);
  });
  return first === second;
}

function draftName(case_) {
  return `readingroom/${study.study}/${study.reader}/draft/${case_}`;
}

function draft(case_) {
  return recall(draftName(case_));
}

// What was chosen or written and not entered stays in this browser.
function keepDraft() {
  const case_ = $("radiograph").dataset.case;
  if (!case_ || case_ !== study.cases[index]) return;
  if (same(filled(), answers.get(case_))) forget(draftName(case_));
  else store(draftName(case_), filled());
}

function save() {
  const case_ = study.cases[index];
  if ($("radiograph").dataset.case !== case_) {
    return hint("The radiograph is not on the screen yet.");
  }
  const values = filled();
  const missing = questions.missing(values);
  if (missing) return hint(missing);
  const before = answers.get(case_);
  if (!same(values, before)) {
    const seconds = Math.min((before?.seconds ?? 0) + clock.seconds, 86400);
    const answer = { reader: study.reader, case: case_, ...values, seconds };
    answers.set(case_, answer);
    outbox.put(answer);
  }
  keepDraft();
  open(index + 1);
}

// ---- what is shown

function showView({ level, width, inverted, percent }) {
  const facts = [`Level ${Math.round(level)}`, `Width ${Math.round(width)}`, `${percent} %`];
  if (inverted) facts.push("inverted");
  $("view").replaceChildren(
    ...facts.flatMap((textContent) => [
      Object.assign(document.createElement("span"), { textContent }),
      " ",
    ]),
  );
  document.querySelector("[data-do=invert]").setAttribute("aria-pressed", inverted);
}

function showProgress() {
  const [count, first] = [study.cases.length, frontier()];
  $("place").textContent = `Case ${Math.min(index + 1, count)} of ${count}`;
  $("progress").value = study.cases.filter(isRead).length;
  $("back").disabled = index === 0;
  $("frontier").hidden = index >= first;
  $("frontier").textContent = first < count ? `To case ${first + 1} (End)` : "To the end (End)";
  showTimes();
}

function showTimes() {
  const all = [...answers.values()].reduce((sum, answer) => sum + answer.seconds, 0);
  const now = clock.seconds;
  $("times").textContent = `${$("progress").value} read · this case ${minutes(now)} · in all ${minutes(all + now)}`;
}

function plural(count) {
  return count === 1 ? "1 answer is" : `${count} answers are`;
}

function showState(state, waiting, detail) {
  const number = detail ? study.cases.indexOf(detail.case) + 1 : 0;
  if (state === "saving") say(state, "Saving …");
  if (state === "saved" && !waiting) say(state, `Case ${number} saved.`);
  if (state === "waiting") {
    say(state, `Not saved yet: ${plural(waiting)} waiting for the server. Keep this page open.`);
  }
  if (state === "closed") {
    say(state, `Not saved yet: ${plural(waiting)} waiting. Open your personal link again in a new tab.`);
  }
  if (state === "refused") {
    answers.delete(detail.case);
    say(state, `Case ${number} was not saved: ${detail.why} Please answer it again.`);
    showProgress();
  }
  if (!$("finished").hidden) showFarewell();
}

function say(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function hint(text) {
  $("hint").textContent = text;
}

// Tells a screen reader what a key did.
function speak(text) {
  hint("");
  $("spoken").textContent = text;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function showCases() {
  const last = Math.min(frontier(), study.cases.length - 1);
  $("grid").replaceChildren(
    ...study.cases.slice(0, last + 1).map((case_, place) => {
      const button = document.createElement("button");
      const answer = isRead(case_) ? questions.inWords(answers.get(case_)) : "not read";
      button.textContent = place + 1;
      button.setAttribute("aria-label", `Case ${place + 1}, ${answer}`);
      button.title = answer;
      button.dataset.answer = answer;
      if (place === index) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        $("cases").close();
        open(place);
      });
      return button;
    }),
  );
  $("cases").showModal();
}

// ---- keys and buttons

const ACTIONS = {
  in: () => viewer.zoomBy(1.25),
  out: () => viewer.zoomBy(0.8),
  full: () => viewer.fullResolution(),
  reset: () => viewer.reset(),
  invert: () => viewer.invert(),
  help: () => $("help").showModal(),
  cases: showCases,
  back: () => index > 0 && open(index - 1),
  forward: () => index < frontier() && open(index + 1),
  frontier: () => index < frontier() && open(frontier()),
  rest: () => questions.markRest(),
};
// The form of the study adds its own.
const KEYS = {
  c: () => $("comment").focus(),
  Enter: save,
  Backspace: ACTIONS.back,
  ArrowLeft: ACTIONS.back,
  ArrowRight: ACTIONS.forward,
  End: ACTIONS.frontier,
  ArrowUp: () => viewer.window(-8, 0),
  ArrowDown: () => viewer.window(8, 0),
  PageUp: () => viewer.window(-8, 0),
  PageDown: () => viewer.window(8, 0),
  ",": () => viewer.window(0, -16),
  ".": () => viewer.window(0, 16),
  "+": ACTIONS.in,
  "=": ACTIONS.in,
  "-": ACTIONS.out,
  f: ACTIONS.full,
  i: ACTIONS.invert,
  r: ACTIONS.reset,
  g: ACTIONS.cases,
  "?": ACTIONS.help,
};
const SHIFTED = {
  ArrowLeft: () => viewer.pan(80, 0),
  ArrowRight: () => viewer.pan(-80, 0),
  ArrowUp: () => viewer.pan(0, 80),
  ArrowDown: () => viewer.pan(0, -80),
};

function pressed(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const { target, key } = event;
  if (target === $("comment")) return inComment(event);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Enter" && target.matches("button")) return;
  if (key.startsWith("Arrow") && target.matches("input[type=radio]")) return;
  if (!$("finished").hidden && ![...CLOSING_KEYS].includes(key)) return;
  const name = key.length === 1 ? key.toLowerCase() : key;
  const action = (event.shiftKey && SHIFTED[key]) || KEYS[name];
  if (!action) return;
  event.preventDefault();
  if (event.repeat && [save, ACTIONS.back, ACTIONS.forward].includes(action)) return;
  action();
}

const CLOSING_KEYS = ["Backspace", "ArrowLeft", "g", "G", "?"];

function inComment(event) {
  if (event.key === "Escape") $("radiograph").focus();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("radiograph").focus();
    save();
  }
}

function listen() {
  window.addEventListener("keydown", pressed);
  window.addEventListener("pagehide", keepDraft);
  form.addEventListener("input", keepDraft);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) ACTIONS[button.dataset.do]();
    // After a click, keys are for the radiograph again: an arrow must not change an answer.
    const byPointer = event.detail > 0 && event.target.closest(".choice, .tools, .moves");
    if (byPointer && $("finished").hidden) $("radiograph").focus({ preventScroll: true });
  });
}

start();
