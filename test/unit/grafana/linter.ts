import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** The fields of a dashboard's JSON that the rules read. */
export interface DashboardJson {
  readonly uid: string;
  readonly editable: boolean;
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}

export interface PanelJson {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: DataSource;
  readonly targets?: readonly {
    readonly expr: string;
    readonly refId?: string;
    readonly datasource?: DataSource;
  }[];
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  /** Variable whose values have a panel each. */
  readonly repeat?: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

interface VariableJson {
  readonly type: string;
  readonly name: string;
  readonly label: string;
  readonly query: string;
  readonly refresh?: number;
  readonly multi: boolean;
  readonly allValue?: string;
  readonly datasource?: DataSource;
}

/** What a rule finds wrong: where, and what. */
type Rule = (dashboard: DashboardJson) => string[];

const DATASOURCES = new Set(['$datasource', '${datasource}']);
const RANGE = '11m11s';
const COUNTED = new Set(['rate', 'irate', 'increase']);
/** The units of Grafana that the dashboards use. */
const UNITS = new Set(['short', 'percentunit', 's', 'bytes', 'reqps', 'ops', 'cps', 'pps']);

/** Parses an expression in which `$__rate_interval` is `RANGE`; other variables stand in label values only. */
export function parse(expr: string): { text: string; root: SyntaxNode } {
  const text = expr.replaceAll('$__rate_interval', RANGE);
  return { text, root: parser.parse(text).topNode };
}

export function nodes(root: SyntaxNode, name: string): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  root.cursor().iterate((node) => {
    if (node.name === name) found.push(node.node);
  });
  return found;
}

export function parses(expr: string): boolean {
  let broken = false;
  parse(expr)
    .root.cursor()
    .iterate((node) => void (broken ||= node.type.isError));
  return !broken;
}

export function panels({ panels: all }: DashboardJson): PanelJson[] {
  return all.filter(({ type }) => type !== 'row');
}

/** A rule on each query of a panel: returns what is wrong with it. */
function onTargets(check: (text: string, root: SyntaxNode) => string | undefined): Rule {
  return (dashboard) =>
    panels(dashboard).flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr }) => {
        const { text, root } = parse(expr);
        const wrong = check(text, root);
        return wrong === undefined ? [] : [`${title}: ${wrong}: ${expr}`];
      }),
    );
}

function onPanels(check: (panel: PanelJson) => boolean): Rule {
  return (dashboard) =>
    panels(dashboard)
      .filter((panel) => !check(panel))
      .map(({ title }) => title);
}

function variable(name: string, label: string): Rule {
  return ({ templating: { list } }) => {
    const found = list.find((one) => one.name === name);
    if (!found) return [`no variable ${name}`];
    const { type, datasource, multi, allValue } = found;
    const good =
      type === 'query' &&
      DATASOURCES.has(datasource!.uid) &&
      found.label === label &&
      multi &&
      allValue === '.+';
    return good ? [] : [`the variable ${name} is not one for several values of a label`];
  };
}

function matcher(name: string): Rule {
  return onTargets((text, root) => {
    const without = nodes(root, 'VectorSelector')
      .map(({ from, to }) => text.slice(from, to))
      .filter((selector) => !selector.includes(`${name}=~"$${name}"`));
    return without.length === 0 ? undefined : `${without.join()} has no ${name}=~"$${name}"`;
  });
}

