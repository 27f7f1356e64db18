// The conversation page: composer with a guard for composed Hangul, answers as they come, feedback, language.
// Runs once when Gradio has placed the block. Given by Gradio: element, trigger, props, server, watch.
const root = element.querySelector(".ny");
const find = (selector) => root.querySelector(selector);
const feed = find(".ny-feed"), main = find(".ny-main"), box = find("#ny-message"), notice = find(".ny-notice");
const live = find(".ny-live"), personaPicker = find("[data-persona]");
const maxChars = Number(root.dataset.max);
const newId = () => "p-" + Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

const isNarrow = () => !window.matchMedia("(min-width: 900px)").matches;

let lang = root.lang, session = "", busy = null, watchdog = null;

const text = (key, values = {}) => {
  const words = props.texts[key][lang === "ko" ? 0 : 1];
  return words.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
};
const make = (tag, className, words = "") => {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = words;
  return made;
};

// ------------------------------------------------------------------ composer

const fit = () => {
  box.style.height = "auto";
  box.style.height = Math.min(box.scrollHeight, 160) + "px";
};
const warn = (words) => {
  notice.textContent = words;
  notice.hidden = !words;
};

const submit = () => {
  const message = box.value.trim();
  if (!message || busy) return;
  const n = Array.from(message).length;
  if (n > maxChars) {
    warn(text("too_long", { max: maxChars, n }));
    return;
  }
  box.value = "";
  fit();
  ask(message);
};

// Enter in the middle of a syllable ends the composition; what is sent is the text after it, whole and once.
let composing = false, sendWhenComposed = false, composedAt = 0, composedHangul = false;
box.addEventListener("compositionstart", () => { composing = true; });
box.addEventListener("compositionend", (event) => {
  composing = false;
  composedAt = Date.now();
  composedHangul = /[ㄱ-ㆎ가-힣]$/.test(event.data || "");
  if (sendWhenComposed && composedHangul) setTimeout(submit, 0);
  sendWhenComposed = false;
});
box.addEventListener("keydown", (event) => {
  const enter = event.key === "Enter" || event.code === "Enter" || event.code === "NumpadEnter";
  if (!enter) return;
  if (event.isComposing || composing || event.keyCode === 229) {
    if (event.shiftKey) return;
    event.preventDefault();
    if (event.isComposing || composing) sendWhenComposed = true;
    // Safari ends the composition before the key: the text is whole already.
    else if (composedHangul && Date.now() - composedAt < 100) setTimeout(submit, 0);
    return;
  }
  if (event.shiftKey) return;
  event.preventDefault();
  submit();
});
box.addEventListener("input", () => {
  fit();
  const n = Array.from(box.value.trim()).length;
  if (n <= maxChars) warn("");
});
find(".ny-composer").addEventListener("submit", (event) => {
  event.preventDefault();
  // A tap on the button may come while the last syllable is still being composed; blur ends it first.
  if (composing) { box.blur(); setTimeout(submit, 50); } else submit();
});

// ------------------------------------------------------------------ turns

const setBusy = (id) => {
  busy = id;
  find(".ny-send").hidden = Boolean(id);
  find("[data-stop]").hidden = !id;
  root.toggleAttribute("data-busy", Boolean(id));
  clearInterval(watchdog);
  if (id) watchdog = setInterval(isServerThere, 4000);
};

const makeTurn = (message) => {
  const article = make("article", "ny-turn");
  article.id = newId();
  article.dataset.message = message;
  article.dataset.user = personaPicker.value;
  const mine = make("div", "ny-bubble ny-mine");
  mine.append(make("span", "ny-hidden", text("you") + ": "), make("span", "", message));
  article.append(mine, make("div", "ny-bubble ny-bot"));
  return article;
};

const ask = (message, again = "") => {
  const article = makeTurn(message);
  article.querySelector(".ny-bot").append(make("p", "ny-wait", text("thinking")));
  feed.append(article);
  if (isNarrow()) find(".ny-settings").open = false;
  main.scrollTo({ top: main.scrollHeight });
  setBusy(article.id);
  trigger("ask", {
    ask: article.id, text: message, session, user: personaPicker.value,
    place: find("[data-place]").value, time: find("[data-time]").value, lang, again,
  });
};

const giveBack = (article) => {
  if (!box.value) {
    box.value = article.dataset.message;
    fit();
  }
};

