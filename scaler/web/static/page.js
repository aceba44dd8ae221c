const REFRESH_MS = 2000;
const PARTS = ['cpu', 'disk', 'wait', 'lock'];
const SHARES = { disk: 'blockio', wait: 'wait', lock: 'lock' };
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
    segments: PARTS.map((part) => element('i', part)),
    signals: element('span', 'quiet'),
    class: element('span', 'class'),
    reason: element('span'),
    path: element('small'),
    when: element('small'),
    details: element('ul'),
  };
  const bar = element('div', 'bar', ...row.segments);
  bar.setAttribute('aria-hidden', 'true');
  name.append(row.name, row.rule);
  row.node = element(
    'tr',
    '',
    name,
    element('td', 'replicas', row.replicas, row.range),
    element('td', 'threads', bar, row.signals),
    element('td', '', row.class),
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
  updateThreads(row, trace.inputs);
  setText(row.class, record.class);
  row.class.dataset.class = record.class;
  setText(row.reason, record.reason);
  const path = trace.walk?.path ?? [];
  setText(row.path, path.length > 1 ? `Path: ${path.map(shortName).join(' → ')}` : '');
  const { outcomeText } = record;
  setText(row.when, `${ago(now - record.at)}${outcomeText ? ` · ${outcomeText}` : ''}`);
  updateDetails(row.details, record);
}

function updateThreads(row, inputs) {
  const values = Object.fromEntries(inputs.map((input) => [input.signal, input]));
  const shares = PARTS.map((part) => values[SHARES[part]]?.value ?? 0);
  const blocked = shares[1] + shares[2] + shares[3];
  const busy = blocked > 0 || (values.cpu?.value ?? 0) >= MIN_BUSY_CORES;
  shares[0] = busy ? Math.max(0, 1 - blocked) : 0;
  row.segments.forEach((segment, index) => {
    const width = `${(shares[index] * 100).toFixed(1)}%`;
    if (segment.style.width !== width) segment.style.width = width;
  });
  setText(
    row.signals,
    [
      `CPU demand ${valueText(values.cpu, (value) => `${value.toFixed(2)} cores`)}`,
      `disk ${valueText(values.blockio, percent)}`,
      `peers ${valueText(values.wait, percent)}`,
      `lock ${valueText(values.lock, percent)}`,
    ].join('\u00a0· '),
  );
}

function updateDetails(list, { trace, details }) {
  const lines = [
    ...details.flatMap(({ title, rows }) => [
      { text: title, isTitle: true },
      ...rows.map(({ name, text }) => ({ text: `${name}: ${text}` })),
    ]),
    { text: trace.wouldChange, isTitle: true },
  ];
  while (list.childElementCount > lines.length) list.lastElementChild.remove();
  while (list.childElementCount < lines.length) list.append(element('li'));
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
  while (list.childElementCount > newest.length) list.lastElementChild.remove();
  while (list.childElementCount < newest.length)
    list.append(element('li', '', element('time'), element('span')));
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