/** The rules of Grafana's dashboard-linter for Prometheus, by their names there. */
export const RULES: Readonly<Record<string, Rule>> = {
  'template-datasource-rule': ({ templating: { list } }) => {
    const [first, second] = list.filter(({ type }) => type === 'datasource');
    const good =
      first?.name === 'datasource' && first.label === 'Data source' && first.query === 'prometheus';
    return good && !second ? [] : ['the variable of the data source is not the one that Grafana uses'];
  },
  'template-job-rule': variable('job', 'Job'),
  'template-instance-rule': variable('instance', 'Instance'),
  'template-label-promql-rule': ({ templating: { list } }) =>
    list
      .filter(({ type }) => type === 'query')
      .filter(({ query }) => {
        const vector = /^label_values\((.+), \w+\)$/.exec(query)?.[1];
        return vector === undefined || !parses(vector);
      })
      .map(({ query }) => query),
  'template-on-time-change-reload-rule': ({ templating: { list } }) =>
    list.filter(({ type, refresh }) => type === 'query' && refresh !== 2).map(({ name }) => name),
  'panel-datasource-rule': onPanels(
    ({ datasource, targets = [] }) =>
      DATASOURCES.has(datasource?.uid ?? '') &&
      targets.every((target) => !target.datasource || DATASOURCES.has(target.datasource.uid)),
  ),
  'panel-title-description-rule': onPanels(
    ({ title, description = '' }) => title !== '' && description !== '',
  ),
  'panel-units-rule': onPanels(({ fieldConfig }) => UNITS.has(fieldConfig?.defaults.unit ?? '')),
  'panel-no-targets-rule': onPanels(({ targets = [] }) => targets.length > 0),
  'target-promql-rule': (dashboard) =>
    panels(dashboard).flatMap(({ title, targets = [] }) =>
      targets.filter(({ expr }) => !parses(expr)).map(({ expr }) => `${title}: ${expr}`),
    ),
  'target-rate-interval-rule': onTargets((text, root) =>
    nodes(root, 'MatrixSelector').every(({ from, to }) => text.slice(from, to).endsWith(`[${RANGE}]`))
      ? undefined
      : 'a range is not $__rate_interval',
  ),
  'target-job-rule': matcher('job'),
  'target-instance-rule': matcher('instance'),
  'target-counter-agg-rule': onTargets((text, root) => {
    const bare = nodes(root, 'VectorSelector').filter(
      (selector) => metricOf(text, selector).endsWith('_total') && !COUNTED.has(callerOf(text, selector)),
    );
    return bare.length === 0 ? undefined : 'a counter is read without rate';
  }),
  'uneditable-dashboard': ({ editable }) => (editable ? ['it can be edited'] : []),
};

export function metricOf(text: string, selector: SyntaxNode): string {
  const { from = 0, to = 0 } = selector.getChild('Identifier') ?? {};
  return text.slice(from, to);
}

/** Name of the function that the range of a selector is passed to; empty without a range. */
function callerOf(text: string, selector: SyntaxNode): string {
  if (selector.parent?.name !== 'MatrixSelector') return '';
  let node: SyntaxNode | null = selector.parent;
  while (node && node.name !== 'FunctionCall') node = node.parent;
  const name = node?.getChild('FunctionIdentifier');
  return name ? text.slice(name.from, name.to) : '';
}

interface Exclusion {
  readonly reason: string;
  /** Uids of the dashboards that the rule is not for. */
  readonly dashboards: readonly string[];
}

const OF_WORKLOADS = ['kernscale-fleet', 'kernscale-workload', 'kernscale-dependencies'];
const BY_WORKLOAD =
  'their series are of workloads, which have namespace, workload and pod; their pods move between the exporters, so a choice of one would cut their past';

/** The rules that a dashboard does not follow, with the reason. */
export const EXCLUSIONS: Readonly<Record<string, Exclusion>> = {
  'template-job-rule': { dashboards: OF_WORKLOADS, reason: BY_WORKLOAD },
  'template-instance-rule': { dashboards: OF_WORKLOADS, reason: BY_WORKLOAD },
  'target-job-rule': { dashboards: OF_WORKLOADS, reason: BY_WORKLOAD },
  'target-instance-rule': { dashboards: OF_WORKLOADS, reason: BY_WORKLOAD },
};

/** Rules of the linter that are not here, with the reason. */
export const NOT_PORTED: Readonly<Record<string, string>> = {
  'target-logql-rule': 'no panel queries Loki',
  'target-logql-auto-rule': 'no panel queries Loki',
};