const apply = (patch) => {
  const article = document.getElementById(patch.ask);
  if (!article || article.dataset.state) return;
  const answer = article.querySelector(".ny-bot");
  if (patch.html) answer.innerHTML = patch.html;
  if (patch.state === "working") return;
  article.dataset.state = patch.state;
  if (busy === article.id) setBusy(null);
  if (patch.state === "done") {
    article.dataset.turn = patch.turn_id;
    live.textContent = text("announce", { text: patch.text });
  } else {
    if (!patch.html) answer.replaceChildren();
    if (patch.state === "stopped") answer.append(make("p", "ny-stopped", text("stopped")));
    answer.classList.add("ny-" + patch.state);
    live.textContent = answer.textContent;
    if (patch.state === "failed") giveBack(article);
  }
  // Show the answer from its beginning: a long list of cards must not push the words out of sight.
  main.scrollTo({ top: article.offsetTop - 12, behavior: "smooth" });
};
watch("value", () => { if (props.value) apply(JSON.parse(props.value)); });

const isServerThere = async () => {
  const id = busy;
  try {
    await fetch(window.location.href, { cache: "no-store" });
  } catch {
    const article = id && document.getElementById(id);
    if (!article || article.dataset.state) return;
    const words = make("p", "ny-text", text("lost"));
    apply({ ask: id, state: "failed", html: words.outerHTML });
  }
};

// ------------------------------------------------------------------ feedback

const store = async (article, record) => {
  try {
    return (await server.save_feedback({ turn_id: article.dataset.turn, user_id: article.dataset.user, ...record })).ok;
  } catch {
    return false;
  }
};

const confirm = (button, ok) => {
  button.classList.remove("ny-sending");
  button.disabled = ok;
  if (ok) button.classList.add("ny-done");
  const place = button.closest(".ny-card, .ny-feedback");
  const waiting = ok && place.dataset.stars && !place.querySelector("[data-rate].ny-done");
  const words = waiting ? text("stars_waiting", { n: place.dataset.stars }) : text(ok ? "saved" : "not_saved");
  const receipt = place.querySelector(".ny-receipt");
  receipt.textContent = (ok && !waiting ? "✓ " : "") + words;
  receipt.classList.toggle("ny-bad", !ok);
  receipt.classList.toggle("ny-pending", Boolean(waiting));
  live.textContent = (button.getAttribute("aria-label") || "") + " " + words;
};

const press = async (button, record, others = []) => {
  const article = button.closest(".ny-turn");
  const all = [button, ...others];
  all.forEach((one) => { one.disabled = true; });
  button.classList.add("ny-sending");
  const ok = await store(article, record);
  if (!ok) all.forEach((one) => { one.disabled = false; });
  confirm(button, ok);
  return ok;
};

const lightStars = (row, n) => {
  row.querySelectorAll(".ny-star").forEach((one) => {
    one.setAttribute("aria-pressed", String(Number(one.dataset.star) === n));
    one.classList.toggle("ny-lit", Number(one.dataset.star) <= n);
  });
  row.querySelector(".ny-reason").hidden = false;
  row.dataset.stars = n;
};

const chooseStars = (star) => {
  const row = star.closest(".ny-feedback"), n = Number(star.dataset.star);
  lightStars(row, n);
  const receipt = row.querySelector(".ny-receipt");
  receipt.textContent = live.textContent = text("stars_waiting", { n });
  receipt.classList.remove("ny-bad");
  receipt.classList.add("ny-pending");
};

const giveStars = async (button) => {
  const row = button.closest(".ny-feedback"), reason = row.querySelector("select");
  const record = { feedback_type: "rated", satisfaction_score: Number(row.dataset.stars) };
  if (reason.value) record.reason = reason.value;
  await press(button, record, [reason, ...row.querySelectorAll(".ny-star")]);
};

root.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const data = button.dataset;
  if (data.say) {
    // A chip does not touch what is being typed.
    if (!busy) ask(data.say);
  } else if (data.act) {
    press(button, { feedback_type: data.act, shop_id: data.shop });
  } else if (data.thumb) {
    const other = [...button.parentElement.children].filter((one) => one !== button);
    press(button, { feedback_type: "thumb", satisfaction_score: Number(data.thumb) }, other);
  } else if (data.star) {
    chooseStars(button);
  } else if ("rate" in data) {
    giveStars(button);
  } else if ("again" in data) {
    if (busy) return;
    const article = button.closest(".ny-turn");
    button.disabled = true;
    article.classList.add("ny-rejected");
    article.append(make("p", "ny-note", text("rejected")));
    ask(article.dataset.message, article.dataset.turn);
  } else if ("stop" in data) {
    if (busy) server.stop_turn(busy);
  } else if (data.copy) {
    await navigator.clipboard?.writeText(data.copy);
    button.textContent = text("copied");
  } else if ("new" in data) {
    delete room.sessions[personaPicker.value];
    open();
  } else if ("lang" in data) {
    speak(lang === "ko" ? "en" : "ko");
    keep();
  }
});

