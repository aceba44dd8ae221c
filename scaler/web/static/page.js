const REFRESH_MS = 2000;
/** Shares of busy thread time, for a workload without requests. */
const SHARES = { disk: 'blockio', peer: 'wait', lock: 'lock' };
/** Below this many cores a workload is idle, and shares of its busy time say nothing. */
const MIN_BUSY_CORES = 0.01;
const rows = new Map();
const byId = (id) => document.getElementById(id);

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** Writes only what changed, so that a refresh neither flickers nor drops a selection. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function createRow() {
  const name = element('th');
  name.scope = 'row';
  const row = {
    name: element('span'),
    rule: element('small'),
    replicas: element('strong'),
    range: element('small'),
    bars: element('div', 'bars'),
    parts: element('span', 'quiet'),
    demand: element('span', 'quiet'),
    class: element('span', 'class'),
    harm: element('small', 'harm'),
    reason: element('span'),
    path: element('small'),
    when: element('small'),
    details: element('ul'),
  };
  // The text below says the same.
  row.bars.setAttribute('aria-hidden', 'true');
  name.append(row.name, row.rule);
  row.node = element(
    'tr',
    '',
    name,
    element('td', 'replicas', row.replicas, row.range),
    element('td', 'time', row.bars, row.parts, row.demand),
    element('td', '', row.class, row.harm),
    element(
      'td',
      '',
      row.reason,
      row.path,
      row.when,
      element('details', '', element('summary', '', 'How it was decided'), row.details),
    ),
  );
  return row;
}

function updateRow(row, record, now) {
  const { trace } = record;
  setText(row.name, `${record.namespace}/${record.workload}`);
  setText(row.rule, `${record.workloadKind} · rule ${record.group}/${record.scale}`);
  setText(row.replicas, replicasText(record));
  setText(row.range, `${record.minReplicas} to ${record.maxReplicas}`);
  updateTime(row, record);
  setText(row.class, record.class);
  row.class.dataset.class = record.class;
  setText(row.harm, record.harmText ?? '');
  row.harm.classList.toggle('harmed', trace.harm?.harmed === true);
  setText(row.reason, record.reason);
  const path = trace.walk?.path ?? [];
  setText(row.path, path.length > 1 ? `Path: ${path.map(shortName).join(' → ')}` : '');
  const { outcomeText } = record;
  setText(row.when, `${ago(now - record.at)}${outcomeText ? ` · ${outcomeText}` : ''}`);
  updateDetails(row.details, record);
}

function updateTime(row, { request, trace }) {
  const values = Object.fromEntries(trace.inputs.map((input) => [input.signal, input]));
  updateBars(row.bars, request?.bars ?? [{ name: '', text: '', segments: threadShares(values) }]);
  const shares = [
    `disk ${valueText(values.blockio, percent)}`,
    `peers ${valueText(values.wait, percent)}`,
    `lock ${valueText(values.lock, percent)}`,
  ];
  setText(row.parts, listText(request?.texts ?? shares));
  setText(row.demand, demandText(trace, values));
}

/** Shares of busy thread time of a workload whose requests are not measured. */
function threadShares(values) {
  const blocked = Object.entries(SHARES).map(([kind, signal]) => ({
    kind,
    share: values[signal]?.value ?? 0,
  }));
  const sum = blocked.reduce((total, { share }) => total + share, 0);
  const busy = sum > 0 || (values.cpu?.value ?? 0) >= MIN_BUSY_CORES;
  return [{ kind: 'cpu', share: busy ? Math.max(0, 1 - sum) : 0 }, ...blocked];
}

function demandText({ sizing, demand }, values) {
  const cores = demand?.cores ?? values.cpu?.value;
  const text = `CPU demand ${cores === undefined ? '?' : `${cores.toFixed(2)} cores`}`;
  const { targetPerPod, ratio, signal } = sizing ?? {};
  if (signal !== 'cpu' || targetPerPod === undefined) return listText([text]);
  return listText([text, `${ratio.toFixed(2)}× target`]);
}

/** Breaks lines between the texts only. */
function listText(texts) {
  return texts.map((text) => text.replaceAll(' ', '\u00a0')).join('\u00a0· ');
}

