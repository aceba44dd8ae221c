import { expect } from 'chai';
import { checkPromql } from '../../../../scaler/promql/check.js';
import { ofFleet } from '../../../../scaler/promql/fleet-template.js';
import { checkTemplate, filled, ofWorkload, variablesIn } from '../../../../scaler/promql/template.js';

const WEB = { namespace: 'shop', workload: 'web', kind: 'Deployment' };

describe('an expression with variables', () => {
  const values = { ...WEB, workload: 'a.b', pods: ['a.b-1', 'c+d'] };
  const fills: [what: string, template: string, expr: string][] = [
    ['whole values', 'm{ns="$namespace", kind="$kind"}', 'm{ns="shop", kind="Deployment"}'],
    ['parts of values', 'm{q="$namespace/$workload-x"}', 'm{q="shop/a.b-x"}'],
    ['patterns', 'm{q=~"$workload-.*"}', 'm{q=~"a\\\\.b-.*"}'],
    ['patterns in single quotes', "m{q!~'$workload'}", "m{q!~'a\\\\.b'}"],
    ['raw strings', 'm{q=~`$workload-\\d+`}', 'm{q=~"a\\\\.b-\\\\d+"}'],
    ['names of pods', 'm{pod=~"$pods"}', 'm{pod=~"(a\\\\.b-1|c\\\\+d)"}'],
    [
      'no references to groups of a pattern',
      'label_replace(m, "a", "$1", "b", "(.*)$")',
      'label_replace(m, "a", "$1", "b", "(.*)$")',
    ],
    ['no ends of patterns', 'm{q=~"^x$|$workload$"}', 'm{q=~"^x$|a\\\\.b$"}'],
  ];
  for (const [what, template, expr] of fills) {
    it(`has them filled in: ${what}`, () => {
      expect(filled(template, values)).to.equal(expr);
      expect(checkPromql(expr)).to.equal(undefined);
    });
  }

  it('keeps a value in its string and in its pattern, whatever it is', () => {
    const hostile = { workload: 'a"} or vector(9) or m{q="', namespace: "\\'\n`|.*" };
    const text = filled('m{a="$workload", b=\'$namespace\', c=`$workload`, d=~"$namespace"}', hostile);
    expect(checkPromql(text)).to.equal(undefined);
    expect(text).to.equal(
      'm{a="a\\"} or vector(9) or m{q=\\"", b=\'\\\\\\\'\\n`|.*\', c="a\\"} or vector(9) or m{q=\\"", d=~"\\\\\\\\\'\\n`\\\\|\\\\.\\\\*"}',
    );
  });

  const faults: [template: string, offset: number, message: RegExp][] = [
    [
      'm{a="$namespce"}',
      5,
      /^unknown variable \$namespce; there are \$namespace, \$workload, \$kind, \$pods$/,
    ],
    ['sum(m{a="x-$pod"})', 11, /^unknown variable \$pod;/],
    ['m{a="$pods"}', 5, /^\$pods stands for the names of all pods; match it with =~$/],
    ['m{a=$workload}', 4, /^\$workload stands outside of a string/],
    ['sum(m{a="$workload"}', 20, /ends too early/],
    ['m{a="$workload"}[5m]', 0, /range vector/],
  ];
  for (const [template, offset, message] of faults) {
    it(`has a fault with its place: ${template}`, () => {
      const fault = checkTemplate(template);
      expect(fault?.message).to.match(message);
      expect(fault?.offset).to.equal(offset);
    });
  }

  it('may be a number', () => {
    expect(checkTemplate('scalar(m{a="$workload"})')).to.equal(undefined);
    expect(ofWorkload('scalar(m{a="$workload"})', WEB)).to.contain('vector(scalar(m{a="web"}))');
  });

  it('is a vector with the labels of its workload, by pod only where it says so', () => {
    const named = 'label_replace(label_replace(label_replace(';
    const labels =
      ', "namespace", "shop", "", ""), "workload", "web", "", ""), "workload_kind", "Deployment", "", "")';
    expect(ofWorkload('sum by (pod) (m)', WEB)).to.equal(`${named}sum by (pod) (m)${labels}`);
    expect(ofWorkload('m{pod=~"$pods"}', { ...WEB, pods: ['a'] })).to.equal(`${named}m{pod=~"(a)"}${labels}`);
    expect(ofWorkload('m', WEB)).to.equal(`label_replace(${named}m${labels}, "pod", "", "", "")`);
    expect([...variablesIn('m{a="$workload", b=~"$pods|$1"}')]).to.deep.equal(['workload', 'pods']);
  });
});

