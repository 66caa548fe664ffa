// The search: loads the shards that the typed words ask for (eggwatch/pages/site/search.py writes them), and shows the
// projects that have all of the words. MiniSearch finds and ranks within a shard.
"use strict";

(() => {
  const PAGE = 20;
  const LONGEST = 8; // more words than these are not looked for
  const BOOST = { 1: 8, 2: 3, 3: 2, 4: 1 }; // name, keywords, summary, classifiers

  const form = document.getElementById("search");
  const input = document.getElementById("q");
  const told = document.getElementById("told");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const shards = Number(form.dataset.shards);
  const prefix = Number(form.dataset.prefix);
  const arrived = new Map();
  const loading = new Map();
  const indexes = new Map();
  let asked = "";

  window.shard = (name, data) => { arrived.set(name, data); };

  function load(name) {
    if (!loading.has(name)) loading.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${name}.js`;
      script.onload = () => resolve(arrived.get(name));
      script.onerror = () => { loading.delete(name); reject(new Error(`${name}.js could not be loaded`)); };
      document.head.append(script);
    }));
    return loading.get(name);
  }

  function numberOf(text) {
    let value = 2166136261;
    for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 16777619) >>> 0;
    return value % shards;
  }

  const wordsIn = (text) => text.normalize("NFKC").toLowerCase().match(/[\p{L}\p{N}]+/gu) || [];
  const isShort = (word) => shards > 1 && [...word].length < prefix;

  async function indexOf(word) {
    const name = `words/${numberOf([...word].slice(0, prefix).join(""))}`;
    const [common, ...rows] = await load(name);
    if (!indexes.has(name)) {
      const index = new MiniSearch({
        idField: "0", fields: Object.keys(BOOST), tokenize: (text) => text.split(" "), processTerm: (term) => term,
      });
      index.addAll(rows);
      indexes.set(name, { index, common });
    }
    return indexes.get(name);
  }

  // A word that many projects have says nothing: it does not narrow, and adds those that have it in their names.
  async function lookUp(word) {
    const { index, common } = await indexOf(word);
    const options = { boost: BOOST, prefix: !isShort(word) };
    let hits = index.search(word, options);
    if (!hits.length && word.length > 3) hits = index.search(word, { ...options, fuzzy: 0.25 });
    const isCommon = common.some((one) => (options.prefix ? one.startsWith(word) : one === word));
    return { word, isCommon, scores: new Map(hits.map((hit) => [hit.id, hit.score])) };
  }

  function ranked(lookups, words) {
    const narrowing = lookups.filter((one) => !one.isCommon);
    const [first, ...others] = narrowing.length ? narrowing : lookups;
    const wanted = [...first.scores.keys()].filter((id) => others.every((one) => one.scores.has(id)));
    const name = words.join("-");
    const score = (id) => lookups.reduce((sum, one) => sum + (one.scores.get(id) || 0), 0)
      * (id === name ? 100 : id.startsWith(name) ? 4 + name.length / id.length : 1);
    return wanted.map((id) => [score(id), id]).sort((a, b) => b[0] - a[0] || (a[1] < b[1] ? -1 : 1)).map((row) => row[1]);
  }

  function element(tag, text, className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = className;
    return made;
  }

  function line([project, name, version, day, summary, yanked]) {
    const item = document.createElement("li");
    const link = element("a", `${name} `);
    link.href = `../project/${project}/index.html`;
    link.append(element("span", version, "version"));
    item.append(link, " ", element("span", day + (yanked ? " (yanked)" : ""), "small"));
    if (summary) item.append(document.createElement("br"), summary);
    return item;
  }

  async function show(query, projects, from) {
    const next = projects.slice(from, from + PAGE);
    const cards = await Promise.all(next.map((project) => load(`cards/${numberOf(project)}`)));
    if (query !== asked) return;
    const lines = next.map((project, place) => line(cards[place].find((card) => card[0] === project) || [project, project, "", ""]));
    if (from) found.append(...lines); else found.replaceChildren(...lines);
    if (from) lines[0].querySelector("a").focus();
    more.hidden = projects.length <= from + PAGE;
    more.onclick = () => show(query, projects, from + PAGE).catch(fail);
  }

  function say(lookups, number) {
    const common = lookups.filter((one) => one.isCommon).map((one) => one.word);
    const short = lookups.filter((one) => isShort(one.word)).map((one) => one.word);
    const notes = [number ? `${number} ${number === 1 ? "project" : "projects"}.` : "No project has these words."];
    if (common.length) notes.push(`Many projects have "${common.join('", "')}": found only in names.`);
    if (short.length) notes.push(`"${short.join('", "')}" is found as a whole word; type ${prefix} characters for words that begin with it.`);
    told.textContent = notes.join(" ");
  }

  function clear(text) {
    found.replaceChildren();
    more.hidden = true;
    told.textContent = text;
  }

  async function search() {
    const query = input.value;
    if (query === asked) return;
    asked = query;
    const words = [...new Set(wordsIn(query))].slice(0, LONGEST);
    if (!words.length) { clear(""); return; }
    const lookups = await Promise.all(words.map(lookUp));
    if (query !== asked) return;
    const projects = ranked(lookups, words);
    await show(query, projects, 0);
    if (query !== asked) return;
    say(lookups, projects.length);
    remember(query);
  }

  function remember(query) { // a page from a disk may not change its address
    if (location.protocol !== "file:") history.replaceState(null, "", `?q=${encodeURIComponent(query)}`);
  }

  function fail(error) { asked = ""; clear(`The search failed: ${error.message}.`); }

  function move(event) {
    const stops = [input, ...found.querySelectorAll("a")];
    const here = stops.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || here < 0 || !stops[here + step]) return;
    event.preventDefault();
    stops[here + step].focus();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.parentElement.addEventListener("keydown", move);
  input.addEventListener("input", () => search().catch(fail));
  input.value = input.value || new URLSearchParams(location.search).get("q") || "";
  search().catch(fail);
})();