// ------------------------------------------------------------------ settings

const summarize = () => {
  const chosen = personaPicker.selectedOptions[0];
  const place = find("[data-place]").selectedOptions[0].textContent;
  const time = find("[data-time]").selectedOptions[0].textContent;
  find(".ny-about").textContent = chosen ? chosen.dataset.about : "";
  find(".ny-summary").textContent = [chosen && chosen.textContent, place, time].filter(Boolean).join(" · ");
};

// The tab remembers whose conversation was open, so that a reload or another person in between loses nothing.
const KEPT = "ny-room";
const room = { sessions: {} };
try { Object.assign(room, JSON.parse(sessionStorage.getItem(KEPT) || "{}")); } catch { /* nothing kept, or not readable */ }
const keep = () => {
  Object.assign(room, { user: personaPicker.value, place: find("[data-place]").value, time: find("[data-time]").value, lang });
  try { sessionStorage.setItem(KEPT, JSON.stringify(room)); } catch { /* storage is closed: the conversation lasts as long as the page */ }
};
const takeUp = () => {
  for (const [name, value] of [["persona", room.user], ["place", room.place], ["time", room.time]]) {
    const picker = find(`[data-${name}]`);
    if ([...picker.options].some((one) => one.value === value)) picker.value = value;
  }
};

const markActs = (article, acts) => {
  const mark = (button) => {
    if (!button) return;
    button.disabled = true;
    button.classList.add("ny-done");
  };
  for (const { kind, shop, score } of acts) {
    if (shop) mark([...article.querySelectorAll(".ny-act")].find((one) => one.dataset.act === kind && one.dataset.shop === shop));
    else if (kind === "thumb") article.querySelectorAll(".ny-thumb").forEach((one) => {
      one.disabled = true;
      one.classList.toggle("ny-done", Number(one.dataset.thumb) === score);
    });
    else if (kind === "rated") {
      lightStars(article.querySelector(".ny-feedback"), score);
      article.querySelectorAll(".ny-star, .ny-reason select").forEach((one) => { one.disabled = true; });
      mark(article.querySelector("[data-rate]"));
    }
  }
};

const showAgain = ({ message, html, turn_id, acts }) => {
  const article = makeTurn(message);
  article.querySelector(".ny-bot").innerHTML = html;
  article.dataset.state = "done";
  article.dataset.turn = turn_id;
  markActs(article, acts);
  return article;
};

// Opens the conversation of the person who is picked: the one this tab knows, or a new one.
const open = async () => {
  if (busy) server.stop_turn(busy);
  setBusy(null);
  feed.replaceChildren();
  warn("");
  summarize();
  const user = personaPicker.value, known = room.sessions[user];
  session = room.sessions[user] = known || newId();
  keep();
  main.scrollTo({ top: 0 });
  if (!isNarrow()) box.focus();
  if (!known) return;
  const turns = await server.revisit({ session: known, user, place: find("[data-place]").value, lang });
  if (session !== known || !turns.length) return;
  const articles = turns.map(showAgain);
  feed.prepend(...articles);
  main.scrollTo({ top: articles[articles.length - 1].offsetTop - 12 });
};

const speak = (language) => {
  lang = root.lang = document.documentElement.lang = language;
  root.querySelectorAll("[data-t]").forEach((one) => { one.textContent = text(one.dataset.t); });
  root.querySelectorAll("[data-t-label]").forEach((one) => {
    if (one.tagName === "OPTGROUP") one.label = text(one.dataset.tLabel);
    else one.setAttribute("aria-label", text(one.dataset.tLabel));
  });
  root.querySelectorAll("[data-t-title]").forEach((one) => { one.title = text(one.dataset.tTitle); });
  box.placeholder = text("placeholder");
  const toggle = find("[data-lang]");
  toggle.textContent = language === "ko" ? "English" : "한국어";
  toggle.lang = language === "ko" ? "en" : "ko";
  summarize();
};

personaPicker.addEventListener("change", open);
for (const picker of [find("[data-place]"), find("[data-time]")]) picker.addEventListener("change", () => { summarize(); keep(); });
if (isNarrow()) find(".ny-settings").open = false;
takeUp();
speak(room.lang || lang);
open();
server.page_facts(null).then((facts) => { find(".ny-mark").hidden = !facts.synthetic; });
root.dataset.ready = "";