describe('an expression of a fleet', () => {
  const cases: [template: string, vector: string][] = [
    [
      'sum(m{vhost="$namespace", queue="$workload"})',
      'label_replace(label_replace(label_replace(sum by (vhost, queue) (m{}), "workload", "$1", "queue", "(.*)"), "namespace", "$1", "vhost", "(.*)"), "workload_kind", "Deployment", "", "")',
    ],
    [
      'max by (pod) (rate(m{a="b", namespace="$namespace",c!="d", workload="$workload"}[5m]))',
      'label_replace(max by (namespace, workload, pod) (rate(m{a="b", c!="d"}[5m])), "workload_kind", "Deployment", "", "")',
    ],
  ];
  for (const [template, vector] of cases) {
    it(`is one vector: ${template}`, () => {
      expect(ofFleet(template, { kind: 'Deployment' })).to.equal(vector);
      expect(checkPromql(vector)).to.equal(undefined);
    });
  }

  it('has the namespace of a rule for one filled in', () => {
    expect(
      ofFleet('sum(m{queue="$workload", vhost=~"$namespace.*"})', { kind: 'Deployment', namespace: 'shop' }),
    ).to.equal(
      'label_replace(label_replace(label_replace(sum by (queue) (m{vhost=~"shop.*"}), "workload", "$1", "queue", "(.*)"), "namespace", "shop", "", ""), "workload_kind", "Deployment", "", "")',
    );
  });

  const apart: [why: string, template: string][] = [
    ['a part of a value', 'sum(m{namespace="$namespace", queue="q-$workload"})'],
    ['a pattern', 'sum(m{namespace="$namespace", queue=~"$workload"})'],
    ['an unequal value', 'sum(m{namespace="$namespace", queue!="$workload"})'],
    ['no aggregation', 'm{namespace="$namespace", queue="$workload"}'],
    ['an aggregation of another kind', 'quantile(0.9, m{namespace="$namespace", queue="$workload"})'],
    ['whole series', 'topk(1, m{namespace="$namespace", queue="$workload"})'],
    ['more than an aggregation', 'sum(m{namespace="$namespace", queue="$workload"}) * 2'],
    ['an aggregation without labels', 'sum without (a) (m{namespace="$namespace", queue="$workload"})'],
    ['two selectors', 'sum(m{namespace="$namespace", queue="$workload"} / n)'],
    ['another function', 'sum(abs(m{namespace="$namespace", queue="$workload"}))'],
    ['no namespace', 'sum(m{queue="$workload"})'],
    ['no workload', 'sum(m{namespace="$namespace"})'],
    ['a variable twice', 'sum(m{namespace="$namespace", a="$workload", b="$workload"})'],
    ['a label that is the other name', 'sum(m{vhost="$namespace", namespace="$workload"})'],
    ['a pod of the name', 'sum(m{namespace="$namespace", pod="$workload"})'],
    ['a selector that would match all', 'sum({namespace="$namespace", queue="$workload"})'],
  ];
  for (const [why, template] of apart) {
    it(`is one for each workload with ${why}`, () => {
      expect(checkTemplate(template)).to.equal(undefined);
      expect(ofFleet(template, { kind: 'Deployment' })).to.equal(undefined);
    });
  }
});