function updateBars(node, bars) {
  resize(node, bars.length, () =>
    element('div', 'labelled', element('span'), element('div', 'bar'), element('span')),
  );
  bars.forEach(({ name, text, segments }, index) => {
    const [label, bar, length] = node.children[index].children;
    setText(label, name);
    setText(length, text);
    resize(bar, segments.length, () => element('i'));
    segments.forEach(({ kind, share }, position) => {
      const segment = bar.children[position];
      if (segment.className !== kind) segment.className = kind;
      const width = `${(share * 100).toFixed(1)}%`;
      if (segment.style.width !== width) segment.style.width = width;
    });
  });
}

/** Gives a node this many children, so that those that stay are not replaced. */
function resize(node, length, create) {
  while (node.childElementCount > length) node.lastElementChild.remove();
  while (node.childElementCount < length) node.append(create());
}

function updateDetails(list, { trace, details }) {
  const lines = [
    ...details.flatMap(({ title, rows }) => [
      { text: title, isTitle: true },
      ...rows.map(({ name, text }) => ({ text: `${name}: ${text}` })),
    ]),
    { text: trace.wouldChange, isTitle: true },
  ];
  resize(list, lines.length, () => element('li'));
  lines.forEach(({ text, isTitle = false }, index) => {
    setText(list.children[index], text);
    list.children[index].classList.toggle('title', isTitle);
  });
}

function replicasText({ currentReplicas, replicas }) {
  return replicas === currentReplicas ? `${replicas}` : `${currentReplicas} → ${replicas}`;
}

function valueText(input, format) {
  return input?.value === undefined ? '?' : format(input.value);
}

function percent(value) {
  return `${Math.round(value * 100)} %`;
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function shortName(key) {
  const [namespace, , name] = key.split('/');
  return name === undefined ? key : `${namespace}/${name}`;
}

function ago(seconds) {
  if (seconds < 1.5) return 'now';
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

function showWorkloads(decisions, now) {
  const body = byId('workloads');
  const seen = new Set();
  decisions.forEach((record, index) => {
    const key = `${record.namespace}/${record.workloadKind}/${record.workload}`;
    seen.add(key);
    if (!rows.has(key)) rows.set(key, createRow());
    const row = rows.get(key);
    updateRow(row, record, now);
    if (body.children[index] !== row.node) body.insertBefore(row.node, body.children[index] ?? null);
  });
  for (const [key, row] of rows) {
    if (seen.has(key)) continue;
    row.node.remove();
    rows.delete(key);
  }
  byId('empty').hidden = decisions.length > 0;
}

function showChanges(changes) {
  const list = byId('changes');
  const newest = changes.slice(0, 15);
  resize(list, newest.length, () => element('li', '', element('time'), element('span')));
  newest.forEach((change, index) => {
    const [time, text] = list.children[index].children;
    const at = new Date(change.at * 1000);
    time.dateTime = at.toISOString();
    setText(time, at.toLocaleTimeString());
    setText(text, `${change.namespace}/${change.workload} ${replicasText(change)}: ${change.reason}`);
  });
}

function showStatus({ decisions, status }) {
  const leads = status.leader ? '' : ' · another scaler is the leader';
  const counts = [count(decisions.length, 'workload'), count(status.rules, 'rule')];
  setText(byId('status'), `${counts.join(' · ')}${leads}`);
  const problem = byId('problem');
  setText(problem, status.problems.join(' '));
  problem.hidden = status.problems.length === 0;
}

async function refresh() {
  try {
    const response = await fetch('api/v1/decisions', { signal: AbortSignal.timeout(REFRESH_MS * 2) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const answer = await response.json();
    showWorkloads(answer.decisions, answer.now);
    showChanges(answer.changes);
    showStatus(answer);
  } catch {
    const problem = byId('problem');
    setText(problem, 'The scaler does not respond. This page shows the last known state.');
    problem.hidden = false;
  }
  setTimeout(refresh, document.hidden ? REFRESH_MS * 5 : REFRESH_MS);
}

refresh();
