// Filters, the table and the plot. What is chosen is kept in the URL's hash.
(() => {
  const get = (id) => document.getElementById(id);
  const site = JSON.parse(get("data").textContent);
  const filters = get("filters"), axes = get("axes"), body = get("latest").tBodies[0];
  const headers = [...get("latest").tHead.rows[0].cells].map((cell) => [cell.textContent, cell.className]);
  const OF_CELL = ["model", "variant", "delegate", "device"];
  const FIELDS = [...filters.elements, ...axes.elements].filter((field) => field.name);
  const MOST = SHAPES.length;
  let chosen = new Set(); // names of cells that are drawn; none: the first ones

  const tagsOf = (run) => Object.entries(run.tags ?? {}).map(([key, value]) => `${key}=${value}`);
  const options = {
    status: () => site.cells.flatMap((cell) => cell.points.map((point) => point.status)),
    branch: () => site.runs.map((run) => run.branch),
    tag: () => site.runs.flatMap(tagsOf),
  };
  for (const name of [...OF_CELL, "status", "branch", "tag"]) {
    const values = options[name]?.() ?? site.cells.map((cell) => cell[name]);
    const found = [...new Set(values.filter(Boolean))].sort();
    filters.elements[name].append(...found.map((value) => element("option", {value}, value)));
    filters.elements[name].parentElement.hidden = found.length < 1;
  }

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const field of FIELDS) {
      const known = field.tagName !== "SELECT" || [...field.options].some((one) => one.value === asked.get(field.name));
      if (field.tagName === "SELECT") field.value = known ? asked.get(field.name) : field.options[0].value;
      else field.value = asked.get(field.name) ?? "";
    }
    chosen = new Set(asked.getAll("cell"));
    update();
  }

  function write() {
    const asked = new URLSearchParams();
    for (const field of FIELDS) {
      const first = field.tagName === "SELECT" ? field.options[0].value : "";
      if (field.value !== first) asked.set(field.name, field.value);
    }
    for (const name of chosen) asked.append("cell", name);
    history.replaceState(null, "", `#${asked}`);
  }

  function isAsked(run) {
    const {branch, tag, since, until} = filters.elements, day = run.started_at.slice(0, 10);
    return (!branch.value || run.branch === branch.value) && (!tag.value || tagsOf(run).includes(tag.value))
      && (!since.value || day >= since.value) && (!until.value || day <= until.value);
  }

  function selected() {
    const runs = site.runs.map(isAsked), status = filters.elements.status.value;
    return site.cells
      .filter((cell) => OF_CELL.every((name) => [cell[name], ""].includes(filters.elements[name].value)))
      .map((cell) => ({cell, points: cell.points.filter((point) => runs[point.run])}))
      .filter(({points}) => points.length && (!status || points.at(-1).status === status));
  }

  function speedup({speedup: found, baseline}) {
    if (found == null) return baseline ? "baseline" : NONE;
    return element("span", {}, interval(found), element("small", {}, `over ${site.baselines[found.over]}`));
  }

  function toneOf(found) {
    if (found?.low == null || found.high == null) return "";
    return found.low > 1 ? "good" : found.high < 1 ? "bad" : "";
  }

  function warnings(cell, point) {
    const isNewest = point === cell.points.at(-1), {note} = site.setups[point.setup];
    const codes = [...(note ? ["note"] : []), ...(point.warnings ?? [])].join(", ");
    const told = isNewest ? cell.messages.map(({code, message}) => `${code}: ${message}`) : [];
    if (point.reason) told.unshift(`${point.status}: ${point.reason}`);
    if (note) told.unshift(`note on ${cell.device}: ${note}`);
    const summary = codes || (point.reason ? "why" : NONE);
    if (!told.length) return summary;
    return element("details", {}, element("summary", {}, summary), ...told.map((text) => element("p", {}, text)));
  }

  function row({cell, points}) {
    const point = points.at(-1), run = site.runs[point.run], {fidelity, ops} = point;
    const box = element("input", {type: "checkbox", value: nameOf(cell), "aria-label": `draw ${nameOf(cell)}`});
    box.checked = chosen.has(nameOf(cell));
    const shown = [
      [element("label", {}, box, subjectOf(cell))], [cell.variant], [cell.delegate], [deviceOf(cell)],
      [`${GLYPHS[point.status] ?? "✗"} ${statusOf(point)}`, TONES[point.status] ?? "bad"],
      [withUnit(point.latency_ms, TIME_UNITS)], [speedup(point), toneOf(point.speedup)],
      [withUnit(point.size_bytes, SIZE_UNITS)], [factor(point.size_ratio)],
      [accuracy(point.accuracy), point.accuracy?.drop?.low > 0 ? "bad" : ""], [sqnr(fidelity)],
      [share(fidelity?.top1_agreement)], [ops ? `${ops.delegated}/${ops.total}` : NONE],
      [element("a", {href: run.raw}, minute(run.started_at))], [revision(run)], [warnings(cell, point)],
    ];
    return element("tr", {}, ...shown.map(([content, tone], at) =>
      element("td", {"data-label": headers[at][0], class: `${headers[at][1]} ${tone ?? ""}`}, content)));
  }

  function draw(found) {
    const asked = found.filter(({cell}) => chosen.has(nameOf(cell)));
    const series = (asked.length ? asked : found).slice(0, MOST).map((one, number) => ({...one, number}));
    const remarks = [plot(get("plot"), site, series, axes.elements.show.value, axes.elements.along.value)];
    const count = (asked.length ? asked : found).length;
    if (count > MOST) remarks.push(`The first ${MOST} of ${count} are drawn; choose others in the table.`);
    remarks.push("Lines join runs on the same machine. Open marks: with uncommitted changes.");
    get("remark").textContent = remarks.join(" ");
    get("legend").replaceChildren(...series.map(({cell, number}) => element("li", {class: `c${number}`},
      element("svg", {viewBox: "-6 -6 12 12", "aria-hidden": "true"}, element("path", {d: SHAPES[number]})),
      element("span", {}, nameOf(cell)))));
    if (get("points").open) list(series);
    get("points").ontoggle = () => list(series);
  }

  function list(series) {
    const names = ["cell", "run (UTC)", "revision", "status", "median latency", "speedup [95 %]", "size", "runtime", "machine"];
    const lines = series.flatMap(({cell, points}) => points.map((point) => {
      const run = site.runs[point.run], setup = site.setups[point.setup];
      const files = [element("a", {href: run.raw}, minute(run.started_at))];
      if (run.samples) files.push(" ", element("a", {href: run.samples}, "samples"));
      return [nameOf(cell), element("span", {}, ...files), revision(run), statusOf(point),
        withUnit(point.latency_ms, TIME_UNITS), speedup(point), withUnit(point.size_bytes, SIZE_UNITS),
        `${setup.runtime ?? ""} ${setup.runtime_version ?? ""}`, `${setup.machine + 1}: ${setup.about ?? ""}`];
    }));
    const head = element("tr", {}, ...names.map((name) => element("th", {scope: "col"}, name)));
    const rows = lines.map((line) => element("tr", {}, ...line.map((content, at) =>
      element("td", {"data-label": names[at]}, content))));
    get("points").lastElementChild.replaceChildren(
      element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function update() {
    const found = selected();
    body.replaceChildren(...found.map(row));
    get("count").textContent = found.length === site.cells.length
      ? `${plural(found.length, "cell")}.` : `${found.length} of ${plural(site.cells.length, "cell")}.`;
    draw(found);
  }

  const changed = () => { write(); update(); };
  filters.addEventListener("change", changed);
  axes.addEventListener("change", changed);
  filters.addEventListener("reset", () => setTimeout(() => { chosen.clear(); changed(); }));
  body.addEventListener("change", ({target}) => {
    if (target.checked) chosen.add(target.value); else chosen.delete(target.value);
    write();
    draw(selected());
  });
  addEventListener("hashchange", read);
  addEventListener("resize", () => draw(selected()));
  filters.hidden = get("course").hidden = false;
  read();
})();
