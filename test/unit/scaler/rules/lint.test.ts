import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { EXPORTED, RECORDED } from '../../../../scaler/promql/known-metrics.js';
import { formatRuleError, parseRules } from '../../../../scaler/rules/load.js';
import { shadowedRules, type LintOptions } from '../../../../scaler/rules/lint.js';
import { fromRoot } from '../../../../sandbox/paths.js';

/** Warnings about one signal, which the group's rule uses. */
function warn(signal: string, options: Partial<LintOptions> = {}): string[] {
  const text = `groups:
  - name: g
    signals:
      own: ${signal}
    rules:
      - { scale: web, match: { kind: Deployment }, maxReplicas: 2, target: { signal: own, averageValue: 1 } }
`;
  const { warnings, errors } = parseRules('r.yaml', text, { scrapeInterval: 15, ...options });
  expect(errors).to.deep.equal([]);
  return warnings.map((warning) => `${formatRuleError(warning)} [${warning.code}]`);
}

describe('lint of rule files', () => {
  it('finds unknown metrics, at their position, and suggests the nearest known one', () => {
    expect(warn("{ expr: 'rate(kernscale_state_second_total[1m])' }")).to.deep.equal([
      'r.yaml:4:26: warning: group "g": Kernscale does not export kernscale_state_second_total; did you mean "kernscale_state_seconds_total"? [LINT_UNKNOWN_METRIC]',
    ]);
    expect(warn("{ expr: 'workload:kernscale_cpu_demand:rate1m' }")[0]).to.contain(
      'did you mean "workload:kernscale_cpu_demand_cores:rate1m"?',
    );
    for (const known of ['kernscale_tcp_serve_seconds_bucket', 'queue_length', 'team:queue_length:sum']) {
      expect(warn(`{ expr: ${known} }`), known).to.deep.equal([]);
    }
  });

  it('checks metrics against those of Prometheus, if it knows them', () => {
    const metrics = new Set(['queue_length']);
    expect(warn('{ expr: queue_length }', { metrics })).to.deep.equal([]);
    expect(warn('{ expr: queue_lenght }', { metrics })[0]).to.match(
      /Prometheus has no metric named .* mean "queue_length"/,
    );
  });

  it('finds ranges and ages shorter than two scrape intervals', () => {
    expect(warn("{ expr: 'rate(a[29s])' }")[0]).to.match(
      /^r\.yaml:4:28: .*a range of 29s is shorter .*use 60s/,
    );
    expect(warn("{ expr: 'rate(a[29s])' }", { scrapeInterval: 5 })).to.deep.equal([]);
    expect(warn("{ expr: 'max_over_time(a[10s])' }")).to.deep.equal([]);
    expect(warn('{ expr: a, maxAge: 20s }')[0]).to.contain('[LINT_SHORT_MAX_AGE]');
  });

  it('finds values in place of missing data, at their position', () => {
    const by = 'by (namespace, workload, workload_kind)';
    const why =
      'reads as no load while its data is missing, and replicas go down; without it, missing data holds them [LINT_DEFAULT_VALUE]';
    expect(warn(`{ expr: 'sum ${by} (a) or vector(0)' }`)).to.deep.equal([
      `r.yaml:4:72: warning: group "g": signal "own": "or vector(0)" ${why}`,
    ]);
    expect(warn(`{ expr: '(a or vector(0)) + (b or on () (vector(1) * 2))' }`)).to.deep.equal([
      `r.yaml:4:27: warning: group "g": signal "own": "or vector(0)" ${why}`,
      `r.yaml:4:52: warning: group "g": signal "own": "or (vector(1) * 2)" ${why}`,
    ]);
    expect(warn(`{ expr: 'a or (0 * b)' }`)).to.deep.equal([
      `r.yaml:4:26: warning: group "g": signal "own": "or (0 * b)" ${why}`,
    ]);
    for (const expr of ['absent(a) * 0', 'a or absent_over_time(a[5m])']) {
      expect(warn(`{ expr: '${expr}' }`)[0], expr).to.match(/: "absent\w*\(.*\)" has a value only while/);
    }
  });

  it('leaves alternatives alone, and values in place of data that nothing is sized by', () => {
    expect(warn(`{ expr: 'a or b or label_replace(c, "x", "y", "", "")' }`)).to.deep.equal([]);
    const text = `groups:
  - name: g
    signals: { gate: { expr: a or vector(0) } }
    rules:
      - scale: web
        match: { kind: Deployment }
        maxReplicas: 2
        decide: [{ bound: gate, when: { gate: { above: 1 } }, action: hold }]
`;
    expect(parseRules('r.yaml', text, { scrapeInterval: 15 }).warnings).to.deep.equal([]);
  });

  it('finds signals that belong to no workload', () => {
    for (const expr of ['sum(a)', 'sum by (workload) (a)', 'max(a) by (namespace, workload)']) {
      expect(warn(`{ expr: '${expr}' }`)[0], expr).to.contain('[LINT_NO_WORKLOAD]');
    }
    for (const expr of [
      'topk(3, a)',
      'sum without (pod) (a)',
      'sum by (namespace, workload, workload_kind) (a)',
    ]) {
      expect(warn(`{ expr: '${expr}' }`), expr).to.deep.equal([]);
    }
  });

  it('finds unused signals, and rules that never apply', () => {
    const text = `groups:
  - name: g
    signals: { own: { expr: a } }
    rules:
      - { scale: wide, match: { kind: Deployment, selector: { matchLabels: { a: b } } }, maxReplicas: 2 }
      - { scale: narrow, match: { kind: Deployment, namespace: shop, selector: { matchLabels: { a: b, c: d } } }, maxReplicas: 2 }
      - { scale: other, match: { kind: Deployment, selector: { matchLabels: { c: d } } }, maxReplicas: 2 }
`;
    const { warnings, groups } = parseRules('r.yaml', text, { scrapeInterval: 15 });
    expect(warnings.map(({ code }) => code)).to.deep.equal(['LINT_UNUSED_SIGNAL']);
    expect(shadowedRules(groups).map(({ rule, line, message }) => [rule, line, message])).to.deep.equal([
      [
        'narrow',
        6,
        'this rule never applies, because the rule at r.yaml:5 matches all of its workloads first; move this one before it',
      ],
    ]);
  });
});

describe('the known metrics', () => {
  it('are those that exporter and scaler register and that the recording rules record', () => {
    const sources = [
      ...readdirSync(fromRoot('exporter'), { recursive: true }).map((name) => `exporter/${String(name)}`),
      'common/process-metrics.ts',
      'scaler/loop/metrics.ts',
      'scaler/loop/rule-metrics.ts',
    ].filter((name) => name.endsWith('.ts'));
    const registered = sources.flatMap(
      (name) => readFileSync(fromRoot(name), 'utf8').match(/(?<=')kernscale_\w+(?=')/g) ?? [],
    );
    const bare = EXPORTED.filter((name) => !/_(bucket|sum|count)$/.test(name));
    expect([...new Set(registered)]).to.have.members(bare);
    const rules = parse(readFileSync(fromRoot('rules/prometheus/kernscale.rules.yaml'), 'utf8')) as {
      groups: { rules: { record?: string }[] }[];
    };
    const recorded = rules.groups.flatMap((group) => group.rules.flatMap(({ record }) => record ?? []));
    expect(recorded).to.have.members(RECORDED);
  });
});
